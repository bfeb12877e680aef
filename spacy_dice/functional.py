r"""Values and gradients of the losses on plain arrays: pure functions, no spaCy in sight.

Every function takes

* ``probs``: float array `(n, c)`, the predicted probability of each cell (example i, class c);
* ``targets``: float array `(n, c)` of the same dtype, the target of each cell in [0, 1];
* ``weights``: `None`, `(n,)` for rows or `(n, c)` for cells; 0 takes a cell out;
* ``class_weights``: `None` or `(c,)`;
* ``activation``: how the probabilities came about, which settles what the gradient is taken of:
  ``"softmax"`` and ``"sigmoid"`` give it with respect to the logits; ``"identity"`` treats the
  cells as independent probabilities and gives it with respect to them, for layers that apply the
  derivative of their own activation (Thinc's ``Logistic``); ``"softmax_probs"`` does so for the
  probabilities of a softmax (Thinc's ``softmax_activation``);

and returns ``(value, gradient)``: the loss summed over all rows, a float, and an array like
``probs``. Arrays stay on their backend (NumPy, CuPy) and keep their dtype.

The Dice family (`dice`, `tversky`, `self_adjusting_dice`) shares one kernel, `_overlap.py`. It
works on elasticities, ``p * dL/dp``, because these stay bounded where ``dL/dp`` alone does not.

Source of the formulas: Li, Sun, Meng, Liang, Wu, Li, "Dice Loss for Data-imbalanced NLP Tasks",
ACL 2020 (arXiv 1911.02855).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, TypeVar, cast

from thinc.util import get_array_module

from ._overlap import (
    Array,
    Reduction,
    as_cells,
    in_row_blocks,
    overlap,
    plain_dice,
    squared_dice,
    true_positives,
)

Activation = Literal["softmax", "sigmoid", "identity", "softmax_probs"]

ACTIVATIONS: tuple[Activation, ...] = ("softmax", "sigmoid", "identity", "softmax_probs")
REDUCTIONS: tuple[Reduction, ...] = ("example", "batch")

_F = TypeVar("_F", bound=Callable[..., tuple[float, Array]])


def _with_softmax_probs(loss: _F) -> _F:
    """Add the activation ``"softmax_probs"`` to a loss that knows ``"softmax"``.

    The gradient by the logits, divided by p, is turned into itself by the derivative of softmax:
    ``p_k (g_k/p_k - sum_j p_j g_j/p_j) = g_k``, as the gradient of a row sums to 0.
    """

    @wraps(loss)
    def with_softmax_probs(
        probs: Array, targets: Array, *, activation: Activation = "softmax", **settings: Any
    ) -> tuple[float, Array]:
        if activation != "softmax_probs":
            return loss(probs, targets, activation=activation, **settings)
        xp = get_array_module(probs)
        value, gradient = loss(probs, targets, activation="softmax", **settings)
        return value, gradient / xp.maximum(probs, xp.finfo(probs.dtype).tiny)

    return cast(_F, with_softmax_probs)


@_with_softmax_probs
def cross_entropy(
    probs: Array,
    targets: Array,
    *,
    weights: Array | None = None,
    class_weights: Array | None = None,
    activation: Activation = "softmax",
) -> tuple[float, Array]:
    r"""Cross entropy, weighted by class if `class_weights` is given (paper, section 3.2).

    Softmax: ``-sum_c w_c y log p``. A row whose targets are all 0 says "none of the cells that are
    not masked" (spaCy's negated labels), and adds ``-log(1 - p)`` for these. As in Thinc's
    `CategoricalCrossentropy`, masked cells get no gradient. Sigmoid and identity: binary cross
    entropy ``-w_c y log p - (1 - y) log(1 - p)``.

    >>> import numpy
    >>> value, gradient = cross_entropy(numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]]))
    >>> round(value, 4), gradient
    (0.2877, array([[ 0.25, -0.25]]))
    """
    xp = get_array_module(probs)
    weights = as_cells(weights)
    positive = targets if class_weights is None else targets * class_weights
    if activation == "softmax":
        logs = positive * _log(xp, probs)
        has_gold = targets.sum(axis=1, keepdims=True) > 0
        if not has_gold.all():
            logs = xp.where(has_gold, logs, _log(xp, 1 - probs))
        if class_weights is None:
            gradient = probs - targets
        else:
            row_weight = xp.where(has_gold, positive.sum(axis=1, keepdims=True), 1)
            gradient = probs * row_weight - positive
    else:
        negative = 1 - targets
        logs = positive * _log(xp, probs) + negative * _log(xp, 1 - probs)
        if activation == "sigmoid":
            gradient = probs * negative - (1 - probs) * positive
        else:
            floor = xp.finfo(probs.dtype).eps
            gradient = negative / xp.maximum(1 - probs, floor) - positive / xp.maximum(probs, floor)
    if weights is not None:
        logs = logs * weights
        gradient = gradient * weights
    return 0.0 - float(logs.sum()), gradient  # not -0.0


def log_loss(probs: Array, targets: Array, *, weights: Array | None = None) -> float:
    """The value of `cross_entropy` for softmax, where every row has a gold label or no weight.

    >>> import numpy
    >>> round(log_loss(numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]])), 4)
    0.2877
    """
    logs = targets * _log(get_array_module(probs), probs)
    if weights is not None:
        logs *= as_cells(weights)
    return 0.0 - float(logs.sum())


@_with_softmax_probs
def focal(
    probs: Array,
    targets: Array,
    *,
    focus: float,
    weights: Array | None = None,
    class_weights: Array | None = None,
    activation: Activation = "softmax",
) -> tuple[float, Array]:
    r"""Focal loss ``-w_c (1 - p_t)^focus log p_t`` (Lin et al. 2017, eq. 5).

    `p_t` is the probability of the target: ``p`` where y = 1. Sigmoid and identity add the same
    term of ``1 - p`` where y = 0. With ``focus=0`` it is cross entropy.

    >>> import numpy
    >>> value, _ = focal(numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]]), focus=2.0)
    >>> round(value, 4)
    0.018
    """
    xp = get_array_module(probs)
    weights = as_cells(weights)
    positive = targets if class_weights is None else targets * class_weights
    value, elasticity = _focal_side(xp, probs, positive, focus)
    if activation != "softmax":
        other = 1 - probs
        value_other, elasticity_other = _focal_side(xp, other, 1 - targets, focus)
        value = value + value_other
    if weights is not None:
        value = value * weights
        elasticity = elasticity * weights
    if activation == "softmax":
        return float(value.sum()), _backprop(xp, probs, elasticity, activation)
    if weights is not None:
        elasticity_other = elasticity_other * weights
    if activation == "sigmoid":
        return float(value.sum()), elasticity * other - elasticity_other * probs
    floor = xp.finfo(probs.dtype).eps
    gradient = elasticity / xp.maximum(probs, floor) - elasticity_other / xp.maximum(other, floor)
    return float(value.sum()), gradient


def squared_error(
    probs: Array,
    targets: Array,
    *,
    weights: Array | None = None,
    class_weights: Array | None = None,
    activation: Activation = "softmax",
) -> tuple[float, Array]:
    r"""Half the squared error ``sum_c w_c (p - y)^2 / 2``, the Brier score for softmax.

    Its gradient with respect to the probabilities is ``w_c (p - y)``: what spaCy's components with
    a logistic output train on.

    >>> import numpy
    >>> squared_error(
    ...     numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]]), activation="identity"
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
    if activation in ("identity", "softmax_probs"):
        return value, gradient
    return value, _backprop(xp, probs, probs * gradient, activation)


