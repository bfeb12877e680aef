"""Train one run in this process, and evaluate it: a picklable function for joblib and Dask."""

import io
import platform
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import spacy
import srsly
from confection import Config
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.training import Corpus, Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST, train
from spacy.util import load_config_from_str
from threadpoolctl import threadpool_limits

from .._files import new_folder
from ..calibration import calibrate
from ..components import items_of, with_averages
from ..items import count_documents, count_gold
from . import logger
from .definition import Run, main_scores
from .ensemble import LOG, best_of, load
from .folder import Head, Outcome, Record, Result, Scores, Training
from .logger import Log
from .packing import pack
from .sizes import count_docs, count_parameters

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

# So many points of the dev curve are kept, more are thinned.
CURVE_POINTS = 200
_PACKAGES = ("spacy-dice", "spacy", "thinc", "numpy", "scikit-learn")
_TRANSFORMER_PACKAGES = ("spacy-transformers", "transformers", "torch")


@dataclass(frozen=True, kw_only=True)
class Job:
    """Runs that share one training: a trained row and rows that are derived from its model.

    runs: those whose results are wanted; the first one's config and seed are all the others' too,
        and so are its sources, which are trained as well where they are not there.
    gpu_id: the CUDA device, -1 for the CPU.
    progress: a file that says, while the job runs, which step it is at.
    scratch: a folder for what is not kept; without it, the temporary folder of the machine.
    only_trains: for `models`, without a record.
    models: a folder that keeps trained pipelines; one that is there is not trained again.
    """

    runs: tuple[Run, ...]
    gpu_id: int = -1
    progress: Path | None = None
    models: Path | None = None
    scratch: Path | None = None
    only_trains: bool = False

    def __str__(self) -> str:
        return str(self.runs[0])

    @property
    def max_steps(self) -> int:
        """After how many steps training ends at the latest; 0 for no limit."""
        definition = self.runs[0].definition
        return definition.get("max_steps") or definition.get("steps") or 0


def run_job(job: Job) -> list[Record]:
    """Train a job and return a record of each of its runs; an error is recorded, not raised."""
    started = time.perf_counter()
    _reset_peak_memory()
    records: list[Record] = []
    has_transformer = "spacy-transformers." in job.runs[0].config
    packages = _PACKAGES + _TRANSFORMER_PACKAGES * has_transformer
    try:
        with (
            warnings.catch_warnings(),
            tempfile.TemporaryDirectory(prefix="spacy-dice-", dir=job.scratch) as folder,
            threadpool_limits(1),
        ):
            warnings.simplefilter("ignore")
            results = _train_and_evaluate(job, Path(folder))
    except Exception as error:
        trace = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error}"
        where = f"{Path(trace.filename).name}:{trace.lineno}"
        results = [{"error": message, "error_at": where} for _ in job.runs]
    if job.only_trains:
        return []
    seconds = time.perf_counter() - started
    for run, result in zip(job.runs, results, strict=True):
        records.append(
            {
                **head_of(run),
                "versions": {
                    **{name: version(name) for name in packages},
                    "python": platform.python_version(),
                },
                "wall_seconds": round(seconds, 2),
                "peak_memory_mb": _peak_memory_mb(),
                **result,
            }
        )
    return records


def failed_records(job: Job, error: str) -> list[Record]:
    """The records of a job that could not even say what went wrong with it."""
    return [{**head_of(run), "error": error} for run in job.runs]


def head_of(run: Run) -> Head:
    """What a record begins with: which run it is of."""
    return {
        "dataset": run.dataset.name,
        "loss": run.row.name,
        "seed": run.seed,
        "hash": run.hash,
        "definition": dict(run.definition),
    }


def _train_and_evaluate(job: Job, folder: Path) -> list[Result]:
    first = job.runs[0]
    dataset = first.dataset
    config = load_config_from_str(first.config)
    if job.gpu_id >= 0:
        spacy.require_gpu(job.gpu_id)
    folders = _pipelines_of(job, first, job.models or folder)
    if job.only_trains:
        return []
    trained: Training = {}
    if len(folders) == 1:
        trained = what_training_showed(srsly.read_json(folders[0] / LOG))
    nlp = spacy.load(folders[0] / DIR_MODEL_BEST)
    parameters = len(folders) * count_parameters(nlp)
    trained["sizes"] = {"parameters": parameters, **count_docs(dataset)}
    support = _gold_of_training_data(nlp, dataset.train, dataset.component)
    results: list[Result] = []
    for run in job.runs:
        result = _evaluate(load(folders, dataset.component), run, config)
        if run.trainings > 1:
            result["trainings"] = run.trainings
        results.append({**trained, **result, "train_counts": support})
    return results


def _pipelines_of(job: Job, run: Run, models: Path) -> list[Path]:
    """The folders of the pipelines that a run predicts with: its own, or some of its sources."""
    if run.is_trained:
        return [_pipeline_of(job, run, models)]
    found = [_pipeline_of(job, source, models) for source in run.sources]
    return [best_of(found)] if run.row.use == "best_of" else found


