"""What the quickstart shows after the scores."""

from pathlib import Path

import pytest
import spacy
import srsly

import quickstart
from spacy_dice.corpora import read_harbour, write_docs
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.runner import compare

ROOT = Path(__file__).parents[2]
SMALL = {
    "components.tok2vec.model.embed.rows": [200, 100, 100, 100],
    "components.tok2vec.model.encode.width": 16,
    "components.tok2vec.model.encode.depth": 1,
}


@pytest.fixture
def matrix(tmp_path, monkeypatch):
    """The matrix of the quickstart, with a small model and few steps."""
    docs = {split: docs[:40] for split, docs in read_harbour(spans_key="sc").items()}
    write_docs(docs, tmp_path / "corpus" / "harbour_spans")
    content = srsly.read_yaml(ROOT / "configs" / "quickstart.yml")
    content["seeds"], content["steps"] = content["seeds"][:1], 3
    del content["patience"], content["max_steps"]
    for dataset in content["datasets"].values():
        dataset["config"] = str(ROOT / dataset["config"])
        dataset["overrides"] = {**dataset.get("overrides", {}), **SMALL}
    srsly.write_yaml(tmp_path / "quickstart.yml", content)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "quickstart.yml"


def test_pipelines_are_kept_and_shown(matrix, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="there is no pipeline; `compare --models` keeps"):
        quickstart.main(matrix, tmp_path / "training")
    results = tmp_path / "training" / "quickstart"
    assert compare(read_matrix(matrix), results, models=quickstart.models_of(results)).failed == {}
    for _ in range(2):  # the second time as the first
        quickstart.main(matrix, results)
        shown = capsys.readouterr().out
        for row in ("SE", "CE", "CE, calibrated"):
            assert f" {row} " in shown
        assert "python -m spacy dice diagnose" in shown
        assert spacy.load(results.parent / "quickstart-pipeline").pipe_names
