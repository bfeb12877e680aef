"""Offsets on the decisions of trained pipelines."""

import hashlib

import numpy
import pytest
import spacy
from small_matrix import make_docs, train, write_corpora
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example

from spacy_dice.calibration import calibrate, calibrate_pipeline
from spacy_dice.calibration.bias import output_of, shift, shifted
from spacy_dice.calibration.entities import EntitySearch
from spacy_dice.calibration.metric import Metric
from spacy_dice.experiments.training import annotated


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return write_corpora(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="module", params=["ner", "tagger", "dice_ner", "dice_tagger"])
def saved(request, tmp_path_factory):
    """A pipeline on disk, and the name of its component."""
    spacy.util.fix_random_seed(0)
    factory = request.param
    name = factory.removeprefix("dice_")
    path = tmp_path_factory.mktemp("pipeline") / "model"
    nlp = train(name, factory=factory)
    if name == "ner":
        # One that knows its entities, but does not dare any more.
        pipe, docs = nlp.get_pipe(name), make_docs(nlp.vocab)
        while all(doc.ents for doc in nlp.pipe(doc.text for doc in docs)):
            shift(pipe, {"O": 1.0})
    nlp.to_disk(path)
    return path, name


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_calibrated_pipeline(saved, corpora, tmp_path):
    path, name = saved
    before = digests(path)
    output = tmp_path / "deeper" / "calibrated"
    found = calibrate_pipeline(str(path), corpora["dev"], output)
    assert found.component == name
    assert found.offsets
    assert found.after[found.metric] > found.before[found.metric]
    assert found.after[found.metric] >= found.crossfitted[found.metric]
    assert found.gain == found.crossfitted[found.metric] - found.before[found.metric]
    # The input is what it was; the output differs from it in the weights of the component alone.
    assert digests(path) == before
    assert {file for file, digest in digests(output).items() if before[file] != digest} == {
        f"{name}/model"
    }
    assert set(digests(output)) == set(before)
    assert [item.name for item in output.parent.iterdir()] == ["calibrated"]
    # Loaded again, it scores what was promised.
    nlp = spacy.load(output)
    examples = annotated(nlp, Corpus(corpora["dev"])(nlp))
    scores = nlp.get_pipe(name).score(examples)
    key = "ents_f" if name == "ner" else "tag_acc"
    assert scores[key] == pytest.approx(found.after[key])


def test_only_the_bias_changes_and_by_the_offsets(saved, corpora, tmp_path):
    path, name = saved
    found = calibrate_pipeline(str(path), corpora["dev"], tmp_path / "out")
    layers = []
    for folder in (path, tmp_path / "out"):
        output = output_of(spacy.load(folder).get_pipe(name))
        layer, labels = output.layer, output.labels
        layers.append((layer.get_param("W"), layer.get_param("b")))
    numpy.testing.assert_array_equal(layers[0][0], layers[1][0])
    expected = [found.offsets.get(label, 0.0) for label in labels]
    numpy.testing.assert_allclose(layers[1][1] - layers[0][1], expected, atol=1e-6)


@pytest.mark.parametrize("pieces", [1, 2])
def test_ner_without_an_upper_layer(corpora, pieces):
    spacy.util.fix_random_seed(0)
    changes = {
        "components.ner.model.use_upper": False,
        "components.ner.model.maxout_pieces": pieces,
    }
    nlp = train("ner", 3, **changes)
    docs = list(nlp.pipe(doc.text for doc in make_docs(nlp.vocab, count=3)))
    pipe = nlp.get_pipe("ner")
    bias = pipe.model.get_ref("lower").get_param("b").copy()
    for offset, ents in ((-50.0, True), (50.0, False)):
        with shifted(pipe, {"O": offset}):
            again = [nlp.make_doc(doc.text) for doc in docs]
            for doc, other in zip(again, docs, strict=True):
                doc.tensor = other.tensor
            pipe.set_annotations(again, pipe.predict(again))
            assert all(bool(doc.ents) is ents for doc in again)
    numpy.testing.assert_array_equal(pipe.model.get_ref("lower").get_param("b"), bias)


def test_perfect_pipeline_is_left_alone(corpora):
    spacy.util.fix_random_seed(0)
    nlp = train("tagger", 40)
    bias = output_of(nlp.get_pipe("tagger")).layer.get_param("b").copy()
    found = calibrate(nlp, list(Corpus(corpora["dev"])(nlp)))
    assert found.before["tag_acc"] == 1.0
    assert (found.offsets, found.gain) == ({}, 0.0)
    assert "no change is better" in found.to_text()
    after = output_of(nlp.get_pipe("tagger")).layer.get_param("b")
    numpy.testing.assert_array_equal(after, bias)


def test_cross_fitting_does_not_see_the_document(corpora):
    """A document alone in its fold is predicted with what is best for the others."""
    spacy.util.fix_random_seed(0)
    nlp = train("ner")
    examples = list(Corpus(corpora["dev"])(nlp))
    docs = list(nlp.get_pipe("tok2vec").pipe([eg.predicted for eg in examples]))
    search = EntitySearch(
        nlp.get_pipe("ner"), [Example(d, e.reference) for d, e in zip(docs, examples, strict=True)]
    )
    everything = numpy.ones(len(examples), dtype=bool)
    for i in range(3):
        others = everything.copy()
        others[i] = False
        best = search.best(others)
        for counts in search._known.values():
            counts[i] += 1000
        assert search.best(others) == best
        for counts in search._known.values():
            counts[i] -= 1000


