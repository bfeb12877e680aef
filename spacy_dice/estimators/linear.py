"""A linear classifier that is trained on what it is scored by."""

from numbers import Integral, Real
from typing import Literal

import numpy
from numpy.typing import ArrayLike
from scipy.special import log_expit, log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_scalar, column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from .._types import Floats
from .._validation import listed, nearest
from ..functional import REDUCTIONS
from ..metrics._inputs import Columns, Label, Labels, Rows, Targets, as_array, check_weights
from ._objective import LOSSES, Features, LinearObjective, Term, descend, linear, probabilities

# Weights of classes by label.
ClassWeight = Literal["balanced"] | dict[Label, float] | None

# How much farther from its minimum the first stage, only a start, may end.
_ROUGH = 100


class SoftF1Classifier(ClassifierMixin, BaseEstimator):
    r"""Logistic regression with an F1-oriented loss: ``C (L + ce_weight CE) + 1/2 |coef|^2``.

    For binary targets, multiclass (softmax), and multilabel indicators. `X` is dense or sparse (CSR
    is not copied).

    loss: `"tversky"`, `"dice"`, `"dsc"`, `"focal"` or `"ce"`; see `spacy_dice.functional`.
    alpha, beta: of `"tversky"`, the weights of false positives and false negatives; a half for both
        makes it the soft F1 score. alpha is that of `"dsc"` too. None is a half for the former, 0.1
        for the latter.
    smooth, reduction: of the Dice family. focus: of `"focal"`.
    ce_weight: the total is ``loss + ce_weight * CE``. 0 is the bare loss. As C multiplies both, the
        penalty weighs less than in logistic regression with the same C.
    pos_label: of binary targets, the class whose F-score the loss is about; None is the second one.
    C: > 0, the inverse of the strength of the L2 penalty, as in
        `sklearn.linear_model.LogisticRegression`, which ``loss="ce"`` equals.
    class_weight: None, `"balanced"`, or a dict of weights by class. For multilabel targets weights
        of 0 and 1, for all labels or in a list with a dict for each label.
    fit_intercept: whether to have intercepts, which are not penalised.
    warm_start: start from the coefficients of the last fit, not from those of cross entropy.
    max_iter, tol: at most so many iterations of L-BFGS for each of the two stages, and the largest
        entry of the gradient at the end.
    random_state: not used, the fit is deterministic; it is there for tools that set it.

    The losses are not convex, so that where the descent starts matters: it starts from the solution
    of cross entropy (which is), and is deterministic.

    `loss`, `ce_weight` and `reduction` are what did best on validation folds of three data sets
    (messages, product pairs, questions), apart from the rows that the benchmark tests on; the table
    is in its report, metrics/sklearn/report.md. The gradient of ``reduction="example"`` for an
    example vanishes where the model is sure of the wrong class. The alpha of `"dsc"` is the
    smallest one that was tried, as larger ones did worse: its u is largest at 1/(1 + alpha), so
    that it holds probabilities of positives back from 1.

    classes_: `(c,)`. coef_, intercept_: `(1, d)` and `(1,)` for binary targets, else `(c, d)` and
    `(c,)`. n_iter_: `(1,)`, iterations of both stages. n_features_in_, feature_names_in_.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["ham", "ham", "spam", "spam"]
    >>> model = SoftF1Classifier().fit(X, y)
    >>> model.predict([[0.5], [2.5]])
    array(['ham', 'spam'], dtype='<U4')
    """

    def __init__(
        self,
        *,
        loss: str = "tversky",
        alpha: float | None = None,
        beta: float = 0.5,
        smooth: float = 1.0,
        focus: float = 2.0,
        reduction: str = "batch",
        ce_weight: float = 3.0,
        pos_label: Label = None,
        C: float = 1.0,
        class_weight: ClassWeight | list[ClassWeight] = None,
        fit_intercept: bool = True,
        warm_start: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-4,
        random_state: int | numpy.random.RandomState | None = None,
    ) -> None:
        self.loss = loss
        self.alpha = alpha
        self.beta = beta
        self.smooth = smooth
        self.focus = focus
        self.reduction = reduction
        self.ce_weight = ce_weight
        self.pos_label = pos_label
        self.C = C
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.warm_start = warm_start
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(
        self, X: Rows, y: Targets, sample_weight: ArrayLike | None = None
    ) -> "SoftF1Classifier":
        """Fit to `X` `(n, d)` and `y` `(n,)`, or an indicator `(n, c)`.

        sample_weight: `(n,)`, >= 0; a row of weight 2 counts as two rows.
        RAISES: ValueError for bad settings and data, and for `y` of a single class.
        WARNS: ConvergenceWarning if L-BFGS did not converge.
        """
        self._check_settings()
        X, y = self._check_data(X, y, reset=True)
        self._set_classes(y)
        start = self._params() if self.warm_start and hasattr(self, "coef_") else None
        shape = self._shape(X.shape[1])
        if start is not None and start.shape != shape:
            raise ValueError(
                f"warm_start needs the same features and classes: the coefficients have the shape "
                f"{start.shape}, now {shape}"
            )
        center, precision = numpy.zeros(shape), numpy.ones(shape)
        precision[:, X.shape[1] :] = 0
        self._descend(X, y, sample_weight, center, precision, start)
        return self

    def partial_fit(
        self,
        X: Rows,
        y: Targets,
        classes: Labels | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> "SoftF1Classifier":
        r"""Fit to one more part of a stream.

        The coefficients m so far become the center of the penalty, and the curvature q of what they
        were fitted to its strength: ``C (L + ce_weight CE) + 1/2 sum_j q_j (w_j - m_j)^2`` is
        minimised over the new rows. Of the curvature only the diagonal is kept, as cross entropy
        has it, so that parts are not quite equal to the whole; the first part is equal to `fit`.

        classes: all classes that will come; needed in the first call, not for multilabel targets.
        RAISES: ValueError as `fit`, and for labels that are not in `classes`.

        Source: Chapelle and Li, "An Empirical Evaluation of Thompson Sampling", NIPS 2011,
        algorithm 3.
        """
        self._check_settings()
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} is not supported for partial_fit: the counts "
                f"of classes are not known. Give the weights as a dict."
            )
        first = not hasattr(self, "coef_")
        X, y = self._check_data(X, y, reset=first)
        if first:
            if classes is None and y.ndim == 1:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._set_classes(y, classes)
            shape = self._shape(X.shape[1])
            center, precision = numpy.zeros(shape), numpy.ones(shape)
            precision[:, X.shape[1] :] = 0
            start = None
        else:
            if classes is not None and list(classes) != self.classes_.tolist():
                raise ValueError(
                    f"classes must be the same in each call to partial_fit: "
                    f"{listed(self.classes_)}, got {listed(classes)}"
                )
            start = center = self._params()
            precision = self._precision
        self._descend(X, y, sample_weight, center, precision, start)
        return self

    def decision_function(self, X: Rows) -> Floats:
        """Logits: `(n,)` for binary targets, else `(n, c)`."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=numpy.float64, reset=False)
        logits = linear(X, self._params())
        return logits[:, 0] if self._is_binary else logits

    def predict_proba(self, X: Rows) -> Floats:
        """Probabilities `(n, c)`, of the classes or, for multilabel targets, of each label."""
        logits = self.decision_function(X)
        probs = probabilities(logits, self._is_exclusive)
        return numpy.stack([1 - probs, probs], axis=1) if self._is_binary else probs

    def predict_log_proba(self, X: Rows) -> Floats:
        """Logarithms of `predict_proba`, finite where a probability rounds to 0."""
        logits = self.decision_function(X)
        if self._is_exclusive:
            return log_softmax(logits, axis=1)
        log_p = log_expit(logits)
        return numpy.stack([log_expit(-logits), log_p], axis=1) if self._is_binary else log_p

    def predict(self, X: Rows) -> Columns:
        """The most probable classes `(n,)`, or an indicator `(n, c)` of the labels over a half."""
        logits = self.decision_function(X)
        if self._multilabel:
            return (logits > 0).astype(int)
        columns = (logits > 0).astype(int) if self._is_binary else logits.argmax(axis=1)
        return self.classes_[columns]

    @property
    def _is_binary(self) -> bool:
        return not self._multilabel and len(self.classes_) == 2

    @property
    def _positive(self) -> int:
        """The place of the class that binary targets are trained on."""
        return 0 if self.pos_label is not None and self.classes_[0] == self.pos_label else 1

    @property
    def _is_exclusive(self) -> bool:
        return not (self._multilabel or self._is_binary)

    def _params(self) -> Floats:
        if self.fit_intercept:
            return numpy.hstack([self.coef_, self.intercept_[:, None]])
        return self.coef_

    def _shape(self, n_features: int) -> tuple[int, int]:
        return 1 if self._is_binary else len(self.classes_), n_features + bool(self.fit_intercept)

    def _check_settings(self) -> None:
        for name, value, choices in (
            ("loss", self.loss, tuple(LOSSES)),
            ("reduction", self.reduction, REDUCTIONS),
        ):
            if value not in choices:
                raise ValueError(
                    f"{name} must be one of {listed(choices)}, got {value!r}"
                    f"{nearest(value, choices)}"
                )
        for name in ("alpha", "beta", "smooth", "focus", "ce_weight", "tol"):
            value = getattr(self, name)
            if name != "alpha" or value is not None:
                check_scalar(value, name, Real, min_val=0)
        check_scalar(self.C, "C", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.max_iter, "max_iter", Integral, min_val=1)

    def _check_data(self, X: Rows, y: Targets, *, reset: bool) -> tuple[Features, Columns]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=numpy.float64,
            multi_output=True,
            reset=reset,
        )
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            return X, as_array(y)
        if type_of_target(y) == "multiclass-multioutput":
            raise ValueError("Unknown label type: multiclass-multioutput targets are not supported")
        return X, column_or_1d(y, warn=True)

    def _set_classes(self, y: Columns, classes: Labels | None = None) -> None:
        self._multilabel = y.ndim == 2
        if self._multilabel:
            self.classes_ = numpy.arange(y.shape[1])
            return
        self.classes_ = numpy.unique(y if classes is None else numpy.asarray(classes))
        if len(self.classes_) < 2:
            raise ValueError(
                f"This solver needs samples of at least 2 classes in the data, but the data "
                f"contains only one class: {self.classes_.tolist()[0]!r}"
            )
        known = self.classes_.tolist()
        if self._is_binary and self.pos_label is not None and self.pos_label not in known:
            raise ValueError(
                f"pos_label={self.pos_label!r} is not a valid label. It should be one of {known}"
            )

    def _targets(self, y: Columns) -> Floats:
        """Targets `(n, 1)` for binary labels, else `(n, c)`."""
        if self._multilabel:
            if y.ndim != 2 or y.shape[1] != len(self.classes_):
                raise ValueError(
                    f"y must be an indicator of {len(self.classes_)} labels, got the shape "
                    f"{y.shape}"
                )
            return y.astype(numpy.float64)
        unknown = numpy.setdiff1d(y, self.classes_)
        if y.ndim != 1 or len(unknown):
            raise ValueError(
                f"y contains labels that are not in classes {listed(self.classes_)}: "
                f"{listed(unknown)}"
            )
        table = (y[:, None] == self.classes_).astype(numpy.float64)
        return table[:, [self._positive]] if self._is_binary else table

    def _weights(self, targets: Floats, sample_weight: ArrayLike | None) -> Floats:
        """Weights of rows `(n,)`; of cells for multilabel targets with class weights."""
        class_weight = self.class_weight
        weights = check_weights(sample_weight, len(targets))
        if not weights.any():
            raise ValueError("sample_weight must contain at least one non-zero number.")
        if class_weight is None:
            return weights
        if not self._multilabel:
            table, classes = targets, self.classes_
            if self._is_binary:
                table = numpy.hstack([1 - targets, targets])
                classes = classes[[1 - self._positive, self._positive]]
            return weights * (table @ _weights_of(class_weight, classes, weights @ table))
        settings = (
            class_weight if isinstance(class_weight, list) else [class_weight] * len(self.classes_)
        )
        if len(settings) != len(self.classes_):
            raise ValueError(
                f"class_weight must have a dict for each of {len(self.classes_)} labels, got "
                f"{len(settings)}"
            )
        sides = numpy.array([0, 1])
        totals = weights.sum()
        columns = []
        for column, setting in zip(targets.T, settings, strict=True):
            positive = weights @ column
            low, high = _weights_of(setting, sides, numpy.array([totals - positive, positive]))
            columns.append(weights * numpy.where(column > 0, high, low))
        return numpy.stack(columns, axis=1)

    def _descend(
        self,
        X: Features,
        y: Columns,
        sample_weight: ArrayLike | None,
        center: Floats,
        precision: Floats,
        start: Floats | None,
    ) -> None:
        targets = self._targets(y)
        # Coefficients are those of the second class, whichever one is trained on.
        sign = -1 if self._is_binary and self._positive == 0 else 1
        objective = LinearObjective(
            X,
            targets,
            self._weights(targets, sample_weight),
            exclusive=self._is_exclusive,
            terms=[Term(LOSSES["ce"][0], 1.0, {})],
            center=sign * center,
            precision=precision / self.C,
        )
        stages = [self._terms()] if self.loss != "ce" else []
        if start is None or not stages:
            stages.insert(0, objective.terms)
        params, n_iter = center if start is None else sign * start, 0
        for objective.terms in stages:
            params, more = descend(
                objective,
                params,
                max_iter=self.max_iter,
                tol=self.tol if objective.terms is stages[-1] else _ROUGH * self.tol,
                owner=type(self).__name__,
            )
            n_iter += more
        factor = self.C * sum(term.factor for term in objective.terms)
        self._precision = precision + factor * objective.curvature(params.ravel())
        params, n_features = sign * params, X.shape[1]
        self.coef_ = params[:, :n_features].copy()
        self.intercept_ = params[:, -1].copy() if self.fit_intercept else numpy.zeros(len(params))
        self.n_iter_ = numpy.array([max(n_iter, 1)], dtype=numpy.int32)

    def _terms(self) -> list[Term]:
        loss, names = LOSSES[self.loss]
        settings = {name: getattr(self, name) for name in names}
        if "alpha" in settings and self.alpha is None:
            settings["alpha"] = 0.1 if self.loss == "dsc" else 0.5
        terms = [Term(loss, 1.0, settings)]
        if self.ce_weight:
            terms.append(Term(LOSSES["ce"][0], float(self.ce_weight), {}))
        return terms

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


def _weights_of(
    class_weight: ClassWeight | list[ClassWeight], classes: Columns, counts: Floats
) -> Floats:
    """The weights of `classes` `(c,)`; "balanced" is the same for rows of weight 2 as for two."""
    if isinstance(class_weight, str) and class_weight == "balanced":
        return counts.sum() / (len(classes) * numpy.maximum(counts, numpy.finfo(float).tiny))
    return compute_class_weight(class_weight, classes=classes, y=classes)
