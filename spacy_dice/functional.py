r"""Values and gradients of the losses on plain arrays: pure functions, no spaCy in sight.

Every function takes

* ``probs``: float array `(n, c)`, the predicted probability of each cell (example i, class c);
* ``targets``: float array `(n, c)` of the same dtype, the target of each cell in [0, 1];
* ``weights``: `None`, `(n,)` for rows or `(n, c)` for cells; 0 takes a cell out;
* ``class_weights``: `None` or `(c,)`;
* ``exclusive``: whether the classes of a row exclude each other, so that its probabilities are
  those of a softmax and sum to 1; otherwise each cell is a probability by itself, of a sigmoid;
* ``wrt``: what the gradient is with respect to. ``"logits"``, or ``"probs"`` for layers that apply
  the derivative of their own activation (Thinc's ``Logistic`` and ``softmax_activation``);

and returns ``(value, gradient)``: the loss summed over all rows, a float, and an array like
``probs``. Arrays stay on their backend (NumPy, CuPy) and keep their dtype, float32 or float64: sums
over float16 would soon end, and a bound loss computes in float32 for it.

A gradient by probabilities is one that the layer turns into the bounded gradient by the logits, as
far as probabilities in float32 tell. They do not where the derivative of the layer is 0: for
classes of a softmax 80 or more below the highest logit, and where a logistic output rounds to 1,
above a logit of 17. Mistakes on negatives that are surer than that get no gradient; those on
positives do, down to the least logit that Thinc's layer has, -20.

The Dice family (`dice`, `tversky`, `self_adjusting_dice`) shares one kernel, `_overlap.py`. It
works on elasticities, ``p * dL/dp``, because these stay bounded where ``dL/dp`` alone does not.

Source of the formulas: Li, Sun, Meng, Liang, Wu, Li, "Dice Loss for Data-imbalanced NLP Tasks",
ACL 2020 (arXiv 1911.02855).
"""

from functools import partial
from types import ModuleType
from typing import Literal

from thinc.types import Floats1d, Floats2d
from thinc.util import get_array_module

from ._overlap import (
    Reduction,
    as_cells,
    in_row_blocks,
    overlap,
    plain_dice,
    squared_dice,
    tversky_terms,
)

Wrt = Literal["logits", "probs"]

WRT: tuple[Wrt, ...] = ("logits", "probs")
REDUCTIONS: tuple[Reduction, ...] = ("example", "batch")


