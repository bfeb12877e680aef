"""Soft precision, recall and F-scores, and the losses of the Dice family, of `(y_true, y_prob)`.

They are made like scikit-learn's `precision_recall_fscore_support` and `log_loss`, and share these
arguments:

y_true: `(n,)` labels, binary or multiclass, or an indicator `(n, c)`, dense or sparse, multilabel.
y_prob: `(n, c)`, the probability of each class, summing to 1 over the classes, or of each label.
    For binary targets also `(n,)`: the probability of `pos_label` where `average="binary"`, as in
    `sklearn.metrics.average_precision_score`, of the greater of both labels elsewhere, as in
    `sklearn.metrics.log_loss`.
classes: the labels of the columns of `y_prob`, `classes_` of an estimator; by default the sorted
    labels of `y_true`. Give it where `y_true` may lack one.
sample_weight: `(n,)`, >= 0.
"""

from collections.abc import Callable, Sequence
from numbers import Real

import numpy
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar
from thinc.types import Floats2d

from .. import functional
from .._types import Floats
from .._validation import listed
from ._inputs import Cells, Columns, Label, Labels, Targets, check_inputs
from ._soft_counts import (
    AVERAGES,
    Score,
    SoftCounts,
    ZeroDivision,
    average_samples,
    count,
    scores,
    sum_samples,
)


def soft_precision_recall_fscore_support(
    y_true: Targets,
    y_prob: ArrayLike,
    *,
    beta: float = 1.0,
    labels: Labels | None = None,
    pos_label: Label = 1,
    average: str | None = None,
    sample_weight: ArrayLike | None = None,
    zero_division: ZeroDivision = "warn",
    classes: Labels | None = None,
    warn_for: Sequence[str] = ("precision", "recall", "F-score"),
) -> tuple[Score, Score, Score, Floats | None]:
    r"""Precision, recall, F-score and support with probabilities in place of decisions.

        tp = sum w p y      fp = sum w p (1-y)      fn = sum w (1-p) y
        precision = tp/(tp + fp)      recall = tp/(tp + fn)
        F_beta = (1 + beta^2) tp / ((1 + beta^2) tp + beta^2 fn + fp)

    For probabilities that are 0 and 1 it equals
    `sklearn.metrics.precision_recall_fscore_support` of the decisions.

    y_true, y_prob, classes, sample_weight: see the module `spacy_dice.metrics.functions`.
    beta: >= 0, how many times as important as precision recall is.
    labels: the labels to score and average, in this order. By default those that are in `y_true` or
        have a probability above 0 anywhere, sorted.
    pos_label: the class to score where `average="binary"`.
    average: `"binary"`, `"micro"`, `"macro"`, `"weighted"` (by support), `"samples"` (multilabel
        only) or None for one score each label.
    zero_division: the score where the ratio is 0/0: 0, 1, NaN (left out of averages), or `"warn"`,
        which is 0 with an `UndefinedMetricWarning`.
    warn_for: the scores to warn for.
    RETURNS: precision, recall, F-score, support: floats and None, or arrays if `average` is None.
    RAISES: ValueError for input that scikit-learn's metrics refuse, probabilities outside [0, 1],
        rows that do not sum to 1, and labels of `y_true` that are not in `classes`.

    Source: the F-measure with expected counts, e.g. Dembczynski et al., NIPS 2011; the batch Dice
    of Milletari et al. 2016 with p for p^2.

    >>> p, r, f, support = soft_precision_recall_fscore_support(
    ...     ["ham", "spam", "spam"], [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]
    ... )
    >>> p.round(3), r.round(3), f.round(3), support
    (array([0.5  , 0.833]), array([0.75 , 0.625]), array([0.6  , 0.714]), array([1., 2.]))
    """
    check_settings(average=average, beta=beta, zero_division=zero_division)
    cells = _check_one_shot(
        y_true, y_prob, classes, pos_label if average == "binary" else None, sample_weight
    )
    cells, counts = select(cells, average=average, labels=labels, pos_label=pos_label)
    if counts is None:
        sums = sum_samples(cells, beta=beta, zero_division=zero_division, warn_for=warn_for)
        return (*average_samples(sums, zero_division), None)
    return scores(
        counts, beta=beta, average=average, zero_division=zero_division, warn_for=warn_for
    )


