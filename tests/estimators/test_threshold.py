"""Tuned decisions of classifiers, beside scikit-learn's own."""

import joblib
import numpy
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, KFold, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier

from spacy_dice.calibration.search import best_threshold
from spacy_dice.estimators import F1ThresholdClassifier, SoftF1Classifier
from spacy_dice.metrics import get_scorer


def rare(n=600, seed=0):
    return make_classification(
        n, 6, n_informative=4, weights=[0.9], flip_y=0.05, class_sep=0.6, random_state=seed
    )


def test_binary_decisions_are_better_than_a_half_and_not_worse_than_scikit_learns():
    X, y = rare(4000)
    train, test = slice(None, 2000), slice(2000, None)
    scores = {
        type(model).__name__: f1_score(y[test], model.fit(X[train], y[train]).predict(X[test]))
        for model in (
            LogisticRegression(),
            F1ThresholdClassifier(LogisticRegression()),
            TunedThresholdClassifierCV(LogisticRegression(), scoring="f1"),
        )
    }
    assert scores["F1ThresholdClassifier"] > scores["LogisticRegression"] + 0.05
    assert scores["F1ThresholdClassifier"] > scores["TunedThresholdClassifierCV"] - 0.02


def test_it_tunes_on_out_of_fold_probabilities():
    X, y = rare()
    cv = KFold(3, shuffle=True, random_state=0)
    model = F1ThresholdClassifier(LogisticRegression(), cv=cv).fit(X, y)
    p = numpy.empty(len(y))
    for train, test in cv.split(X):
        p[test] = LogisticRegression().fit(X[train], y[train]).predict_proba(X[test])[:, 1]
    assert model.thresholds_[0] == pytest.approx(best_threshold(y, p, numpy.ones(len(y))))
    inner = LogisticRegression().fit(X, y)
    numpy.testing.assert_array_equal(
        model.predict(X), (inner.predict_proba(X)[:, 1] > model.thresholds_[0]).astype(int)
    )
    odds = inner.predict_proba(X)[:, 1] / inner.predict_proba(X)[:, 0]
    moved = model.predict_proba(X)[:, 1] / model.predict_proba(X)[:, 0]
    numpy.testing.assert_allclose(moved / odds, (moved / odds)[0])


def test_the_positive_class_may_be_the_first():
    X, codes = rare()
    y = numpy.array(["spam", "ham"])[codes]  # the rare class, ham, sorts first
    first = F1ThresholdClassifier(LogisticRegression(), pos_label="ham").fit(X, y)
    second = F1ThresholdClassifier(LogisticRegression()).fit(X, codes)
    assert ((first.predict(X) == "ham") == second.predict(X)).mean() > 0.99
    numpy.testing.assert_array_equal(
        first.classes_[first.predict_proba(X).argmax(axis=1)], first.predict(X)
    )


def test_macro_decisions_of_a_multiclass_problem():
    X, y = make_classification(
        3000, 8, n_informative=5, n_classes=4, weights=[0.8, 0.1, 0.06], class_sep=0.7,
        random_state=0,
    )  # fmt: skip
    names = numpy.array(["d", "b", "c", "a"])[y]
    train, test = slice(None, 1500), slice(1500, None)
    plain = LogisticRegression().fit(X[train], names[train])
    tuned = F1ThresholdClassifier(LogisticRegression()).fit(X[train], names[train])
    hard, soft = (
        f1_score(names[test], m.predict(X[test]), average="macro") for m in (plain, tuned)
    )
    assert soft > hard + 0.02
    numpy.testing.assert_array_equal(
        tuned.classes_[tuned.predict_proba(X).argmax(axis=1)], tuned.predict(X)
    )


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_thresholds_of_labels(average):
    X, y = make_multilabel_classification(800, n_classes=4, n_labels=1, random_state=0)
    train, test = slice(None, 400), slice(400, None)
    for inner in (OneVsRestClassifier(SoftF1Classifier(loss="ce")), RandomForestClassifier(
        20, max_depth=5, random_state=0
    )):  # fmt: skip
        tuned = F1ThresholdClassifier(inner, average=average, cv=3)
        tuned.fit(X[train], sparse.csr_array(y[train]))
        assert tuned.thresholds_.shape == (4,)
        plain = clone(inner).fit(X[train], y[train])
        scores = [f1_score(y[test], m.predict(X[test]), average=average) for m in (tuned, plain)]
        assert scores[0] > scores[1] - (0.01 if average == "micro" else 0)