def cross_entropy(
    probs: Floats2d,
    targets: Floats2d,
    *,
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Cross entropy, weighted by class if `class_weights` is given (paper, section 3.2).

    Exclusive classes: ``-sum_c w_c y log p``. A row whose targets are all 0 says "none of the cells
    that are not masked" (spaCy's negated labels), and adds ``-log(1 - p)`` for these. As in Thinc's
    `CategoricalCrossentropy`, masked cells get no gradient. Other classes: binary cross entropy
    ``-w_c y log p - (1 - y) log(1 - p)``.

    >>> import numpy
    >>> value, gradient = cross_entropy(numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]]))
    >>> round(value, 4), gradient
    (0.2877, array([[ 0.25, -0.25]]))
    """
    xp = get_array_module(probs)
    weights = as_cells(weights)
    positive = targets if class_weights is None else targets * class_weights
    if exclusive:
        logs = positive * _log(xp, probs)
        has_gold = targets @ xp.ones((probs.shape[1], 1), probs.dtype) > 0
        if not has_gold.all():
            logs = xp.where(has_gold, logs, _log(xp, 1 - probs))
        if class_weights is None:
            gradient = probs - targets
        else:
            row_weight = xp.where(has_gold, positive.sum(axis=1, keepdims=True), 1)
            gradient = probs * row_weight - positive
    else:
        negative, rest = 1 - targets, 1 - probs
        logs = positive * _log(xp, probs) + negative * _log(xp, rest)
        gradient = probs * negative - rest * positive
    if weights is not None:
        logs = logs * weights
        gradient = gradient * weights
    value = 0.0 - float(logs.sum())  # not -0.0
    return value, gradient if wrt == "logits" else _by_probs(xp, probs, gradient, exclusive)


def log_loss(
    probs: Floats2d, targets: Floats2d, *, weights: Floats1d | Floats2d | None = None
) -> float:
    """The value of `cross_entropy` for exclusive classes; every row has a gold label or no weight.

    >>> import numpy
    >>> round(log_loss(numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]])), 4)
    0.2877
    """
    logs = targets * _log(get_array_module(probs), probs)
    if weights is not None:
        logs *= as_cells(weights)
    return 0.0 - float(logs.sum())


def focal(
    probs: Floats2d,
    targets: Floats2d,
    *,
    focus: float,
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Focal loss ``-w_c (1 - p_t)^focus log p_t`` (Lin et al. 2017, eq. 5).

    `p_t` is the probability of the target: ``p`` where y = 1. Classes that do not exclude each
    other add the same term of ``1 - p`` where y = 0. With ``focus=0`` it is cross entropy.

    >>> import numpy
    >>> value, _ = focal(numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]]), focus=2.0)
    >>> round(value, 4)
    0.018
    """
    xp = get_array_module(probs)
    weights = as_cells(weights)
    positive = targets if class_weights is None else targets * class_weights
    # A power below 1 is steep at 0, where 1 - p has lost its digits.
    rest = _rest(xp, probs, exclusive) if 0 < focus < 1 else 1 - probs
    value, elasticity = _focal_side(xp, probs, rest, positive, focus)
    if exclusive:
        if weights is not None:
            value, elasticity = value * weights, elasticity * weights
        return float(value.sum()), _backprop(xp, probs, elasticity, exclusive, wrt)
    value_of_rest, elasticity_of_rest = _focal_side(xp, rest, probs, 1 - targets, focus)
    value = value + value_of_rest
    gradient = elasticity * rest - elasticity_of_rest * probs
    if weights is not None:
        value, gradient = value * weights, gradient * weights
    total = float(value.sum())
    return total, gradient if wrt == "logits" else _by_probs(xp, probs, gradient, exclusive)


def squared_error(
    probs: Floats2d,
    targets: Floats2d,
    *,
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Half the squared error ``sum_c w_c (p - y)^2 / 2``, the Brier score for exclusive classes.

    Its gradient with respect to the probabilities is ``w_c (p - y)``: what spaCy's components with
    a logistic output train on.

    >>> import numpy
    >>> squared_error(
    ...     numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]]), wrt="probs"
    ... )
    (0.0625, array([[ 0.25, -0.25]]))
    """
    xp = get_array_module(probs)
    weights = as_cells(weights)
    error = probs - targets
    gradient = error
    for factor in (weights, class_weights):
        if factor is not None:
            gradient = gradient * factor
    value = 0.5 * float((error * gradient).sum())
    if wrt == "probs":
        return value, gradient
    return value, _backprop(xp, probs, probs * gradient, exclusive, wrt)


@in_row_blocks
def dice(
    probs: Floats2d,
    targets: Floats2d,
    *,
    smooth: float,
    reduction: Reduction = "example",
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Dice loss with squared denominator, ``1 - (2py + smooth)/(p^2 + y^2 + smooth)``.

    Paper, section 3.3, DL in table 2; squares after Milletari et al. 2016 (V-Net). Its only minimum
    is at p = y for soft targets too. See `tversky` for the two reductions.

    >>> import numpy
    >>> value, _ = dice(numpy.array([[0.5, 0.5]]), numpy.array([[0.0, 1.0]]), smooth=1.0)
    >>> round(value, 4)  # .25/1.25 for the first cell, .25/2.25 for the second
    0.3111
    """
    xp = get_array_module(probs)
    value, elasticity = overlap(
        xp, probs, probs, targets, squared_dice, smooth, reduction, weights, class_weights
    )
    return value, _backprop(xp, probs, elasticity, exclusive, wrt)


