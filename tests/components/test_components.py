"""Every component, against the stock one and by itself."""

import pickle
import re
from dataclasses import dataclass
from functools import cache
from inspect import signature

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from pipelines import (
    CASES,
    FACTORIES,
    LISTENER,
    SENTENCES,
    TOK2VEC,
    annotations,
    complete,
    examples,
    pipeline,
    tagger_model,
    train,
    transition_model,
    weights,
)
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import get_arg_names, registry
from thinc.api import Adam

from spacy_dice.components import COMPONENTS
from spacy_dice.components.probed import LOGISTIC, PROBE, SOFTMAX, layer_of, targets_of_probe
from spacy_dice.components.transition import softmax, targets_of_gradient
from spacy_dice.losses import DSC, WCE, RegisteredLoss

factories = pytest.mark.parametrize("factory", FACTORIES)
TEXTS = [text for text, *_ in SENTENCES]
# spaCy's model of a span finder cannot be pickled.
WITH_FINDER_MODEL = {"span_finder", "query_spans"}
SCORES = {
    "tagger": "tag_acc",
    "morphologizer": "morph_acc",
    "senter": "sents_f",
    "trainable_lemmatizer": "lemma_acc",
    "textcat": "cats_score",
    "textcat_multilabel": "cats_score",
    "spancat": "spans_sc_f",
    "spancat_singlelabel": "spans_sc_f",
    "span_finder": "spans_sc_r",
    "query_spans": "answer_span_f",
    "ner": "ents_f",
    "parser": "dep_las",
}


@cache
def trained(factory):
    """A pipeline that has learned its examples by heart, with the default loss."""
    nlp = pipeline(factory)
    data = complete(nlp.vocab)
    optimizer = nlp.initialize(lambda: data, sgd=Adam(0.02))
    for _ in range(80):
        nlp.update(complete(nlp.vocab), sgd=optimizer)
    return nlp


def predictions(nlp, **settings):
    return [annotations(doc) for doc in nlp.pipe(TEXTS, **settings)]


def test_the_table_has_every_trainable_component_with_labels():
    assert {row.stock for row in COMPONENTS.values()} == set(FACTORIES) == set(SCORES)
    assert all(name == f"dice_{row.stock}" for name, row in COMPONENTS.items())


@pytest.mark.parametrize("case", CASES)
def test_bit_identical_to_the_stock_component(case):
    stock, ours = pipeline(case, stock=True), pipeline(case, CASES[case].stock_loss)
    train(stock)
    losses = train(ours)
    assert weights(ours) == weights(stock)
    assert losses[CASES[case].factory] > 0
    other = pipeline(case, "dice.DSC.v1")
    train(other)
    assert weights(other) != weights(stock)


def test_bit_identical_with_negated_labels():
    stock, ours = pipeline("tagger", stock=True), pipeline("tagger", "dice.CE.v1")
    train(stock, negations=True)
    train(ours, negations=True)
    assert weights(ours) == weights(stock)
    without = pipeline("tagger", "dice.CE.v1")
    train(without)
    assert weights(ours) != weights(without)


@pytest.mark.parametrize("cut", [3, 7, 0])
@pytest.mark.parametrize("factory", ["ner", "parser"])
def test_bit_identical_however_long_documents_are_cut(factory, cut):
    case = CASES[factory]
    case = case._replace(config={**case.config, "update_with_oracle_cut_size": cut})
    stock, ours = pipeline(case, stock=True), pipeline(case, "dice.CE.v1")
    train(stock, updates=2)
    train(ours, updates=2)
    assert weights(ours) == weights(stock)


def shared(stock):
    """Two components that listen to one tok2vec."""
    nlp = spacy.blank("en")
    prefix, loss = ("", {}) if stock else ("dice_", {"loss": {"@losses": "dice.CE.v1"}})
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe(f"{prefix}tagger", config={"model": tagger_model(LISTENER), **loss})
    nlp.add_pipe(f"{prefix}ner", config={"model": transition_model("ner", LISTENER), **loss})
    return nlp


