"""Sums of losses with weights that may change while training."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from thinc.util import get_array_module

from .._validation import check_non_negative, is_number, listed, nearest, refuse
from ..functional import Activation, Array
from .base import Labels, NestedLoss, evaluate


@dataclass(kw_only=True)
class Compound(NestedLoss):
    """A sum of registered losses, ``sum_k weight_k * loss_k``.

    losses: the losses by a name of your own; any registered loss, Thinc's own too.
    weights: a number, or a Thinc schedule that moves on by one value with each update, for each
        name; 1.0 where none is given. A pickled copy keeps the value a schedule has reached.

    >>> import numpy
    >>> from spacy_dice.losses import CE, DL
    >>> loss = Compound(losses={"ce": CE(), "dice": DL(ce_weight=0.0)}, weights={"dice": 0.5})
    >>> loss.get_loss(numpy.array([[0.5, 0.5]], dtype="f"), [1])
    0.8487...
    """

    losses: dict[str, Any]
    weights: dict[str, Any] | None = None

    def validate(self) -> None:
        """Refuse weights without a loss, and what is neither a number nor a schedule."""
        if not self.losses:
            refuse(self.owner, "losses must name at least one loss, got none")
        for name, loss in self.losses.items():
            if not callable(loss):
                refuse(self.owner, f"losses[{name!r}] must be a registered loss, got {loss!r}")
        self._values: dict[str, float] = dict.fromkeys(self.losses, 1.0)
        self._schedules: dict[str, Iterator[float]] = {}
        for name, weight in (self.weights or {}).items():
            if name not in self.losses:
                refuse(
                    self.owner,
                    f"weights has {name!r}, but losses only {listed(self.losses)}"
                    f"{nearest(name, self.losses)}",
                )
            if is_number(weight):
                check_non_negative(self.owner, f"weights[{name!r}]", weight)
                self._values[name] = weight
            elif hasattr(weight, "__iter__") and not isinstance(weight, str):
                self._schedules[name] = iter(weight)
            else:
                refuse(
                    self.owner,
                    f"weights[{name!r}] must be a number or a schedule, got {weight!r}",
                )
        self._next_values()

    def _next_values(self) -> None:
        for name, schedule in self._schedules.items():
            # A schedule that ends keeps its last value.
            self._values[name] = float(next(schedule, self._values[name]))

    def __getstate__(self) -> dict[str, Any]:
        # Schedules are generators, which cannot be pickled.
        return {**self.__dict__, "weights": dict(self._values), "_schedules": {}}

    def children(self) -> Iterable[Any]:
        """The losses of the sum."""
        return self.losses.values()

    def advance(self) -> None:
        """Take the next value of each schedule, here and in the losses."""
        self._next_values()
        super().advance()

    def objective(
        self,
        probs: Array,
        targets: Array,
        *,
        weights: Array | None,
        labels: Labels | None,
        activation: Activation,
        ce_grad: Array | None,
    ) -> tuple[float, Array]:
        """The weighted sum of values and of gradients."""
        total, gradient = 0.0, get_array_module(probs).zeros_like(probs)
        for name, loss in self.losses.items():
            value, part = evaluate(
                loss,
                probs,
                targets,
                weights=weights,
                labels=labels,
                activation=activation,
                ce_grad=ce_grad,
                check=False,
            )
            total += self._values[name] * value
            gradient += self._values[name] * part
        return total, gradient
