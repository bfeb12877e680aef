"""Scorers: what scikit-learn's searches and curves take as `scoring=`."""

from collections.abc import Callable, Iterable

import numpy
import sklearn.metrics
from numpy.typing import ArrayLike
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from .._types import Floats
from .._validation import listed, nearest
from ._inputs import Label, Labels, Rows, Targets, class_labels, is_multilabel
from ._soft_counts import ZeroDivision
from .functions import soft_fbeta_score


class SoftF1Scorer(BaseEstimator):
    """Soft F-score of a fitted classifier, `scorer(estimator, X, y)`: larger is better.

    Works as `scoring=` wherever scikit-learn takes a callable. It reads the estimator's `classes_`,
    so that string labels, any order of classes, and folds that lack a class are scored right: a
    class that the estimator has never seen has probability 0.

    average, beta, labels, zero_division: as in `soft_fbeta_score`.
    pos_label: the class to score where `average="binary"`; None is the second of `classes_`.

    Probabilities come from `predict_proba`. An estimator without it is scored by its
    `decision_function`, through the inverse of the link that classifiers trained on the logistic
    loss have: the logistic function for binary and multilabel targets, softmax for multiclass.
    For other margins (`LinearSVC`, `RidgeClassifier`) these numbers are not calibrated: they rank
    settings of one estimator, but do not compare with the scores of others.

    `TunedThresholdClassifierCV` asks its scorer for scores of decisions: it gets the hard F-score.
    Where metadata routing is enabled, ask for weights by `set_score_request(sample_weight=True)`.

    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["ham", "ham", "spam", "spam"]
    >>> scorer = SoftF1Scorer()
    >>> scorer(LogisticRegression().fit(X, y), X, y)
    0.7127...
    >>> SoftF1Scorer(average="macro", beta=2.0)
    SoftF1Scorer(average='macro', beta=2.0)
    """

    # scikit-learn makes `set_score_request` of the signature of `score`, but for this one.
    __metadata_request__score = {"estimator": UNUSED}  # noqa: RUF012

    # What `TunedThresholdClassifierCV` reads from a scorer.
    _sign = 1
    _response_method = ("predict_proba", "decision_function")

    def __init__(
        self,
        *,
        average: str | None = "binary",
        beta: float = 1.0,
        labels: Labels | None = None,
        pos_label: Label = None,
        zero_division: ZeroDivision = "warn",
    ) -> None:
        self.average = average
        self.beta = beta
        self.labels = labels
        self.pos_label = pos_label
        self.zero_division = zero_division

    def __call__(
        self,
        estimator: BaseEstimator,
        X: Rows,
        y_true: Targets,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """`score`, under the name that scikit-learn calls."""
        return self.score(estimator, X, y_true, sample_weight)

    def score(
        self, estimator: BaseEstimator, X: Rows, y: Targets, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score `estimator` on `X`.

        estimator: a fitted classifier, or a pipeline or search that ends in one.
        X: what its `predict_proba` takes. y: `(n,)` labels or an indicator `(n, c)`.
        sample_weight: `(n,)`, or None.
        RETURNS: a float in [0, 1].
        RAISES: AttributeError if the estimator has neither `predict_proba` nor `decision_function`;
            ValueError for labels that neither the estimator nor `y` know.
        """
        check_is_fitted(estimator)
        probs = probabilities_of(estimator, X, multilabel=is_multilabel(y))
        if is_multilabel(y):
            return self._score(y, probs, sample_weight)
        classes = list(_classes(estimator, probs))
        y = numpy.asarray(y)
        unseen = [label for label in numpy.unique(y).tolist() if label not in classes]
        if unseen:
            probs = numpy.hstack([probs, numpy.zeros((len(probs), len(unseen)))])
            classes += unseen
        self._check_labels(classes)
        if len(classes) == 1:
            classes, probs = _with_other_class(classes, probs)
        pos_label = self.pos_label
        if pos_label is None:
            # Labels of one problem are of one type, which can be sorted.
            pos_label = max(classes) if unseen else classes[1]  # type: ignore[type-var]
        return self._score(y, probs, sample_weight, classes=classes, pos_label=pos_label)

    def _check_labels(self, classes: list[Label]) -> None:
        asked = list(self.labels) if self.labels is not None else []
        if self.average == "binary":
            asked = [] if self.pos_label is None else [self.pos_label]
        for label in asked:
            if label not in classes:
                name = "pos_label" if self.average == "binary" else "labels"
                raise ValueError(
                    f"{name}={label!r} is not a valid label. It should be one of {listed(classes)}"
                    f"{nearest(label, map(str, classes))}"
                )

    def _score(
        self,
        y_true: Targets,
        probs: Floats,
        sample_weight: ArrayLike | None,
        *,
        classes: Labels | None = None,
        pos_label: Label = 1,
    ) -> float:
        if self.average is None:
            raise ValueError("average=None gives a score for each label, a scorer must give one")
        return float(
            soft_fbeta_score(
                y_true,
                probs,
                beta=self.beta,
                labels=self.labels if self.average != "binary" else None,
                pos_label=pos_label if self.average == "binary" else 1,
                average=self.average,
                sample_weight=sample_weight,
                zero_division=self.zero_division,
                classes=classes,
            )
        )

    def _accept_sample_weight(self) -> bool:
        return True

    @property
    def _kwargs(self) -> dict[str, Label]:
        return {} if self.pos_label is None else {"pos_label": self.pos_label}

    def _score_func(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **settings: Label,
    ) -> float:
        """Score decisions: labels in the place of probabilities."""
        y_true, y_pred = numpy.asarray(y_true), numpy.asarray(y_pred)
        found = class_labels(numpy.concatenate([numpy.unique(y_true), numpy.unique(y_pred)]))
        classes, probs = list(found), (y_pred[:, None] == found).astype(numpy.float64)
        if len(classes) == 1:
            classes, probs = _with_other_class(found.tolist(), probs)
        pos_label = settings.get("pos_label", self.pos_label)
        return self._score(
            y_true,
            probs,
            sample_weight,
            classes=classes,
            pos_label=classes[-1] if pos_label is None else pos_label,
        )


# Of an estimator, rows and targets: a score, larger is better.
Scorer = Callable[[BaseEstimator, Rows, Targets], float]

_SCORERS = {
    "soft_f1": SoftF1Scorer(),
    "soft_f1_macro": SoftF1Scorer(average="macro"),
    "soft_f1_micro": SoftF1Scorer(average="micro"),
    "soft_f1_samples": SoftF1Scorer(average="samples"),
    "soft_f1_weighted": SoftF1Scorer(average="weighted"),
}


def get_scorer_names() -> list[str]:
    """The names that `get_scorer` knows besides scikit-learn's.

    >>> get_scorer_names()
    ['soft_f1', 'soft_f1_macro', 'soft_f1_micro', 'soft_f1_samples', 'soft_f1_weighted']
    """
    return sorted(_SCORERS)


def get_scorer(scoring: str | Scorer) -> Scorer:
    """A new scorer by its name, ours or scikit-learn's; a callable is returned as it is.

    RAISES: ValueError for an unknown name.

    >>> get_scorer("soft_f1_macro")
    SoftF1Scorer(average='macro')
    """
    if not isinstance(scoring, str):
        return sklearn.metrics.get_scorer(scoring)
    if scoring in _SCORERS:
        return SoftF1Scorer(**_SCORERS[scoring].get_params())
    known = get_scorer_names() + sklearn.metrics.get_scorer_names()
    if scoring not in known:
        raise ValueError(
            f"{scoring!r} is not a valid scoring value{nearest(scoring, known)}. Use "
            f"spacy_dice.metrics.get_scorer_names() and sklearn.metrics.get_scorer_names() to get "
            f"valid options."
        )
    return sklearn.metrics.get_scorer(scoring)


def get_scorers(names: Iterable[str]) -> dict[str, Scorer]:
    """The scorers of several names, for `scoring=` of several metrics.

    scikit-learn looks the strings of a list up among its own names only, but takes a dict of
    scorers.

    >>> get_scorers(["accuracy", "soft_f1"])
    {'accuracy': make_scorer(accuracy_score, response_method='predict'), 'soft_f1': SoftF1Scorer()}
    """
    return {name: get_scorer(name) for name in names}


def probabilities_of(estimator: BaseEstimator, X: Rows, *, multilabel: bool) -> Floats:
    """`(n, c)` probabilities of classes or labels."""
    if is_regressor(estimator):
        raise ValueError(f"{type(estimator).__name__} is a regressor, it has no probabilities")
    if hasattr(estimator, "predict_proba"):
        probs = estimator.predict_proba(X)
        if isinstance(probs, list):
            return _stack_outputs(estimator, probs)
        return _two_columns(numpy.asarray(probs), multilabel)
    if not hasattr(estimator, "decision_function"):
        raise AttributeError(
            f"{type(estimator).__name__} has none of the following attributes: predict_proba, "
            f"decision_function."
        )
    margins = numpy.asarray(estimator.decision_function(X), dtype=numpy.float64)
    if multilabel or margins.ndim == 1:
        return _two_columns(expit(margins), multilabel)
    return softmax(margins, axis=1)


def _two_columns(probs: Floats, multilabel: bool) -> Floats:
    if probs.ndim == 1 and not multilabel:
        return numpy.stack([1 - probs, probs], axis=1)
    return probs


def _stack_outputs(estimator: BaseEstimator, outputs: list[Floats]) -> Floats:
    """One column for each label, from one `(n, 2)` array for each (forests, MultiOutput)."""
    columns = []
    for output, classes in zip(outputs, estimator.classes_, strict=True):
        places = [i for i, label in enumerate(classes) if label == 1]
        columns.append(output[:, places[0]] if places else numpy.zeros(len(output)))
    return numpy.stack(columns, axis=1)


def _classes(estimator: BaseEstimator, probs: Floats) -> list[Label]:
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise AttributeError(
            f"{type(estimator).__name__} has no attribute classes_, which tells what the columns "
            f"of its probabilities are"
        )
    classes = numpy.asarray(classes).tolist()
    if len(classes) != probs.shape[1]:
        raise ValueError(
            f"{type(estimator).__name__} gives {probs.shape[1]} columns for {len(classes)} "
            f"classes: {listed(classes)}"
        )
    return classes


def _with_other_class(classes: list[Label], probs: Floats) -> tuple[list[Label], Floats]:
    """Complete 0 or 1 to both; any other single class is the positive one."""
    if classes[0] == 1:
        return [0, 1], numpy.hstack([1 - probs, probs])
    if classes[0] == 0:
        return [0, 1], numpy.hstack([probs, 1 - probs])
    return [None, classes[0]], numpy.hstack([1 - probs, probs])