def test_bit_identical_with_a_shared_tok2vec():
    stock, ours = shared(True), shared(False)
    train(stock)
    train(ours)
    assert set(weights(ours)) == {"tok2vec", f"dice_{'tagger'}", "dice_ner"}
    assert list(weights(ours).values()) == list(weights(stock).values())


def test_frozen_components_keep_their_weights():
    nlp = shared(False)
    train(nlp, updates=1)
    before = weights(nlp)
    with nlp.select_pipes(disable=["dice_ner"]):
        train(nlp, initialize=False)
    after = weights(nlp)
    assert after["dice_ner"] == before["dice_ner"]
    assert after["dice_tagger"] != before["dice_tagger"]


def test_listeners_are_replaced():
    nlp = shared(False)
    train(nlp, updates=1)
    expected = predictions(nlp)
    nlp.replace_listeners("tok2vec", "dice_ner", ["model.tok2vec"])
    assert predictions(nlp) == expected
    before = weights(nlp)
    with nlp.select_pipes(enable=["dice_ner"]):
        train(nlp, initialize=False)
    assert weights(nlp)["dice_ner"] != before["dice_ner"]


@factories
def test_learns_by_heart(factory):
    nlp = trained(factory)
    assert nlp.evaluate(complete(nlp.vocab))[SCORES[factory]] == 1.0


@factories
def test_pipe_equals_call(factory):
    nlp = trained(factory)
    assert predictions(nlp) == [annotations(nlp(text)) for text in TEXTS]
    assert annotations(nlp("")) == annotations(next(nlp.pipe([""])))


@factories
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_two_processes(factory):
    nlp = trained(factory)
    assert predictions(nlp, n_process=2, batch_size=2) == predictions(nlp)


@factories
def test_disk_bytes_and_pickle(factory, tmp_path):
    nlp = trained(factory)
    nlp.to_disk(tmp_path)
    copies = [
        spacy.load(tmp_path),
        spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes()),
    ]
    if factory not in WITH_FINDER_MODEL:
        copies.append(pickle.loads(pickle.dumps(nlp)))
    for copy in copies:
        (pipe,) = (copy.get_pipe(name) for name in copy.pipe_names)
        assert type(pipe) is COMPONENTS[f"dice_{factory}"].cls
        assert type(pipe.loss) is DSC
        assert predictions(copy) == predictions(nlp)


@pytest.mark.parametrize("factory", sorted(set(FACTORIES) - {"trainable_lemmatizer"}))
def test_training_goes_on_from_disk(factory, tmp_path):
    nlp = pipeline(factory, {"@losses": "dice.DSC.v1", "alpha": 0.5})
    train(nlp)
    nlp.to_disk(tmp_path)
    copy = spacy.load(tmp_path)
    assert copy.get_pipe(factory).loss.alpha == 0.5
    train(copy, initialize=False)
    train(nlp, initialize=False)
    assert weights(copy) == weights(nlp)


@pytest.mark.parametrize("factory", sorted(set(FACTORIES) - WITH_FINDER_MODEL))
def test_pickle_of_the_component(factory):
    pipe = trained(factory).get_pipe(factory)
    copy = pickle.loads(pickle.dumps(pipe))
    assert copy.model.to_bytes() == pipe.model.to_bytes()
    assert type(copy.loss) is DSC


@factories
def test_nothing_to_learn_from(factory):
    """Without annotation or tokens an update leaves the weights as they are, as in spaCy."""
    nlp = pipeline(factory)
    train(nlp, updates=1)
    before = weights(nlp)
    bare = [Example(Doc(nlp.vocab, words=["a", "b"]), Doc(nlp.vocab, words=["a", "b"]))]
    empty = [Example(Doc(nlp.vocab), Doc(nlp.vocab))]
    sgd = Adam(0.1, L2=0.0)
    # To these no annotation means no span, no category, no start of a sentence.
    batches = [empty] if re.search("span|textcat|senter", factory) else [empty, bare, empty + bare]
    for batch in batches:
        losses = nlp.update(batch, sgd=sgd)
        assert losses == {factory: 0.0}
    assert weights(nlp) == before


