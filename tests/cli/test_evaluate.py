"""Scorers in a pipeline: trained by them, saved, loaded, pickled, and shown by `spacy evaluate`."""

import json
import pickle
import subprocess
import sys

import pytest
import spacy
from small_matrix import ROOT, SMALL, write_corpora
from spacy.cli._util import app as spacy_app
from spacy.cli.train import train
from spacy.training import Corpus
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_dice.cli.evaluate import extend_evaluate, show_labels


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tagger that is selected by its macro F1, by `spacy train`: its folder and its corpora."""
    folder = tmp_path_factory.mktemp("scorers")
    corpora = write_corpora(folder / "corpus")
    config = load_config(
        ROOT / "configs" / "tagger.cfg", overrides={**SMALL, "training.max_steps": 12}
    )
    config["components"]["tagger"]["scorer"] = {"@scorers": "dice.tagger_scorer.v1"}
    config["training"]["score_weights"] = {"tag_macro_f": 1.0, "tag_acc": 0.0, "tag_per_type": None}
    config.to_disk(folder / "config.cfg")
    train(
        folder / "config.cfg",
        folder / "out",
        overrides={"paths.train": corpora["train"], "paths.dev": corpora["dev"]},
    )
    return folder / "out" / "model-best", corpora


def test_the_best_model_is_selected_by_it(trained):
    path, corpora = trained
    nlp = spacy.load(path)
    scores = nlp.evaluate(Corpus(corpora["dev"])(nlp))
    performance = nlp.meta["performance"]
    assert 0 < scores["tag_macro_f"] == pytest.approx(performance["tag_macro_f"])
    assert scores["tag_macro_f"] < scores["tag_acc"]
    assert set(performance["tag_per_type"]) == {"N", "P", "V"}


def test_saved_pipeline_has_it(trained):
    nlp = spacy.load(trained[0])
    examples = list(Corpus(trained[1]["test"])(nlp))
    block = nlp.config["components"]["tagger"]["scorer"]
    assert block == {"@scorers": "dice.tagger_scorer.v1"}
    scores = nlp.evaluate(examples)
    copy = pickle.loads(pickle.dumps(nlp))
    assert copy.evaluate(examples)["tag_per_type"] == scores["tag_per_type"] is not None


def test_spacy_evaluate(trained, tmp_path):
    path, corpora = trained
    command = [sys.executable, "-m", "spacy", "evaluate", path, corpora["test"]]
    done = subprocess.run(
        [*command, "--output", tmp_path / "out.json"], capture_output=True, text=True, check=True
    )
    recorded = json.loads((tmp_path / "out.json").read_text(encoding="utf8"))
    lines = [line.split() for line in done.stdout.splitlines()]
    averages = [f"{100 * recorded[f'tag_{name}_f']:.2f}" for name in ("micro", "macro", "weighted")]
    assert ["tag", *averages] in lines
    for label, prf in recorded["tag_per_type"].items():
        assert [label, *(f"{100 * prf[key]:.2f}" for key in "prf")] in lines


@pytest.fixture
def evaluate(monkeypatch):
    """Call a command of spaCy's command line, extended; it is what it was afterwards."""
    groups = [group.typer_instance for group in spacy_app.registered_groups]
    for app in (spacy_app, *groups):
        for info in app.registered_commands:
            monkeypatch.setattr(info, "callback", info.callback)
    extend_evaluate(spacy_app)
    return lambda *arguments: CliRunner().invoke(spacy_app, [str(item) for item in arguments])


def test_benchmark_accuracy_is_the_same_command(trained, evaluate):
    path, corpora = trained
    result = evaluate("benchmark", "accuracy", path, corpora["test"])
    assert result.exit_code == 0, result.output
    assert "TAG (per label)" in result.output


def test_other_pipelines_are_shown_as_before(trained, evaluate, tmp_path):
    path, corpora = trained
    nlp = spacy.load(path, config={"components.tagger.scorer.@scorers": "spacy.tagger_scorer.v1"})
    nlp.to_disk(tmp_path / "stock")
    result = evaluate("evaluate", tmp_path / "stock", corpora["test"])
    assert result.exit_code == 0, result.output
    assert "TAG" in result.output
    assert "per label" not in result.output
    assert "Averages" not in result.output


def test_options_are_passed_on(trained, evaluate, tmp_path):
    path, corpora = trained
    code = tmp_path / "code.py"
    code.write_text("print('imported')")
    output = tmp_path / "out.json"
    result = evaluate(
        "evaluate", path, corpora["test"], "--code", code, "--per-component", "--output", output
    )
    assert result.exit_code == 0, result.output
    assert "imported" in result.output
    assert "tag_macro_f" in json.loads(output.read_text(encoding="utf8"))["tagger"]


def test_what_spacy_prints_is_not_printed_again(capsys):
    prf = {"p": 0.5, "r": 0.25, "f": 1 / 3}
    scores = {}
    for group in ("ents", "spans_sc", "spans_other"):
        scores[f"{group}_f"] = 0.75
        scores[f"{group}_macro_f"] = scores[f"{group}_weighted_f"] = 1 / 3
        scores[f"{group}_per_type"] = {"X": prf}
    show_labels({**scores, "pos_weighted_f": None, "pos_macro_f": None, "pos_per_type": None})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["ents", "75.00", "33.33", "33.33"] in lines
    assert ["pos", "-", "-", "-"] in lines
    assert [line for line in lines if line[:1] == ["X"]] == [["X", "50.00", "25.00", "33.33"]]
