"""Sums of losses with weights that may change while training."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from thinc.types import Floats2d
from thinc.util import get_array_module
from typing_extensions import override

from .._validation import check_non_negative, is_number, listed, nearest, refuse
from .base import AnyLoss, Bound, NestedLoss, bind
from .batch import Batch, Labels


@dataclass(kw_only=True)
class Compound(NestedLoss):
    """A sum of registered losses, ``sum_k weight_k * loss_k``.

    losses: the losses by a name of your own; any registered loss, Thinc's own too.
    weights: a number, or a Thinc schedule that moves on by one value with each update, for each
        name; 1.0 where none is given. A schedule can be read once: it goes on where it is, however
        often the loss is bound, and a pickled copy keeps the value that it has reached.

    >>> import numpy
    >>> from spacy_dice.losses import CE, DL
    >>> loss = Compound(losses={"ce": CE(), "dice": DL(ce_weight=0.0)}, weights={"dice": 0.5})
    >>> loss.get_loss(numpy.array([[0.5, 0.5]], dtype="f"), [1])
    0.8487...
    """

    # What resolves a config would check other types than these, and read the schedules for it.
    losses: dict[str, Any]
    weights: dict[str, Any] | None = None

    @override
    def validate(self) -> None:
        if not self.losses:
            refuse(self.owner, "losses must name at least one loss, got none")
        for name, loss in self.losses.items():
            if not callable(loss):
                refuse(self.owner, f"losses[{name!r}] must be a registered loss, got {loss!r}")
        for name, weight in (self.weights or {}).items():
            if name not in self.losses:
                refuse(
                    self.owner,
                    f"weights has {name!r}, but losses only {listed(self.losses)}"
                    f"{nearest(name, self.losses)}",
                )
            if is_number(weight):
                check_non_negative(self.owner, f"weights[{name!r}]", weight)
            elif not hasattr(weight, "__iter__") or isinstance(weight, str):
                refuse(
                    self.owner,
                    f"weights[{name!r}] must be a number or a schedule, got {weight!r}",
                )

    @cached_property
    def weights_now(self) -> dict[str, "Weight"]:
        """The weight of each loss, where its schedule is now."""
        weights = self.weights or {}
        return {name: Weight(weights.get(name, 1.0)) for name in self.losses}

    @override
    def children(self) -> Iterable[AnyLoss]:
        return self.losses.values()

    @override
    def bind(
        self, labels: Labels | None = None, counts: Mapping[str, float] | None = None
    ) -> Bound:
        return BoundSum(
            self, {name: bind(loss, labels, counts) for name, loss in self.losses.items()}
        )

    def __getstate__(self) -> dict[str, Any]:
        # Schedules are generators, which cannot be pickled.
        values = {name: weight.value for name, weight in self.weights_now.items()}
        return {**self.__dict__, "weights": values}


class BoundSum(Bound):
    """The losses of a `Compound`, bound."""

    loss: Compound

    def __init__(self, loss: Compound, parts: Mapping[str, Bound]) -> None:
        super().__init__(loss)
        self.parts = parts

    @override
    def evaluate(self, batch: Batch, learn: bool) -> tuple[float, Floats2d]:
        total, gradient = 0.0, get_array_module(batch.probs).zeros_like(batch.probs)
        for name, part in self.parts.items():
            weight = self.loss.weights_now[name].value
            value, part_gradient = part(batch, learn=learn)
            total += weight * value
            gradient += weight * part_gradient
        return total, gradient

    @override
    def advance(self) -> None:
        """Take the next value of each schedule, here and in the losses."""
        for name, part in self.parts.items():
            self.loss.weights_now[name].advance()
            part.advance()


class Weight:
    """A number, or a schedule and how far it has come. Its pickled copy is the number reached."""

    def __init__(self, weight: float | Iterable[float]) -> None:
        self._rest: Iterator[float] = iter((weight,) if is_number(weight) else weight)  # type: ignore[arg-type]
        self._value: float | None = None

    @property
    def value(self) -> float:
        """The value now; a schedule takes its first step when it is first asked for one."""
        if self._value is None:
            self._value = float(next(self._rest, 1.0))
        return self._value

    def advance(self) -> None:
        """Take the next value; a schedule that ends keeps its last one."""
        self._value = float(next(self._rest, self.value))

    def __reduce__(self) -> tuple[type["Weight"], tuple[float]]:
        return Weight, (self.value,)
