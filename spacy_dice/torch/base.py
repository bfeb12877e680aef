"""What the modules share: shapes, masks, reductions and refusals."""

from collections.abc import Sequence
from typing import NamedTuple, NoReturn, TypedDict

import torch
from torch import Tensor, nn

from .._validation import check_choice, is_number, refuse
from ._autograd import value_of
from ._plan import Plan, Summand
from .functional import Term, can_look

ACTIVATIONS = ("softmax", "sigmoid")
REDUCTIONS = ("mean", "sum", "none")


class Batch(NamedTuple):
    """A checked batch.

    logits: `(n, c)`, float32 or float64.
    targets: `(n, c)` numbers or, of a softmax, class ids `(n, 1)`.
    weights: None, `(n, 1)` for rows, or, of a sigmoid, `(n, c)` for cells; 0 where masked.
    rows: how many rows are not masked, a number or a tensor without dimensions.
    predictions: what a mean divides by: rows of a softmax, cells of a sigmoid.
    shape: that of the values with ``reduction="none"``.
    """

    logits: Tensor
    targets: Tensor
    weights: Tensor | None
    rows: Tensor | int
    predictions: Tensor | int
    shape: torch.Size


class Weighted(NamedTuple):
    """A term with its factor and its weights, `(n, 1)` or `(n, c)`, and `(c,)`."""

    term: Term
    factor: float
    weights: Tensor | None
    class_weights: Tensor | None


class LossSettings(TypedDict, total=False):
    """The settings of `Loss`."""

    activation: str
    reduction: str
    ignore_index: int


