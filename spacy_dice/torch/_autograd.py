"""The analytic gradient as PyTorch's autograd wants it."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from typing_extensions import Unpack

from ._plan import Plan, evaluate


def value_of(plan: Plan, logits: Tensor, targets: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """The value of a plan, differentiable by the logits; see `functional.evaluate`."""
    # What Function.apply asks itself. A function that can be mapped takes 50 us more a call.
    transformed = torch._C._are_functorch_transforms_active()
    if transformed or torch.compiler.is_compiling():
        return _Mappable.apply(plan, logits, targets, *tensors)[0]
    return _Eager.apply(plan, logits, targets, *tensors)


class _Context(FunctionCtx):
    """What forward leaves for backward. PyTorch makes it, and gives it these names."""

    plan: Plan
    saved_tensors: tuple[Tensor, ...]


class _Eager(torch.autograd.Function):
    """Value and gradient are computed together; backward multiplies.

    Where the gradient is to be differentiated, backward computes it again, as a function of the
    logits that autograd can follow.
    """

    @staticmethod
    def forward(
        ctx: _Context, plan: Plan, logits: Tensor, targets: Tensor, *tensors: Tensor
    ) -> Tensor:
        """Return the value, and keep the gradient and what it depends on."""
        value, gradient = evaluate(plan, logits, targets, tensors)
        ctx.plan = plan
        ctx.save_for_backward(gradient, logits, targets, *tensors)
        return _mean(plan, value)

    @staticmethod
    def backward(ctx: _Context, of_value: Tensor) -> tuple[Tensor | None, ...]:
        """Multiply the gradient by that of the value."""
        return _backward(ctx, of_value)


class _Mappable(torch.autograd.Function):
    """The same for `torch.func` and `torch.compile`: the gradient is an output."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        plan: Plan, logits: Tensor, targets: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return value and gradient."""
        value, gradient = evaluate(plan, logits, targets, tensors)
        return _mean(plan, value), gradient

    @staticmethod
    def setup_context(
        ctx: _Context,
        inputs: tuple[Plan, Unpack[tuple[Tensor, ...]]],
        output: tuple[Tensor, Tensor],
    ) -> None:
        """Keep the gradient and what it depends on."""
        plan, *tensors = inputs
        ctx.plan = plan
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], *tensors)

    @staticmethod
    def backward(ctx: _Context, of_value: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Multiply the gradient by that of the value."""
        return _backward(ctx, of_value)


def _mean(plan: Plan, value: Tensor) -> Tensor:
    # Here and not on the result of `apply`, where autograd would have one more step to record.
    return value if plan.divisor == 1 else value / plan.divisor


def _backward(ctx: _Context, of_value: Tensor) -> tuple[Tensor | None, ...]:
    gradient, logits, targets, *tensors = ctx.saved_tensors
    if torch.is_grad_enabled():
        gradient = evaluate(ctx.plan, logits, targets, tensors)[1]
    return None, _mean(ctx.plan, of_value) * gradient, None, *(None for _ in tensors)
