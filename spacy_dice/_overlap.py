"""The kernel of the Dice family: the sum of ``1 - (num + smooth) / (den + smooth)``.

A member of the family is a `Form`: its numerator and denominator, and their derivatives.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from types import ModuleType
from typing import Any, Literal, TypeAlias, TypeVar, cast, overload

import numpy
from thinc.types import Floats1d, Floats2d, FloatsXd

Reduction = Literal["example", "batch"]

# What is a scalar where all cells share it.
Term: TypeAlias = FloatsXd | float
# (xp, u, y) -> numerator, denominator and their derivatives by u. y is an array like u, or the
# scalar that all of u shares; what does not depend on u may be a scalar too.
Form = Callable[[ModuleType, FloatsXd, Term], tuple[FloatsXd, FloatsXd, Term, Term]]


# Cells up to which looking for one-hot rows costs more time than it saves.
_SMALL = 16384


def plain_dice(xp: ModuleType, u: FloatsXd, y: Term) -> tuple[FloatsXd, FloatsXd, Term, Term]:
    """2 TP over u + y."""
    tp, d_tp = true_positives(xp, u, y)
    return tp + tp, u if _is_scalar(y, 0) else u + y, d_tp + d_tp, 1


def squared_dice(xp: ModuleType, p: FloatsXd, y: Term) -> tuple[FloatsXd, FloatsXd, Term, Term]:
    """2py over p^2 + y^2."""
    # The product form is already least at p = y, as p^2 + y^2 - 2py = (p - y)^2.
    p2 = p + p
    return p2 * y, p * p + y * y, y + y, p2


def tversky_terms(
    xp: ModuleType, p: FloatsXd, y: Term, *, alpha: float, beta: float
) -> tuple[FloatsXd, FloatsXd, Term, Term]:
    """TP over TP + alpha FP + beta FN."""
    tp, d_tp = true_positives(xp, p, y)
    return tp, tp + alpha * (p - tp) + beta * (y - tp), d_tp, alpha + (1 - alpha - beta) * d_tp


def true_positives(xp: ModuleType, u: FloatsXd, y: Term) -> tuple[Term, Term]:
    """(|u| + |y| - |u-y|)/2 = min(u, y) per cell, and its derivative by u."""
    if isinstance(y, float):
        return (u.copy() if y else 0.0), y
    return xp.minimum(u, y), ((u <= y) & y.astype(bool)).astype(u.dtype)


def overlap(
    xp: ModuleType,
    u: Floats2d,
    slope: Floats2d,
    targets: Floats2d,
    form: Form,
    smooth: float,
    reduction: Reduction,
    weights: Floats2d | None,
    class_weights: Floats1d | None,
) -> tuple[float, Floats2d]:
    """Value and elasticity of ``sum(1 - (num + smooth) / (den + smooth))`` over cells or classes.

    `slope` is ``p * du/dp``, which makes the elasticity ``p * dL/dp``.
    """
    weights = as_cells(weights)
    if reduction == "batch":
        return _overlap_of_batch(xp, u, slope, targets, form, smooth, weights, class_weights)
    gold = _one_hot_positions(xp, targets) if targets.size > _SMALL else None
    if gold is None:
        losses, elasticity = _overlap_of_cells(xp, u, slope, targets, form, smooth)
    else:
        # All cells but one a row share y = 0, which saves most of the work on them.
        losses, elasticity = _overlap_of_cells(xp, u, slope, 0.0, form, smooth)
        # Positions in the flat array are several times faster than pairs of row and column.
        losses.reshape(-1)[gold], elasticity.reshape(-1)[gold] = _overlap_of_cells(
            xp, u.take(gold), slope.take(gold), 1.0, form, smooth
        )
    for factor in (weights, class_weights):
        if factor is not None:
            losses *= factor
            elasticity *= factor
    return float(losses.sum()), elasticity


def _overlap_of_cells(
    xp: ModuleType, u: Floats2d, slope: Floats2d, y: Term, form: Form, smooth: float
) -> tuple[Floats2d, Floats2d]:
    num, den, d_num, d_den = form(xp, u, y)
    ratio, den = _ratio(num, den, smooth)
    factor = ratio if _is_scalar(d_den, 1) else ratio * d_den
    if not _is_scalar(d_num, 0):
        factor = factor - d_num
    elasticity = factor * slope
    elasticity /= den
    return xp.subtract(1, ratio, out=ratio), elasticity


def _overlap_of_batch(
    xp: ModuleType,
    u: Floats2d,
    slope: Floats2d,
    targets: Floats2d,
    form: Form,
    smooth: float,
    weights: Floats2d | None,
    class_weights: Floats1d | None,
) -> tuple[float, Floats2d]:
    num, den, d_num, d_den = form(xp, u, targets)
    gold = targets
    if weights is not None:
        num, den, gold = num * weights, den * weights, gold * weights
    num, den, gold = (x.sum(axis=0, keepdims=True) for x in (num, den, gold))
    if class_weights is not None:
        gold = gold * (class_weights > 0)
    n_rows = len(u) if weights is None else weights.max(axis=1).sum()
    scale = xp.maximum(n_rows, gold.sum()) / xp.maximum(xp.minimum(gold, 1).sum(), 1)
    if class_weights is not None:
        scale = scale * class_weights
    ratio, den = _ratio(num, den, smooth)
    elasticity = (ratio * d_den - d_num) * slope * (scale / den)
    if weights is not None:
        elasticity *= weights
    return float(((1 - ratio) * scale).sum()), elasticity


def _ratio(num: FloatsXd, den: FloatsXd, smooth: float) -> tuple[Floats2d, Floats2d]:
    """(num + smooth) / (den + smooth), where 0/0 is 1, and its denominator."""
    num, den = num + smooth, den + smooth
    if not smooth:
        empty = den == 0
        num, den = num + empty, den + empty
    return num / den, den


def _one_hot_positions(xp: ModuleType, targets: Floats2d) -> Floats2d | None:
    """Where in the flat array each row has its one 1; None if rows (in [0, 1]) are not such."""
    n, c = targets.shape
    # Two products with a vector, many times faster than argmax.
    totals = targets @ xp.ones(c, targets.dtype)
    if not (totals == 1).all():
        return None
    columns = (targets @ xp.arange(c, dtype=targets.dtype)).astype("i8")
    positions = xp.arange(0, n * c, c) + columns
    return positions if (targets.take(positions) == 1).all() else None


def row_sums(xp: ModuleType, array: Floats2d) -> Floats2d:
    """The sum of each row, `(n, 1)`: of short rows a product takes a third of the time of a sum."""
    n_columns = array.shape[1]
    if xp is not numpy:
        return array @ xp.ones((n_columns, 1), array.dtype)
    return array.dot(_column_of_ones(n_columns, array.dtype))


@lru_cache(maxsize=64)
def _column_of_ones(length: int, dtype: numpy.dtype[Any]) -> Floats2d:
    ones = numpy.ones((length, 1), dtype)
    ones.flags.writeable = False
    return ones


def _is_scalar(x: Term, value: float) -> bool:
    return isinstance(x, (int, float)) and x == value


_F = TypeVar("_F", bound=Callable[..., tuple[float, Floats2d]])

# Cells that are worked on at once on the CPU, so that the temporary arrays stay in its caches.
_BLOCK = 65536


def in_row_blocks(loss: _F) -> _F:
    """Evaluate large arrays block by block, where no row depends on another one."""

    @wraps(loss)
    def blocked(probs: Floats2d, targets: Floats2d, **settings: Any) -> tuple[float, Floats2d]:
        if not probs.flags.c_contiguous:
            probs = probs.copy(order="C")
        if (
            probs.size <= _BLOCK
            or settings.get("reduction") == "batch"
            or not isinstance(probs, numpy.ndarray)
        ):
            return loss(probs, targets, **settings)
        weights = settings.pop("weights", None)
        rows = max(1, _BLOCK // probs.shape[1])
        value, gradient = 0.0, numpy.empty_like(probs)
        for start in range(0, len(probs), rows):
            block = slice(start, start + rows)
            part = None if weights is None else weights[block]
            loss_of_block, gradient[block] = loss(
                probs[block], targets[block], weights=part, **settings
            )
            value += loss_of_block
        return value, gradient

    return cast(_F, blocked)


@overload
def as_cells(weights: None) -> None: ...
@overload
def as_cells(weights: Floats1d | Floats2d) -> Floats2d: ...
def as_cells(weights: Floats1d | Floats2d | None) -> Floats2d | None:
    """Weights of rows `(n,)` as a column that broadcasts over the cells; others as they are."""
    return weights[:, None] if weights is not None and weights.ndim == 1 else weights
