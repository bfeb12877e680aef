"""Soft true positives, false positives and false negatives, and the scores made of them."""

import math
import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy
from sklearn.exceptions import UndefinedMetricWarning

from .._types import Bools, Floats
from ..counts import f_score, precision, recall
from ._inputs import Cells

# What 0/0 is: a number, or 0 with a warning.
ZeroDivision = float | Literal["warn"]
# One number, or one for each label.
Score = float | Floats

AVERAGES = ("binary", "micro", "macro", "weighted", "samples", None)


class SoftCounts(NamedTuple):
    """Sums over rows for each column, all `(c,)`.

    tp: sum of w p y. fp: sum of w p (1-y). fn: sum of w (1-p) y. support: sum of w y.
    present: whether the column has a positive target or a probability above 0 in any row.
    """

    tp: Floats
    fp: Floats
    fn: Floats
    support: Floats
    present: Bools

    def micro(self) -> "SoftCounts":
        """The sums over all columns, `(1,)`."""
        return SoftCounts._make(part.sum(keepdims=True) for part in self)


class SampleSums(NamedTuple):
    """Sums over rows of the scores of each row, `(3,)` for precision, recall and F.

    scores: sum of w score. weights: sum of w. Rows whose score is NaN count in neither.
    """

    scores: Floats
    weights: Floats


def count(cells: Cells) -> SoftCounts:
    """Sum over all rows."""
    n_columns = len(cells.columns)
    sums = numpy.zeros((4, n_columns))
    present = numpy.zeros(n_columns, dtype=bool)
    for targets, probs, weights in cells.blocks():
        positive = probs * targets
        sums[0] += weights @ positive
        sums[1] += weights @ (probs - positive)
        sums[2] += weights @ (targets - positive)
        sums[3] += weights @ targets
        present |= probs.any(axis=0) | targets.any(axis=0)
    return SoftCounts._make((*sums, present))


def sum_samples(
    cells: Cells, *, beta: float, zero_division: ZeroDivision, warn_for: Sequence[str]
) -> SampleSums:
    """Score each row by itself and sum the scores."""
    scores, totals = numpy.zeros(3), numpy.zeros(3)
    for targets, probs, weights in cells.blocks():
        # As in scikit-learn, a row of weight 0 has nothing in it.
        column = weights[:, None]
        positive = column * probs * targets
        values = ratios(
            positive.sum(axis=1),
            (column * probs - positive).sum(axis=1),
            (column * targets - positive).sum(axis=1),
            beta=beta,
            zero_division=zero_division,
            average="samples",
            warn_for=warn_for,
        )
        for i, value in enumerate(values):
            known = ~numpy.isnan(value)
            scores[i] += weights[known] @ value[known]
            totals[i] += weights[known].sum()
    return SampleSums(scores, totals)


def average_samples(sums: SampleSums, zero_division: ZeroDivision) -> tuple[float, float, float]:
    """The means of the scores of the rows."""
    undefined = undefined_value(zero_division)
    some = sums.weights > 0
    means = numpy.where(some, sums.scores / numpy.where(some, sums.weights, 1), undefined)
    return float(means[0]), float(means[1]), float(means[2])


def scores(
    counts: SoftCounts,
    *,
    beta: float,
    average: str | None,
    zero_division: ZeroDivision,
    warn_for: Sequence[str],
) -> tuple[Score, Score, Score, Floats | None]:
    """Precision, recall, F and support, averaged as `average` says."""
    support = counts.support
    if average == "micro":
        counts = counts.micro()
    values = ratios(
        counts.tp,
        counts.fp,
        counts.fn,
        beta=beta,
        zero_division=zero_division,
        average=average,
        warn_for=warn_for,
    )
    if average is None:
        return (*values, support)
    weights = support if average == "weighted" else None
    means = [_mean(value, weights) for value in values]
    return means[0], means[1], means[2], None


def ratios(
    tp: Floats,
    fp: Floats,
    fn: Floats,
    *,
    beta: float,
    zero_division: ZeroDivision,
    average: str | None,
    warn_for: Sequence[str],
) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F of each column; 0/0 is `zero_division`."""
    undefined = undefined_value(zero_division)
    if isinstance(zero_division, str):
        below = [("precision", "predicted", tp + fp), ("recall", "true", tp + fn)]
        # Of a beta without end or of 0 the F-score is one of the two.
        if 0 < beta < math.inf:
            below.append(("F-score", "true nor predicted", tp + fp + fn))
        for name, modifier, total in below:
            if name in warn_for and not total.all():
                _warn(name, modifier, average, len(total))
    return (
        precision(tp, fp, undefined=undefined),
        recall(tp, fn, undefined=undefined),
        f_score(tp, fp, fn, beta=beta, undefined=undefined),
    )


def undefined_value(zero_division: ZeroDivision) -> float:
    """What `zero_division` puts in place of 0/0."""
    return 0.0 if isinstance(zero_division, str) else float(zero_division)


def _mean(values: Floats, weights: Floats | None) -> float:
    known = ~numpy.isnan(values)
    if not known.any():
        return float("nan")
    values = values[known]
    if weights is None or not weights[known].any():
        return float(values.mean())
    return float(numpy.average(values, weights=weights[known]))


def _warn(name: str, modifier: str, average: str | None, n_results: int) -> None:
    of, each = ("labels", "samples") if average == "samples" else ("samples", "labels")
    where = "due to" if n_results == 1 else f"in {each} with"
    warnings.warn(
        f"{name[0].upper()}{name[1:]} is ill-defined and being set to 0.0 {where} no {modifier} "
        f"{of}. Use `zero_division` parameter to control this behavior.",
        UndefinedMetricWarning,
        stacklevel=5,
    )