@_with_softmax_probs
@in_row_blocks
def dice(
    probs: Array,
    targets: Array,
    *,
    smooth: float,
    reduction: Reduction = "example",
    weights: Array | None = None,
    class_weights: Array | None = None,
    activation: Activation = "softmax",
) -> tuple[float, Array]:
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
    return value, _backprop(xp, probs, elasticity, activation)


@_with_softmax_probs
@in_row_blocks
def tversky(
    probs: Array,
    targets: Array,
    *,
    alpha: float,
    beta: float,
    smooth: float,
    reduction: Reduction = "example",
    weights: Array | None = None,
    class_weights: Array | None = None,
    activation: Activation = "softmax",
) -> tuple[float, Array]:
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

    def form(xp: Any, p: Array, y: Any) -> tuple[Any, Any, Any, Any]:
        tp, d_tp = true_positives(xp, p, y)
        return tp, tp + alpha * (p - tp) + beta * (y - tp), d_tp, alpha + (1 - alpha - beta) * d_tp

    value, elasticity = overlap(
        xp, probs, probs, targets, form, smooth, reduction, weights, class_weights
    )
    return value, _backprop(xp, probs, elasticity, activation)


@_with_softmax_probs
@in_row_blocks
def self_adjusting_dice(
    probs: Array,
    targets: Array,
    *,
    alpha: float,
    smooth: float,
    detach_weight: bool = False,
    reduction: Reduction = "example",
    weights: Array | None = None,
    class_weights: Array | None = None,
    activation: Activation = "softmax",
) -> tuple[float, Array]:
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
    rest = 1 - probs
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
        slope = u * (1 - (1 + alpha) * probs)
        rest_divides = True
    value, elasticity = overlap(
        xp, u, slope, targets, plain_dice, smooth, reduction, weights, class_weights
    )
    if rest_divides:
        return value, _backprop_by_rest(xp, probs, rest, elasticity, activation)
    return value, _backprop(xp, probs, elasticity, activation)