def test_margins_are_enough():
    X, y = rare()
    model = F1ThresholdClassifier(RidgeClassifier()).fit(X, y)
    assert f1_score(y, model.predict(X)) > f1_score(y, RidgeClassifier().fit(X, y).predict(X))


def test_folds_that_lack_a_class():
    X, y = make_classification(90, 6, n_informative=4, n_classes=3, random_state=0)
    order = numpy.argsort(y, kind="stable")
    model = F1ThresholdClassifier(LogisticRegression(), cv=KFold(3)).fit(X[order], y[order])
    assert model.offsets_.shape == (3,)


def test_weights_go_to_the_estimator_and_to_the_score():
    X, y = rare()
    w = numpy.random.default_rng(0).integers(1, 4, len(y))
    cv = KFold(3)
    model = F1ThresholdClassifier(LogisticRegression(), cv=cv).fit(X, y, sample_weight=w)
    p = numpy.empty(len(y))
    for train, test in cv.split(X):
        inner = LogisticRegression().fit(X[train], y[train], w[train])
        p[test] = inner.predict_proba(X[test])[:, 1]
    assert model.thresholds_[0] == pytest.approx(best_threshold(y, p, w))
    with sklearn.config_context(enable_metadata_routing=True):
        asking = LogisticRegression().set_fit_request(sample_weight=True)
        routed = F1ThresholdClassifier(asking, cv=cv).fit(X, y, sample_weight=w)
        ignoring = LogisticRegression().set_fit_request(sample_weight=False)
        with pytest.raises(TypeError, match="not routed to any object"):
            F1ThresholdClassifier(ignoring, cv=cv).fit(X, y, sample_weight=w)
    assert routed.thresholds_ == model.thresholds_


def test_inside_a_search_and_in_two_threads():
    X, y = rare()
    search = GridSearchCV(
        F1ThresholdClassifier(LogisticRegression(), cv=2),
        {"estimator__C": [0.01, 1.0]},
        scoring=get_scorer("soft_f1"),
        cv=2,
    ).fit(X, y)
    assert 0 < search.best_score_ < 1
    with joblib.parallel_config(backend="threading"):
        both = F1ThresholdClassifier(LogisticRegression(), cv=2, n_jobs=2).fit(X, y)
    alone = F1ThresholdClassifier(LogisticRegression(), cv=2).fit(X, y)
    assert alone.thresholds_ == both.thresholds_


X, Y = rare(40)
BAD = [
    (LogisticRegression(), {"average": "makro"}, Y, r"average must .* \(did you mean 'macro'\?\)"),
    (LogisticRegression(), {"beta": 0}, Y, "beta == 0, must be > 0"),
    (LogisticRegression(), {"pos_label": 2}, Y, r"pos_label=2 is not a valid label.*\[0, 1\]"),
    (LinearRegression(), {}, Y, r"estimator must be a classifier, got LinearRegression\(\)"),
    (LogisticRegression(), {}, numpy.ones(40), r"only one class: 1\.0"),
    (LogisticRegression(), {}, None, "requires y to be passed"),
    (LogisticRegression(), {}, Y[:10], r"inconsistent numbers of samples: \[40, 10\]"),
]


@pytest.mark.parametrize(("estimator", "settings", "y", "message"), BAD)
def test_bad_settings_and_data_are_named(estimator, settings, y, message):
    with pytest.raises(ValueError, match=message):
        F1ThresholdClassifier(estimator, **settings).fit(X, y)
