"""The decisions with the highest score, searched on arrays.

Logistic outputs are decided one by one: a threshold for each label. Of labels that exclude each
other one is decided for: an offset on the score of each. NumPy alone, nothing of spaCy.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy

from .._types import Bools, Floats, Ints, Numbers
from .metric import Metric

# What a coordinate has to gain to be moved: less is rounding.
GAIN = 1e-12

# No probability is taken for less, so that its logarithm is finite.
TINY = 1e-300

# The offsets on logits that are tried of labels that are decided for one by one.
VALUES = numpy.arange(-10.0, 10.25, 0.25)
# So many positives of a label weigh as much as what is best for all labels together; see
# `best_shifts` for how it was chosen.
SHRINKAGE = 20.0
# Standard errors by which a label's own value has to be better to be taken whole: 1 %, one-sided.
CLEAR = 2.33


class Line(NamedTuple):
    """What comes of the values that a label may get, the other labels apart.

    values: `(v,)`, ascending. tp, predicted: `(v,)`, how much is decided for rightly, and at all.
    support: how much is gold.
    """

    values: Floats
    tp: Floats
    predicted: Floats
    support: float


def line_of(
    margins: Floats, gold: Numbers, values: Floats, weights: Floats, missed: float = 0.0
) -> Line:
    """The line of decisions that are positive where a value is above the margin.

    margins: `(n,)`. gold: `(n,)` of 0 and 1. values: `(v,)`, ascending. weights: `(n,)`.
    missed: gold that no decision is about.
    """
    # Which of the values is the first above the margin.
    first = numpy.searchsorted(values, margins, side="right")
    gain = weights * gold
    tp, predicted = (
        numpy.bincount(first, counted, len(values) + 1).cumsum()[:-1] for counted in (gain, weights)
    )
    return Line(values, tp, predicted, float(gain.sum()) + missed)


def climb(lines: Sequence[Line], metric: Metric, start: Floats, *, max_rounds: int = 20) -> Floats:
    """Values `(c,)`, one of each line, at which the score of all decisions is high.

    Coordinate ascent: each step moves one label to where the score is highest, the others being
    fixed, until nothing moves. In macro averages and in accuracy the labels do not depend on each
    other, and it is the highest score there is.

    start: `(c,)`. Of equally good values it is the one nearest to the start; a label without
        support stays there.
    """
    values = numpy.array(start, dtype="float64")
    place = [int(numpy.abs(of.values - s).argmin()) for of, s in zip(lines, start, strict=True)]
    # Of each label what is decided rightly, decided, and gold: `(3, c)`.
    counts = numpy.array(
        [(of.tp[i], of.predicted[i], of.support) for of, i in zip(lines, place, strict=True)]
    ).T
    moving = counts[2] > 0
    if metric.label is not None:
        moving &= numpy.arange(len(lines)) == metric.label
    together = metric.label is None and metric.average != "macro"
    # The score as one of a single label, to whose counts the others' are added where they matter.
    one = replace(metric, label=None, average=metric.average if together else "micro")
    for _ in range(max_rounds if together else 1):
        before = values.copy()
        for k in moving.nonzero()[0]:
            line = lines[k]
            rest = (counts.sum(axis=1) - counts[:, k]) * together
            tp, predicted = (line.tp + rest[0])[:, None], (line.predicted + rest[1])[:, None]
            scores = one(tp, predicted, numpy.array([line.support + rest[2]]))
            (top,) = (scores >= scores.max() - GAIN).nonzero()
            best = top[numpy.abs(line.values[top] - start[k]).argmin()]
            values[k] = line.values[best]
            counts[:2, k] = line.tp[best], line.predicted[best]
        if (values == before).all():
            break
    return values


def best_of_all(lines: Sequence[Line], metric: Metric) -> float:
    """The one value for all labels at which the score is highest; the lines have the same values.

    Of equally good ones that nearest to 0.
    """
    values = lines[0].values
    tp = numpy.stack([line.tp for line in lines], axis=1)
    predicted = numpy.stack([line.predicted for line in lines], axis=1)
    scores = metric(tp, predicted, numpy.array([line.support for line in lines]))
    (top,) = (scores >= scores.max() - GAIN).nonzero()
    return float(values[top[numpy.abs(values[top]).argmin()]])


def best_shifts(lines: Sequence[Line], metric: Metric, *, shrinkage: float = SHRINKAGE) -> Floats:
    r"""Offsets `(c,)` on the logits of labels that are decided for one by one.

    First the best offset g for all labels together, then the best b_k of each label. What is best
    on three positives is mostly chance, so that a label with n_k positives gets

        g + n_k / (n_k + shrinkage) (b_k - g),

    unless b_k raises the label's F-score over that by more than may be chance (1 %, one-sided). One
    without positives gets 0. If the score is that of one label, g is for the mean of all labels'
    F-scores, and the others get 0.

    The rule was chosen by cross-fitting in 250 and in 1,000 documents of dev sets: of
    em_walmart_amazon and GoEmotions (bags of words, two losses, two seeds), of NCBI, SkillSpan,
    Weibo and WNUT17 (spans, two seeds). Means in %, of macro F1 and of micro F1:

        no change                                  25.7   42.4
        one threshold for all labels               32.4   48.6
        the best one for each label                33.3   49.7
        this rule, shrinkage 10                    33.4   49.9
        this rule, shrinkage 20                    33.4   49.9
        this rule, shrinkage 40                    33.3   49.8
        with shrinkage 20, but no exception        33.4   49.9

    On all of them but NCBI, which has one label, also:

        the best one only where it is significant  29.3   46.6
        20 positives of the average label added    28.7   47.8
        shrinkage 20, no exception                 29.6   47.8

    The exception is for labels that are told apart well, where all between two thresholds is
    equally good, and what is drawn back ends outside.
    """
    support = numpy.array([line.support for line in lines])
    of_all = metric if metric.label is None else replace(metric, label=None, average="macro")
    everywhere = best_of_all(lines, of_all)
    own = climb(lines, metric, numpy.full(len(lines), everywhere))
    found = shrunken(own, everywhere, support, shrinkage)
    clear = [gains_clearly(*both, metric.beta) for both in zip(lines, own, found, strict=True)]
    found = numpy.where(clear, own, found)
    moved = support > 0
    if metric.label is not None:
        moved &= numpy.arange(len(lines)) == metric.label
    return found * moved


def gains_clearly(line: Line, ours: float, theirs: float, beta: float) -> bool:
    """Whether the F-score of a label is higher with our value by more than may be chance.

    The standard error of the difference is that of the delta method, for decisions that do not
    depend on each other.
    """
    i, j = (int(numpy.abs(line.values - value).argmin()) for value in (ours, theirs))
    if i == j or not line.support:
        return False
    scores, influences = [], []
    # Gold or not, found or not: the lower threshold finds all that the higher one finds.
    gold, found = numpy.array([[1, 1, 1, 0, 0], [1, 1, 0, 1, 1]]) > 0
    for k, other in ((i, j), (j, i)):
        more = line.values[k] > line.values[other]
        decided = found & numpy.array([True, more, False, True, more])
        below = beta**2 * line.support + line.predicted[k]
        score = (1 + beta**2) * line.tp[k] / below
        influence = (1 + beta**2) * (gold & decided) - score * (beta**2 * gold + decided)
        scores.append(score)
        influences.append(influence / below)
    low, high = min(i, j), max(i, j)
    tp, fp = line.tp[[low, high]], (line.predicted - line.tp)[[low, high]]
    counts = [tp[0], tp[1] - tp[0], line.support - tp[1], fp[0], fp[1] - fp[0]]
    error = numpy.sqrt((counts * (influences[0] - influences[1]) ** 2).sum())
    return bool(scores[0] - scores[1] > CLEAR * error)


def shrunken(own: Floats, common: float, support: Floats | Ints, shrinkage: float) -> Floats:
    """Values of labels, drawn to a common one by as much as their support is small."""
    if not shrinkage:
        return own
    return common + support / (support + shrinkage) * (own - common)


def best_threshold(y: Numbers, p: Floats, weights: Floats, *, beta: float = 1.0) -> float:
    r"""The threshold t for which the decisions ``p > t`` have the highest F-score.

    y: `(n,)` of 0 and 1. p: `(n,)` probabilities. weights: `(n,)`.
    RETURNS: the middle between two probabilities; of equally good ones that nearest to a half,
        which is also the result if nothing is positive.

    >>> import numpy
    >>> y, p = numpy.array([0, 1, 0, 1]), numpy.array([0.1, 0.2, 0.3, 0.8])
    >>> best_threshold(y, p, numpy.ones(4))  # two of three are right, none is missed
    0.15000000000000002
    """
    return float(best_thresholds(y[:, None], p[:, None], weights, beta=beta, average="macro")[0])


def best_thresholds(
    y: Numbers, p: Floats, weights: Floats, *, beta: float, average: str, max_rounds: int = 20
) -> Floats:
    """Thresholds `(c,)` for the labels of an indicator `y` and probabilities `p`, `(n, c)`.

    average: `"macro"`, each label for itself; `"micro"`, by coordinate ascent from there.
    """
    # A threshold is minus a value: decisions are positive where a value is above minus p.
    lines = [line_of(-p[:, k], y[:, k], -_cuts(p[:, k])[::-1], weights) for k in range(y.shape[1])]
    values = climb(lines, Metric("macro", beta), numpy.full(len(lines), -0.5))
    if average != "macro":
        values = climb(lines, Metric(average, beta), values, max_rounds=max_rounds)
    return -values


def _cuts(p: Floats) -> Floats:
    """A threshold below all probabilities, between each two of them, and above all, ascending."""
    edges = numpy.unique(numpy.concatenate([[0.0], p, [1.0]]))
    low, high = edges[:-1], edges[1:]
    cuts = (low + high) / 2
    # There is not always a number between two.
    return numpy.append(cuts[cuts < high], 1.0)


def best_offsets(
    codes: Ints,
    p: Floats,
    weights: Floats,
    *,
    beta: float = 1.0,
    average: str = "macro",
    max_rounds: int = 20,
) -> Floats:
    r"""Offsets b `(c,)` for which ``argmax_k log p_k + b_k`` has a high F-score.

    codes: `(n,)` columns of the true classes. p: `(n, c)` probabilities. weights: `(n,)`.
    average: `"macro"` or `"micro"`, see `Metric`.

    >>> import numpy
    >>> p = numpy.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    >>> best_offsets(numpy.array([0, 0, 1]), p, numpy.ones(3)).round(1)  # the third log is -0.8
    array([-1.1,  0. ])
    """
    logs = numpy.log(numpy.maximum(p, TINY))
    return ascend(codes, logs, Metric(average, beta), weights=weights, max_rounds=max_rounds)


def best_tau(codes: Ints, logits: Floats, rarity: Floats, metric: Metric, values: Floats) -> float:
    r"""The one factor for which ``argmax_k logits_k + tau * rarity_k`` has the highest score.

    Of equally good ones that nearest to 0.

    codes: `(n,)` columns of the true classes; `c` and more are none. logits: `(n, c)`.
    rarity: `(c,)`. values: the factors that are tried.

    >>> import numpy
    >>> logits = numpy.array([[1.0, 0.0], [1.0, 0.9], [1.0, 0.3]])
    >>> rarity, values = numpy.array([0.0, 1.0]), numpy.arange(0.0, 1.1, 0.2)
    >>> best_tau(numpy.array([0, 1, 0]), logits, rarity, Metric("macro"), values)
    0.2
    """
    n_labels = int(max(logits.shape[1], codes.max(initial=-1) + 1))
    support = numpy.bincount(codes, minlength=n_labels)
    scores = {}
    for value in values.tolist():
        decided = (logits + value * rarity).argmax(axis=1)
        tp, predicted = (
            numpy.bincount(labels, minlength=n_labels)
            for labels in (codes[codes == decided], decided)
        )
        scores[value] = metric(tp, predicted, support)
    top = max(scores.values()) - GAIN
    return min((value for value, score in scores.items() if score >= top), key=abs)


def ascend(
    codes: Ints,
    logits: Floats,
    metric: Metric,
    *,
    weights: Floats | None = None,
    values: Floats | None = None,
    missed: Floats | None = None,
    columns: Sequence[int] | None = None,
    max_rounds: int = 20,
) -> Floats:
    r"""Offsets b `(c,)` for which ``argmax_k logits_k + b_k`` has a high score.

    Coordinate ascent from 0: each step moves one offset to where the score of all decisions is
    highest, the others being fixed, and only if that is higher than before. Of equally good offsets
    it is the one nearest to 0, of two the positive one.

    codes: `(n,)` columns of the true classes; `c` and more, which are none, are never decided for.
    logits: `(n, c)`. weights: `(n,)`, 1 if there are none.
    values: the offsets that are tried, ascending; without them each that makes a difference.
    missed: `(c or more,)`, gold that no row is about.
    columns: which are gone through, in order; all, if it is not said.
    """
    n_columns = logits.shape[1]
    missed = numpy.zeros(n_columns) if missed is None else missed
    n_labels = int(max(n_columns, len(missed), codes.max(initial=-1) + 1))
    weights = numpy.ones(len(codes)) if weights is None else weights
    support = numpy.bincount(codes, weights, n_labels)
    support = support + numpy.pad(missed, (0, n_labels - len(missed)))
    shifted, offsets = logits.copy(), numpy.zeros(n_columns)
    decided = shifted.argmax(axis=1)
    right = codes == decided
    best = metric(
        numpy.bincount(codes[right], weights[right], n_labels),
        numpy.bincount(decided, weights, n_labels),
        support,
    )
    for _ in range(max_rounds):
        before = best
        for k in range(n_columns) if columns is None else columns:
            shifted[:, k] = -numpy.inf
            rival = shifted.argmax(axis=1)
            margin = shifted.max(axis=1) - logits[:, k]
            tried = _between(margin) if values is None else values
            scores = _line(codes, weights, support, k, rival, margin, tried, metric)
            (top,) = (scores >= scores.max() - GAIN).nonzero()
            place = min(top[::-1], key=lambda i: abs(tried[i]))
            if scores[place] > best + GAIN:
                offsets[k], best = tried[place], scores[place]
            shifted[:, k] = logits[:, k] + offsets[k]
        if best == before:
            break
    return offsets


def _between(margins: Floats) -> Floats:
    """A value below all margins, between each two of them, and above all."""
    margins = numpy.unique(margins)
    low, high = margins[:-1], margins[1:]
    middle = (low + high) / 2
    # There is not always a number between two.
    middle = middle[(low < middle) & (middle < high)]
    return numpy.concatenate([[margins[0] - 1], middle, [margins[-1] + 1]])


def _line(
    codes: Ints,
    weights: Floats,
    support: Floats | Ints,
    k: int,
    rival: Ints,
    margin: Floats,
    values: Floats,
    metric: Metric,
) -> Floats:
    """The score for each offset of class `k`: rows are decided for it where that is above margin.

    rival: the classes that rows are decided for otherwise.
    """
    n_labels = len(support)
    # Which of the values is the first that takes a row from its rival.
    first = numpy.searchsorted(values, margin, side="right")

    def taken(chosen: Bools | slice, labels: Ints) -> Floats:
        """How much each value, and at last no value, takes of each label: `(values + 1, c)`."""
        cells = first[chosen] * n_labels + labels[chosen]
        counts = numpy.bincount(cells, weights[chosen], (len(values) + 1) * n_labels)
        return counts.reshape(-1, n_labels).cumsum(axis=0)

    everything = slice(None)
    lost, lost_tp = taken(everything, rival), taken(codes == rival, rival)
    predicted, tp = (lost[-1] - lost)[:-1], (lost_tp[-1] - lost_tp)[:-1]
    predicted[:, k] = lost[:-1].sum(axis=1)
    tp[:, k] = taken(codes == k, codes)[:-1, k]
    return metric(tp, predicted, support)