@in_row_blocks
def tversky(
    probs: Floats2d,
    targets: Floats2d,
    *,
    alpha: float,
    beta: float,
    smooth: float,
    reduction: Reduction = "example",
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Tversky loss, ``1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth)``.

    Paper, section 3.3, TL in table 2. Per cell, TP = py, FP = p(1-y), FN = (1-p)y for hard targets;
    for soft ones the Dice semimetric form TP = (p + y - |p-y|)/2, FP = p - TP, FN = y - TP (Wang et
    al. 2023, arXiv 2303.16296), which agrees with it on hard targets and is least at p = y.

    ``reduction="example"`` is the formula for each cell, summed over all cells.
    ``reduction="batch"`` sums TP, FP and FN over the rows first and takes one ratio per class, a
    soft F-score. The sum over classes is scaled by rows / classes with gold in the batch, so that
    the gradient of a row stays of order 1; a batch of one row with one label equals ``"example"``.
    A class without gold in the batch has the ratio smooth / (FP + smooth): its probability is
    pushed down. A ratio 0/0 (only possible with ``smooth=0``) counts as 1, no loss, no gradient.

    >>> import numpy
    >>> value, _ = tversky(
    ...     numpy.array([[0.5, 0.5]]), numpy.array([[0.0, 1.0]]), alpha=0.7, beta=0.3, smooth=1.0
    ... )
    >>> round(value, 4)  # .35/1.35 for the first cell, .15/1.65 for the second
    0.3502
    """
    xp = get_array_module(probs)

    form = partial(tversky_terms, alpha=alpha, beta=beta)
    value, elasticity = overlap(
        xp, probs, probs, targets, form, smooth, reduction, weights, class_weights
    )
    return value, _backprop(xp, probs, elasticity, exclusive, wrt)


@in_row_blocks
def self_adjusting_dice(
    probs: Floats2d,
    targets: Floats2d,
    *,
    alpha: float,
    smooth: float,
    detach_weight: bool = False,
    reduction: Reduction = "example",
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Self-adjusting Dice loss, ``u = (1-p)^alpha p``, ``1 - (2uy + smooth)/(u + y + smooth)``.

    Paper, section 3.4, DSC in table 2. Soft targets and reductions as in `tversky`, with u for p.
    With ``detach_weight=True`` the factor ``(1-p)^alpha`` counts as a constant in the gradient.

    >>> import numpy
    >>> value, _ = self_adjusting_dice(
    ...     numpy.array([[0.5, 0.5]]), numpy.array([[0.0, 1.0]]), alpha=1.0, smooth=1.0
    ... )
    >>> round(value, 4)  # .25/1.25 for the first cell, .75/2.25 for the second
    0.5333
    """
    xp = get_array_module(probs)
    # Where 1 - p has lost its digits, near 0, a power below 1 is steep, and so is 1/smooth.
    is_steep = 0 < alpha < 1 or (alpha == 1 and smooth < _SAFE_SMOOTH)
    rest = _rest(xp, probs, exclusive) if is_steep else 1 - probs
    u = probs if alpha == 0 else (rest if alpha == 1 else rest**alpha) * probs
    rest_divides = False
    if detach_weight or alpha == 0:
        slope = u
    elif alpha == 1 and smooth >= _SAFE_SMOOTH:
        slope = xp.subtract(rest, probs, out=rest)
        slope *= probs
    else:
        # p du/dp = u (1 - (1+alpha) p) / (1-p). The division is left to _backprop_by_rest, which
        # never forms the quotient: it is infinite at p = 1 for alpha < 1.
        slope = u * (rest - alpha * probs)
        rest_divides = True
    value, elasticity = overlap(
        xp, u, slope, targets, plain_dice, smooth, reduction, weights, class_weights
    )
    if rest_divides:
        return value, _backprop_by_rest(xp, probs, rest, elasticity, exclusive, wrt)
    return value, _backprop(xp, probs, elasticity, exclusive, wrt)