class Loss(nn.Module):
    """A loss of logits and targets; the base of all of them.

    activation: `softmax`, where one class is right; or `sigmoid`, each class for itself.
    reduction: `mean` over what is not masked, rows of a softmax and cells of a sigmoid, 0 if there
        is nothing; `sum`; or `none`, the values of rows, or of cells.
    ignore_index: the target of what is masked.
    """

    def __init__(
        self, *, activation: str = "softmax", reduction: str = "mean", ignore_index: int = -100
    ) -> None:
        super().__init__()
        check_choice(self.owner, "activation", activation, ACTIVATIONS)
        check_choice(self.owner, "reduction", reduction, REDUCTIONS)
        if isinstance(ignore_index, bool) or not isinstance(ignore_index, int):
            refuse(self.owner, f"ignore_index must be an integer, got {ignore_index!r}")
        self.activation = activation
        self.reduction = reduction
        self.ignore_index = ignore_index

    @property
    def owner(self) -> str:
        """The name that error messages begin with."""
        return type(self).__name__

    @property
    def exclusive(self) -> bool:
        """Whether one class is right."""
        return self.activation == "softmax"

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the loss.

        input: logits, `(..., c)`; of a sigmoid also `(n,)`, for one class. In float16 and bfloat16
            the loss is computed in float32.
        target: class ids `(...)`, integers; or numbers in [0, 1] of the shape of the input, for one
            or several classes, or soft. Of a sigmoid with one class, `(..., 1)`, ids are 0 and 1.
        mask: what counts, `(...)`; of a sigmoid also of the shape of the input.
        weight: >= 0, of the same shapes.
        RETURNS: a tensor without dimensions; with ``reduction="none"`` `(...)` for a softmax, and
            like the input for a sigmoid. float32, or float64 for float64.
        RAISES: ValueError for shapes that do not fit, class ids out of range and targets outside
            [0, 1]; values are not looked at on a GPU, in `torch.compile` and in `torch.func`.
        """
        batch = self._batch(input, target, mask, weight)
        if self.reduction == "mean":
            return self._mean(batch)
        value = self._value(batch, reduced=self.reduction == "sum")
        return value.reshape(batch.shape) if self.reduction == "none" else value

    def sum_and_count(
        self,
        input: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | int]:
        """The sum whatever `reduction` is, and what a mean would divide it by.

        For means over more than one batch, as under gradient accumulation.
        """
        batch = self._batch(input, target, mask, weight)
        return self._value(batch, reduced=True), batch.predictions

    def terms(self, batch: Batch) -> list[Weighted]:
        """The summands of the loss."""
        raise NotImplementedError

    def _mean(self, batch: Batch) -> Tensor:
        count = at_least_one(batch.predictions)
        if isinstance(count, Tensor):
            return self._value(batch, reduced=True) / count
        return self._value(batch, reduced=True, divisor=count)

    def _value(self, batch: Batch, reduced: bool, divisor: int = 1) -> Tensor:
        """The values, or, if `reduced`, their sum divided by a number."""
        tensors: list[Tensor] = []
        summands = []
        # Weights are constants.
        for term, factor, weights, class_weights in self.terms(
            batch._replace(logits=batch.logits.detach())
        ):
            if term.over_batch and not reduced:
                refuse(
                    self.owner,
                    "over='batch' gives one value for all rows, so reduction='none' cannot be: "
                    "use over='example', or another reduction",
                )
            summands.append(
                Summand(
                    term, factor, _position(weights, tensors), _position(class_weights, tensors)
                )
            )
        plan = Plan(self.exclusive, reduced, tuple(summands), divisor)
        return value_of(plan, batch.logits, batch.targets, tensors)

    def _batch(
        self, input: Tensor, target: Tensor, mask: Tensor | None, weight: Tensor | None
    ) -> Batch:
        if not torch.is_floating_point(input):
            refuse(self.owner, f"input must be logits, floating point numbers, got {input.dtype}")
        logits = input if input.dtype in (torch.float32, torch.float64) else input.float()
        if self.exclusive and (input.ndim == 0 or input.shape[-1] < 2):
            self._refuse_shape(
                input,
                target,
                "a softmax needs (..., c) with two classes or more; for one use "
                "activation='sigmoid'",
            )
        if input.ndim != 2:
            # A sigmoid may have one class, without a dimension.
            logits = logits.reshape(-1, logits.shape[-1] if input.ndim > 1 else 1)
        targets, known = self._targets(input, target, logits)
        shape = input.shape[:-1] if self.exclusive else input.shape
        weights = self._weights(input, "mask", mask, logits)
        if weights is not None:
            weights = (weights != 0).to(logits.dtype)
            known = weights if known is None else known * weights
        rows: Tensor | int
        predictions: Tensor | int
        if known is None:
            rows, predictions = len(logits), len(logits) if self.exclusive else logits.numel()
        else:
            known = known.to(logits.dtype)
            rows = known.amax(1).sum() if len(known) else 0
            predictions = known.sum()
            if not self.exclusive and known.shape[1] == 1:
                predictions = predictions * logits.shape[1]
        weights = self._weights(input, "weight", weight, logits)
        if weights is not None:
            known = weights.to(logits.dtype) if known is None else known * weights
        return Batch(logits, targets, known, rows, predictions, shape)

    def _targets(
        self, input: Tensor, target: Tensor, logits: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Targets, and what of them is not `ignore_index`; None if that is everything."""
        n_classes = logits.shape[1]
        if target.shape == input.shape:
            targets = target.reshape(logits.shape).to(logits.dtype)
        elif target.shape != input.shape[:-1]:
            self._refuse_shape(input, target, self._expected(input))
        elif not self.exclusive and n_classes == 1:
            targets = target.reshape(-1, 1).to(logits.dtype)
        else:
            if target.is_floating_point() or target.is_complex():
                refuse(
                    self.owner,
                    f"class ids must be integers, got {target.dtype}: use target.long()",
                )
            return self._ids(target.reshape(-1, 1).long(), logits)
        looked = can_look(targets)
        if looked and within(targets, 0, 1):
            return targets, None
        known = targets != self.ignore_index
        if self.exclusive:
            known = known.all(1, keepdim=True)
        targets = torch.where(known, targets, 0.0)
        if looked and not within(targets, 0, 1):
            wrong = targets[~((targets >= 0) & (targets <= 1))][0]
            refuse(
                self.owner,
                f"targets of the shape of the input must be in [0, 1], got {float(wrong)!r}; what "
                f"is to be ignored has the value {self.ignore_index}, see ignore_index",
            )
        return targets, known

    def _ids(self, ids: Tensor, logits: Tensor) -> tuple[Tensor, Tensor | None]:
        n_classes = logits.shape[1]
        known: Tensor | None = None
        looked = can_look(ids)
        if not (looked and within(ids, 0, n_classes - 1)):
            known = ids != self.ignore_index
            ids = torch.where(known, ids, 0)
            if looked and not within(ids, 0, n_classes - 1):
                wrong = ids[(ids < 0) | (ids >= n_classes)][0]
                refuse(
                    self.owner,
                    f"the class id {int(wrong)} is not in [0, {n_classes}); what is to be ignored "
                    f"has the id {self.ignore_index}, see ignore_index",
                )
        if self.exclusive:
            return ids, known
        return torch.zeros_like(logits).scatter(1, ids, 1.0), known

    def _weights(
        self, input: Tensor, name: str, weights: Tensor | None, logits: Tensor
    ) -> Tensor | None:
        if weights is None:
            return None
        if not self.exclusive and weights.shape == input.shape:
            return weights.reshape(logits.shape)
        if weights.shape == input.shape[:-1] and input.ndim > 1:
            return weights.reshape(-1, 1)
        cells = "" if self.exclusive else f" or {tuple(input.shape)}"
        refuse(
            self.owner,
            f"{name} must have the shape {tuple(input.shape[:-1])}{cells}, got "
            f"{tuple(weights.shape)}",
        )

    def _expected(self, input: Tensor) -> str:
        ids, same = tuple(input.shape[:-1]), tuple(input.shape)
        return (
            f"target must have the shape {ids}, class ids, or {same}; classes are the last "
            f"dimension of the input: for (n, c, length) use input.movedim(1, -1)"
        )

    def _refuse_shape(self, input: Tensor, target: Tensor, problem: str) -> NoReturn:
        refuse(
            self.owner,
            f"input has the shape {tuple(input.shape)}, target {tuple(target.shape)}: {problem}",
        )

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        settings = {
            k: v for k, v in vars(self).items() if not k.startswith("_") and k != "training"
        }
        return ", ".join(f"{k}={v!r}" for k, v in settings.items())


