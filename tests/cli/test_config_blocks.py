"""Commands for configs: a loss put into a fresh one, and data checked as with stock components."""

import re

import pytest
import spacy
from small_matrix import SMALL, write_corpora
from spacy.cli import debug_data as spacy_debug_data
from spacy.cli.init_config import init_config
from spacy.cli.train import train
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_dice.cli import app


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fresh(path, pipeline=("ner",)):
    init_config(lang="en", pipeline=list(pipeline), silent=True).to_disk(path)
    return path


def test_from_a_fresh_config_to_a_stock_pipeline(tmp_path):
    """What `spacy init config` writes can be trained with a loss, with no file edited by hand."""
    corpora = write_corpora(tmp_path / "corpus")
    config = fresh(tmp_path / "config.cfg")
    result = call("init-config", config, tmp_path / "dice.cfg", "--loss", "FL")
    assert result.exit_code == 0, result.output
    assert f"python -m spacy train {tmp_path / 'dice.cfg'}" in result.output
    train(
        tmp_path / "dice.cfg",
        tmp_path / "out",
        overrides={
            "paths.train": corpora["train"],
            "paths.dev": corpora["dev"],
            "training.max_steps": 2,
            **SMALL,
        },
    )
    found = load_config(tmp_path / "out" / "model-last" / "config.cfg")
    assert found["components"]["ner"]["factory"] == "ner"
    assert "requirements" not in spacy.load(tmp_path / "out" / "model-last").meta


def test_several_components(tmp_path):
    config = fresh(tmp_path / "config.cfg", ["tagger", "ner"])
    arguments = ("--component", "ner", "--component", "tagger", "--as", "factory", "--loss", "CE")
    result = call("init-config", config, tmp_path / "dice.cfg", *arguments)
    assert result.exit_code == 0, result.output
    components = load_config(tmp_path / "dice.cfg")["components"]
    assert [components[n]["factory"] for n in ("tagger", "ner")] == ["dice_tagger", "dice_ner"]
    assert components["ner"]["loss"] == {"@losses": "dice.CE.v1"}


def test_nothing_is_overwritten(tmp_path):
    config = fresh(tmp_path / "config.cfg")
    before = config.read_text(encoding="utf8")
    result = call("init-config", config, config)
    assert result.exit_code == 1
    assert "exists already; --force overwrites it" in result.output
    assert config.read_text(encoding="utf8") == before
    # Without an output, it is printed.
    result = call("init-config", config)
    printed = result.stdout
    assert result.stderr.startswith("ner: spaCy's own loss: on five of six corpora")
    assert "spaCy's" not in call("init-config", config, "--loss", "DSC").output
    assert call("init-config", config, config, "--force").exit_code == 0
    assert config.read_text(encoding="utf8") == printed != before


def test_debug_data_is_that_of_stock_components(tmp_path, capsys):
    corpora = write_corpora(tmp_path / "corpus")
    config = fresh(tmp_path / "config.cfg", ["tagger", "ner"])
    overrides = {"paths.train": corpora["train"], "paths.dev": corpora["dev"], **SMALL}
    names = ("--component", "ner", "--component", "tagger", "--as", "factory")
    assert call("init-config", config, tmp_path / "dice.cfg", *names).exit_code == 0
    # So little data is an error for it.
    with pytest.raises(SystemExit):
        spacy_debug_data(config, config_overrides=overrides, silent=False, no_format=True)
    stock = lines(capsys.readouterr().out)
    assert "Named Entity Recognition" in stock
    options = [f"--{key}={value}" for key, value in overrides.items()]
    result = call("debug-data", tmp_path / "dice.cfg", "--no-format", *options)
    assert result.exit_code == 1
    assert lines(result.output) == stock


def lines(printed):
    """The lines, without the traces of what spaCy shows while it is busy."""
    return [re.sub(r"^.*\x1b\[2K", "", line) for line in printed.splitlines()]
