"""Scorers in a pipeline: trained by them, saved, loaded, pickled, and shown by `evaluate`."""

import json
import pickle
import subprocess
import sys

import pytest
import spacy
from small_matrix import ROOT, SMALL, write_corpora
from spacy.cli.train import train
from spacy.training import Corpus
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_dice.cli import app
from spacy_dice.cli.evaluate import show_labels


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


@pytest.fixture(scope="module")
def stock(trained, tmp_path_factory):
    """The folder of the same pipeline with spaCy's own scorer."""
    override = {"components.tagger.scorer.@scorers": "spacy.tagger_scorer.v1"}
    folder = tmp_path_factory.mktemp("stock")
    spacy.load(trained[0], config=override).to_disk(folder)
    return folder


def evaluate(*arguments):
    result = CliRunner().invoke(app, ["evaluate", *(str(item) for item in arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_averages_and_labels(trained, tmp_path):
    path, corpora = trained
    printed = evaluate(path, corpora["test"], "--output", tmp_path / "out.json")
    recorded = json.loads((tmp_path / "out.json").read_text(encoding="utf8"))
    lines = [line.split() for line in printed.splitlines()]
    assert ["TAG", f"{100 * recorded['tag_acc']:.2f}"] in lines
    averages = [f"{100 * recorded[f'tag_{name}_f']:.2f}" for name in ("micro", "macro", "weighted")]
    assert ["tag", *averages] in lines
    for label, prf in recorded["tag_per_type"].items():
        assert [label, *(f"{100 * prf[key]:.2f}" for key in "prf")] in lines


def test_other_pipelines_are_shown_as_spacy_shows_them(trained, stock):
    printed = evaluate(stock, trained[1]["test"])
    assert "TAG" in printed
    assert "per label" not in printed
    assert "Averages" not in printed


def test_options_are_passed_on(trained, tmp_path):
    path, corpora = trained
    code = tmp_path / "code.py"
    code.write_text("print('imported')")
    assert "imported" in evaluate(path, corpora["test"], "--code", code, "--gold-preproc")


# What prevents the import of a module, or of nothing; then spaCy's command line with the arguments.
RUN_SPACY = """
import runpy, sys

class Broken:
    def find_spec(self, name, *_):
        if name == BROKEN:
            raise ImportError(f"{name} is broken")

sys.meta_path.insert(0, Broken())
_, BROKEN, *sys.argv[1:] = sys.argv
runpy.run_module("spacy", run_name="__main__")
"""


def run_spacy(broken, *arguments):
    command = [sys.executable, "-c", RUN_SPACY, broken, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf8", check=True)


def without_speed(text):
    return [line for line in text.splitlines() if not line.startswith("SPEED")]


@pytest.fixture(scope="module")
def shown_by_spacy(trained, stock):
    """What the function behind spaCy's command prints, without its command line."""
    code = (
        "import sys; from spacy.cli.evaluate import evaluate as e; e(*sys.argv[1:], silent=False)"
    )
    command = [sys.executable, "-c", code, stock, trained[1]["test"]]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf8", check=True)
    assert "TAG" in done.stdout
    return without_speed(done.stdout)


@pytest.mark.parametrize(
    "broken", ["spacy_dice.cli", "spacy_dice.cli.evaluate", "spacy_dice.diagnosis", "none"]
)
def test_spacys_own_command_cannot_be_broken(trained, stock, shown_by_spacy, broken):
    done = run_spacy(broken, "evaluate", stock, trained[1]["test"])
    assert without_speed(done.stdout) == shown_by_spacy
    warned = "spacy-dice: no `dice` commands" in done.stderr
    assert warned == broken.startswith("spacy_dice.cli")


def test_spacys_own_command_is_not_replaced():
    code = (
        "from spacy.cli import setup_cli, app\n"
        "try: setup_cli()\n"
        "except SystemExit: pass\n"
        "groups = [app, *(group.typer_instance for group in app.registered_groups)]\n"
        "infos = [info for group in groups for info in group.registered_commands]\n"
        "print(*(i.callback.__module__ for i in infos if i.callback.__name__ == 'evaluate_cli'))"
    )
    command = [sys.executable, "-c", code, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf8", check=True)
    assert done.stdout.splitlines()[-1] == "spacy.cli.evaluate spacy.cli.evaluate"
    assert "dice" in done.stdout


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
