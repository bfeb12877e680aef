"""Every shipped config is complete, and stays what it is when it is read and written."""

import re
from pathlib import Path

import pytest
from spacy.util import load_config, load_model_from_config

from spacy_dice.components import row_of_factory
from spacy_dice.components.defaults import TRAINING

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.cfg"))
configs = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)


def test_there_are_configs():
    names = {path.name for path in CONFIGS}
    assert {"ner.cfg", "tagger.cfg", "ner_trf.cfg", "spancat_trf.cfg"} <= names


@configs
def test_round_trip(path, tmp_path):
    config = load_config(path, interpolate=False)
    config.to_disk(tmp_path / "again.cfg", interpolate=False)
    again = load_config(tmp_path / "again.cfg", interpolate=False)
    assert again == config


@configs
def test_nothing_but_the_loss_is_left_to_fill(path):
    """Its settings are left to their defaults, so that its name can be overridden alone."""
    if path.stem.endswith("_trf"):
        # Pretrained weights are loaded later, when a pipeline is initialized.
        pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
    config = load_config(path, interpolate=False)
    nlp = load_model_from_config(config, auto_fill=True)
    for name, block in config["components"].items():
        filled = nlp.config["components"][name]
        if "loss" in block:
            assert block["loss"].keys() == {"@losses"}
        # What only this package has stays what it is by default: a config is as without it.
        row = row_of_factory(block["factory"])
        own = TRAINING.get(row.stock, {}) if row else {}
        assert filled.keys() - own.keys() == block.keys()
    for section in ("training", "nlp", "initialize", "corpora"):
        assert nlp.config[section].keys() == config[section].keys()


@configs
def test_the_loss_block_is_last(path):
    sections = re.findall(r"^\[(.+)\]$", path.read_text(encoding="utf8"), flags=re.M)
    assert re.fullmatch(r"components\.\w+\.loss", sections[-1])


@configs
@pytest.mark.parametrize("loss", ["dice.CE.v1", "dice.TL.v1"])
def test_the_loss_is_an_override(path, loss):
    task = path.stem.removesuffix("_trf")
    config = load_config(path, overrides={f"components.{task}.loss.@losses": loss})
    assert config["components"][task]["loss"] == {"@losses": loss}
