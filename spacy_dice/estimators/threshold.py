"""Decisions that maximise an F-score, for any classifier."""

from collections.abc import Iterable, Sized
from numbers import Real

import numpy
from numpy.typing import ArrayLike
from scipy.special import expit, logit, softmax
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import BaseCrossValidator, check_cv
from sklearn.utils import (
    Tags,
    _safe_indexing,
    assert_all_finite,
    check_scalar,
    column_or_1d,
    get_tags,
    indexable,
)
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from .._types import Floats, Ints
from .._validation import listed, nearest
from ..calibration.search import TINY, best_offsets, best_threshold, best_thresholds
from ..metrics._inputs import Columns, Label, Rows, Targets, as_array
from ..metrics.scorer import probabilities_of

AVERAGES = ("macro", "micro")

# The rows that a fold is fitted to, and the others.
Fold = tuple[Ints, Ints]
# Of `fit` of an estimator: a value for each row, or a setting.
Param = ArrayLike | None


class F1ThresholdClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    r"""A classifier whose decisions maximise an F-score, tuned on cross-fitted probabilities.

    Binary: one threshold. Multilabel: a threshold for each label. Multiclass: an offset for each
    class, ``argmax_k log p_k + b_k``. `sklearn.model_selection.TunedThresholdClassifierCV` does the
    first only, and averages curves over folds; here all out-of-fold probabilities are put together,
    which is steadier where positives are few.

    estimator: a classifier with `predict_proba`, or with `decision_function` through the link that
        `spacy_dice.metrics.SoftF1Scorer` names.
    average: `"macro"` or `"micro"` for multiclass and multilabel targets. Binary targets are tuned
        for the F-score of `pos_label`.
    beta: > 0, how many times as important as precision recall is.
    pos_label: for binary targets; None is the second class.
    cv: a number of folds, or a splitter, as in `sklearn.model_selection.cross_val_predict`.
    n_jobs: number of folds that are fitted at once.

    classes_. estimator_: fitted to all rows. thresholds_: `(1,)` for binary, `(c,)` for multilabel
    targets, in probabilities. offsets_: `(c,)` for multiclass targets.

    Source: the optimal threshold for F1 is F*/2: Lipton, Elkan and Naryanaswamy 2014, "Optimal
    Thresholding of Classifiers to Maximize F1 Measure".

    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = [[i / 20] for i in range(20)], [0] * 14 + [0, 1, 0, 1, 1, 1]
    >>> LogisticRegression().fit(X, y).predict(X).any()
    np.False_
    >>> model = F1ThresholdClassifier(LogisticRegression(), cv=2).fit(X, y)
    >>> model.predict(X)[-4:], model.thresholds_.round(1)
    (array([0, 0, 1, 1]), array([0.3]))
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        average: str = "macro",
        beta: float = 1.0,
        pos_label: Label = None,
        cv: int | BaseCrossValidator | Iterable[Fold] = 5,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.average = average
        self.beta = beta
        self.pos_label = pos_label
        self.cv = cv
        self.n_jobs = n_jobs

    def fit(self, X: Rows, y: Targets, **params: Param) -> "F1ThresholdClassifier":
        """Fit the estimator to the folds and to all rows, and tune the decisions.

        X: what the estimator takes. y: `(n,)` labels or an indicator `(n, c)`.
        params: go to `fit` of the estimator, those with a value for each row by rows.
            `sample_weight` weighs the F-score too. Where metadata routing is enabled, what the
            estimator requests.
        RAISES: ValueError for bad settings, and for `y` of a single class.
        """
        if self.average not in AVERAGES:
            raise ValueError(
                f"average must be one of {listed(AVERAGES)}, got {self.average!r}"
                f"{nearest(self.average, AVERAGES)}"
            )
        check_scalar(self.beta, "beta", Real, min_val=0, include_boundaries="neither")
        if not is_classifier(self.estimator):
            raise ValueError(f"estimator must be a classifier, got {self.estimator!r}")
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X, y = indexable(X, y)
        y = self._check_targets(y)
        fit_params, split_params = self._routed(params)
        folds = list(check_cv(self.cv, y=y, classifier=True).split(X, y, **split_params))
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(_out_of_fold)(clone(self.estimator), X, y, train, test, fit_params)
            for train, test in folds
        )
        tests = numpy.concatenate([test for _, test in folds])
        probs = numpy.concatenate([self._columns(classes, part) for classes, part in parts])
        weights = numpy.asarray(fit_params.get("sample_weight", numpy.ones(len(y))), dtype=float)
        self._tune(y[tests], probs, weights[tests])
        return self

    def predict(self, X: Rows) -> Columns:
        """Labels `(n,)`, or an indicator `(n, c)`."""
        scores = self.decision_function(X)
        if self._kind == "multilabel-indicator":
            return (scores > 0).astype(int)
        if self._kind == "multiclass":
            return self.classes_[scores.argmax(axis=1)]
        return self.classes_[(scores > 0).astype(int)]

    def decision_function(self, X: Rows) -> Floats:
        """What `predict` decides by.

        Binary and multilabel: ``logit p - logit threshold``, `(n,)` or `(n, c)`.
        Multiclass: ``log p + offset``, `(n, c)`.
        """
        check_is_fitted(self)
        multilabel = self._kind == "multilabel-indicator"
        probs = probabilities_of(self.estimator_, X, multilabel=multilabel)
        if self._kind == "multiclass":
            return numpy.log(numpy.maximum(probs, TINY)) + self.offsets_
        if multilabel:
            return _logit(probs) - _logit(self.thresholds_)
        margin = _logit(probs[:, self._positive]) - _logit(self.thresholds_)
        return margin if self._positive == 1 else -margin

    def predict_proba(self, X: Rows) -> Floats:
        """Probabilities `(n, c)`, moved by thresholds or offsets, so that `predict` agrees.

        That is the odds of each class times a constant, as if the classes were as frequent as pays
        for the F-score. Those of the estimator are `estimator_.predict_proba(X)`.
        """
        scores = self.decision_function(X)
        if self._kind == "multiclass":
            return softmax(scores, axis=1)
        probs = expit(scores)
        return numpy.stack([1 - probs, probs], axis=1) if self._kind == "binary" else probs

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn what metadata goes where: to `fit` of the estimator and to `cv`."""
        return (
            MetadataRouter(owner=self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(
                splitter=check_cv(self.cv),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _routed(self, params: dict[str, Param]) -> tuple[dict[str, Param], dict[str, Param]]:
        if not get_config()["enable_metadata_routing"]:
            return {k: v for k, v in params.items() if v is not None}, {}
        routed = process_routing(self, "fit", **params)
        return dict(routed.estimator.fit), dict(routed.splitter.split)

    def _check_targets(self, y: Targets) -> Columns:
        y = as_array(y)
        if not len(y):
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        self._kind = type_of_target(y, input_name="y")
        if self._kind == "multilabel-indicator":
            self.classes_ = numpy.arange(y.shape[1])
            return y
        if self._kind not in ("binary", "multiclass"):
            raise ValueError(f"Unknown label type: {self._kind} targets are not supported")
        y = column_or_1d(y, warn=True)
        self.classes_ = numpy.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must have at least 2 classes, but it has only one class: "
                f"{self.classes_.tolist()[0]!r}"
            )
        if self._kind == "binary":
            known = self.classes_.tolist()
            if self.pos_label is not None and self.pos_label not in known:
                raise ValueError(
                    f"pos_label={self.pos_label!r} is not a valid label. It should be one of "
                    f"{known}"
                )
            self._positive = 1 if self.pos_label is None else known.index(self.pos_label)
        return y

    def _columns(self, classes: Columns | None, probs: Floats) -> Floats:
        """Probabilities by `classes_`; classes that a fold lacked have 0."""
        if self._kind == "multilabel-indicator":
            return probs
        assert classes is not None
        full = numpy.zeros((len(probs), len(self.classes_)))
        full[:, numpy.searchsorted(self.classes_, classes)] = probs
        return full

    def _tune(self, y: Columns, probs: Floats, weights: Floats) -> None:
        if self._kind == "multilabel-indicator":
            self.thresholds_ = best_thresholds(
                y.astype(float), probs, weights, beta=self.beta, average=self.average
            )
        elif self._kind == "multiclass":
            codes = numpy.searchsorted(self.classes_, y)
            self.offsets_ = best_offsets(
                codes, probs, weights, beta=self.beta, average=self.average
            )
        else:
            positive = y == self.classes_[self._positive]
            threshold = best_threshold(positive, probs[:, self._positive], weights, beta=self.beta)
            self.thresholds_ = numpy.array([threshold])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        if inner.classifier_tags is not None:
            tags.classifier_tags = inner.classifier_tags
            tags.target_tags = inner.target_tags
        return tags


def _out_of_fold(
    estimator: BaseEstimator,
    X: Rows,
    y: Columns,
    train: Ints,
    test: Ints,
    params: dict[str, Param],
) -> tuple[Columns | None, Floats]:
    """The classes that a fold knows, and the probabilities of its test rows."""
    n_rows = len(y)
    params = {
        name: _safe_indexing(value, train)
        if isinstance(value, Sized) and not isinstance(value, str) and len(value) == n_rows
        else value
        for name, value in params.items()
    }
    estimator.fit(_safe_indexing(X, train), y[train], **params)
    multilabel = y.ndim == 2
    probs = probabilities_of(estimator, _safe_indexing(X, test), multilabel=multilabel)
    return getattr(estimator, "classes_", None), probs


def _logit(probs: Floats) -> Floats:
    return logit(numpy.clip(probs, TINY, 1 - numpy.finfo(float).epsneg))
