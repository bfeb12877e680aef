"""The decisions with the highest score, searched on arrays.

Logistic outputs are decided one by one: a threshold for each label. Of labels that exclude each
other one is decided for: an offset on the score of each. NumPy alone, nothing of spaCy.
"""

from dataclasses import dataclass
from typing import Any

import numpy

from ..counts import f_score

# What a coordinate has to gain to be moved: less is rounding.
GAIN = 1e-12

# No probability is taken for less, so that its logarithm is finite.
TINY = 1e-300


@dataclass(frozen=True)
class Metric:
    """The F-score that a search maximises.

    average: `"macro"`, or `"micro"`, which for labels that exclude each other is accuracy.
    beta: how many times as important as precision recall is.
    only_there: whether a macro average is over the labels that are gold or decided for, and not
        over all of them. Where 0/0 counts, it is 0.
    """

    average: str = "macro"
    beta: float = 1.0
    only_there: bool = False

    def __call__(self, tp: Any, predicted: Any, support: Any) -> Any:
        """Scores over the last axis, that of the labels.

        tp, predicted, support: `(…, c)`: how much is decided for rightly, decided for, and gold.
        """
        if self.average == "micro":
            tp, predicted, support = (x.sum(axis=-1) for x in (tp, predicted, support))
        scores = f_score(tp, predicted - tp, support - tp, beta=self.beta)
        if self.average == "micro":
            return scores
        if not self.only_there:
            return scores.mean(axis=-1)
        there = predicted + support > 0
        return scores.sum(axis=-1) / numpy.maximum(there.sum(axis=-1), 1)


def best_threshold(
    y: Any, p: Any, weights: Any, *, beta: float = 1.0, others: tuple[float, float] = (0.0, 0.0)
) -> float:
    r"""The threshold t for which the decisions ``p > t`` have the highest F-score.

    y: `(n,)` of 0 and 1. p: `(n,)` probabilities. weights: `(n,)`.
    others: true positives, and ``beta^2 (tp + fn) + tp + fp``, of other labels (micro averages).
    RETURNS: the middle between two probabilities; of equally good ones that nearest to a half,
        which is also the result if nothing is positive.

    >>> import numpy
    >>> y, p = numpy.array([0, 1, 0, 1]), numpy.array([0.1, 0.2, 0.3, 0.8])
    >>> best_threshold(y, p, numpy.ones(4))  # two of three are right, none is missed
    0.15000000000000002
    """
    order = numpy.argsort(-p, kind="stable")
    p, gain, weights = p[order], (weights * y)[order], weights[order]
    if not gain.any():
        return 0.5
    # After the i-th highest probability; 0 says that nothing is decided for.
    tp = numpy.concatenate([[0.0], numpy.cumsum(gain)])
    predicted = numpy.concatenate([[0.0], numpy.cumsum(weights)])
    scores = (others[0] + tp) / (others[1] + beta**2 * tp[-1] + predicted)
    above, below = numpy.concatenate([[1.0], p]), numpy.concatenate([p, [0.0]])
    cuts = (above + below) / 2
    # No cut between equal probabilities, nor one that is rounded to the higher of both.
    possible = cuts < above
    possible[0] = True
    possible &= scores >= scores[possible].max() - GAIN
    (best,) = possible.nonzero()
    return float(cuts[best[numpy.abs(cuts[best] - 0.5).argmin()]])


def best_thresholds(
    y: Any, p: Any, weights: Any, *, beta: float, average: str, max_rounds: int = 20
) -> Any:
    """Thresholds `(c,)` for the labels of an indicator `y` and probabilities `p`, `(n, c)`.

    average: `"macro"`, each label for itself; `"micro"`, by coordinate ascent from there.
    """
    n_labels = y.shape[1]
    thresholds = numpy.array(
        [best_threshold(y[:, k], p[:, k], weights, beta=beta) for k in range(n_labels)]
    )
    if average == "macro":
        return thresholds
    support = beta**2 * (weights @ y)

    def parts() -> tuple[Any, Any]:
        decided = p > thresholds
        return weights @ (decided * y), weights @ decided + support

    for _ in range(max_rounds):
        before = thresholds.copy()
        for k in range(n_labels):
            tp, total = parts()
            others = (tp.sum() - tp[k], total.sum() - total[k])
            thresholds[k] = best_threshold(y[:, k], p[:, k], weights, beta=beta, others=others)
        if (thresholds == before).all():
            break
    return thresholds


def best_offsets(
    codes: Any,
    p: Any,
    weights: Any,
    *,
    beta: float = 1.0,
    average: str = "macro",
    max_rounds: int = 20,
) -> Any:
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


def ascend(
    codes: Any,
    logits: Any,
    metric: Metric,
    *,
    weights: Any = None,
    values: Any = None,
    max_rounds: int = 20,
) -> Any:
    r"""Offsets b `(c,)` for which ``argmax_k logits_k + b_k`` has a high score.

    Coordinate ascent from 0: each step moves one offset to where the score of all decisions is
    highest, the others being fixed, and only if that is higher than before. Of equally good offsets
    it is the one nearest to 0, of two the positive one.

    codes: `(n,)` columns of the true classes; `c` and more, which are none, are never decided for.
    logits: `(n, c)`. weights: `(n,)`, 1 if there are none.
    values: the offsets that are tried, ascending; without them each that makes a difference.
    """
    n_columns = logits.shape[1]
    n_labels = int(max(n_columns, codes.max(initial=-1) + 1))
    weights = numpy.ones(len(codes)) if weights is None else weights
    support = numpy.bincount(codes, weights, n_labels)
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
        for k in range(n_columns):
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


def _between(margins: Any) -> Any:
    """A value below all margins, between each two of them, and above all."""
    margins = numpy.unique(margins)
    low, high = margins[:-1], margins[1:]
    middle = (low + high) / 2
    # There is not always a number between two.
    middle = middle[(low < middle) & (middle < high)]
    return numpy.concatenate([[margins[0] - 1], middle, [margins[-1] + 1]])


def _line(
    codes: Any,
    weights: Any,
    support: Any,
    k: int,
    rival: Any,
    margin: Any,
    values: Any,
    metric: Metric,
) -> Any:
    """The score for each offset of class `k`: rows are decided for it where that is above margin.

    rival: the classes that rows are decided for otherwise.
    """
    n_labels = len(support)
    # Which of the values is the first that takes a row from its rival.
    first = numpy.searchsorted(values, margin, side="right")

    def taken(chosen: Any, labels: Any) -> Any:
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
