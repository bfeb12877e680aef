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

from thinc.types import Floats1d, Floats2d
from thinc.util import get_array_module

from ._gradients import Wrt, backprop, backprop_by_rest, by_probs, log_of, rest_of
from ._overlap import (
    Reduction,
    as_cells,
    in_row_blocks,
    overlap,
    plain_dice,
    row_sums,
    squared_dice,
    tversky_terms,
)

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
        logs = positive * log_of(xp, probs)
        has_gold = row_sums(xp, targets) > 0
        if not has_gold.all():
            logs = xp.where(has_gold, logs, log_of(xp, 1 - probs))
        if class_weights is None:
            gradient = probs - targets
        else:
            row_weight = xp.where(has_gold, positive.sum(axis=1, keepdims=True), 1)
            gradient = probs * row_weight - positive
    else:
        negative, rest = 1 - targets, 1 - probs
        logs = positive * log_of(xp, probs) + negative * log_of(xp, rest)
        gradient = probs * negative - rest * positive
    if weights is not None:
        logs = logs * weights
        gradient = gradient * weights
    value = 0.0 - float(logs.sum())  # not -0.0
    return value, gradient if wrt == "logits" else by_probs(xp, probs, gradient, exclusive)


def log_loss(
    probs: Floats2d, targets: Floats2d, *, weights: Floats1d | Floats2d | None = None
) -> float:
    """The value of `cross_entropy` for exclusive classes; every row has a gold label or no weight.

    >>> import numpy
    >>> round(log_loss(numpy.array([[0.25, 0.75]]), numpy.array([[0.0, 1.0]])), 4)
    0.2877
    """
    xp = get_array_module(probs)
    if weights is not None:
        targets = targets * as_cells(weights)
    return 0.0 - float(xp.vdot(targets, log_of(xp, probs)))


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
    return asymmetric_focal(
        probs,
        targets,
        focus_positive=focus,
        focus_negative=focus,
        margin=0.0,
        weights=weights,
        class_weights=class_weights,
        exclusive=exclusive,
        wrt=wrt,
    )


