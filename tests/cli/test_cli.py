"""The command line: `spacy-dice`, and `dice` in spaCy's own."""

import json
import os
import re
import subprocess
import sys

import pytest
import spacy
from small_dev import examples_of, off
from small_matrix import ROOT, train, write_corpora, write_matrix
from spacy.tokens import DocBin
from spacy.training import Corpus
from typer.testing import CliRunner

import spacy_dice
from spacy_dice.cli import app

COMMANDS = (
    *("calibrate", "compare", "corpus", "debug-data", "diagnose", "evaluate", "init-config"),
    "report",
)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_commands_of_spacy():
    """spaCy's command line has the group, and does not load what its commands need."""
    code = (
        "import sys, runpy; sys.argv = ['spacy', 'dice', '--help']\n"
        "try: runpy.run_module('spacy', run_name='__main__')\n"
        "except SystemExit as exit: assert not exit.code\n"
        "heavy = {'matplotlib', 'sklearn', 'joblib', 'statsmodels', 'distributed'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *text, heavy = done.stdout.strip().splitlines()
    assert heavy == "[]"
    for command in COMMANDS:
        assert any(command in line for line in text)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("command", [("spacy_dice",), ("spacy", "dice"), None])
def test_version(command):
    program = ["spacy-dice"] if command is None else [sys.executable, "-m", *command]
    done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"spacy-dice {spacy_dice.__version__}\n"


def test_completion():
    """What a shell asks for, with the script that `spacy-dice --install-completion` installs."""
    asked = {"COMP_WORDS": "spacy-dice cal", "COMP_CWORD": "1"}
    done = subprocess.run(
        ["spacy-dice"],
        capture_output=True,
        text=True,
        env={**os.environ, "_SPACY_DICE_COMPLETE": "complete_bash", **asked},
    )
    assert done.stdout.split() == ["calibrate"]


def test_compare_and_report(tmp_path):
    matrix = write_matrix(tmp_path, seeds=[0])
    result = call("compare", matrix, "--output", tmp_path / "out", "--dataset", "tags")
    assert result.exit_code == 0, result.output
    assert "2 runs trained, 0 were there already, 0 failed" in result.output
    # No terminal, no bar.
    assert "it/s" not in result.output
    assert "run/s" not in result.output
    readme = tmp_path / "README.md"
    readme.write_text("<!-- dice-report:small -->\n<!-- /dice-report -->\n", encoding="utf8")
    result = call("report", tmp_path / "out", "--no-plots", "--readme", readme)
    assert result.exit_code == 0, result.output
    # A table for people on the terminal, Markdown in files and with --full.
    assert "tags, tag accuracy" in result.output
    assert "|" not in result.output
    assert f"The report: {tmp_path / 'out' / 'report' / 'index.html'}" in result.output
    written = readme.read_text(encoding="utf8")
    assert "| loss | tags, tag accuracy | tags, tag macro F1 |" in written
    result = call("report", tmp_path / "out", "--no-plots", "--full")
    _, table, _ = re.split(r"<!-- .+ -->", written)
    assert table.strip() in result.output


def test_compare_without_a_matrix(tmp_path):
    corpora = write_corpora(tmp_path)
    config = ROOT / "configs" / "tagger.cfg"
    arguments = ("compare", "-o", tmp_path / "out", "--config", config, "--train", corpora["train"])
    result = call(*arguments)
    assert result.exit_code == 1
    assert "--config needs --train and --dev" in result.output
    result = call(*arguments, "--dev", corpora["dev"], "--loss", "CE", "--seeds", 1, "--steps", 2)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "tagger" / "CE" / "0.json").is_file()
    result = call("compare", "-o", tmp_path / "out")
    assert "give a YAML file, or --config" in result.output


def test_status_of_a_failed_run(tmp_path):
    bad = {"@losses": "dice.WCE.v1", "class_weights": {"X": 2.0}}
    matrix = write_matrix(tmp_path, seeds=[0], losses={"CE": "dice.CE.v1", "bad": bad})
    result = call("compare", matrix, "-o", tmp_path / "out", "--dataset", "tags")
    assert result.exit_code == 1
    assert "1 runs trained, 0 were there already, 1 failed" in result.output
    assert "tags / bad / seed 0: ValueError: dice.WCE.v1" in result.output


def test_calibrate(tmp_path):
    corpora = write_corpora(tmp_path)
    train("ner").to_disk(tmp_path / "model")
    arguments = ("calibrate", tmp_path / "model", corpora["dev"], tmp_path / "out")
    result = call(*arguments, "--record", tmp_path / "record.json")
    assert result.exit_code == 0, result.output
    assert "cross-fitted" in result.output
    assert (tmp_path / "out" / "meta.json").is_file()
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf8"))
    assert record["component"] == "ner"
    assert record["after"]["ents_f"] >= record["before"]["ents_f"]
    result = call(*arguments[:-1], tmp_path / "types", "--types")
    assert result.exit_code == 0, result.output
    assert spacy.load(tmp_path / "types").pipe_names == ["tok2vec", "ner"]
    result = call(*arguments)
    assert result.exit_code == 1
    assert "exists already" in result.output


def test_corpus(tmp_path):
    result = call("corpus", tmp_path / "ents")
    assert result.exit_code == 0, result.output
    assert "train.spacy: 640 documents" in result.output
    (example, *_) = Corpus(tmp_path / "ents" / "train.spacy")(spacy.blank("en"))
    assert example.reference.ents[0].label_ == "VESSEL"
    call("corpus", tmp_path / "spans", "--spans-key", "sc")
    (example, *_) = Corpus(tmp_path / "spans" / "train.spacy")(spacy.blank("en"))
    assert example.reference.spans["sc"][0].label_ == "VESSEL"


def test_calibrate_the_spans_of_a_metric(tmp_path):
    nlp = off("spancat")
    nlp.to_disk(tmp_path / "model")
    docs = [eg.reference for eg in examples_of(nlp, "spancat", start=100)]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    arguments = ("calibrate", tmp_path / "model", tmp_path / "dev.spacy", tmp_path / "out")
    more = ("--metric", "macro", "--beta", "2", "--record", tmp_path / "record.json")
    result = call(*arguments, *more)
    assert result.exit_code == 0, result.output
    assert "thresholds" in result.output
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf8"))
    assert record["metric"] == "spans_sc_macro_f2"
    assert record["thresholds"].keys() == record["offsets"].keys() <= {"FRUIT", "CITY"}
    result = call(*arguments[:-1], tmp_path / "other", "--metric", "accuracy")
    assert result.exit_code == 1
    assert "'accuracy' has no meaning here" in result.output
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "no.yml", "-o", "out"), "no.yml: there is no such file"),
        (("report", "nowhere"), "has no matrix.json"),
    ],
)
def test_refusals_are_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1
