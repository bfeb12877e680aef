"""What `compare` needs of the machine is looked for before anything is written."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from small_matrix import ROOT, matrix_content, write_corpora
from thinc import compat
from tiny_transformer import save_bert
from typer.testing import CliRunner

from spacy_dice.cli import app
from spacy_dice.experiments import machine

transformers = pytest.mark.skipif(
    find_spec("spacy_transformers") is None,
    reason="spacy-transformers is not installed",
)


def write_matrix(folder, model):
    """A matrix of one short run that fine-tunes `model`."""
    content = {
        "seeds": [0],
        "steps": 3,
        "datasets": {
            "entities": {
                **write_corpora(folder / "corpus"),
                "config": str(ROOT / "configs" / "ner_trf.cfg"),
                "component": "ner",
                "overrides": {
                    "paths.transformer": str(model),
                    "training.eval_frequency": 2,
                    "training.optimizer.learn_rate.warmup_steps": 1,
                },
            }
        },
        "losses": {"DSC": "dice.DSC.v1"},
    }
    path = folder / "trf.yml"
    path.write_text(json.dumps(content), encoding="utf8")
    return path


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@transformers
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:torch")
def test_a_model_in_a_folder(tmp_path):
    path = write_matrix(tmp_path, save_bert(tmp_path / "bert"))
    result = call("compare", path, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out/entities/DSC/0.json").read_text(encoding="utf8"))
    assert {"torch", "transformers", "spacy-transformers"} <= set(record["versions"])
    # Two of the four steps had no evaluation after them.
    assert record["step_seconds"]["wall"] > 0
    assert record["step_seconds"]["cpu"] > 0
    assert [step for step, _ in record["curve"]] == [0, 2]
    assert "ents_macro_f" in record["test"]


@transformers
@pytest.mark.parametrize("kind", ["no such folder", "a folder without a model"])
def test_a_model_that_cannot_be_loaded(tmp_path, kind):
    model = tmp_path / "there" / "is" / "none"
    if kind == "a folder without a model":
        model.mkdir(parents=True)
    result = call("compare", write_matrix(tmp_path, model), "-o", tmp_path / "out")
    assert result.exit_code == 1
    (message,) = result.output.strip().splitlines()
    assert message.startswith("✘ data set 'entities': ")
    assert "ner_trf.cfg: [components.transformer.model]: name: the model" in message
    assert f"{str(model)!r} cannot be loaded: it must be a folder" in message
    assert not (tmp_path / "out").exists()


@transformers
def test_a_name_of_the_hub_without_a_network(tmp_path):
    path = write_matrix(tmp_path, "sentence-transformers/no-such-model")
    code = "from spacy_dice.cli import main; main()"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "compare", path, "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 1, done.stderr
    assert "'sentence-transformers/no-such-model' cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_spacy_transformers(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy_transformers.layers.transformer_model", None)
    result = call("compare", write_matrix(tmp_path, "any/model"), "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "pip install 'spacy-dice[transformers]'" in result.output
    assert not (tmp_path / "out").exists()


def test_a_gpu_that_is_not_there(tmp_path):
    content = matrix_content(tmp_path)
    (tmp_path / "small.yml").write_text(json.dumps(content), encoding="utf8")
    result = call("compare", tmp_path / "small.yml", "-o", tmp_path / "out", "--gpu-id", 99)
    assert result.exit_code == 1
    assert "--gpu-id 99: " in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("has_cupy", "message"),
    [(False, "CuPy is not installed"), (True, "there is no such GPU, this machine has 0")],
)
def test_what_is_missing_for_a_gpu(monkeypatch, has_cupy, message):
    monkeypatch.setattr(compat, "has_cupy", has_cupy)
    monkeypatch.setattr(compat, "has_cupy_gpu", False)
    with pytest.raises(ValueError, match=f"^--gpu-id 0: {message}"):
        machine.check_gpu(0)
    machine.check_gpu(-1)
