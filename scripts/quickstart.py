"""Show on a sentence what the pipelines of the quickstart find, and keep the calibrated one.

python scripts/quickstart.py configs/quickstart.yml training/quickstart
"""

import shutil
import sys
from pathlib import Path

import spacy
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from spacy.training.loop import DIR_MODEL_BEST

from spacy_dice.calibration import calibrate_pipeline
from spacy_dice.experiments.definition import Run, runs_of
from spacy_dice.experiments.matrix import Matrix, read_matrix

SENTENCE = (
    "Pilot Ingrid Solheim reported to the office that the coaster Brita Lund lies aground off "
    "Kvalen Point, and that there is a drifting container to the north of her."
)


def models_of(results: Path) -> Path:
    """The folder for the pipelines that `compare` trains."""
    return results.with_name(f"{results.name}-models")


def pipelines_of(matrix: Matrix, models: Path) -> dict[str, Path]:
    """The folders of the pipelines that `compare --models` kept of the first seed, by row."""
    seed = matrix.seeds[0]
    runs = [run for run in runs_of(matrix) if run.seed == seed and run.row.calibrate is None]
    return {run.row.name: _folder(run, models) for run in runs}


def _folder(run: Run, models: Path) -> Path:
    folder = models / run.trained / DIR_MODEL_BEST
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no pipeline; `compare --models` keeps it")
    return folder


def found_in(pipeline: Path, sentence: str) -> str:
    """The spans that a pipeline finds in a sentence, with their labels.

    >>> found_in(Path("training/quickstart-pipeline"), SENTENCE)  # doctest: +SKIP
    'Ingrid Solheim (PERSON), Kvalen Point (PLACE)'
    """
    doc = spacy.load(pipeline)(sentence)
    spans = sorted((span.start, span) for group in doc.spans.values() for span in group)
    return ", ".join(f"{span.text} ({span.label_})" for _, span in spans) or "nothing"


def main(path: Path, results: Path) -> None:
    """Do it for a matrix with one data set, whose last loss is the one to keep."""
    matrix = read_matrix(path)
    pipelines = pipelines_of(matrix, models_of(results))
    (dataset,) = matrix.datasets.values()
    kept = results.with_name(f"{results.name}-pipeline")
    shutil.rmtree(kept, ignore_errors=True)
    *_, last = pipelines
    calibrate_pipeline(str(pipelines[last]), dataset.dev, kept)
    table = Table(title=f"“{SENTENCE}”", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("trained with")
    table.add_column("finds")
    for name, pipeline in {**pipelines, f"{last}, calibrated": kept}.items():
        table.add_row(Text(name), Text(found_in(pipeline, SENTENCE)))
    Console().print(table)
    print(f'The last one is kept: nlp = spacy.load("{kept}")')
    print("\nNext, on your own data:\n")
    print("  python -m spacy dice diagnose train.spacy --dev dev.spacy --config config.cfg")
    print("  python -m spacy dice init-config config.cfg dice.cfg")
    print("  python -m spacy dice calibrate training/model-best dev.spacy training/calibrated")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
