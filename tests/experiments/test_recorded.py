"""What is recorded in metrics/ is what the matrices in configs/ say."""

import json
from pathlib import Path

import pytest

from corpora import DATASETS
from spacy_dice.experiments import definition
from spacy_dice.experiments.matrix import read_matrix

ROOT = Path(__file__).parents[2]
CORPORA = ("train", "dev", "test")


FOLDERS = sorted(
    path.parent.relative_to(ROOT / "metrics").as_posix()
    for path in ROOT.glob("metrics/**/matrix.json")
)
# Those that no recorded run may be of yet.
MATRICES = sorted(
    path.relative_to(ROOT / "configs").as_posix()
    for path in ROOT.glob("configs/**/*.yml")
    if path.name != "tune_study.yml"
)


@pytest.mark.parametrize("matrix", MATRICES)
def test_matrices_name_what_there_is(matrix, monkeypatch):
    """Configs, components, scores, losses and their settings, and the data sets of the project."""
    monkeypatch.chdir(ROOT)
    read = read_matrix(ROOT / "configs" / matrix)
    for row in read.rows.values():
        # The teachers of a student are not there yet.
        assert row.use or row.calibrate or definition.settings_of_loss(row.name, row.block)
    known = {*DATASETS, "harbour", "harbour_spans"}
    for dataset in read.datasets.values():
        assert definition.make_config(dataset, read.rows[read.baseline])
        # Screenings look at no test set.
        assert dataset.test or matrix in ("doubt.yml", "logistic.yml", "rates.yml")
        for part in definition.parts_of(dataset):
            corpus = Path(getattr(dataset, part))
            assert corpus.parts[0] == "corpus"
            assert corpus.parts[-2] in known
            assert corpus.name == f"{part}.spacy"


@pytest.mark.parametrize("folder", FOLDERS)
def test_recorded_runs_are_those_of_the_matrix(folder, monkeypatch):
    """All but the corpora, which are not here: or `compare` would train the runs again."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(definition, "_digest", lambda owner, path: None)
    runs = definition.runs_of(read_matrix(ROOT / f"configs/{folder}.yml"))
    defined = {str(run.path): without_corpora(run.definition) for run in runs}
    paths = sorted((ROOT / "metrics" / folder).glob("*/*/*.json"))
    recorded = {
        path.relative_to(ROOT / "metrics" / folder).as_posix(): json.loads(
            path.read_text(encoding="utf8")
        )
        for path in paths
    }
    assert recorded
    for path, record in recorded.items():
        assert without_corpora(record["definition"]) == defined[path], path
        assert record["hash"] == definition._hash(record["definition"]), path


def without_corpora(settings):
    kept = {key: value for key, value in settings.items() if key not in CORPORA}
    return json.loads(json.dumps(kept, default=str))
