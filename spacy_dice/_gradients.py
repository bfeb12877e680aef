"""From elasticities, ``p * dL/dp``, to gradients; 1 - p and logarithms that stay finite."""

from types import ModuleType
from typing import Literal

from thinc.types import Floats2d

from ._overlap import row_sums

Wrt = Literal["logits", "probs"]


def backprop(
    xp: ModuleType, probs: Floats2d, elasticity: Floats2d, exclusive: bool, wrt: Wrt
) -> Floats2d:
    """From ``p * dL/dp`` to the gradient that is asked for."""
    if exclusive:
        total = row_sums(xp, elasticity)
        gradient = xp.subtract(elasticity, probs * total, out=elasticity)
        return gradient if wrt == "logits" else quotient(xp, gradient, probs)
    return elasticity * (1 - probs) if wrt == "logits" else quotient(xp, elasticity, probs)


def backprop_by_rest(
    xp: ModuleType, probs: Floats2d, rest: Floats2d, scaled: Floats2d, exclusive: bool, wrt: Wrt
) -> Floats2d:
    """The same from ``scaled = (1-p) p * dL/dp``, which is bounded where ``p * dL/dp`` is not.

    For softmax, ``dz_k = scaled_k - p_k sum_{j != k} scaled_j / (1-p_j)``. The class t with the
    highest probability is the only one for which 1 - p can be small; ``p_k / (1-p_t) <= 1`` is
    formed first for it. Its own gradient follows from the others, as that of a row sums to 0.
    """
    if not exclusive:
        return scaled if wrt == "logits" else by_probs(xp, probs, scaled, exclusive)
    cells = xp.arange(len(probs)), probs.argmax(axis=1)
    scaled_of_top, rest_of_top = scaled[cells][:, None], rest[cells][:, None]
    unscaled = scaled.copy()
    unscaled[cells] = 0
    unscaled /= xp.maximum(rest, probs)
    gradient = scaled - probs * (unscaled.sum(axis=1, keepdims=True) - unscaled)
    others = probs.copy()
    others[cells] = 0
    gradient -= others / xp.where(rest_of_top > 0, rest_of_top, 1) * scaled_of_top
    gradient[cells] = 0
    gradient[cells] = -gradient.sum(axis=1)
    return gradient if wrt == "logits" else by_probs(xp, probs, gradient, exclusive)


def by_probs(xp: ModuleType, probs: Floats2d, gradient: Floats2d, exclusive: bool) -> Floats2d:
    """From the gradient by the logits to one by the probabilities.

    It is one that the derivative of the activation turns into itself: ``p_k (g_k/p_k - sum_j p_j
    g_j/p_j) = g_k`` for softmax, as the gradient of a row sums to 0, and ``p (1-p) g/(p (1-p))``.
    """
    return quotient(xp, gradient, probs if exclusive else probs * (1 - probs))


def quotient(xp: ModuleType, gradient: Floats2d, slope: Floats2d) -> Floats2d:
    """``gradient / slope``, finite where a slope is 0 in this dtype: nothing comes through it."""
    least = HEADROOM * xp.finfo(gradient.dtype).tiny
    return gradient / xp.maximum(slope, least * xp.maximum(abs(gradient), 1))


# What a gradient by probabilities may be multiplied with, or a sum of such, and still be finite.
HEADROOM = 1024


def rest_of(xp: ModuleType, probs: Floats2d, exclusive: bool) -> Floats2d:
    """1 - p, as well as it can be told where p is nearly 1.

    The largest of exclusive classes is the only one for which 1 - p loses digits: the others tell
    what they sum to. By itself, a p of 1 stands for all numbers that round to it.
    """
    rest = 1 - probs
    if not exclusive:
        return xp.maximum(rest, xp.finfo(probs.dtype).eps / 8)
    cells = xp.arange(len(probs)), probs.argmax(axis=1)
    others = probs.copy()
    others[cells] = 0
    rest[cells] = others.sum(axis=1)
    return rest


def log_of(xp: ModuleType, p: Floats2d) -> Floats2d:
    return xp.log(xp.maximum(p, xp.finfo(p.dtype).tiny))
