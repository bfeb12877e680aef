"""A pipeline trained here with other losses works where this package is not installed."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import venv

import pipelines
import pytest
import spacy
from pipelines import CASES, LISTENER, SENTENCES, TOK2VEC, annotations, complete, tagger_model
from pipelines import transition_model as transitions
from thinc.api import Adam, Config, fix_random_seed

from spacy_dice.calibration import calibrate
from spacy_dice.calibration.bias import output_of, shift

TEXTS = [text for text, *_ in SENTENCES]

# Runs over there: it knows spaCy only.
SCRIPT = """
import importlib.util, json, sys
import spacy

assert importlib.util.find_spec("spacy_dice") is None
sys.path.insert(0, sys.argv[2])
nlp = spacy.load(sys.argv[1])
from pipelines import annotations
texts = json.load(sys.stdin)
classes = [type(pipe).__module__ for _, pipe in nlp.pipeline]
assert all(module.startswith("spacy.pipeline.") for module in classes), classes
again = [annotations(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=2)]
json.dump([annotations(nlp(text)) for text in texts], sys.stdout)
assert again == [annotations(nlp(text)) for text in texts]
nlp.to_disk(sys.argv[1] + "-again")
"""


def pip(python, *arguments):
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def other_python(tmp_path_factory):
    """The Python of a virtual environment with the same spaCy, and without this package."""
    path = tmp_path_factory.mktemp("second") / "venv"
    venv.create(path, with_pip=True)
    python = str(path / ("Scripts" if os.name == "nt" else "bin") / "python")
    names = ("spacy", "thinc", "numpy")
    wanted = [f"{name}=={importlib.metadata.version(name)}" for name in names]
    done = pip(python, "install", "--quiet", "--only-binary", ":all:", *wanted)
    if done.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"pip cannot install spaCy: {done.stderr}")
        pytest.skip(f"pip cannot install spaCy: {done.stderr.strip().splitlines()[-1]}")
    yield python
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved pipeline of every component, each trained with a loss of this package."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    listening = {
        "tagger": tagger_model(LISTENER),
        "ner": transitions("ner", LISTENER),
        "parser": transitions("parser", LISTENER),
    }
    losses = {}
    # What spaCy has no component for cannot be there without the package.
    for factory in sorted({case.factory for case in CASES.values()} - {"query_spans"}):
        config = dict(CASES[factory].config)
        if factory in listening:
            config["model"] = listening[factory]
        if factory.startswith("span"):
            config["spans_key"] = factory
        nlp.add_pipe(factory, config=config)
        losses[factory] = {"@losses": "dice.WCE.v1" if factory == "ner" else "dice.DSC.v1"}
    callback = {"@callbacks": "dice.use_losses.v1", "losses": losses}
    nlp.config["initialize"]["before_init"] = callback

    def examples():
        data = complete(nlp.vocab)
        for example in data:
            for key in [factory for factory in losses if factory.startswith("span")]:
                example.reference.spans[key] = example.reference.spans["sc"]
        return data

    optimizer = nlp.initialize(examples, sgd=Adam(0.01))
    for _ in range(60):
        nlp.update(examples(), sgd=optimizer)
    path = tmp_path_factory.mktemp("saved") / "pipeline"
    nlp.to_disk(path)
    return nlp, path


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A saved pipeline whose components found nothing before they were calibrated."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    offsets = {}
    for name in ("textcat_multilabel", "spancat", "spancat_singlelabel", "span_finder"):
        case = CASES[name]
        config = dict(case.config)
        if name.startswith("span"):
            config["spans_key"] = name
        nlp.add_pipe(name, config=Config(config).copy())

    def examples():
        data = complete(nlp.vocab)
        for example in data:
            for name in nlp.pipe_names[1:4]:
                example.reference.spans[name] = example.reference.spans["sc"]
        return data

    optimizer = nlp.initialize(examples, sgd=Adam(0.01))
    for _ in range(60):
        nlp.update(examples(), sgd=optimizer)
    for name, pipe in nlp.pipeline:
        # Before it is calibrated, nothing is found any more.
        labels = output_of(pipe).labels
        shift(pipe, {"O": 6.0} if "O" in labels else dict.fromkeys(labels, -6.0))
        # Each fold has all of the documents.
        found = calibrate(nlp, [*examples(), *examples()], name, metric="micro", folds=2)
        offsets[name] = found.offsets
    assert all(offsets.values()), offsets
    path = tmp_path_factory.mktemp("calibrated") / "pipeline"
    nlp.to_disk(path)
    return nlp, path


@pytest.mark.parametrize("kind", ["saved", "calibrated"])
def test_predictions_are_identical(kind, other_python, tmp_path, request):
    nlp, path = request.getfixturevalue(kind)
    if kind == "saved":
        assert "dice.use_losses.v1" in (path / "config.cfg").read_text()
    tests = os.path.dirname(pipelines.__file__)
    done = subprocess.run(
        [other_python, "-c", SCRIPT, str(path), tests],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        cwd=tmp_path,  # not the checkout, where this package could be imported
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    expected = json.loads(json.dumps([annotations(nlp(text)) for text in TEXTS]))
    got = json.loads(done.stdout)
    # Probabilities may differ in the last bit with the build of the libraries.
    for there, here in zip(got, expected, strict=True):
        assert there.pop("cats") == pytest.approx(here.pop("cats"), abs=1e-5)
        assert there == here
        assert here["spans"].keys() == {"spancat", "spancat_singlelabel", "span_finder"}
    assert any(here["spans"]["spancat"] for here in expected)
    if kind == "saved":
        assert all(here["tokens"][0][1] for here in expected)
        assert any(here["entities"] for here in expected)
    assert sys.prefix not in other_python