def _pipeline_of(job: Job, run: Run, models: Path) -> Path:
    """The folder of the pipeline of a run, which is trained if it is not there."""
    folder = models / run.trained
    if not folder.exists():
        teachers = [_pipeline_of(job, source, models) for source in run.sources]
        with new_folder(folder) as unfinished:
            _train(job, run, [str(teacher / DIR_MODEL_BEST) for teacher in teachers], unfinished)
    return folder


def _train(job: Job, run: Run, teachers: Sequence[str], folder: Path) -> None:
    """Train the pipeline of a run; `folder` gets its best checkpoint and the log."""
    config = load_config_from_str(run.config)
    if teachers:
        config["components"][run.dataset.component]["loss"]["teachers"] = list(teachers)
    config["paths"].update(train=run.dataset.train, dev=run.dataset.dev)
    config["system"]["seed"] = config["training"]["seed"] = run.seed
    config["training"]["logger"] = {
        "@loggers": logger.NAME,
        "path": str(folder / LOG),
        "progress": str(job.progress) if job.progress else None,
    }
    nlp = init_nlp(config, use_gpu=job.gpu_id)
    train(nlp, folder, use_gpu=job.gpu_id, stdout=io.StringIO(), stderr=io.StringIO())
    shutil.rmtree(folder / DIR_MODEL_LAST)


def what_training_showed(log: Log) -> Training:
    """What a `RunLog` wrote, and which checkpoint is evaluated: spaCy keeps the last of the best.

    best_seconds: of training, evaluations included, until the best checkpoint was there.
    """
    points = [[step, round(score, 5)] for step, score in log["curve"]]
    seconds = [round(value, 2) for value in log["curve_seconds"]]
    best = max(range(len(points)), key=lambda i: (log["curve"][i][1], i))
    kept = _thinned(len(points), best)
    return {
        "step_seconds": log["step_seconds"],
        "best_step": points[best][0],
        "best_seconds": seconds[best],
        "last_step": log["last_step"],
        "curve": [points[i] for i in kept],
        "curve_seconds": [seconds[i] for i in kept],
    }


def _thinned(n_points: int, best: int) -> list[int]:
    """The points of a curve to keep: all, or some at even distances, the best, and the last."""
    if n_points <= CURVE_POINTS:
        return list(range(n_points))
    every = -(-n_points // (CURVE_POINTS - 2))
    return sorted({*range(0, n_points, every), best, n_points - 1})


def _evaluate(nlp: Language, run: Run, config: Config) -> Outcome:
    dataset = run.dataset
    found = items_of(nlp.get_pipe(dataset.component))
    result: Outcome = {"scores": main_scores(config, dataset)}
    if run.row.calibrate:
        dev = list(Corpus(dataset.dev)(nlp))
        row = run.row
        calibration = calibrate(
            nlp,
            dev,
            dataset.component,
            metric=row.metric,
            types=row.types,
            labels=row.labels,
            prior=Corpus(dataset.train)(nlp) if row.prior else None,
        )
        result["offsets"] = calibration.offsets
        # Not what the dev set shows after tuning on it: that would not be comparable.
        result["dev"] = _kept(calibration.crossfitted)
        result["dev_counts"] = pack(calibration.counts)
        result["dev_tuned"] = _kept(calibration.after)
    if "dev" not in result:
        examples = annotated(nlp, Corpus(dataset.dev)(nlp))
        result["dev"] = score(nlp, examples, dataset.component)
        if found is not None:
            result["dev_counts"] = pack(count_documents(examples, found[1]))
    if dataset.test:
        examples = annotated(nlp, Corpus(dataset.test)(nlp))
        result["test"] = score(nlp, examples, dataset.component)
        if found is not None:
            result["test_counts"] = pack(count_documents(examples, found[1]))
    return result


def annotated(nlp: Language, examples: Iterable[Example]) -> list[Example]:
    """The examples with the annotations of the pipeline."""
    examples = list(examples)
    docs = nlp.pipe(example.predicted for example in examples)
    return [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]


def score(nlp: Language, examples: Sequence[Example], component: str) -> Scores:
    """The scores of annotated examples: those that `nlp.evaluate` gives, and all averages of F1."""
    return _kept(with_averages(Scorer(nlp).score(examples), nlp.get_pipe(component), examples))


def _kept(scores: Mapping[str, Any]) -> Scores:
    kept: Scores = {}
    for key, value in scores.items():
        if key == "speed" or key.startswith("token_"):
            continue
        if isinstance(value, (int, float)):
            kept[key] = round(float(value), 5)
        elif isinstance(value, Mapping) and value:
            kept[key] = {
                label: {k: round(float(v), 5) for k, v in prf.items()}
                for label, prf in sorted(value.items())
                if isinstance(prf, Mapping)
            }
    return kept


def _gold_of_training_data(nlp: Language, path: str, component: str) -> dict[str, int]:
    found = items_of(nlp.get_pipe(component))
    if found is None:
        return {}
    return count_gold((eg.reference for eg in Corpus(path)(nlp)), found[1])


def _reset_peak_memory() -> None:
    # Linux keeps the peak of the process, which may have run other runs before.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_mb() -> float | None:
    """The peak memory of this process; None where the system does not tell it."""
    try:
        status = Path("/proc/self/status").read_text()
        return round(int(status.split("VmHWM:")[1].split()[0]) / 1024, 1)
    except (OSError, IndexError):
        if resource is None:
            return None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)
