"""Soft true positives, false positives and false negatives, and the scores made of them."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy
from sklearn.exceptions import UndefinedMetricWarning

from ._inputs import Cells

AVERAGES = ("binary", "micro", "macro", "weighted", "samples", None)


class Counts(NamedTuple):
    """Sums over rows for each column, all `(c,)`.

    tp: sum of w p y. fp: sum of w p (1-y). fn: sum of w (1-p) y. support: sum of w y.
    present: whether the column has a positive target or a probability above 0 in any row.
    """

    tp: Any
    fp: Any
    fn: Any
    support: Any
    present: Any

    def micro(self) -> "Counts":
        """The sums over all columns, `(1,)`."""
        return Counts._make(part.sum(keepdims=True) for part in self)


class SampleSums(NamedTuple):
    """Sums over rows of the scores of each row, `(3,)` for precision, recall and F.

    scores: sum of w score. weights: sum of w. Rows whose score is NaN count in neither.
    """

    scores: Any
    weights: Any


def count(cells: Cells) -> Counts:
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
    return Counts._make((*sums, present))


def sum_samples(cells: Cells, *, beta: float, zero_division: Any, warn_for: Sequence[str]) -> Any:
    """Score each row by itself and sum the scores."""
    scores, totals = numpy.zeros(3), numpy.zeros(3)
    for targets, probs, weights in cells.blocks():
        # As in scikit-learn, a row of weight 0 has nothing in it.
        column = weights[:, None]
        positive = column * probs * targets
        rows = Counts(
            positive.sum(axis=1),
            (column * probs - positive).sum(axis=1),
            (column * targets - positive).sum(axis=1),
            (column * targets).sum(axis=1),
            None,
        )
        values = ratios(
            rows, beta=beta, zero_division=zero_division, average="samples", warn_for=warn_for
        )
        for i, value in enumerate(values):
            known = ~numpy.isnan(value)
            scores[i] += weights[known] @ value[known]
            totals[i] += weights[known].sum()
    return SampleSums(scores, totals)


def average_samples(sums: SampleSums, zero_division: Any) -> tuple[float, float, float]:
    """The means of the scores of the rows."""
    undefined = undefined_value(zero_division)
    some = sums.weights > 0
    means = numpy.where(some, sums.scores / numpy.where(some, sums.weights, 1), undefined)
    return float(means[0]), float(means[1]), float(means[2])


def scores(
    counts: Counts, *, beta: float, average: Any, zero_division: Any, warn_for: Sequence[str]
) -> tuple[Any, Any, Any, Any]:
    """Precision, recall, F and support, averaged as `average` says."""
    support = counts.support
    if average == "micro":
        counts = counts.micro()
    values = ratios(
        counts, beta=beta, zero_division=zero_division, average=average, warn_for=warn_for
    )
    if average is None:
        return (*values, support)
    weights = support if average == "weighted" else None
    precision, recall, f_score = (_mean(value, weights) for value in values)
    return precision, recall, f_score, None


def ratios(
    counts: Counts, *, beta: float, zero_division: Any, average: Any, warn_for: Sequence[str]
) -> tuple[Any, Any, Any]:
    """Precision, recall and F of each column; 0/0 is `zero_division`."""
    tp, fp, fn = counts.tp, counts.fp, counts.fn

    def ratio(name: str, modifier: str, numerator: Any, denominator: Any) -> Any:
        empty = denominator == 0
        if not empty.any():
            return numerator / denominator
        if isinstance(zero_division, str) and name in warn_for:
            _warn(name, modifier, average, len(empty))
        quotient = numerator / numpy.where(empty, 1, denominator)
        return numpy.where(empty, undefined_value(zero_division), quotient)

    precision = ratio("precision", "predicted", tp, tp + fp)
    recall = ratio("recall", "true", tp, tp + fn)
    if beta == 0 or numpy.isinf(beta):
        return precision, recall, recall if beta else precision
    squared = beta**2
    double = (1 + squared) * tp
    f_score = ratio("F-score", "true nor predicted", double, double + squared * fn + fp)
    return precision, recall, f_score


def undefined_value(zero_division: Any) -> float:
    """What `zero_division` puts in place of 0/0."""
    return 0.0 if isinstance(zero_division, str) else float(zero_division)


def _mean(values: Any, weights: Any) -> float:
    known = ~numpy.isnan(values)
    if not known.any():
        return float("nan")
    values = values[known]
    if weights is None or not weights[known].any():
        return float(values.mean())
    return float(numpy.average(values, weights=weights[known]))


def _warn(name: str, modifier: str, average: Any, n_results: int) -> None:
    of, each = ("labels", "samples") if average == "samples" else ("samples", "labels")
    where = "due to" if n_results == 1 else f"in {each} with"
    warnings.warn(
        f"{name[0].upper()}{name[1:]} is ill-defined and being set to 0.0 {where} no {modifier} "
        f"{of}. Use `zero_division` parameter to control this behavior.",
        UndefinedMetricWarning,
        stacklevel=6,
    )
