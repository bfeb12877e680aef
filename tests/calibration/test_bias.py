"""The bias of the output layer: which it is, and what a shift of it does."""

import numpy
import pipelines
import pytest
import spacy
from pipelines import BOW, CASES, TOK2VEC, Case, pipeline
from thinc.api import Adam

from spacy_dice.calibration.bias import output_of, shift, shifted

CNN = {"@architectures": "spacy.TextCatCNN.v2", "tok2vec": TOK2VEC}
ATTENTION = {"@architectures": "spacy.TextCatParametricAttention.v1", "tok2vec": TOK2VEC}
BOW_2 = {"@architectures": "spacy.TextCatBOW.v2", "ngram_size": 1, "no_output_layer": False}
NEITHER = ("trainable_lemmatizer", "parser")
SOFTMAX_2 = {"@layers": "Softmax.v2", "normalize_outputs": False, "temperature": 2.0}

MORE = {
    f"{factory}-{name}": Case(factory, {"model": {**model, "exclusive_classes": exclusive}})
    for factory, exclusive in (("textcat", True), ("textcat_multilabel", False))
    for name, model in (("cnn", CNN), ("attention", ATTENTION), ("bow-v2", BOW_2))
}
MORE["spancat_singlelabel-temperature"] = Case(
    "spancat_singlelabel",
    {
        "model": pipelines.spans_model({**SOFTMAX_2, "normalize_outputs": True}),
        "spans_key": "sc",
    },
)
ARCHITECTURES = {
    name: case for name, case in {**CASES, **MORE}.items() if case.factory not in (*NEITHER, "ner")
}


def trained(case, updates=4):
    """A stock pipeline that has seen a few documents, and these."""
    spacy.util.fix_random_seed(0)
    nlp = pipeline(case, stock=True)
    nlp.initialize(lambda: pipelines.complete(nlp.vocab))
    for _ in range(updates):
        nlp.update(pipelines.complete(nlp.vocab), sgd=Adam(0.01))
    return nlp, nlp.get_pipe(case.factory)


def raw(pipe, docs):
    """The logits of a component, computed from the scores that it predicts."""
    if hasattr(pipe, "suggester"):
        outputs = pipe.predict(docs)[1]
    elif pipe.model.name.endswith("with_array(softmax)"):
        outputs = numpy.concatenate(pipe.model.predict(docs))
    else:
        outputs = pipe.predict(docs)
    return output_of(pipe).logits_of(outputs), outputs


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_shift_moves_each_logit_by_as_much(name):
    nlp, pipe = trained(ARCHITECTURES[name])
    docs = [eg.predicted for eg in pipelines.complete(nlp.vocab)]
    output = output_of(pipe)
    logits, outputs = raw(pipe, docs)
    assert logits.shape[1] == len(output.labels) == len(set(output.labels))
    # What the logits are made from is what is made of them.
    numpy.testing.assert_allclose(output.outputs_of(logits), outputs, rtol=1e-5, atol=1e-7)
    change = {label: 0.25 * (i + 1) for i, label in enumerate(output.labels)}
    with shifted(pipe, change):
        moved, _ = raw(pipe, docs)
    difference = moved - logits
    expected = numpy.broadcast_to(output.vector_of(change), difference.shape)
    if output.kind == "softmax":
        # Only differences between labels matter.
        difference = difference - difference[:, :1]
        expected = expected - expected[:, :1]
    numpy.testing.assert_allclose(difference, expected, atol=2e-4)
    again, _ = raw(pipe, docs)
    numpy.testing.assert_array_equal(again, logits)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_shifted_component_is_saved_as_it_is(name, tmp_path):
    nlp, pipe = trained(ARCHITECTURES[name], updates=1)
    output = output_of(pipe)
    shift(pipe, {output.labels[0]: 0.5})
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path).get_pipe(ARCHITECTURES[name].factory)
    layer = output_of(again).layer
    numpy.testing.assert_array_equal(layer.get_param("b"), output.layer.get_param("b"))


def test_without_a_bias_it_is_refused_by_name():
    case = Case(
        "textcat_multilabel",
        {"model": {**BOW, "exclusive_classes": False, "no_output_layer": True}},
    )
    _, pipe = trained(case, updates=1)
    with pytest.raises(
        ValueError, match=r"'textcat_multilabel' ends with .*sparse_linear.*TextCat"
    ):
        output_of(pipe)


def test_the_bias_of_a_hidden_layer_does_not_count():
    """Of a model that ends with a hidden layer and a logistic, whose bias is one among others."""
    from thinc.api import Logistic, Relu, chain

    _, pipe = trained(CASES["spancat"], updates=1)
    n_labels = len(pipe.labels)
    pipe.model = chain(pipe.model.layers[0], Relu(n_labels, 16), Logistic())
    with pytest.raises(ValueError, match="ends with 'relu >> logistic': no bias"):
        output_of(pipe)
