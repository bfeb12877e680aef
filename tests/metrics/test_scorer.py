"""The scorers in everything that takes `scoring=`."""

import pickle
import warnings

import numpy
import pytest
import sklearn
from joblib.externals.loky import get_reusable_executor
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFECV
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spacy_dice.metrics import (
    SoftF1Scorer,
    get_scorer,
    get_scorer_names,
    get_scorers,
    soft_f1_score,
    soft_fbeta_score,
)

X, CODES = make_classification(200, 6, n_informative=4, weights=[0.8], random_state=0)
Y = numpy.array(["ham", "spam"])[CODES]
X3, CODES3 = make_classification(
    240, 6, n_informative=4, n_classes=3, weights=[0.6, 0.3], random_state=0
)
Y3 = numpy.array(["a", "b", "c"])[CODES3]
GRID = {"C": [0.01, 1.0]}


@pytest.fixture
def model():
    return LogisticRegression()


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


class Fixed(ClassifierMixin, BaseEstimator):
    """Gives the probabilities or margins that it was made with."""

    def __init__(self, classes, probs=None, margins=None):
        self.classes, self.probs, self.margins = classes, probs, margins

    def fit(self, X, y):
        self.classes_ = numpy.asarray(self.classes)
        return self

    def __getattr__(self, name):
        kept = {"predict_proba": "probs", "decision_function": "margins"}.get(name)
        if kept is None or self.__dict__.get(kept) is None:
            raise AttributeError(name)
        return lambda X: numpy.asarray(self.__dict__[kept])


def test_a_scorer_is_the_metric_of_the_probabilities(model):
    model.fit(X, Y)
    expected = soft_f1_score(Y, model.predict_proba(X), pos_label="spam")
    assert SoftF1Scorer()(model, X, Y) == expected
    assert SoftF1Scorer(pos_label="ham")(model, X, Y) == soft_f1_score(
        Y, model.predict_proba(X), pos_label="ham"
    )
    weights = numpy.arange(len(Y))
    assert SoftF1Scorer(average="macro", beta=2)(
        model, X, Y, sample_weight=weights
    ) == soft_fbeta_score(Y, model.predict_proba(X), beta=2, average="macro", sample_weight=weights)


def test_a_margin_goes_through_the_link_of_logistic_models():
    for y, average in ((Y, "binary"), (Y3, "macro")):
        X_ = X if y is Y else X3
        fitted = LogisticRegression().fit(X_, y)
        margins = Fixed(fitted.classes_, margins=fitted.decision_function(X_)).fit(X_, y)
        scorer = SoftF1Scorer(average=average)
        assert scorer(margins, X_, y) == pytest.approx(scorer(fitted, X_, y), rel=1e-12)
    assert 0 < SoftF1Scorer(average="macro")(RidgeClassifier().fit(X3, Y3), X3, Y3) < 1


def test_classes_may_come_in_any_order():
    probs = numpy.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]])
    y = ["ham", "spam", "spam"]
    model = Fixed(["ham", "spam"], probs).fit(None, y)
    swapped = Fixed(["spam", "ham"], probs[:, ::-1]).fit(None, y)
    for scorer in (SoftF1Scorer(average="macro"), SoftF1Scorer(pos_label="spam")):
        assert scorer(model, [], y) == scorer(swapped, [], y)
    # Without pos_label it is the second class.
    assert SoftF1Scorer()(swapped, [], y) == SoftF1Scorer(pos_label="ham")(model, [], y)


def test_a_class_that_training_lacked_has_probability_0(model):
    few = CODES3 < 2
    model.fit(X3[few], Y3[few])
    probs = numpy.hstack([model.predict_proba(X3), numpy.zeros((len(Y3), 1))])
    assert SoftF1Scorer(average="macro")(model, X3, Y3) == soft_f1_score(Y3, probs, average="macro")
    # Hard scores do the same.
    hard = f1_score(Y3, model.predict(X3), average="macro", zero_division=0)
    decided = Fixed(model.classes_, (model.predict_proba(X3) > 0.5).astype(float)).fit(X3, Y3)
    assert SoftF1Scorer(average="macro")(decided, X3, Y3) == pytest.approx(hard)


def test_a_class_that_test_data_lack(model):
    model.fit(X3, Y3)
    few = CODES3 < 2
    assert SoftF1Scorer(average="macro")(model, X3[few], Y3[few]) == soft_f1_score(
        Y3[few], model.predict_proba(X3[few]), average="macro", classes=["a", "b", "c"]
    )