@factories
@pytest.mark.filterwarnings("ignore:All-NaN slice encountered:RuntimeWarning")
def test_scores_that_are_no_numbers(factory):
    nlp = pipeline(factory)
    train(nlp, updates=1)
    model = nlp.get_pipe(factory).model
    for node in model.walk():
        if "W" in node.param_names and node.name in ("hashembed", "maxout", "sparse_linear"):
            node.set_param("W", numpy.full_like(node.get_param("W"), numpy.nan))
    before = weights(nlp)
    with pytest.raises(ValueError, match=r"(?i)nan"):
        nlp.update(examples(nlp.vocab), sgd=Adam(0.1))
    assert weights(nlp) == before


# A label of each component, and how often it is gold in `complete`.
LABELS = {
    "tagger": ("NNP", 3),
    "morphologizer": ("Number=Plur|POS=NOUN", 3),
    "senter": ("S", 4),
    "trainable_lemmatizer": ("(m 0 1 () (s 's' ''))", 3),
    "textcat": ("other", 2),
    "textcat_multilabel": ("other", 2),
    "spancat": ("END", 4),
    "spancat_singlelabel": ("END", 4),
    "span_finder": ("start", 8),
    "query_spans": ("start", 8),
    "ner": ("U-CITY", 1),
    "parser": ("R-dobj", 2),
}


@factories
def test_gold_labels_are_counted(factory):
    nlp = pipeline(factory, "dice.WCE.v1")
    data = complete(nlp.vocab)
    nlp.initialize(lambda: data)
    pipe = nlp.get_pipe(factory)
    label, expected = LABELS[factory]
    counts = pipe.cfg["label_counts"]
    assert counts[label] == expected
    assert len(counts) == len(pipe.loss_labels) > 1
    train(nlp, updates=1, initialize=False)
    assert pipe.bind_loss().class_weights == WCE().bind(pipe.loss_labels, counts).class_weights


@factories
def test_labels_of_the_loss(factory):
    label, _ = LABELS[factory]
    plain = pipeline(factory)
    train(plain, data=complete)
    for settings in ({"class_weights": {label: 3.0}}, {"exclude": [label]}):
        nlp = pipeline(factory, {"@losses": "dice.DSC.v1", **settings})
        train(nlp, data=complete)
        assert weights(nlp) != weights(plain)


@pytest.mark.parametrize(
    ("factory", "alias", "labels"),
    [
        ("morphologizer", "POS=NOUN", ["Number=Plur|POS=NOUN", "Number=Sing|POS=NOUN"]),
        ("ner", "CITY", ["B-CITY", "I-CITY", "L-CITY", "U-CITY"]),
        ("parser", "dobj", ["L-dobj", "R-dobj"]),
    ],
)
def test_a_label_that_names_several_columns(factory, alias, labels):
    losses = [{"exclude": labels}, {"exclude": [alias]}]
    pipelines = [pipeline(factory, {"@losses": "dice.DSC.v1", **loss}) for loss in losses]
    for nlp in pipelines:
        train(nlp, data=complete)
    assert weights(pipelines[0]) == weights(pipelines[1])


def test_the_label_of_candidates_that_are_no_span():
    nlp = pipeline("spancat_singlelabel", {"@losses": "dice.DSC.v1", "exclude": ["O"]})
    train(nlp)
    assert nlp.get_pipe("spancat_singlelabel").loss_labels[-1] == "O"
    with pytest.raises(ValueError, match="'O', which is not among the labels"):
        train(pipeline("spancat", {"@losses": "dice.DSC.v1", "exclude": ["O"]}))


@factories
@pytest.mark.parametrize("setting", ["class_weights", "exclude"])
def test_a_label_that_does_not_exist(factory, setting):
    label, _ = LABELS[factory]
    wrong = f"{label}x"
    value = {wrong: 2.0} if setting == "class_weights" else [wrong]
    nlp = pipeline(factory, {"@losses": "dice.DSC.v1", setting: value})
    message = f"dice.DSC.v1: {setting} names the label {wrong!r}, which is not among the labels "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as error:
        nlp.initialize(lambda: complete(nlp.vocab))
    assert repr(label) in str(error.value) or " more" in str(error.value)


