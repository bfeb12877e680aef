"""Sums of terms: their value and their gradient by the logits, computed together."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .functional import Outputs, Part, Term

# Cells that are worked on at once on a CPU, so that what is between stays in its caches.
_BLOCK = 32768


class Summand(NamedTuple):
    """A term, its factor in the sum, and which of the tensors at hand are its weights."""

    term: Term
    factor: float
    weights: int | None
    class_weights: int | None


class Plan(NamedTuple):
    """All about a loss that is not a tensor.

    exclusive: whether the logits are those of a softmax.
    reduced: whether to return the sum of all values.
    divisor: what that sum is divided by for a mean; `evaluate` leaves it to its callers.
    """

    exclusive: bool
    reduced: bool
    summands: tuple[Summand, ...]
    divisor: int = 1


def evaluate(
    plan: Plan, logits: Tensor, targets: Tensor, tensors: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Value and gradient of a sum of terms.

    logits, targets: see the module.
    tensors: what the summands name by its position.
    RETURNS: the value, without dimensions if `reduced`, else `(n, 1)` of rows for a softmax and
        `(n, c)` of cells for a sigmoid; and the gradient of their sum by the logits, `(n, c)`.
    """
    outputs = Outputs(logits, plan.exclusive)
    value: Tensor | None = None
    gradient: Tensor | None = None
    for over_batch, weights, summands in _groups(plan.summands):
        of_weights = _at(tensors, weights)
        part = _sum(
            (
                summand.factor,
                summand.term(outputs, targets, of_weights, _at(tensors, summand.class_weights)),
            )
            for summand in summands
        )
        values, by_logits = part.values, _by_logits(outputs, targets, part)
        if of_weights is not None and not over_batch:
            values, by_logits = values * of_weights, by_logits * of_weights
        if plan.reduced:
            values = values.sum()
        value, gradient = _plus(value, values), _plus(gradient, by_logits)
    assert value is not None
    assert gradient is not None
    return value, gradient


def _groups(
    summands: Sequence[Summand],
) -> list[tuple[bool, int | None, list[Summand]]]:
    """Summands that share their weights, apart from those that take a whole batch."""
    keys = dict.fromkeys((s.term.over_batch, s.weights) for s in summands)
    return [(*key, [s for s in summands if (s.term.over_batch, s.weights) == key]) for key in keys]


def _sum(parts: Iterable[tuple[float, Part]]) -> Part:
    """The sum of parts times their factors."""
    total: tuple[Any, ...] = (None,) * len(Part._fields)
    for factor, part in parts:
        total = tuple(_plus(x, y, factor) for x, y in zip(total, part, strict=True))
    return Part(*total)


def _plus(x: Any, y: Any, factor: float = 1.0) -> Any:
    """``x + factor * y``, None being nothing."""
    if y is None:
        return x
    if x is None:
        return y if factor == 1 else factor * y
    return torch.add(x, y, alpha=factor) if isinstance(y, Tensor) else x + factor * y


def _at(tensors: Sequence[Tensor], position: int | None) -> Tensor | None:
    return None if position is None else tensors[position]


def _by_logits(outputs: Outputs, targets: Tensor, part: Part) -> Tensor:
    """The gradient by the logits: for softmax, ``dz_k = e_k - p_k sum_j e_j``."""
    gradient: Any = None
    if part.dense is None and part.gold is not None:
        gradient = outputs.p * -part.gold
    elif part.dense is not None:
        total = _plus(part.dense.sum(1, keepdim=True), part.gold)
        gradient = torch.addcmul(part.dense, outputs.p, total, value=-1)
    if part.gold is not None:
        gold = part.gold
        if isinstance(gold, float):
            gold = torch.full_like(targets, gold, dtype=gradient.dtype)
        gradient = gradient.scatter_add_(1, targets, gold)
    return _plus(gradient, part.by_logits)


def evaluate_blocks(
    plan: Plan, logits: Tensor, targets: Tensor, tensors: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The same as `evaluate`; on a CPU block by block, where no row depends on another one."""
    rows = max(1, _BLOCK // logits.shape[1])
    whole = len(logits) <= rows or any(s.term.over_batch for s in plan.summands)
    if whole or logits.device.type != "cpu":
        return evaluate(plan, logits, targets, tensors)
    of_rows = {s.weights for s in plan.summands}
    values, gradient = [], torch.empty_like(logits)
    for start in range(0, len(logits), rows):
        block = slice(start, start + rows)
        value, gradient[block] = evaluate(
            plan,
            logits[block],
            targets[block],
            [x[block] if i in of_rows else x for i, x in enumerate(tensors)],
        )
        values.append(value)
    return torch.stack(values).sum() if plan.reduced else torch.cat(values), gradient
