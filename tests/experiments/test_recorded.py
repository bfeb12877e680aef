"""What is recorded in metrics/ is what the matrices in configs/ say."""

import json
from pathlib import Path

import pytest

from spacy_dice.experiments import definition
from spacy_dice.experiments.matrix import read_matrix

ROOT = Path(__file__).parents[2]
CORPORA = ("train", "dev", "test")


@pytest.mark.parametrize(
    "folder", sorted(p.parent.name for p in ROOT.glob("metrics/*/matrix.json"))
)
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
