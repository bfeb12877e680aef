"""Thresholds and offsets that maximise an F-score on given probabilities: exact line searches."""

from typing import Any

import numpy

# What a coordinate has to gain to be moved: less is rounding.
_GAIN = 1e-12

# No probability is taken for less, so that its logarithm is finite.
TINY = 1e-300


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
    possible &= scores >= scores[possible].max() - _GAIN
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
    codes: Any, p: Any, weights: Any, *, beta: float, average: str, max_rounds: int = 20
) -> Any:
    r"""Offsets b `(c,)` for which ``argmax_k log p_k + b_k`` has a high F-score.

    Coordinate ascent from 0: each step moves one offset to where the score of all decisions is
    highest, the others being fixed, and only if that is higher than before.

    codes: `(n,)` columns of the true classes. p: `(n, c)`. weights: `(n,)`.
    average: `"macro"`, or `"micro"`, which for multiclass decisions is accuracy.
    """
    n_classes = p.shape[1]
    logs = numpy.log(numpy.maximum(p, TINY))
    offsets = numpy.zeros(n_classes)
    support = numpy.bincount(codes, weights, n_classes)
    best = _score(codes, (logs + offsets).argmax(axis=1), weights, support, beta, average)
    for _ in range(max_rounds):
        before = best
        for k in range(n_classes):
            offset, score = _search(codes, logs, offsets, k, weights, support, beta, average)
            if score > best + _GAIN:
                offsets[k], best = offset, score
        if best == before:
            break
    return offsets


def _search(
    codes: Any,
    logs: Any,
    offsets: Any,
    k: int,
    weights: Any,
    support: Any,
    beta: float,
    average: str,
) -> tuple[float, float]:
    """The best offset of class `k` and its score."""
    shifted = logs + offsets
    shifted[:, k] = -numpy.inf
    rival = shifted.argmax(axis=1)
    # A row is decided for k if the offset is above its margin.
    margin = shifted.max(axis=1) - logs[:, k]
    order = numpy.argsort(margin, kind="stable")
    margin, rival, codes, weights = margin[order], rival[order], codes[order], weights[order]
    rows, lost = numpy.arange(len(codes)), numpy.zeros((len(codes) + 1, len(support)))
    lost[rows + 1, rival] = weights
    lost = lost.cumsum(axis=0)
    predicted = lost[-1] - lost
    predicted[1:, k] = numpy.cumsum(weights)
    lost[:] = 0
    lost[rows + 1, rival] = weights * (codes == rival)
    lost = lost.cumsum(axis=0)
    tp = lost[-1] - lost
    tp[1:, k] = numpy.cumsum(weights * (codes == k))
    scores = _f_scores(tp, predicted, support, beta, average)
    cuts = numpy.concatenate([[margin[0] - 1], (margin[1:] + margin[:-1]) / 2, [margin[-1] + 1]])
    possible = numpy.concatenate([[True], cuts[1:-1] > margin[:-1], [True]])
    possible[1:-1] &= cuts[1:-1] < margin[1:]
    possible &= scores >= scores[possible].max() - _GAIN
    (best,) = possible.nonzero()
    place = best[numpy.abs(cuts[best] - offsets[k]).argmin()]
    return float(cuts[place]), float(scores[place])


def _score(
    codes: Any, decided: Any, weights: Any, support: Any, beta: float, average: str
) -> float:
    n = len(support)
    tp = numpy.bincount(codes[codes == decided], weights[codes == decided], n)
    predicted = numpy.bincount(decided, weights, n)
    return float(_f_scores(tp, predicted, support, beta, average))


def _f_scores(tp: Any, predicted: Any, support: Any, beta: float, average: str) -> Any:
    """Averaged F-scores over the last axis; 0/0 is 0."""
    tp, below = (1 + beta**2) * tp, beta**2 * support + predicted
    if average == "micro":
        return tp.sum(axis=-1) / below.sum(axis=-1)
    return numpy.where(below > 0, tp / numpy.where(below > 0, below, 1), 0).mean(axis=-1)
