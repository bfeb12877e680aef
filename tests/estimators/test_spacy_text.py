"""The bridge from scikit-learn to spaCy's text categorizer."""

import pickle
import random

import numpy
import pandas
import pytest
import spacy
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from spacy_dice.estimators import F1ThresholdClassifier, SpacyTextClassifier
from spacy_dice.losses import DSC
from spacy_dice.metrics import SoftF1Scorer

TEXTS = ["win a prize now", "see you at noon", "free prize", "dinner at eight", "call to win"] * 6
Y = numpy.array(["spam", "ham", "spam", "ham", "spam"] * 6)
NEW = ["a free prize", "see you at dinner"]
LABELS = numpy.array([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1]] * 6)
CONFIG = """
[nlp]
lang = "en"
pipeline = ["cats"]

[components]

[components.cats]
factory = "{factory}"

[components.cats.model]
@architectures = "spacy.TextCatBOW.v3"
exclusive_classes = {exclusive}
ngram_size = 1
no_output_layer = false
length = 1024
"""
EXCLUSIVE = CONFIG.format(factory="textcat", exclusive="true")
MULTILABEL = CONFIG.format(factory="textcat_multilabel", exclusive="false")


def model(**kwargs):
    return SpacyTextClassifier(**{"n_epochs": 8, "config": EXCLUSIVE, "learn_rate": 0.01, **kwargs})


@pytest.fixture(scope="module")
def fitted():
    return model(loss="dice.DSC.v1", loss_params={"alpha": 0.5}).fit(TEXTS, Y)


def test_texts_in_labels_out(fitted):
    assert fitted.predict(NEW).tolist() == ["spam", "ham"]
    probs = fitted.predict_proba(NEW)
    numpy.testing.assert_allclose(probs.sum(axis=1), 1)
    assert fitted.classes_[probs.argmax(axis=1)].tolist() == ["spam", "ham"]
    assert len(fitted.loss_curve_) == 8
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert fitted.score(TEXTS, Y) == 1
    assert fitted.predict(pandas.Series(NEW)).tolist() == ["spam", "ham"]


def test_the_loss_is_what_is_trained():
    probs = {}
    # The squared error is what spaCy trains this architecture with.
    for loss in (None, "dice.SE.v1", "dice.DSC.v1", DSC()):
        probs[str(loss)] = model(loss=loss, n_epochs=2).fit(TEXTS, Y).predict_proba(NEW)
    stock, same, named, given = probs.values()
    numpy.testing.assert_array_equal(stock, same)
    numpy.testing.assert_array_equal(named, given)
    assert (stock != named).any()
    weighted = model(loss="dice.DSC.v1", loss_params={"ce_weight": 0.1}, n_epochs=2).fit(TEXTS, Y)
    assert (weighted.predict_proba(NEW) != named).any()


def test_it_is_deterministic_and_leaves_global_generators_alone():
    random.seed(3)
    numpy.random.seed(3)  # noqa: NPY002
    expected = random.random(), numpy.random.uniform()  # noqa: NPY002
    random.seed(3)
    numpy.random.seed(3)  # noqa: NPY002
    first, second, other = (
        model(random_state=seed, n_epochs=2, batch_size=8).fit(TEXTS, Y).predict_proba(NEW)
        for seed in (0, 0, 1)
    )
    assert (random.random(), numpy.random.uniform()) == expected  # noqa: NPY002
    numpy.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_copies_and_pickles(fitted, tmp_path):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(NEW)
    assert pickle.loads(pickle.dumps(copy)).get_params() == fitted.get_params()
    loaded = pickle.loads(pickle.dumps(fitted))
    numpy.testing.assert_array_equal(loaded.predict_proba(NEW), fitted.predict_proba(NEW))
    fitted.nlp_.to_disk(tmp_path)
    doc = spacy.load(tmp_path)(NEW[0])
    assert doc.cats["spam"] == pytest.approx(fitted.predict_proba(NEW)[0, 1], abs=1e-6)


def test_losses_can_be_searched():
    search = GridSearchCV(
        model(n_epochs=3),
        {"loss": [None, "dice.DSC.v1"], "learn_rate": [0.0001, 0.02]},
        scoring=SoftF1Scorer(pos_label="spam"),
        cv=2,
    ).fit(TEXTS, Y)
    assert search.best_params_["learn_rate"] == 0.02
    assert search.predict(NEW).tolist() == ["spam", "ham"]


def test_thresholds_on_top():
    tuned = F1ThresholdClassifier(model(n_epochs=3), cv=2).fit(TEXTS, Y)
    assert tuned.predict(NEW).tolist() == ["spam", "ham"]


@pytest.mark.parametrize("container", [numpy.asarray, sparse.csr_array])
def test_several_labels(container):
    fitted = model(config=MULTILABEL, loss="dice.DL.v1", n_epochs=15).fit(TEXTS, container(LABELS))
    assert fitted.predict(TEXTS[:5]).tolist() == LABELS[:5].tolist()
    assert fitted.predict_proba(NEW).shape == (2, 3)


def test_integer_labels_and_a_categorizer_of_labels_for_one_label():
    codes = (Y == "spam").astype(int) * 7
    fitted = model(config=MULTILABEL).fit(TEXTS, codes)
    assert fitted.predict(NEW).tolist() == [7, 0]
    numpy.testing.assert_allclose(fitted.predict_proba(NEW).sum(axis=1), 1)


def test_configs_may_be_dicts_and_files(tmp_path):
    path = tmp_path / "config.cfg"
    path.write_text(EXCLUSIVE, encoding="utf8")
    as_dict = spacy.util.load_config(path)
    expected = model(n_epochs=1).fit(TEXTS, Y).predict_proba(NEW)
    for config in (path, str(path), as_dict, dict(as_dict)):
        numpy.testing.assert_array_equal(
            model(config=config, n_epochs=1).fit(TEXTS, Y).predict_proba(NEW), expected
        )


NER = EXCLUSIVE.split("[components.cats.model]")[0].replace('"textcat"', '"ner"')
BAD = [
    ({"loss": "dice.DCS.v1"}, TEXTS, Y, r"loss must be one of .* got 'dice.DCS.v1' \(did you mea"),
    ({"loss": 3}, TEXTS, Y, "loss must be a name or a registered loss, got 3"),
    ({"loss_params": {"alpha": 1}}, TEXTS, Y, "needs the name of a loss, got loss=None"),
    ({"n_epochs": 0}, TEXTS, Y, "n_epochs == 0, must be >= 1"),
    ({"dropout": 1}, TEXTS, Y, "dropout == 1, must be < 1"),
    ({"config": NER}, TEXTS, Y, r"one component of the factories 'textcat'.*got .* 'cats'"),
    ({}, TEXTS, LABELS, "multilabel y"),
    ({}, TEXTS, ["spam"] * 30, "only one class: 'spam'"),
    ({}, TEXTS[:4], Y, "inconsistent numbers of samples"),
    ({}, [1, 2], Y[:2], "X must be texts, got 1 in row 0"),
    ({}, "win", Y[:1], "X must be a list of texts, got one: 'win'"),
    ({}, [], [], "0 sample"),
]


@pytest.mark.parametrize(("settings", "X", "y", "message"), BAD)
def test_bad_settings_and_data_are_named(settings, X, y, message):
    with pytest.raises(ValueError, match=message):
        model(**settings).fit(X, y)