def soft_fbeta_score(
    y_true: Targets,
    y_prob: ArrayLike,
    *,
    beta: float,
    labels: Labels | None = None,
    pos_label: Label = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: ZeroDivision = "warn",
    classes: Labels | None = None,
) -> Score:
    r"""F-beta score with probabilities: ``(1+b^2) tp / ((1+b^2) tp + b^2 fn + fp)``.

    Equal to `sklearn.metrics.fbeta_score` for probabilities that are 0 and 1. Arguments, results
    and errors: see `soft_precision_recall_fscore_support`.

    >>> soft_fbeta_score([0, 1, 1], [0.25, 0.5, 0.75], beta=2.0)  # 6.25/(6.25 + 4 * .75 + .25)
    0.6578...
    """
    return soft_precision_recall_fscore_support(
        y_true,
        y_prob,
        beta=beta,
        labels=labels,
        pos_label=pos_label,
        average=average,
        sample_weight=sample_weight,
        zero_division=zero_division,
        classes=classes,
        warn_for=("F-score",),
    )[2]


def soft_f1_score(
    y_true: Targets,
    y_prob: ArrayLike,
    *,
    labels: Labels | None = None,
    pos_label: Label = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: ZeroDivision = "warn",
    classes: Labels | None = None,
) -> Score:
    r"""F1 score with probabilities in place of decisions: ``2 tp / (2 tp + fp + fn)``.

    Equal to `sklearn.metrics.f1_score` for probabilities that are 0 and 1. Arguments, results and
    errors: see `soft_precision_recall_fscore_support`.

    >>> soft_f1_score([0, 1, 1], [0.25, 0.5, 0.75])  # tp 1.25, fp .25, fn .75
    0.7142...
    >>> soft_f1_score([0, 2, 1], [[1, 0, 0], [0, 0.5, 0.5], [0, 1, 0]], average="macro")
    0.8222...
    """
    return soft_fbeta_score(
        y_true,
        y_prob,
        beta=1.0,
        labels=labels,
        pos_label=pos_label,
        average=average,
        sample_weight=sample_weight,
        zero_division=zero_division,
        classes=classes,
    )


def dice_loss(
    y_true: Targets,
    y_prob: ArrayLike,
    *,
    smooth: float = 1.0,
    reduction: functional.Reduction = "example",
    normalize: bool = True,
    pos_label: Label = None,
    sample_weight: ArrayLike | None = None,
    classes: Labels | None = None,
) -> float:
    r"""Dice loss with squared denominator, ``1 - (2py + smooth)/(p^2 + y^2 + smooth)``.

    Summed over the columns of `y_prob`, as cross entropy is; a 1-D `y_prob` is one column.

    y_true, y_prob, classes, sample_weight: see the module `spacy_dice.metrics.functions`.
    pos_label: the label that a 1-D `y_prob` is the probability of, by default the greater one.
    smooth: >= 0. reduction: `"example"` or `"batch"`, see `spacy_dice.functional.tversky`.
    normalize: return the mean over rows, weighted by `sample_weight`; otherwise the sum.
    RAISES: ValueError as `soft_f1_score` does.

    Source: Li et al. 2020, section 3.3.

    >>> dice_loss([1], [0.5])  # .25/2.25
    0.1111...
    """
    _check_at_least_0(smooth=smooth)
    return _mean_loss(
        functional.dice,
        y_true, y_prob, classes, pos_label, sample_weight, normalize,
        smooth=smooth, reduction=_check_reduction(reduction),
    )  # fmt: skip


def tversky_loss(
    y_true: Targets,
    y_prob: ArrayLike,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    reduction: functional.Reduction = "example",
    normalize: bool = True,
    pos_label: Label = None,
    sample_weight: ArrayLike | None = None,
    classes: Labels | None = None,
) -> float:
    r"""Tversky loss, ``1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth)``.

    alpha, beta: >= 0, the weights of false positives and false negatives. Other arguments and
    errors: see `dice_loss`. With ``reduction="batch"``, ``smooth=0`` and a half for both it is, for
    a 1-D `y_prob`, ``1 - soft_f1_score``.

    Source: Li et al. 2020, section 3.3.

    >>> tversky_loss([1], [0.5], alpha=0.7, beta=0.3)  # .15/1.65
    0.0909...
    >>> tversky_loss([0, 1, 1], [0.25, 0.5, 0.75], smooth=0.0, reduction="batch")
    0.2857...
    """
    _check_at_least_0(alpha=alpha, beta=beta, smooth=smooth)
    return _mean_loss(
        functional.tversky,
        y_true, y_prob, classes, pos_label, sample_weight, normalize,
        alpha=alpha, beta=beta, smooth=smooth, reduction=_check_reduction(reduction),
    )  # fmt: skip


