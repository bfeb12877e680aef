"""Precision, recall and F-scores from true positives, false positives and false negatives.

On plain arrays, of whole counts or of weighted ones. Counts of many labels are arrays whose last
axis is tp, fp, fn and the one before it the labels. A label is *there* if it is gold or predicted,
that is, if one of its counts is above 0; macro averages are over the labels that are there.
"""

import math

import numpy
from numpy.typing import ArrayLike

from ._types import Bools, Floats


def precision(tp: ArrayLike, fp: ArrayLike, *, undefined: float = 0.0) -> Floats:
    """tp / (tp + fp), element by element.

    undefined: what 0/0 is.

    >>> precision([3, 0], [1, 0])
    array([0.75, 0.  ])
    """
    return _ratio(tp, numpy.add(tp, fp), undefined)


def recall(tp: ArrayLike, fn: ArrayLike, *, undefined: float = 0.0) -> Floats:
    """tp / (tp + fn), element by element; `undefined` as in `precision`."""
    return _ratio(tp, numpy.add(tp, fn), undefined)


def f_score(
    tp: ArrayLike, fp: ArrayLike, fn: ArrayLike, *, beta: float = 1.0, undefined: float = 0.0
) -> Floats:
    """F_β = (1 + β²) tp / ((1 + β²) tp + β² fn + fp), element by element.

    beta: how much more recall counts than precision (van Rijsbergen 1979, chapter 7); 0 gives the
        precision, infinity the recall.
    undefined: what 0/0 is.

    >>> f_score(3, 1, 1)
    array(0.75)
    """
    if math.isinf(beta):
        return recall(tp, fn, undefined=undefined)
    double = (1 + beta**2) * numpy.asarray(tp)
    return _ratio(double, double + beta**2 * numpy.asarray(fn) + numpy.asarray(fp), undefined)


def precision_recall_f(counts: ArrayLike, *, beta: float = 1.0) -> Floats:
    """Precision, recall and F of counts `(…, 3)`, in the same shape; 0/0 is 0.

    >>> precision_recall_f([3, 1, 1])
    array([0.75, 0.75, 0.75])
    """
    tp, fp, fn = _parts(counts)
    return numpy.stack([precision(tp, fp), recall(tp, fn), f_score(tp, fp, fn, beta=beta)], axis=-1)


def micro_f(counts: ArrayLike, *, beta: float = 1.0) -> Floats:
    """F of the sums over all labels: counts `(…, labels, 3)`, result `(…)`.

    Where each item has one gold label and one guess it is the accuracy.

    >>> micro_f([[3, 1, 0], [0, 0, 1]])
    array(0.75)
    """
    return f_score(*_parts(numpy.asarray(counts).sum(axis=-2)), beta=beta)


def macro_f(counts: ArrayLike, *, beta: float = 1.0) -> Floats:
    """Mean F of the labels that are there: counts `(…, labels, 3)`, result `(…)`.

    >>> macro_f([[3, 1, 1], [0, 0, 1], [0, 0, 0]])
    array(0.375)
    """
    return mean_there(f_score(*_parts(counts), beta=beta), counts)


def mean_there(scores: ArrayLike, counts: ArrayLike) -> Floats:
    """The mean over the labels that are there of scores `(…, labels)`; 0 if none is.

    counts: `(…, labels, 3)`.
    """
    there = is_there(counts)
    return _ratio((there * numpy.asarray(scores)).sum(axis=-1), there.sum(axis=-1), 0.0)


def is_there(counts: ArrayLike) -> Bools:
    """Whether a label is gold or predicted, `(…, labels)`."""
    return numpy.asarray(counts).sum(axis=-1) > 0


def _parts(counts: ArrayLike) -> tuple[Floats, Floats, Floats]:
    tp, fp, fn = numpy.moveaxis(numpy.asarray(counts), -1, 0)
    return tp, fp, fn


def _ratio(above: ArrayLike, below: ArrayLike, undefined: float) -> Floats:
    above, below = numpy.asarray(above, dtype="float64"), numpy.asarray(below, dtype="float64")
    result = numpy.full(numpy.broadcast_shapes(above.shape, below.shape), float(undefined))
    return numpy.divide(above, below, out=result, where=below != 0)