# Below this, p dL/dp can be so large for alpha = 1 that a difference of two such numbers is noise.
_SAFE_SMOOTH = 1e-2


def _focal_side(
    xp: ModuleType, p: Floats2d, rest: Floats2d, y: Floats2d, focus: float
) -> tuple[Floats2d, Floats2d]:
    """Value and elasticity of ``-y (1-p)^focus log p``; `rest` is 1 - p."""
    factor = y * rest**focus if focus else y
    log = xp.where(p > 0.5, xp.log1p(-xp.minimum(rest, 0.5)), _log(xp, p))
    value = -factor * log
    # p d/dp = -(1-p)^focus (1 - focus p log p / (1-p)), and log p / (1-p) -> -1 for p -> 1.
    slope = xp.where(rest > 0, log / xp.where(rest > 0, rest, 1), -1)
    return value, factor * (focus * p * slope - 1)


def _backprop(
    xp: ModuleType, probs: Floats2d, elasticity: Floats2d, exclusive: bool, wrt: Wrt
) -> Floats2d:
    """From ``p * dL/dp`` to the gradient that is asked for."""
    if exclusive:
        total = elasticity @ xp.ones((probs.shape[1], 1), probs.dtype)
        gradient = xp.subtract(elasticity, probs * total, out=elasticity)
        return gradient if wrt == "logits" else _quotient(xp, gradient, probs)
    return elasticity * (1 - probs) if wrt == "logits" else _quotient(xp, elasticity, probs)


def _backprop_by_rest(
    xp: ModuleType, probs: Floats2d, rest: Floats2d, scaled: Floats2d, exclusive: bool, wrt: Wrt
) -> Floats2d:
    """The same from ``scaled = (1-p) p * dL/dp``, which is bounded where ``p * dL/dp`` is not.

    For softmax, ``dz_k = scaled_k - p_k sum_{j != k} scaled_j / (1-p_j)``. The class t with the
    highest probability is the only one for which 1 - p can be small; ``p_k / (1-p_t) <= 1`` is
    formed first for it. Its own gradient follows from the others, as that of a row sums to 0.
    """
    if not exclusive:
        return scaled if wrt == "logits" else _by_probs(xp, probs, scaled, exclusive)
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
    return gradient if wrt == "logits" else _by_probs(xp, probs, gradient, exclusive)


def _by_probs(xp: ModuleType, probs: Floats2d, gradient: Floats2d, exclusive: bool) -> Floats2d:
    """From the gradient by the logits to one by the probabilities.

    It is one that the derivative of the activation turns into itself: ``p_k (g_k/p_k - sum_j p_j
    g_j/p_j) = g_k`` for softmax, as the gradient of a row sums to 0, and ``p (1-p) g/(p (1-p))``.
    """
    return _quotient(xp, gradient, probs if exclusive else probs * (1 - probs))


def _quotient(xp: ModuleType, gradient: Floats2d, slope: Floats2d) -> Floats2d:
    """``gradient / slope``, finite where a slope is 0 in this dtype: nothing comes through it."""
    least = _HEADROOM * xp.finfo(gradient.dtype).tiny
    return gradient / xp.maximum(slope, least * xp.maximum(abs(gradient), 1))


# What a gradient by probabilities may be multiplied with, or a sum of such, and still be finite.
_HEADROOM = 1024


def _rest(xp: ModuleType, probs: Floats2d, exclusive: bool) -> Floats2d:
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


def _log(xp: ModuleType, p: Floats2d) -> Floats2d:
    return xp.log(xp.maximum(p, xp.finfo(p.dtype).tiny))