@pytest.mark.parametrize(("label", "value"), [(0, 0.0), (1, 1.0), ("x", 1.0)])
def test_an_estimator_of_one_class(label, value):
    one = DummyClassifier().fit(X[:4], [label] * 4)
    assert SoftF1Scorer(zero_division=0)(one, X[:4], [label] * 4) == value
    assert SoftF1Scorer(average="macro")(one, X[:4], [label] * 4) == 1
    other = "ham" if label == "x" else 1 - label
    score = SoftF1Scorer(pos_label=other)(one, X[:4], [label, label, label, other])
    assert score == 0


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples"])
def test_multilabel(average):
    X_, y = make_multilabel_classification(60, n_classes=3, random_state=0, allow_unlabeled=False)
    scorer = SoftF1Scorer(average=average, zero_division=0)
    linear = OneVsRestClassifier(LogisticRegression(max_iter=1000)).fit(X_, y)
    assert scorer(linear, X_, y) == soft_f1_score(
        y, linear.predict_proba(X_), average=average, zero_division=0
    )
    margins = Fixed(linear.classes_, margins=linear.decision_function(X_)).fit(X_, y)
    assert scorer(margins, X_, y) == pytest.approx(scorer(linear, X_, y))
    forest = RandomForestClassifier(5, random_state=0).fit(X_, y)
    probs = numpy.stack([p[:, 1] for p in forest.predict_proba(X_)], axis=1)
    assert scorer(forest, X_, y) == soft_f1_score(y, probs, average=average, zero_division=0)


def test_a_forest_that_never_saw_a_label():
    X_, y = make_multilabel_classification(60, n_classes=3, random_state=0)
    y_train = y * [1, 0, 1]
    forest = RandomForestClassifier(5, random_state=0).fit(X_, y_train)
    scores = [SoftF1Scorer(average="macro", labels=[k])(forest, X_, y) for k in range(3)]
    assert scores[0] > 0.5
    assert scores[1] == 0


SEARCHES = {
    "grid": lambda model, scorer: GridSearchCV(model, GRID, scoring=scorer, cv=3),
    "random": lambda model, scorer: RandomizedSearchCV(
        model, GRID, n_iter=2, scoring=scorer, cv=3, random_state=0
    ),
    "halving": lambda model, scorer: HalvingGridSearchCV(
        model, GRID, scoring=scorer, cv=3, random_state=0
    ),
}


@pytest.mark.parametrize("search", SEARCHES)
def test_searches_select_by_it(search, model):
    found = SEARCHES[search](model, get_scorer("soft_f1")).fit(X, Y)
    assert found.best_params_ == {"C": 1.0}
    assert found.score(X, Y) == SoftF1Scorer()(found.best_estimator_, X, Y)


def test_a_search_over_folds_that_lack_a_class(model):
    order = numpy.argsort(CODES3, kind="stable")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = cross_val_score(
            model, X3[order], Y3[order], scoring=get_scorer("soft_f1_macro"), cv=KFold(4)
        )
    assert numpy.isfinite(scores).all()


def test_several_metrics(model):
    scores = cross_validate(
        model, X, Y, scoring={"soft": SoftF1Scorer(), "macro": get_scorer("soft_f1_macro")}, cv=3
    )
    same = cross_validate(model, X, Y, scoring=get_scorers(["accuracy", "soft_f1"]), cv=3)
    numpy.testing.assert_array_equal(scores["test_soft"], same["test_soft_f1"])
    search = GridSearchCV(
        model, GRID, scoring=get_scorers(["accuracy", "soft_f1_macro"]), refit="soft_f1_macro"
    ).fit(X, Y)
    assert search.best_params_ == {"C": 1.0}


def test_curves_importances_and_feature_selection(model):
    scorer = get_scorer("soft_f1")
    sizes, _, test_scores = learning_curve(
        model, X, Y, scoring=scorer, cv=3, train_sizes=[0.5, 1.0]
    )
    assert test_scores.shape == (len(sizes), 3)
    fitted = make_pipeline(StandardScaler(), model).fit(X, Y)
    importances = permutation_importance(
        fitted, X, Y, scoring=scorer, n_repeats=2, random_state=0, sample_weight=CODES + 1.0
    )
    assert importances.importances_mean.max() > 0.05
    selected = RFECV(model, scoring=scorer, cv=3, min_features_to_select=2).fit(X, Y)
    assert selected.n_features_ >= 2


@pytest.mark.parametrize("pos_label", [None, "ham"])
def test_tuned_thresholds_are_those_of_hard_f1(model, pos_label):
    ours = TunedThresholdClassifierCV(model, scoring=SoftF1Scorer(pos_label=pos_label), cv=3)
    theirs = TunedThresholdClassifierCV(
        model,
        scoring=sklearn.metrics.make_scorer(f1_score, pos_label=pos_label or "spam"),
        cv=3,
    )
    assert ours.fit(X, Y).best_score_ == pytest.approx(theirs.fit(X, Y).best_score_)
    assert ours.best_threshold_ == theirs.best_threshold_


def test_tuned_thresholds_with_other_averages(model):
    ours = TunedThresholdClassifierCV(model, scoring=get_scorer("soft_f1_macro"), cv=3).fit(X, Y)
    theirs = TunedThresholdClassifierCV(model, scoring="f1_macro", cv=3).fit(X, Y)
    assert ours.best_score_ == pytest.approx(theirs.best_score_)