@pytest.mark.parametrize("setting", ["class_weights", "exclude"])
def test_a_label_that_does_not_exist_when_training_goes_on(setting):
    nlp = pipeline("tagger")
    train(nlp, updates=1)
    pipe, before = nlp.get_pipe("tagger"), weights(nlp)
    pipe.set_loss(DSC(**{setting: {"NNX": 2.0} if setting == "class_weights" else ["NNX"]}))
    with pytest.raises(ValueError, match=r"names the label 'NNX'.*did you mean 'NN"):
        train(nlp, initialize=False)
    pipe.set_loss(WCE())
    with pytest.raises(
        ValueError, match=r"tagger\.loss\]: class_weights must be given: labels are"
    ):
        train(nlp, initialize=False)
    assert weights(nlp) == before
    pipe.set_loss(WCE(class_weights={"NN": 2.0}))
    train(nlp, initialize=False)
    assert weights(nlp) != before


# Labels that are added by hand, where the component has any.
ADDED = {
    "tagger": ("NN", "VB"),
    "morphologizer": ("POS=NOUN", "POS=VERB"),
    "textcat": ("A", "B"),
    "textcat_multilabel": ("A", "B"),
    "spancat": ("A",),
    "spancat_singlelabel": ("A",),
    "ner": ("A",),
    "parser": ("A",),
}
WITHOUT_GOLD = [(case, False) for case in FACTORIES] + [(case, True) for case in ADDED]


@pytest.mark.parametrize("loss", ["dice.DSC.v1", "dice.WCE.v1", "dice.F1.v1"])
@pytest.mark.parametrize(("factory", "with_labels"), WITHOUT_GOLD)
def test_a_corpus_without_the_annotation(factory, with_labels, loss):
    """It is taken or refused as by the stock component, with a warning of what there is."""

    def initialized(nlp):
        docs = [Doc(nlp.vocab, words=text.split()) for text in TEXTS]
        for doc in docs:
            doc.spans["other"] = [doc[:1]]
        data = [Example(Doc(nlp.vocab, words=[t.text for t in doc]), doc) for doc in docs]
        for label in ADDED[factory] if with_labels else ():
            nlp.get_pipe(factory).add_label(label)
        try:
            nlp.initialize(lambda: data)
        except ValueError as error:
            return str(error)
        nlp.update(data, sgd=Adam(0.01))
        return [annotations(nlp(text)).keys() for text in TEXTS]

    stock, ours = pipeline(factory, stock=True), pipeline(factory, loss)
    message = rf"^\[components\.{factory}\]: the training data has no .*spans\['other'\]"
    expected = initialized(stock)
    with pytest.warns(UserWarning, match=message):
        got = initialized(ours)
    assert got == expected
    assert with_labels <= isinstance(got, list)


@factories
def test_settings_of_initialize_are_the_stock_ones(factory):
    """spaCy looks at them in different ways: for the config, and for `init labels`."""
    stock, ours = (
        pipeline(factory, stock=is_stock).get_pipe(factory) for is_stock in (True, False)
    )
    assert get_arg_names(ours.initialize) == get_arg_names(stock.initialize)
    assert signature(ours.initialize) == signature(stock.initialize)


@pytest.mark.parametrize("factory", ["ner", "parser", "senter", "span_finder", "query_spans"])
def test_initialize_without_data(factory):
    nlp = pipeline(factory)
    nlp.initialize()
    assert nlp.get_pipe(factory).model.has_dim("nO") is not None
    nlp("Nothing has been learned.")


@pytest.mark.parametrize("factory", ["ner", "parser"])
def test_beam_updates_are_refused(factory):
    nlp = spacy.blank("en")
    stock = nlp.create_pipe(factory)
    cls = COMPONENTS[f"dice_{factory}"].cls
    with pytest.raises(ValueError, match=rf"{factory}\]: beam_update_prob must be 0, got 0\.5"):
        cls(nlp.vocab, stock.model, factory, beam_update_prob=0.5)


