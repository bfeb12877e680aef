"""Sums of terms: their value and their gradient by the logits, computed together."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .functional import Outputs, Part, Term


class Summand(NamedTuple):
    """A term, its factor in the sum, and which of the tensors at hand are its weights."""

    term: Term
    factor: float
    weights: int | None
    class_weights: int | None


# What other parts can be added to.
_NOTHING = Part(*[None] * len(Part._fields))  # type: ignore[arg-type]


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
    # Summands that share their weights are added first; those that take a whole batch are apart.
    parts: dict[tuple[bool, int | None], Part] = {}
    for term, factor, weights, class_weights in plan.summands:
        part = term(outputs, targets, _at(tensors, weights), _at(tensors, class_weights))
        key = (term.over_batch, weights)
        parts[key] = _add(parts.get(key), part, factor)
    value: Tensor | None = None
    gradient: Tensor | None = None
    for (over_batch, weights), part in parts.items():
        of_weights = None if over_batch else _at(tensors, weights)
        values, by_logits = part.values, _by_logits(outputs, targets, part)
        if of_weights is not None:
            values, by_logits = values * of_weights, by_logits * of_weights
        if plan.reduced:
            values = values.sum()
        value, gradient = _plus(value, values), _plus(gradient, by_logits)
    assert value is not None
    assert gradient is not None
    return value, gradient


def _add(total: Part | None, part: Part, factor: float) -> Part:
    """``total + factor * part``."""
    if total is None:
        if factor == 1:
            return part
        total = _NOTHING
    return Part(*(_plus(x, y, factor) for x, y in zip(total, part, strict=True)))


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