def test_sample_weights_are_routed_where_they_are_asked_for(routing, model):
    weights = numpy.where(Y == "spam", 10.0, 1.0)
    model = model.set_fit_request(sample_weight=True)
    asking = SoftF1Scorer().set_score_request(sample_weight=True)
    refusing = SoftF1Scorer().set_score_request(sample_weight=False)
    cv = StratifiedKFold(3)
    results = {
        name: cross_val_score(model, X, Y, scoring=scorer, params={"sample_weight": weights}, cv=cv)
        for name, scorer in (("asking", asking), ("refusing", refusing))
    }
    for i, (train, test) in enumerate(cv.split(X, Y)):
        fitted = clone(model).fit(X[train], Y[train], sample_weight=weights[train])
        assert results["asking"][i] == asking(fitted, X[test], Y[test], weights[test])
        assert results["refusing"][i] == refusing(fitted, X[test], Y[test])
    with pytest.raises(ValueError, match=r"sample_weight.*not explicitly set"):
        cross_val_score(model, X, Y, scoring=SoftF1Scorer(), params={"sample_weight": weights})
    search = GridSearchCV(model, GRID, scoring={"soft": asking}, refit="soft")
    search.fit(X, Y, sample_weight=weights)
    assert search.best_score_ > refusing(search, X, Y)
    hard = sklearn.metrics.make_scorer(f1_score, pos_label="spam")
    tuned, theirs = (
        TunedThresholdClassifierCV(model, scoring=scorer, cv=3).fit(X, Y, sample_weight=weights)
        for scorer in (asking, hard.set_score_request(sample_weight=True))
    )
    assert tuned.best_score_ == pytest.approx(theirs.best_score_)
    assert clone(asking)._metadata_request.score.requests == {"sample_weight": True}


def test_it_is_an_object_that_can_be_copied_stored_and_read(model):
    scorer = SoftF1Scorer(average="macro", labels=["spam"])
    model.fit(X, Y)
    for copy in (clone(scorer), pickle.loads(pickle.dumps(scorer))):
        assert copy.get_params() == scorer.get_params()
        assert copy(model, X, Y) == scorer(model, X, Y)
    assert repr(scorer) == "SoftF1Scorer(average='macro', labels=['spam'])"
    search = pickle.loads(pickle.dumps(GridSearchCV(model, GRID, scoring=scorer)))
    assert repr(search.scoring) == repr(scorer)


def test_names():
    assert set(get_scorer_names()) == {
        "soft_f1", "soft_f1_macro", "soft_f1_micro", "soft_f1_samples", "soft_f1_weighted"
    }  # fmt: skip
    for name in get_scorer_names():
        assert get_scorer(name).average == (name.removeprefix("soft_f1_") if name[7:] else "binary")
        assert get_scorer(name) is not get_scorer(name)
    scorer = SoftF1Scorer()
    assert get_scorer(scorer) is scorer
    with pytest.raises(
        ValueError, match=r"'soft_f1_makro' is not a valid.*did you mean 'soft_f1_m"
    ):
        get_scorer("soft_f1_makro")


def test_two_processes(model):
    # Not those of a test before, which may have killed one of them.
    get_reusable_executor().shutdown(kill_workers=True)
    search = GridSearchCV(model, GRID, scoring=get_scorer("soft_f1"), cv=2, n_jobs=2).fit(X, Y)
    alone = GridSearchCV(model, GRID, scoring=get_scorer("soft_f1"), cv=2).fit(X, Y)
    assert search.best_score_ == alone.best_score_


@pytest.mark.filterwarnings("ignore")  # of distributed itself
def test_the_dask_backend_of_joblib(model):
    distributed = pytest.importorskip("distributed")
    import joblib

    with (
        distributed.Client(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ),
        joblib.parallel_config(backend="dask"),
    ):
        search = GridSearchCV(model, GRID, scoring=get_scorer("soft_f1"), cv=2).fit(X, Y)
    alone = GridSearchCV(model, GRID, scoring=get_scorer("soft_f1"), cv=2).fit(X, Y)
    assert search.best_score_ == alone.best_score_


def test_bad_use_is_named(model):
    model.fit(X, Y)
    with pytest.raises(
        ValueError, match=r"labels='spma' is not a valid label.*did you mean 'spam'"
    ):
        SoftF1Scorer(average="macro", labels=["spma"])(model, X, Y)
    with pytest.raises(ValueError, match=r"pos_label=1 is not a valid label"):
        SoftF1Scorer(pos_label=1)(model, X, Y)
    with pytest.raises(ValueError, match=r"Target is multiclass but average='binary'"):
        SoftF1Scorer()(LogisticRegression().fit(X3, Y3), X3, Y3)
    with pytest.raises(ValueError, match=r"average=None"):
        SoftF1Scorer(average=None)(model, X, Y)
    with pytest.raises(
        AttributeError, match=r"Fixed has none of the .* predict_proba, decision_fu"
    ):
        SoftF1Scorer()(Fixed(["ham", "spam"]).fit(X, Y), X, Y)
    with pytest.raises(ValueError, match=r"LinearRegression is a regressor"):
        SoftF1Scorer()(LinearRegression().fit(X, CODES), X, CODES)
    with pytest.raises(ValueError, match=r"3 columns for 2 classes"):
        SoftF1Scorer()(Fixed(["ham", "spam"], numpy.full((200, 3), 1 / 3)).fit(X, Y), X, Y)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        SoftF1Scorer()(LogisticRegression(), X, Y)
