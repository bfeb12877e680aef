"""One data set without a YAML file."""

import pytest
from small_matrix import ROOT, write_corpora

from spacy_dice.experiments.definition import runs_of
from spacy_dice.experiments.single import single_matrix

CONFIG = ROOT / "configs" / "ner.cfg"


@pytest.fixture
def corpora(tmp_path):
    return write_corpora(tmp_path)


def test_matrix_of_options(corpora):
    matrix = single_matrix(CONFIG, **corpora, losses=["CE", "dice.DSC.v1"], seeds=2, steps=7)
    assert (matrix.name, matrix.baseline, matrix.seeds) == ("ner", "CE", (0, 1))
    runs = runs_of(matrix)
    assert [run.definition["loss"]["@losses"] for run in runs[:2]] == ["dice.CE.v1", "dice.DSC.v1"]
    assert [run.row.name for run in runs[:2]] == ["CE", "dice.DSC.v1"]
    assert {run.definition["steps"] for run in runs} == {7}


def test_patience_of_a_stock_config_is_training_to_convergence(corpora, tmp_path):
    text = CONFIG.read_text(encoding="utf8").replace("patience = 0", "patience = 1600")
    path = tmp_path / "my config.cfg"
    path.write_text(text.replace("dice_ner", "ner"), encoding="utf8")
    matrix = single_matrix(path, train=corpora["train"], dev=corpora["dev"], losses=["CE"])
    assert matrix.name == "my-config"
    definition = runs_of(matrix)[0].definition
    assert (definition["patience"], definition["max_steps"]) == (1600, 800)
    assert "steps" not in definition


def test_what_is_missing(corpora, tmp_path):
    with pytest.raises(ValueError, match="name the losses to compare"):
        single_matrix(CONFIG, **corpora, losses=[])
    with pytest.raises(FileNotFoundError, match="no such file"):
        single_matrix(tmp_path / "no.cfg", **corpora, losses=["CE"])
    path = tmp_path / "two.cfg"
    two = CONFIG.read_text(encoding="utf8") + '\n[components.tagger]\nfactory = "tagger"\n'
    path.write_text(two, encoding="utf8")
    with pytest.raises(ValueError, match="say --component, one of 'ner', 'tagger'"):
        single_matrix(path, **corpora, losses=["CE"])
    with pytest.raises(ValueError, match=r"no registered loss 'dice\.DCS\.v1'"):
        runs_of(single_matrix(CONFIG, **corpora, losses=["DCS"]))