@pytest.fixture(scope="module")
def shy():
    """NER that knows two types, but hardly says the one, and says the other too often."""
    spacy.util.fix_random_seed(0)
    nlp = train("ner", 40)
    pipe, docs = nlp.get_pipe("ner"), make_docs(nlp.vocab)
    seldom, often = pipe.labels

    def score(key, label):
        examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
        return pipe.score(annotated(nlp, examples))["ents_per_type"][label][key]

    assert score("f", seldom) == score("f", often) == 1.0
    while score("p", often) > 0.7:
        shift(pipe, {f"B-{often}": 1.0, f"U-{often}": 1.0})
    while score("r", seldom) > 0.3:
        shift(pipe, {f"B-{seldom}": -1.0, f"U-{seldom}": -1.0})
    return nlp, seldom


def test_offset_of_a_type(shy, corpora):
    nlp, label = shy
    examples = list(Corpus(corpora["dev"])(nlp))
    only_o = calibrate(copy_of(nlp), examples)
    ours = copy_of(nlp)
    found = calibrate(ours, examples, types=True)
    assert set(found.offsets) >= {f"B-{label}", f"U-{label}"}
    assert found.offsets[f"B-{label}"] == found.offsets[f"U-{label}"] > 0
    assert found.after["ents_f"] > only_o.after["ents_f"] > 0
    assert found.crossfitted["ents_f"] > found.before["ents_f"]
    again = annotated(ours, examples)
    assert ours.get_pipe("ner").score(again)["ents_f"] == found.after["ents_f"]


class CountedSearch(EntitySearch):
    """A search in which an offset on O finds an entity more in so many of 40 documents."""

    def __init__(self, gaining, *, types):
        self.types, self.moves, self.grid = types, {"O": ["O"]}, [0.0, 1.0]
        self.gaining, self.metric = gaining, Metric("micro")

    def count(self, offsets):
        counts = numpy.tile([1, 1, 1], (40, 1, 1))
        if offsets.get("O"):
            counts[: self.gaining, 0] = [2, 1, 0]
        return counts


def test_with_types_an_offset_needs_more_than_chance():
    """What one document gains by may be chance; without types, whatever is best is taken."""
    everything = numpy.ones(40, dtype=bool)
    assert CountedSearch(1, types=True).best(everything) == {}
    assert CountedSearch(1, types=False).best(everything) == {"O": 1.0}
    assert CountedSearch(5, types=True).best(everything) == {"O": 1.0}


@pytest.mark.parametrize(
    "metric",
    [
        Metric("micro"),
        Metric("micro", 2.0),
        Metric("macro", 0.5),
        Metric("macro", only_there=True),
        Metric("micro", label=1),
        Metric("accuracy", cells=40_000),
    ],
    ids=str,
)
def test_standard_error_is_that_of_the_bootstrap(metric):
    random = numpy.random.default_rng(0)
    ours, theirs = random.integers(0, 4, size=(2, 400, 5, 3))
    theirs[:200] = ours[:200]
    gains = []
    for _ in range(2000):
        chosen = random.integers(0, 400, 400)
        gains.append(metric.of(ours[chosen]) - metric.of(theirs[chosen]))
    assert metric.standard_error(ours, theirs) == pytest.approx(numpy.std(gains), rel=0.1)
    assert metric.standard_error(ours, ours) == 0


def test_documents_without_entities_count(corpora, tmp_path):
    """What is found in them is wrong, unless they say nothing at all."""
    spacy.util.fix_random_seed(0)
    nlp = train("ner")
    empty = Doc(nlp.vocab, words=["I", "eat", "a", "plum", "now"])
    empty.set_ents([], default="outside")
    unknown = Doc(nlp.vocab, words=empty.text.split())
    docs = make_docs(nlp.vocab)
    found = []
    for more in ([], [empty] * 50, [unknown] * 50):
        examples = [Example(nlp.make_doc(doc.text), doc) for doc in [*docs, *more]]
        found.append(calibrate(copy_of(nlp), examples))
    alone, with_empty, with_unknown = found
    assert alone.before["ents_p"] == 1.0
    assert with_empty.before["ents_p"] == pytest.approx(32 / 82)
    assert with_unknown == alone


def copy_of(nlp):
    """A copy of a pipeline."""
    return spacy.util.load_model_from_config(nlp.config, auto_fill=True).from_bytes(nlp.to_bytes())


def test_refusals(saved, corpora, tmp_path):
    path, name = saved
    output = tmp_path / "out"

    def refused(error, message, *, model=path, dev=corpora["dev"], output=output, **settings):
        with pytest.raises(error, match=message):
            calibrate_pipeline(str(model), dev, output, **settings)

    refused(FileExistsError, "exists already", output=tmp_path)
    refused(FileNotFoundError, "there is no such file", dev=tmp_path / "no.spacy")
    refused(OSError, "Can't find model", model=tmp_path / "nothing")
    refused(ValueError, f"no component 'nerr'.*{name}", component="nerr")
    nlp = spacy.blank("en")
    DocBin(docs=[Doc(nlp.vocab, words=["no", "gold"])] * 9).to_disk(tmp_path / "bare.spacy")
    refused(ValueError, f"no gold for the component '{name}'", dev=tmp_path / "bare.spacy")
    refused(ValueError, "in 24 documents, but needs it in 25 at least", folds=25)
    assert not output.exists()


def test_pipeline_without_such_a_component(corpora, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "model")
    with pytest.raises(ValueError, match="none of them can be calibrated"):
        calibrate_pipeline(str(tmp_path / "model"), corpora["dev"], tmp_path / "out")