def class_tensor(owner: str, name: str, values: Sequence[float] | Tensor | None) -> Tensor | None:
    """Numbers >= 0, one for each class, as a tensor; None stays None."""
    if values is None:
        return None
    try:
        tensor = torch.as_tensor(values, dtype=torch.get_default_dtype()).detach().clone()
    except (TypeError, ValueError):
        refuse(owner, f"{name} must be numbers, one for each class by its id, got {values!r}")
    if tensor.ndim != 1 or not bool((tensor >= 0).all()) or not bool(tensor.isfinite().all()):
        refuse(owner, f"{name} must be finite numbers >= 0, one for each class, got {values!r}")
    return tensor


def check_ids(owner: str, name: str, ids: Sequence[int]) -> tuple[int, ...]:
    """Refuse anything but a list of class ids."""
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        refuse(owner, f"{name} must be a list of class ids, got {ids!r}")
    for i in ids:
        if not is_number(i) or i < 0 or i != int(i):
            refuse(owner, f"{name} must be a list of class ids, got {i!r} in it")
    return tuple(int(i) for i in ids)


def at_least_one(count: Tensor | int) -> Tensor | int:
    """What a mean divides by, where there may be nothing."""
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)


def _position(tensor: Tensor | None, tensors: list[Tensor]) -> int | None:
    """Where the tensor is in the list; appended if it is new."""
    if tensor is None:
        return None
    for i, other in enumerate(tensors):
        if other is tensor:
            return i
    tensors.append(tensor)
    return len(tensors) - 1


def within(values: Tensor, low: int, high: int) -> bool:
    """Whether all values are in [low, high]; NaN is not."""
    if not values.numel():
        return True
    least, most = torch.aminmax(values)
    return low <= least.item() and most.item() <= high
