"""What the registered losses share: settings, Thinc's contract, and binding to labels.

A loss is a dataclass of settings that nothing changes. `bind` gives it the names of the columns and
the counts of the labels, once before training; what comes back is a `Bound`, called with a `Batch`
for value and gradient, which also holds what changes while training.

A loss of your own, to be named in a config, overrides one method:

    @spacy.registry.losses("my.Margin.v1")
    @dataclass(kw_only=True)
    class Margin(RegisteredLoss):
        margin: float = 0.1

        def evaluate(self, batch):
            error = batch.probs - batch.targets
            error = error * (abs(error) > self.margin)
            if batch.weights is not None:
                error = error * batch.weights
            return float((error**2).sum() / 2), error

`evaluate` returns the value and a gradient like `batch.probs`, by `batch.wrt`, for a softmax or for
logistic cells as `batch.exclusive` says; masked cells have the weight 0. Override `validate` for
settings that make no sense. A loss with weights for classes is a `WeightedLoss` and finds them in
`batch.class_weights`; one that cross entropy is added to is a `MixedLoss` and overrides `bare` in
place of `evaluate`; one that is made of others is a `NestedLoss`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy
from thinc.loss import CategoricalCrossentropy, Loss
from thinc.types import Floats1d, Floats2d, Ints1d
from thinc.util import get_array_module
from typing_extensions import override

from .._validation import check_fraction, check_non_negative, listed, nearest, refuse
from ..functional import Wrt
from .batch import Batch, Labels, columns

# Class ids, label strings (None where missing) or rows of numbers.
Truths: TypeAlias = Ints1d | Floats2d | Sequence[Any]
Weights: TypeAlias = Floats1d | Floats2d


class AnyLoss(Protocol):
    """What Thinc calls a loss: `(guesses, truths) -> (gradient, value)`."""

    def __call__(self, guesses: Floats2d, truths: Floats2d) -> tuple[Floats2d, float]:
        """Return gradient and value."""


class Bound:
    """A loss that knows its columns, and what changes while it trains.

    class_weights: of the columns; None if there are none.
    """

    def __init__(
        self, loss: "RegisteredLoss", class_weights: Sequence[float] | None = None
    ) -> None:
        self.loss = loss
        self.class_weights = class_weights
        self._cached: Floats1d | None = None

    def __call__(self, batch: Batch, *, learn: bool = True) -> tuple[float, Floats2d]:
        """Value and gradient, an array like the probabilities.

        learn: whether what is seen of the batch, counts for example, is kept.
        RAISES: ValueError for targets that cannot be smoothed.
        """
        probs, loss = batch.probs, self.loss
        if not probs.size:
            return 0.0, get_array_module(probs).zeros_like(probs)
        if probs.dtype.itemsize < 4:
            batch = batch.in_single_precision()
        if loss.label_smoothing:
            batch = batch.smoothed(loss.owner, loss.label_smoothing)
        if self.class_weights is not None:
            batch = batch._replace(class_weights=self._class_weights_like(batch.probs))
        value, gradient = self.evaluate(batch, learn)
        return value, gradient.astype(probs.dtype, copy=False)

    def evaluate(self, batch: Batch, learn: bool) -> tuple[float, Floats2d]:
        """Value and gradient of a batch that is not empty, its targets smoothed."""
        return self.loss.evaluate(batch)

    def advance(self) -> None:
        """Take one step of the schedules, if there are any; called once for each update."""

    def _class_weights_like(self, probs: Floats2d) -> Floats1d:
        cached = self._cached
        if cached is None or type(cached) is not type(probs) or cached.dtype != probs.dtype:
            weights = numpy.array(self.class_weights, dtype=probs.dtype)
            cached = self._cached = get_array_module(probs).asarray(weights)
        return cached


@dataclass(kw_only=True)
class RegisteredLoss(Loss):
    """What all losses share: labels, smoothing, and how they are called.

    names, missing_value, neg_prefix, label_smoothing: as in Thinc's `CategoricalCrossentropy`. In a
        spaCy component the first three come from the component.
    """

    names: Sequence[str] | None = None
    missing_value: str | int | None = None
    neg_prefix: str | None = None
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_fraction(self.owner, "label_smoothing", self.label_smoothing)
        self.validate()

    @property
    def owner(self) -> str:
        """The name that error messages begin with."""
        return f"dice.{type(self).__name__}.v1"

    def validate(self) -> None:
        """Refuse settings that make no sense; called once, at construction."""

    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        """Value and gradient of a batch, a pure function of it and the settings."""
        raise NotImplementedError

    @property
    def needs_label_counts(self) -> bool:
        """Whether `bind` should be given how often each label is gold in the training data."""
        return False

    @property
    def needs_columns(self) -> bool:
        """Whether the columns have to be labels, always the same: it names them or counts by them.

        Otherwise it is a function of each row.
        """
        return self.needs_label_counts

    @property
    def teachers_to_ask(self) -> tuple[str, ...]:
        """The trained pipelines whose predictions it needs, see `Batch.ask`."""
        return ()

    def bind(
        self, labels: Labels | None = None, counts: Mapping[str, float] | None = None
    ) -> Bound:
        """Get ready for batches with these columns; nothing has been seen yet.

        labels: the names of the columns, for settings that name labels.
        counts: how often each label is gold in the training data.
        RAISES: ValueError for settings that name a label which is not among `labels`.
        """
        return Bound(self)

    def __call__(
        self,
        guesses: Floats2d | Sequence[Floats2d],
        truths: Truths | Sequence[Truths],
        weights: Weights | Sequence[Weights] | None = None,
        *,
        exclusive: bool = True,
        wrt: Wrt = "logits",
    ) -> tuple[Floats2d | list[Floats2d], float]:
        """Return `(gradient, value)`.

        guesses: `(n, c)` probabilities, floats, or a list of such arrays. What is summed over
            float16 is summed in float32; the gradient is like the guesses.
        truths: class ids, label strings or rows of numbers; a list of those for a list of guesses.
        weights: optional, `(n,)` for rows or `(n, c)` for cells; a list for a list of guesses.
        exclusive, wrt: what the guesses came out of, and what the gradient is with respect to, see
            `functional`.
        RAISES: ValueError if shapes differ, a label is unknown or a number is not in [0, 1].
        """
        return self._call(guesses, truths, weights, exclusive, wrt, learn=True)

    def get_grad(
        self,
        guesses: Floats2d | Sequence[Floats2d],
        truths: Truths | Sequence[Truths],
        weights: Weights | Sequence[Weights] | None = None,
    ) -> Floats2d | list[Floats2d]:
        """Return only the gradient of `__call__`."""
        return self(guesses, truths, weights)[0]

    def get_loss(
        self,
        guesses: Floats2d | Sequence[Floats2d],
        truths: Truths | Sequence[Truths],
        weights: Weights | Sequence[Weights] | None = None,
    ) -> float:
        """Return only the value of `__call__`, and keep nothing of what was seen."""
        return self._call(guesses, truths, weights, True, "logits", learn=False)[1]

    def advance(self) -> None:
        """Take one step of the schedules, where the loss is called without a component."""
        self._bound.advance()

    @cached_property
    def _bound(self) -> Bound:
        # What Thinc's way of calling a loss needs to remember, made when it is first called.
        return self.bind(self.names)

    def _call(
        self,
        guesses: Floats2d | Sequence[Floats2d],
        truths: Truths | Sequence[Truths],
        weights: Weights | Sequence[Weights] | None,
        exclusive: bool,
        wrt: Wrt,
        *,
        learn: bool,
    ) -> tuple[Floats2d | list[Floats2d], float]:
        if not isinstance(guesses, (list, tuple)):
            batch = self._batch(guesses, truths, weights, exclusive, wrt)
            batch.check(self.owner)
            value, gradient = self._bound(batch, learn=learn)
            return gradient, value
        if len(guesses) != len(truths) or (weights is not None and len(weights) != len(guesses)):
            refuse(
                self.owner, f"got {len(guesses)} sequences of guesses, but {len(truths)} of truths"
            )
        if not guesses:
            return [], 0.0
        # One loss over all rows of the batch: a ratio per sequence would be a different loss.
        parts = [
            self._batch(*part, exclusive, wrt)
            for part in zip(guesses, truths, weights or [None] * len(guesses), strict=True)
        ]
        xp = get_array_module(guesses[0])
        batch = Batch(
            xp.concatenate(guesses),
            xp.concatenate([part.targets for part in parts]),
            xp.concatenate([part.weights for part in parts]),
            exclusive,
            wrt,
        )
        batch.check(self.owner)
        value, gradient = self._bound(batch, learn=learn)
        ends = numpy.cumsum([len(g) for g in guesses])[:-1]
        return xp.split(gradient, ends.tolist()), value

    def _batch(
        self,
        guesses: Floats2d,
        truths: Truths,
        weights: Weights | None,
        exclusive: bool,
        wrt: Wrt,
    ) -> Batch:
        xp = get_array_module(guesses)
        if guesses.ndim != 2:
            refuse(self.owner, f"guesses must have the shape (n, c), got {guesses.shape}")
        if guesses.dtype.kind != "f":
            refuse(self.owner, f"guesses must be floats, got {guesses.dtype}: use astype('f')")
        if len(guesses) != len(truths):
            refuse(self.owner, f"got {len(guesses)} rows of guesses, but {len(truths)} truths")
        if not len(guesses):
            return Batch(guesses, xp.zeros_like(guesses), xp.ones_like(guesses), exclusive, wrt)
        self._check_truths(guesses, truths)
        convert = CategoricalCrossentropy(
            names=self.names, missing_value=self.missing_value, neg_prefix=self.neg_prefix
        ).convert_truths
        targets, mask = convert(truths, guesses)
        mask = xp.asarray(mask, dtype=guesses.dtype)
        if weights is not None:
            mask = mask * self._checked(xp.asarray(weights, dtype=mask.dtype), mask)
        return Batch(guesses, xp.asarray(targets, dtype=guesses.dtype), mask, exclusive, wrt)

    def _checked(self, weights: Weights, mask: Floats2d) -> Floats2d:
        cells = weights[:, None] if weights.ndim == 1 else weights
        if cells.shape not in (mask.shape, (len(mask), 1)):
            refuse(self.owner, f"weights have the shape {cells.shape}, guesses {mask.shape}")
        if not (cells >= 0).all():
            refuse(self.owner, f"weights must be >= 0, got {float(cells.min())!r}")
        return cells

    def _check_truths(self, guesses: Floats2d, truths: Truths) -> None:
        n_classes = guesses.shape[1]
        if self.names is not None and len(self.names) != n_classes:
            refuse(self.owner, f"got {len(self.names)} names for {n_classes} columns of guesses")
        if isinstance(truths, (list, tuple)) and any(isinstance(t, str) for t in truths):
            for truth in truths:
                name = truth
                if isinstance(name, str) and self.neg_prefix and name.startswith(self.neg_prefix):
                    name = name[len(self.neg_prefix) :]
                if name != self.missing_value and self.names and name not in self.names:
                    known = [str(label) for label in self.names]
                    refuse(
                        self.owner,
                        f"the label {truth!r} is not among the names {listed(known)}"
                        f"{nearest(truth, known)}",
                    )
        elif not hasattr(truths, "ndim") or truths.ndim == 1:
            for truth in truths:
                if truth != self.missing_value and not 0 <= truth < n_classes:
                    refuse(self.owner, f"the class id {truth!r} is not in [0, {n_classes})")


@dataclass(kw_only=True)
class WeightedLoss(RegisteredLoss):
    """A loss whose classes can be weighted.

    class_weights: weight of each label; labels that are not named have 1.
    """

    class_weights: dict[str, float] | None = None

    @property
    @override
    def needs_columns(self) -> bool:
        return bool(self.class_weights) or super().needs_columns

    @override
    def validate(self) -> None:
        for label, weight in (self.class_weights or {}).items():
            check_non_negative(self.owner, f"class_weights[{label!r}]", weight)

    @override
    def bind(
        self, labels: Labels | None = None, counts: Mapping[str, float] | None = None
    ) -> Bound:
        """Look the labels up that the settings name. RAISES: ValueError if there is none such."""
        return Bound(self, self.weights_of_columns(labels, counts))

    def weights_of_columns(
        self, labels: Labels | None, counts: Mapping[str, float] | None
    ) -> list[float] | None:
        """The weight of each column; None if no label is named. RAISES: ValueError, see `bind`."""
        if not self.class_weights:
            return None
        found = {
            label: columns(self.owner, "class_weights", label, labels)
            for label in self.class_weights
        }
        weights = [1.0] * len(labels or ())
        for label, weight in self.class_weights.items():
            for column in found[label]:
                weights[column] = weight
        return weights


@dataclass(kw_only=True)
class NestedLoss(RegisteredLoss):
    """A loss that is made of other losses, any registered ones."""

    def children(self) -> Iterable[AnyLoss]:
        """The losses it is made of."""
        raise NotImplementedError

    @property
    @override
    def needs_label_counts(self) -> bool:
        """Whether one of the losses needs them."""
        return any(needs_label_counts(loss) for loss in self.children())

    @property
    @override
    def needs_columns(self) -> bool:
        """Whether one of the losses does."""
        return any(needs_columns(loss) for loss in self.children())

    @property
    @override
    def teachers_to_ask(self) -> tuple[str, ...]:
        """Those of all the losses."""
        return tuple(dict.fromkeys(t for loss in self.children() for t in teachers_of(loss)))


@dataclass(kw_only=True)
class WrappedLoss(NestedLoss):
    """A loss that changes what another one is evaluated on, column by column.

    loss: the other one, any registered loss.
    """

    loss: Any = None

    def default(self) -> AnyLoss:
        """The other loss if none is given."""
        raise NotImplementedError

    @override
    def validate(self) -> None:
        if self.loss is None:
            self.loss = self.default()
        if not callable(self.loss):
            refuse(self.owner, f"loss must be a registered loss, got {self.loss!r}")

    @override
    def children(self) -> Iterable[AnyLoss]:
        return [self.loss]

    @property
    @override
    def needs_columns(self) -> bool:
        """True: columns are known by their labels."""
        return True


@dataclass(kw_only=True)
class ForeignLoss(RegisteredLoss):
    """A loss that is not ours, called as Thinc does.

    Its gradient is multiplied by the weights, and rows without any weight are kept from it.
    """

    loss: AnyLoss

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        """Value and gradient, whatever that is taken of."""
        if batch.weights is None:
            gradient, value = self.loss(batch.probs, batch.targets)
            return float(value), gradient
        rows = batch.weights.max(axis=1) > 0
        gradient = get_array_module(batch.probs).zeros_like(batch.probs)
        if not rows.any():
            return 0.0, gradient
        gradient[rows], value = self.loss(batch.probs[rows], batch.targets[rows])
        gradient *= batch.weights
        return float(value), gradient


def bind(
    loss: AnyLoss, labels: Labels | None = None, counts: Mapping[str, float] | None = None
) -> Bound:
    """Bind any registered loss, ours (see `RegisteredLoss.bind`) or not."""
    ours = loss if isinstance(loss, RegisteredLoss) else ForeignLoss(loss=loss)
    return ours.bind(labels, counts)


def needs_label_counts(loss: AnyLoss) -> bool:
    """Whether any registered loss should be given the counts of the labels."""
    return isinstance(loss, RegisteredLoss) and loss.needs_label_counts


def needs_columns(loss: AnyLoss) -> bool:
    """Whether the columns of any registered loss have to be labels; see `RegisteredLoss`."""
    return isinstance(loss, RegisteredLoss) and loss.needs_columns


def teachers_of(loss: AnyLoss) -> tuple[str, ...]:
    """The trained pipelines that any registered loss asks; see `RegisteredLoss`."""
    return loss.teachers_to_ask if isinstance(loss, RegisteredLoss) else ()
