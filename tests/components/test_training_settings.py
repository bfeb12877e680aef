"""Settings of the training beside the loss: the prior as bias, the weight of near misses."""

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from pipelines import BOW, CASES, SOFTMAX, Case, complete, examples, pipeline, spans_model, weights
from spacy.util import fix_random_seed, load_config_from_str

from spacy_dice.calibration.bias import output_of
from spacy_dice.components.defaults import TRAINING
from spacy_dice.configs import set_loss, stock_twin

LOGISTIC = [
    name
    for name in CASES
    if "prior_bias" in TRAINING.get(CASES[name].factory, {}) and name != "spancat-softmax"
]
CHOSEN = {"prior_bias": True, "overlap_weight": 2.0, "negative_sampling": 0.5}
NO_ACTIVATION = {**BOW, "no_output_layer": True, "exclusive_classes": False}
PRESET = {"@misc": "spacy.preset_spans_suggester.v1", "spans_key": "candidates"}


def with_settings(case, **settings):
    case = CASES[case] if isinstance(case, str) else case
    return pipeline(case._replace(config={**case.config, **settings}), "dice.CE.v1")


def initialized(case, **settings):
    fix_random_seed(0)
    nlp = with_settings(case, **settings)
    gold = complete(nlp.vocab)
    nlp.initialize(lambda: gold)
    return nlp.pipeline[0][1]


def shares(pipe, data):
    """Of each label in examples: positives, and decisions."""
    docs = [eg.reference for eg in data]
    if hasattr(pipe, "suggester"):
        n = sum(max(len(doc) + 1 - size, 0) for doc in docs for size in (1, 2, 3))
        spans = [span.label_ for doc in docs for span in doc.spans["sc"]]
        return {label: (spans.count(label), n) for label in pipe.labels}
    if pipe.factory == "span_finder":
        n = sum(map(len, docs))
        edges = {"start": "start", "end": "end"}
        return {
            edge: (len({(i, getattr(s, of)) for i, d in enumerate(docs) for s in d.spans["sc"]}), n)
            for edge, of in edges.items()
        }
    return {label: (sum(doc.cats[label] for doc in docs), len(docs)) for label in pipe.labels}


@pytest.mark.parametrize("name", LOGISTIC)
def test_the_bias_is_the_prior(name):
    pipe = initialized(name, prior_bias=True)
    pipe.factory = CASES[name].factory
    output = output_of(pipe)
    found = 1 / (1 + numpy.exp(-output.layer.get_param("b").astype("float64")))
    expected = shares(pipe, complete(pipe.vocab))
    assert list(expected) == output.labels
    for share, (positives, n) in zip(found, expected.values(), strict=True):
        assert share == pytest.approx((positives + 0.5) / (n + 1), rel=1e-5)


@pytest.mark.parametrize("name", LOGISTIC)
def test_nothing_but_the_bias_is_changed(name):
    plain, prior = initialized(name), initialized(name, prior_bias=True)
    zero = output_of(plain).layer.get_param("b")
    assert not zero.any()
    assert plain.model.to_bytes() != prior.model.to_bytes()
    output_of(prior).layer.set_param("b", zero)
    assert plain.model.to_bytes() == prior.model.to_bytes()


@pytest.mark.parametrize("name", LOGISTIC)
def test_there_is_no_prior_without_positives(name):
    pipe = initialized(name)
    bare = complete(pipe.vocab)
    for eg in bare:
        eg.reference.cats = dict.fromkeys(eg.reference.cats, 0.0)
        eg.reference.spans["sc"] = []
    pipe.set_prior(bare)
    assert not output_of(pipe).layer.get_param("b").any()


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            Case("spancat", {"model": spans_model(SOFTMAX), "spans_key": "sc"}),
            r"spancat\.prior_bias\]: must be false for a model whose output is not logistic",
        ),
        (
            Case("textcat_multilabel", {"model": NO_ACTIVATION}),
            r"textcat_multilabel\.prior_bias\]: the model .* ends with .*: no bias there shifts",
        ),
        (
            CASES["spancat"]._replace(config={**CASES["spancat"].config, "suggester": PRESET}),
            r"spancat\.loss\]: class_weights must be given, and prior_bias be false",
        ),
    ],
)
def test_models_without_a_prior(case, message):
    nlp = with_settings(case, prior_bias=True)
    with pytest.raises(ValueError, match=message):
        nlp.initialize(lambda: complete(nlp.vocab))


def test_near_misses_are_weighted():
    pipe = initialized("spancat", overlap_weight=3.0)
    data = examples(pipe.vocab)
    spans = pipe.suggester([eg.predicted for eg in data], ops=pipe.model.ops)
    scores = numpy.full((len(spans.dataXd), len(pipe.labels)), 0.5, dtype="f")
    targets, found = pipe.recover(data, scores, lambda flat: (spans, flat))
    rows = iter(zip(spans.dataXd.tolist(), targets, found, strict=True))
    seen = set()
    for eg, n in zip(data, spans.lengths, strict=True):
        gold = eg.get_aligned_spans_y2x(eg.reference.spans.get("sc", []), allow_overlap=True)
        for _ in range(n):
            (start, end), target, (weight,) = next(rows)
            overlaps = any(s.start < end and start < s.end for s in gold)
            assert weight == (3.0 if overlaps and not target.any() else 1.0)
            seen.add((overlaps, bool(target.any())))
    assert seen == {(True, True), (True, False), (False, False)}


def test_a_weight_of_near_misses_that_is_no_weight():
    with pytest.raises(ValueError, match=r"spancat\]: overlap_weight must be >= 0, got -1"):
        with_settings("spancat", overlap_weight=-1.0)


@pytest.mark.parametrize("name", TRAINING)
def test_settings_are_kept_with_the_pipeline(name, tmp_path):
    nlp = with_settings(name, **{key: CHOSEN[key] for key in TRAINING[name]})
    nlp.initialize(lambda: complete(nlp.vocab))
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert weights(again) == weights(nlp)
    for key in TRAINING[name]:
        assert getattr(again.get_pipe(name), key) == CHOSEN[key]


@pytest.mark.parametrize("name", TRAINING)
def test_a_stock_factory_does_not_get_them(name):
    nlp = with_settings(name, **{key: CHOSEN[key] for key in TRAINING[name]})
    text = nlp.config.to_str()
    for config in (
        stock_twin(nlp.config),
        load_config_from_str(set_loss(text, name, "CE", way="callback")),
    ):
        block = config["components"][name]
        assert block["factory"] == name
        assert not {*CHOSEN, "loss"} & set(block)


def test_the_weight_of_near_misses_is_in_the_gradient():
    plain, near = initialized("spancat"), initialized("spancat", overlap_weight=0.0)
    data = examples(plain.vocab)
    spans = plain.suggester([eg.predicted for eg in data], ops=plain.model.ops)
    scores = numpy.full((len(spans.dataXd), len(plain.labels)), 0.5, dtype="f")
    targets, kept = near.recover(data, scores, lambda flat: (spans, flat))
    _, before = plain.get_loss(data, (spans, scores))
    _, after = near.get_loss(data, (spans, scores))
    assert_allclose(after, before * kept)
    assert 0 < (kept == 0).sum() < len(kept)
    assert not targets[kept[:, 0] == 0].any()
