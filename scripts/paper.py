"""The studies of Li et al. 2020: run what the data at hand allow, and write the page about them.

python scripts/paper.py corpora
python scripts/paper.py run
python scripts/paper.py run pos ner --jobs 2
python scripts/paper.py report
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import convert as convert_script
from corpora import files_of
from spacy_dice.experiments.definition import parts_of
from spacy_dice.experiments.matrix import Dataset, Matrix, read_matrix
from spacy_dice.experiments.runner import compare
from studies import write_page
from studies.study import TRANSFORMER

MATRICES = Path("configs/paper")
# Corpora that are converted in a way of their own, by their folder.
VARIANTS = {".": [], "windows": ["--window", "200", "--stride", "100"]}
# What a GPU and all of the data are for: the batches and rates that fine-tuning usually has, until
# dev stops rising.
FULL = {
    "system.mixed_precision": True,
    "training.accumulate_gradient": 3,
    "training.batcher.size": 2000,
    "training.eval_frequency": 200,
    "training.optimizer.learn_rate.initial_rate": 3e-5,
    "training.optimizer.learn_rate.warmup_steps": 250,
}
FULL_LENGTH = {"steps": None, "patience": 1600, "max_steps": 20_000}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the matrices are run with.

    corpus: the folder of the corpora, in place of `corpus`.
    full: whether to train to convergence on a GPU what otherwise is for a CPU.
    transformers: language -> the transformer to take, in place of that of the matrix.
    """

    corpus: str = "corpus"
    full: bool = False
    transformers: Mapping[str, str]


def prepared(matrix: Matrix, settings: Settings) -> tuple[Matrix | None, dict[str, str]]:
    """The part of a matrix that can be run here, and why the other data sets are left out."""
    matrix = changed(matrix, settings)
    reasons = {name: _missing(dataset, settings) for name, dataset in matrix.datasets.items()}
    found = {name: d for name, d in matrix.datasets.items() if not reasons[name]}
    left_out = {name: reason for name, reason in reasons.items() if reason}
    return replace(matrix, datasets=found) if found else None, left_out


def changed(matrix: Matrix, settings: Settings) -> Matrix:
    """A matrix with other corpora, transformers and lengths."""
    datasets = {name: _with(dataset, settings) for name, dataset in matrix.datasets.items()}
    return replace(matrix, datasets=datasets)


def _with(dataset: Dataset, settings: Settings) -> Dataset:
    corpora = {
        part: str(Path(settings.corpus, *Path(getattr(dataset, part)).parts[1:]))
        for part in parts_of(dataset)
    }
    overrides = dict(dataset.overrides or {})
    length: dict[str, int | None] = {}
    if TRANSFORMER in overrides:
        language = str(overrides.get("nlp.lang", "en"))
        overrides[TRANSFORMER] = settings.transformers.get(language) or overrides[TRANSFORMER]
        if settings.full:
            overrides.update(FULL)
            length = FULL_LENGTH
    elif settings.full and dataset.patience and dataset.max_steps:
        # The network of the config, and not the small one.
        overrides = {k: v for k, v in overrides.items() if not k.startswith("components.tok2vec.")}
        length = {"patience": 3 * dataset.patience, "max_steps": 5 * dataset.max_steps}
    return replace(dataset, overrides=overrides, **corpora, **length)  # type: ignore[arg-type]


def _missing(dataset: Dataset, settings: Settings) -> str:
    for part in parts_of(dataset):
        path = getattr(dataset, part)
        if not Path(path).is_file():
            return f"{path} is not there: spacy project run convert"
    name = str((dataset.overrides or {}).get(TRANSFORMER, ""))
    # On a CPU nothing is downloaded.
    if name and not settings.full and not Path(name).is_dir():
        return f"the transformer {name} is no folder here; take one with --transformer"
    return ""


def make_corpora(options: argparse.Namespace) -> None:
    """Convert the data sets of the studies that are there."""
    datasets = [d for study in options.studies or studies() for d in _read(study).datasets.values()]
    # Folder below that of the corpora -> names.
    wanted: dict[str, set[str]] = {}
    for dataset in datasets:
        folder = str(Path(*Path(dataset.train).parts[1:-2]))
        wanted.setdefault(folder, set()).add(dataset.name)
    full = options.scale == "full"
    for folder, names in sorted(wanted.items()):
        found = []
        for name in sorted(names):
            if all(path.exists() for path in files_of(name, options.assets, full=full).values()):
                found.append(name)
            else:
                print(f"{name} is left out: not all of its files are in {options.assets}")
        places = ["--assets", options.assets, "--output", str(Path(options.corpus, folder))]
        scale = ["--scale", options.scale, "--separator", options.separator]
        if found:
            convert_script.main([*found, *places, *scale, "--skip-bad", *VARIANTS[folder]])


def run(options: argparse.Namespace, settings: Settings) -> bool:
    """Run studies one after the other; returns whether a run failed."""
    failed: dict[str, str] = {}
    for name in options.studies or studies():
        matrix, left_out = prepared(_read(name), settings)
        for dataset, reason in left_out.items():
            print(f"{name}: {dataset} is left out: {reason}")
        if matrix is None:
            print(f"{name}: is left out")
            continue
        output = options.results / name
        summary = compare(
            matrix, output, jobs=options.jobs, gpu_id=options.gpu_id, models=options.models
        )
        print(f"{name}: {summary.trained} runs trained, {summary.found} were there already")
        failed |= {f"{name}: {run}": error for run, error in summary.failed.items()}
    for where, error in failed.items():
        print(f"{where} failed: {error}")
    return bool(failed)


def _read(name: str) -> Matrix:
    return read_matrix(MATRICES / f"{name}.yml")


def studies() -> list[str]:
    """The names of all studies, those with transformers last."""
    names = [path.stem for path in MATRICES.glob("*.yml")]
    return sorted(names, key=lambda name: (name.endswith("_trf"), name))


def main(arguments: list[str] | None = None) -> None:
    """Convert corpora, run studies, or write the page about what is recorded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["corpora", "run", "report"])
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="default: all of configs/paper")
    parser.add_argument("--assets", default="assets", help="folder of the files of data sets")
    parser.add_argument(
        "--separator", default="[SEP]", help="token between the texts of a pair, and after a query"
    )
    parser.add_argument("--results", type=Path, default=Path("metrics/paper"), help="folder")
    parser.add_argument("--corpus", default="corpus", help="folder of the corpora")
    parser.add_argument("--scale", choices=["cpu", "full"], default="cpu")
    parser.add_argument("--transformer", default="", help="in place of assets/minilm")
    parser.add_argument("--transformer-zh", default="", help="one for Chinese")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--gpu-id", type=int, default=-1, help="-1 for the CPU")
    parser.add_argument("--models", type=Path, help="folder that keeps the trained pipelines")
    options = parser.parse_args(arguments)
    settings = Settings(
        corpus=options.corpus,
        full=options.scale == "full",
        transformers={"en": options.transformer, "zh": options.transformer_zh},
    )
    try:
        for name in options.studies:
            if name not in studies():
                parser.exit(1, f"there is no study {name!r}; there are {', '.join(studies())}\n")
        if options.what == "corpora":
            make_corpora(options)
            return
        if options.what == "run":
            parser.exit(1 if run(options, settings) else 0)
        matrices = {name: changed(_read(name), settings) for name in studies()}
        print(f"The page: {write_page(matrices, options.results)}")
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