def test_candidates_that_are_not_there_before_training():
    case = CASES["spancat"]
    suggester = {"@misc": "spacy.preset_spans_suggester.v1", "spans_key": "candidates"}
    case = case._replace(config={**case.config, "suggester": suggester})
    nlp = pipeline(case, "dice.WCE.v1")
    with pytest.raises(ValueError, match=r"spancat\.loss\]: class_weights must be given"):
        nlp.initialize(lambda: complete(nlp.vocab))
    nlp = pipeline(case, {"@losses": "dice.WCE.v1", "class_weights": {"END": 2.0}})
    nlp.initialize(lambda: complete(nlp.vocab))


def test_what_is_not_a_loss():
    nlp = spacy.blank("en")
    with pytest.raises(
        ValueError, match=r"\[components\.tagger\.loss\]: expected a registered loss"
    ):
        COMPONENTS["dice_tagger"].cls(nlp.vocab, None, "tagger", loss="dice.CE.v1")


def test_a_loss_that_is_not_ours():
    loss = {"@losses": "CategoricalCrossentropy.v3", "normalize": False}
    nlp = pipeline("tagger", loss)
    train(nlp, data=complete)
    ours = pipeline("tagger", "dice.CE.v1")
    train(ours, data=complete)
    assert weights(nlp) == weights(ours)


@registry.losses("spacy_dice_tests.Margin.v1")
@dataclass(kw_only=True)
class Margin(RegisteredLoss):
    """A loss as a user would write one: half the squared error beyond a margin."""

    margin: float = 0.0

    def evaluate(self, batch):
        error = batch.probs - batch.targets
        error = error * (abs(error) > self.margin)
        if batch.weights is not None:
            error = error * batch.weights
        return float((error**2).sum() / 2), error


@factories
def test_a_loss_of_ones_own(factory):
    """Found by name; without a margin its gradient is that of the stock loss."""
    stock = pipeline(factory, stock=True)
    ours, wide = (pipeline(factory, {**OWN, "margin": margin}) for margin in (0.0, 0.6))
    for nlp in (stock, ours, wide):
        train(nlp, updates=2)
    for (*where, expected), (*_, got) in zip(
        weights(stock)[factory], weights(ours)[factory], strict=True
    ):
        expected, got = (numpy.frombuffer(w, dtype="f") for w in (expected, got))
        numpy.testing.assert_allclose(got, expected, atol=0.02, err_msg=str(where))
    assert weights(wide) != weights(ours)


OWN = {"@losses": "spacy_dice_tests.Margin.v1"}


class NotFinite:
    """A loss whose value or gradient is not a number."""

    def __init__(self, value, gradient):
        self.value, self.gradient = value, gradient

    def __call__(self, guesses, truths):
        gradient = guesses - truths
        gradient[0, 0] = self.gradient
        return gradient, self.value


@factories
@pytest.mark.parametrize(("value", "gradient"), [(numpy.nan, 0.0), (1.0, -numpy.inf)])
def test_a_loss_that_is_not_finite(factory, value, gradient):
    nlp = pipeline(factory)
    train(nlp, updates=2)
    nlp.get_pipe(factory).set_loss(NotFinite(value, gradient))
    before = weights(nlp)
    data = complete(nlp.vocab)
    with pytest.raises(ValueError, match=rf"components\.{factory}\.loss.*update 3 .*NotFinite"):
        nlp.update(data, sgd=Adam(0.1))
    assert weights(nlp) == before


@pytest.mark.parametrize(
    "case", [name for name, case in CASES.items() if case.factory not in ("ner", "parser")]
)
def test_output_is_that_of_the_layer(case):
    """Where the layer applies its own derivative, p - y is a squared error's gradient."""
    nlp = pipeline(case)
    train(nlp, updates=1)
    exclusive, wrt = nlp.get_pipe(CASES[case].factory).output_layer
    assert (wrt == "logits") == (CASES[case].stock_loss == "dice.CE.v1")
    assert exclusive == (wrt == "logits" or case == "textcat-bow")