# Below this, p dL/dp can be so large for alpha = 1 that a difference of two such numbers is noise.
_SAFE_SMOOTH = 1e-2


def _focal_side(xp: Any, p: Array, y: Array, focus: float) -> tuple[Array, Array]:
    """Value and elasticity of ``-y (1-p)^focus log p``."""
    rest = 1 - p
    factor = y * rest**focus if focus else y
    log = _log(xp, p)
    value = -factor * log
    # p d/dp = -(1-p)^focus (1 - focus p log p / (1-p)), and log p / (1-p) -> -1 for p -> 1.
    slope = xp.where(rest > 0, log / xp.where(rest > 0, rest, 1), -1)
    return value, factor * (focus * p * slope - 1)


def _backprop(xp: Any, probs: Array, elasticity: Array, activation: Activation) -> Array:
    """From ``p * dL/dp`` to the gradient that `activation` asks for."""
    if activation == "softmax":
        total = elasticity @ xp.ones((probs.shape[1], 1), probs.dtype)
        return xp.subtract(elasticity, probs * total, out=elasticity)
    if activation == "sigmoid":
        return elasticity * (1 - probs)
    return elasticity / xp.maximum(probs, xp.finfo(probs.dtype).tiny)


def _backprop_by_rest(
    xp: Any, probs: Array, rest: Array, scaled: Array, activation: Activation
) -> Array:
    """The same from ``scaled = (1-p) p * dL/dp``, which is bounded where ``p * dL/dp`` is not.

    For softmax, ``dz_k = scaled_k - p_k sum_{j != k} scaled_j / (1-p_j)``, bounded because
    p_k <= 1 - p_j. The cell with the highest probability is the only one for which that sum loses
    digits; it follows from the others, as the gradient of a row sums to 0.
    """
    if activation == "sigmoid":
        return scaled
    floor = xp.finfo(probs.dtype).eps / 4
    if activation == "identity":
        return scaled / xp.maximum(probs * rest, floor * xp.finfo(probs.dtype).eps)
    unscaled = scaled / xp.maximum(rest, floor)
    gradient = unscaled.sum(axis=1, keepdims=True) - unscaled
    gradient *= probs
    xp.subtract(scaled, gradient, out=gradient)
    rows, top = xp.arange(len(probs)), probs.argmax(axis=1)
    gradient[rows, top] = 0
    gradient[rows, top] = -gradient.sum(axis=1)
    return gradient


def _log(xp: Any, p: Array) -> Array:
    return xp.log(xp.maximum(p, xp.finfo(p.dtype).tiny))