def asymmetric_focal(
    probs: Floats2d,
    targets: Floats2d,
    *,
    focus_positive: float,
    focus_negative: float,
    margin: float,
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Asymmetric loss (Ridnik et al. 2021, arXiv 2009.14119, eq. 4 to 7).

    ``-w_c (1 - p)^focus_positive log p`` where y = 1, ``-q^focus_negative log(1 - q)`` with
    ``q = max(p - margin, 0)`` where y = 0: a negative below the margin costs nothing. Exclusive
    classes have the first term alone, as in `focal`. With two equal focuses and no margin it is
    `focal`.

    >>> import numpy
    >>> value, gradient = asymmetric_focal(
    ...     numpy.array([[0.25, 0.25, 0.05]]),
    ...     numpy.array([[1.0, 0.0, 0.0]]),
    ...     focus_positive=0.0,
    ...     focus_negative=2.0,
    ...     margin=0.05,
    ...     exclusive=False,
    ... )
    >>> round(value, 4), gradient.round(4)  # -log .25 - .2^2 log .8 + 0
    (1.3952, array([[-0.75  ,  0.0261,  0.    ]]))
    """
    xp = get_array_module(probs)
    weights = as_cells(weights)
    positive = targets if class_weights is None else targets * class_weights
    # A power below 1 is steep at 0, where 1 - p has lost its digits.
    steep = any(0 < focus < 1 for focus in (focus_positive, focus_negative))
    rest = rest_of(xp, probs, exclusive) if steep else 1 - probs
    of_gold = _focal_side(xp, probs, rest, positive, focus_positive)
    if exclusive:
        return _of_sides(xp, probs, rest, of_gold, None, weights, wrt)
    shifted = xp.maximum(probs - margin, 0) if margin else probs
    kept = xp.minimum(rest + margin, 1) if margin else rest
    value_of_rest, elasticity_of_rest = _focal_side(xp, kept, shifted, 1 - targets, focus_negative)
    if margin:
        # By the logit of p: that of 1 - q is another, and none below the margin.
        elasticity_of_rest *= (shifted > 0) * (rest / kept)
    of_rest = value_of_rest, elasticity_of_rest
    return _of_sides(xp, probs, rest, of_gold, of_rest, weights, wrt)


def generalized_cross_entropy(
    probs: Floats2d,
    targets: Floats2d,
    *,
    q: float,
    weights: Floats1d | Floats2d | None = None,
    class_weights: Floats1d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Generalized cross entropy ``sum_c w_c y (1 - p^q)/q`` (Zhang and Sabuncu 2018, eq. 6).

    Its gradient is that of cross entropy times p^q of the target, so that a label which the model
    finds unlikely, a wrong one maybe, is heard less. ``q=0`` is the limit, cross entropy; ``q=1``
    the mean absolute error. Classes that do not exclude each other add the same of ``1 - p`` and
    ``1 - y``.

    >>> import numpy
    >>> generalized_cross_entropy(numpy.array([[0.75, 0.25]]), numpy.array([[0.0, 1.0]]), q=0.5)
    (1.0, array([[ 0.375, -0.375]]))
    """
    xp = get_array_module(probs)
    positive = targets if class_weights is None else targets * class_weights
    # A power below 1 is steep at 0, where 1 - p has lost its digits.
    rest = rest_of(xp, probs, exclusive) if 0 < q < 1 and not exclusive else 1 - probs
    of_gold = _power_side(xp, probs, positive, q)
    of_rest = None if exclusive else _power_side(xp, rest, 1 - targets, q)
    return _of_sides(xp, probs, rest, of_gold, of_rest, as_cells(weights), wrt)


def negative_entropy(
    probs: Floats2d,
    *,
    weights: Floats1d | Floats2d | None = None,
    exclusive: bool = True,
    wrt: Wrt = "logits",
) -> tuple[float, Floats2d]:
    r"""Minus the entropy, ``sum_c p log p``: high where the model is sure (Pereyra et al. 2017).

    Classes that do not exclude each other have an entropy each, and add ``(1 - p) log(1 - p)``.

    >>> import numpy
    >>> value, gradient = negative_entropy(numpy.array([[0.25, 0.75]]))
    >>> round(value, 4), gradient.round(4)
    (-0.5623, array([[-0.206,  0.206]]))
    """
    xp = get_array_module(probs)
    log = log_of(xp, probs)
    of_gold = probs * log, probs * (log + 1)
    rest, of_rest = 1 - probs, None
    if not exclusive:
        log = log_of(xp, rest)
        of_rest = rest * log, rest * (log + 1)
    return _of_sides(xp, probs, rest, of_gold, of_rest, as_cells(weights), wrt)


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
    return value, backprop(xp, probs, probs * gradient, exclusive, wrt)


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
    return value, backprop(xp, probs, elasticity, exclusive, wrt)


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
    return value, backprop(xp, probs, elasticity, exclusive, wrt)


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
    rest = rest_of(xp, probs, exclusive) if is_steep else 1 - probs
    u = probs if alpha == 0 else (rest if alpha == 1 else rest**alpha) * probs
    rest_divides = False
    if detach_weight or alpha == 0:
        slope = u
    elif alpha == 1 and smooth >= _SAFE_SMOOTH:
        slope = xp.subtract(rest, probs, out=rest)
        slope *= probs
    else:
        # p du/dp = u (1 - (1+alpha) p) / (1-p). The division is left to backprop_by_rest, which
        # never forms the quotient: it is infinite at p = 1 for alpha < 1.
        slope = u * (rest - alpha * probs)
        rest_divides = True
    value, elasticity = overlap(
        xp, u, slope, targets, plain_dice, smooth, reduction, weights, class_weights
    )
    if rest_divides:
        return value, backprop_by_rest(xp, probs, rest, elasticity, exclusive, wrt)
    return value, backprop(xp, probs, elasticity, exclusive, wrt)


# Below this, p dL/dp can be so large for alpha = 1 that a difference of two such numbers is noise.
_SAFE_SMOOTH = 1e-2


# Values of cells, and p * dL/dp.
_Side = tuple[Floats2d, Floats2d]


def _of_sides(
    xp: ModuleType,
    probs: Floats2d,
    rest: Floats2d,
    of_gold: _Side,
    of_rest: _Side | None,
    weights: Floats2d | None,
    wrt: Wrt,
) -> tuple[float, Floats2d]:
    """Value and gradient of a loss of p, and of one of 1 - p unless the classes are exclusive."""
    value, elasticity = of_gold
    if of_rest is None:
        if weights is not None:
            value, elasticity = value * weights, elasticity * weights
        return float(value.sum()), backprop(xp, probs, elasticity, True, wrt)
    value_of_rest, elasticity_of_rest = of_rest
    value = value + value_of_rest
    gradient = elasticity * rest - elasticity_of_rest * probs
    if weights is not None:
        value, gradient = value * weights, gradient * weights
    total = float(value.sum())
    return total, gradient if wrt == "logits" else by_probs(xp, probs, gradient, False)


def _power_side(xp: ModuleType, p: Floats2d, y: Floats2d, q: float) -> _Side:
    """Value and elasticity of ``y (1 - p^q)/q``."""
    log = log_of(xp, p)
    return -y * (xp.expm1(q * log) / q if q else log), -y * xp.exp(q * log)


def _focal_side(xp: ModuleType, p: Floats2d, rest: Floats2d, y: Floats2d, focus: float) -> _Side:
    """Value and elasticity of ``-y (1-p)^focus log p``; `rest` is 1 - p."""
    factor = y * rest**focus if focus else y
    log = xp.where(p > 0.5, xp.log1p(-xp.minimum(rest, 0.5)), log_of(xp, p))
    value = -factor * log
    # p d/dp = -(1-p)^focus (1 - focus p log p / (1-p)), and log p / (1-p) -> -1 for p -> 1.
    slope = xp.where(rest > 0, log / xp.where(rest > 0, rest, 1), -1)
    return value, factor * (focus * p * slope - 1)