def test_a_textcat_with_softmax_activation_gets_the_gradient_of_the_logits():
    """Through the derivative of softmax comes what the softmax layer gets without it."""
    nlp = pipeline("textcat-bow", "dice.DSC.v1")
    data = complete(nlp.vocab)
    nlp.initialize(lambda: data)
    pipe = nlp.get_pipe("textcat")
    scores, _ = pipe.model.begin_update([eg.x for eg in data])
    _, gradient = pipe.get_loss(data, scores)
    through = pipe.model.ops.backprop_softmax(scores, gradient, axis=-1)
    expected, _ = DSC()(scores, numpy.array([[eg.y.cats[c] for c in pipe.labels] for eg in data]))
    numpy.testing.assert_allclose(through, expected, atol=1e-6)
    assert abs(expected).max() > 0.1


@pytest.mark.parametrize("loss", ["WCE", "FL", "DSC", "CE", "MacroF1", "SE"])
def test_a_textcat_that_is_surely_wrong_gets_a_finite_gradient(loss):
    """A probability that underflows, and a weight: what is divided by it must not overflow."""
    settings = {"class_weights": {"animal": 50.0}} if loss in ("WCE", "FL", "DSC") else {}
    nlp = pipeline("textcat-bow", {"@losses": f"dice.{loss}.v1", **settings})
    data = complete(nlp.vocab)
    nlp.initialize(lambda: data)
    pipe = nlp.get_pipe("textcat")
    others = [1.0 if label == "other" else 0.0 for label in pipe.labels]
    least = [1.0 if label == "other" else 1e-38 for label in pipe.labels]
    scores = numpy.array([others, least, others, least], dtype="f")
    value, gradient = pipe.get_loss(data, scores)
    assert numpy.isfinite(value)
    assert numpy.isfinite(pipe.model.ops.backprop_softmax(scores, gradient, axis=-1)).all()


def test_unknown_output_layers():
    model = pipeline("tagger").get_pipe("tagger").model.get_ref("tok2vec")
    assert layer_of(model, LOGISTIC) is LOGISTIC
    assert layer_of(model, SOFTMAX) is SOFTMAX


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 7.5])
def test_targets_and_weights_of_a_probe(weight):
    """Recovered to the last bit: hard, smoothed, missing and weighted targets."""
    f = numpy.float32
    targets = numpy.array([[1, 0, 0], [0.9, 0.05, 0.05], [0, 0, 0], [0, 0, 1]], dtype="f")
    weights = numpy.array([[1, 1, 1], [1, 1, 1], [0, 1, 0], [weight] * 3], dtype="f")
    got, got_weights = targets_of_probe((f(PROBE) - targets) * weights)
    if weight == 0:
        targets[3] = 0
    numpy.testing.assert_array_equal(got, targets)
    numpy.testing.assert_array_equal(got_weights, weights)
    assert targets_of_probe(f(PROBE) - targets[:2])[1] is None


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 3.0, 100.0]))
def test_gold_sets_of_a_transition_gradient(seed, spread):
    """However sure the model is of a gold set, its moves share the target as they do in softmax."""
    rng = numpy.random.default_rng(seed)
    scores = rng.normal(size=(9, 6)) * spread
    gold = rng.random((9, 6)) < 0.3
    gold[:, 0] |= ~gold.any(axis=1)
    of_gold = numpy.where(gold, scores, -numpy.inf)
    targets = numpy.exp(of_gold - of_gold.max(axis=1, keepdims=True))
    targets /= targets.sum(axis=1, keepdims=True)
    probs = softmax(scores)
    numpy.testing.assert_allclose(probs.sum(axis=1), 1)
    gradient = probs - targets
    gradient[4] = 0
    got, weights = targets_of_gradient(probs.astype("f"), gradient.astype("f"))
    informative = gradient.astype("f").any(axis=1)
    # A gold set of which float32 leaves nothing is shared evenly.
    seen = informative & ((probs * gold).sum(axis=1) > 1e-30)
    numpy.testing.assert_allclose(got[seen], targets[seen], atol=1e-5)
    numpy.testing.assert_array_equal(weights[:, 0], informative)
    assert targets_of_gradient(probs[informative], gradient[informative])[1] is None