def dsc_loss(
    y_true: Targets,
    y_prob: ArrayLike,
    *,
    alpha: float = 1.0,
    smooth: float = 1.0,
    reduction: functional.Reduction = "example",
    normalize: bool = True,
    pos_label: Label = None,
    sample_weight: ArrayLike | None = None,
    classes: Labels | None = None,
) -> float:
    r"""Self-adjusting Dice loss, ``u = (1-p)^alpha p``, ``1 - (2uy + smooth)/(u + y + smooth)``.

    alpha: >= 0. Other arguments and errors: see `dice_loss`.

    Source: Li et al. 2020, section 3.4.

    >>> dsc_loss([1], [0.5])  # .75/2.25
    0.3333...
    """
    _check_at_least_0(alpha=alpha, smooth=smooth)
    return _mean_loss(
        functional.self_adjusting_dice,
        y_true, y_prob, classes, pos_label, sample_weight, normalize,
        alpha=alpha, smooth=smooth, reduction=_check_reduction(reduction),
    )  # fmt: skip


def check_settings(*, average: str | None, beta: float, zero_division: ZeroDivision) -> None:
    """Refuse settings that make no sense, in scikit-learn's words."""
    if average not in AVERAGES:
        raise ValueError(f"average has to be one of {AVERAGES}, got {average!r}")
    check_scalar(beta, "beta", Real, min_val=0)
    if numpy.isnan(beta):
        raise ValueError("beta == nan, must be >= 0.")
    if zero_division != "warn" and not (
        isinstance(zero_division, Real)
        and (zero_division in (0, 1) or numpy.isnan(float(zero_division)))
    ):
        raise ValueError(
            f"zero_division must be 'warn', 0.0, 1.0 or numpy.nan, got {zero_division!r}"
        )


def select(
    cells: Cells, *, average: str | None, labels: Labels | None, pos_label: Label
) -> tuple[Cells, SoftCounts | None]:
    """The columns to score, and their counts (None for `average="samples"`)."""
    check_average(cells.kind, average)
    if average == "binary":
        known = cells.columns.tolist()
        if pos_label not in known:
            raise ValueError(
                f"pos_label={pos_label!r} is not a valid label. It should be one of {known}"
            )
        cells = cells.select([pos_label])
        return cells, count(cells)
    if labels is not None:
        cells = cells.select(list(labels))
    if average == "samples":
        return cells, None
    counts = count(cells)
    if labels is None and cells.kind != "multilabel-indicator":
        counts = present_only(counts, cells.columns)
    return cells, counts


def check_average(kind: str, average: str | None) -> None:
    """Refuse an average that targets of that kind do not have."""
    if average == "samples" and kind != "multilabel-indicator":
        raise ValueError(
            "Samplewise metrics are not available outside of multilabel classification."
        )
    if average == "binary" and kind != "binary":
        others = [a for a in AVERAGES if a != "binary" and (a != "samples" or kind[-1] == "r")]
        raise ValueError(
            f"Target is {kind} but average='binary'. Please choose another average setting, "
            f"one of {others}."
        )


def present_only(counts: SoftCounts, columns: Columns) -> SoftCounts:
    """Leave out what has neither targets nor probability, and sort by label."""
    (kept,) = counts.present.nonzero()
    kept = kept[numpy.argsort(columns[kept], kind="stable")]
    return SoftCounts._make(field[kept] for field in counts)


def _check_one_shot(
    y_true: Targets,
    y_prob: ArrayLike,
    classes: Labels | None,
    pos_label: Label,
    sample_weight: ArrayLike | None,
) -> Cells:
    cells = check_inputs(
        y_true, y_prob, classes=classes, pos_label=pos_label, sample_weight=sample_weight
    )
    if cells.weights is not None and not cells.weights.any():
        raise ValueError("sample_weight must contain at least one non-zero number.")
    return cells


def _mean_loss(
    loss: Callable[..., tuple[float, Floats2d]],
    y_true: Targets,
    y_prob: ArrayLike,
    classes: Labels | None,
    pos_label: Label,
    sample_weight: ArrayLike | None,
    normalize: bool,
    reduction: functional.Reduction,
    **settings: float,
) -> float:
    cells = _check_one_shot(y_true, y_prob, classes, pos_label, sample_weight)
    if cells.probs.ndim == 1:
        cells = cells.select([cells.columns[1]])
    # With "batch" all rows belong to one ratio, which cannot be summed over blocks.
    blocks = [cells.whole()] if reduction == "batch" else cells.blocks()
    total, n_rows = 0.0, 0.0
    for targets, probs, weights in blocks:
        total += loss(
            probs, targets, weights=weights, exclusive=False, reduction=reduction, **settings
        )[0]
        n_rows += weights.sum()
    return float(total / n_rows if normalize else total)


def _check_at_least_0(**settings: float) -> None:
    for name, value in settings.items():
        check_scalar(value, name, Real, min_val=0)


def _check_reduction(reduction: functional.Reduction) -> functional.Reduction:
    if reduction not in functional.REDUCTIONS:
        raise ValueError(
            f"reduction must be one of {listed(functional.REDUCTIONS)}, got {reduction!r}"
        )
    return reduction
