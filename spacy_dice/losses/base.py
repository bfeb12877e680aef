"""What the registered losses share: truths, masks, labels and class weights."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy
from thinc.loss import CategoricalCrossentropy, Loss
from thinc.util import get_array_module

from .._validation import check_fraction, check_non_negative, listed, nearest, refuse
from ..functional import Activation, Array, as_cells

# A column answers to its own name, and may answer to others: `("B-PER", "PER")`.
Labels = Sequence[str | tuple[str, ...]]


class AnyLoss(Protocol):
    """What Thinc calls a loss: `(guesses, truths) -> (gradient, value)`."""

    def __call__(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        """Return gradient and value."""


@dataclass(kw_only=True)
class RegisteredLoss(Loss):
    """What all losses share: truths, labels, masks, and the cross entropy that makes them train.

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
        """Value and gradient; arguments as in `evaluate`, checked."""
        raise NotImplementedError

    def evaluate(
        self,
        probs: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        labels: Labels | None = None,
        activation: Activation = "softmax",
        ce_grad: Array | None = None,
        check: bool = True,
    ) -> tuple[float, Array]:
        """Value and gradient for targets that are numbers: what spaCy components call.

        probs, targets, weights, activation: see `functional`.
        labels: the names of the columns, for the settings that name labels.
        ce_grad: the gradient of plain cross entropy, where the caller has it already to the last
            bit; used in its place.
        check: whether to look for numbers outside [0, 1]; not where the caller made sure of it.
        RETURNS: the value, and the gradient, an array like `probs`.
        RAISES: ValueError for shapes that differ, numbers outside [0, 1] and unknown labels.
        """
        if probs.shape != targets.shape:
            refuse(self.owner, f"guesses have the shape {probs.shape}, truths {targets.shape}")
        xp = get_array_module(probs)
        if not probs.size:
            return 0.0, xp.zeros_like(probs)
        for what, array in (("guesses", probs), ("truths", targets)) if check else ():
            # Written so that NaN fails it too.
            if not (array.min() >= 0 and array.max() <= 1):
                refuse(self.owner, f"{what} must be probabilities in [0, 1], got {_outlier(array)}")
        if self.label_smoothing:
            targets = _smooth(self.owner, targets, self.label_smoothing)
            ce_grad = None
        value, gradient = self.objective(
            probs, targets, weights=weights, labels=labels, activation=activation, ce_grad=ce_grad
        )
        return value, gradient.astype(probs.dtype, copy=False)

    def __call__(
        self, guesses: Any, truths: Any, weights: Any = None, *, activation: Activation = "softmax"
    ) -> tuple[Any, float]:
        """Return `(gradient, value)`.

        guesses: `(n, c)` probabilities, or a list of such arrays.
        truths: class ids, label strings or rows of numbers; a list of those for a list of guesses.
        weights: optional, `(n,)` for rows or `(n, c)` for cells; a list for a list of guesses.
        activation: what the guesses came out of, see `functional`.
        RAISES: ValueError if shapes differ, a label is unknown or a number is not in [0, 1].
        """
        if not isinstance(guesses, (list, tuple)):
            targets, mask = self._targets(guesses, truths)
            mask = _combined(mask, weights)
            value, gradient = self.evaluate(
                guesses, targets, weights=mask, labels=self.names, activation=activation
            )
            return gradient, value
        if len(guesses) != len(truths) or (weights is not None and len(weights) != len(guesses)):
            refuse(
                self.owner, f"got {len(guesses)} sequences of guesses, but {len(truths)} of truths"
            )
        if not guesses:
            return [], 0.0
        # One loss over all rows of the batch: a ratio per sequence would be a different loss.
        pairs = [self._targets(g, t) for g, t in zip(guesses, truths, strict=True)]
        if weights is not None:
            pairs = [(t, _combined(m, w)) for (t, m), w in zip(pairs, weights, strict=True)]
        xp = get_array_module(guesses[0])
        value, gradient = self.evaluate(
            xp.concatenate(guesses),
            xp.concatenate([target for target, _ in pairs]),
            weights=xp.concatenate([mask for _, mask in pairs]),
            labels=self.names,
            activation=activation,
        )
        ends = numpy.cumsum([len(g) for g in guesses])[:-1]
        return xp.split(gradient, ends.tolist()), value

    def get_grad(self, guesses: Any, truths: Any, weights: Any = None) -> Any:
        """Return only the gradient of `__call__`."""
        return self(guesses, truths, weights)[0]

    def get_loss(self, guesses: Any, truths: Any, weights: Any = None) -> float:
        """Return only the value of `__call__`."""
        return self(guesses, truths, weights)[1]

    def check_labels(self, labels: Labels) -> None:
        """Refuse settings that name a label that is not among `labels`."""

    @property
    def needs_label_counts(self) -> bool:
        """Whether `count_labels` should be called before training."""
        return False

    def count_labels(self, counts: Mapping[str, float]) -> None:
        """Take how often each label is gold in the training data."""

    def advance(self) -> None:
        """Take one step of the schedules, if there are any; called once for each update."""

    def reset(self) -> None:
        """Forget what was seen in training, if anything is kept; called before training."""

    def _targets(self, guesses: Array, truths: Any) -> tuple[Array, Array]:
        xp = get_array_module(guesses)
        if guesses.ndim != 2:
            refuse(self.owner, f"guesses must have the shape (n, c), got {guesses.shape}")
        if len(guesses) != len(truths):
            refuse(self.owner, f"got {len(guesses)} rows of guesses, but {len(truths)} truths")
        if not len(guesses):
            return xp.zeros_like(guesses), xp.ones_like(guesses)
        self._check_truths(guesses, truths)
        convert = CategoricalCrossentropy(
            names=self.names, missing_value=self.missing_value, neg_prefix=self.neg_prefix
        ).convert_truths
        targets, mask = convert(truths, guesses)
        return xp.asarray(targets, dtype=guesses.dtype), xp.asarray(mask, dtype=guesses.dtype)

    def _check_truths(self, guesses: Array, truths: Any) -> None:
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

    def validate(self) -> None:
        """Refuse negative weights."""
        for label, weight in (self.class_weights or {}).items():
            check_non_negative(self.owner, f"class_weights[{label!r}]", weight)

    def check_labels(self, labels: Labels) -> None:
        """Refuse settings that name a label that is not among `labels`."""
        for label in self.class_weights or ():
            columns(self.owner, "class_weights", label, labels)

    def weights_of_classes(self, probs: Array, labels: Labels | None) -> Array | None:
        """The array `(c,)` of `class_weights`, or None if there are none."""
        if not self.class_weights:
            return None
        weights = numpy.ones(probs.shape[1], dtype=probs.dtype)
        for label, weight in self.class_weights.items():
            weights[columns(self.owner, "class_weights", label, labels)] = weight
        return get_array_module(probs).asarray(weights)


@dataclass(kw_only=True)
class NestedLoss(RegisteredLoss):
    """A loss that is made of other losses, and passes on to them what it is told."""

    def children(self) -> Iterable[Any]:
        """The losses it is made of, any registered ones."""
        raise NotImplementedError

    def _own(self) -> Iterator[RegisteredLoss]:
        return (loss for loss in self.children() if isinstance(loss, RegisteredLoss))

    def check_labels(self, labels: Labels) -> None:
        """Pass on to the losses."""
        for loss in self._own():
            loss.check_labels(labels)

    @property
    def needs_label_counts(self) -> bool:
        """Whether one of the losses needs them."""
        return any(loss.needs_label_counts for loss in self._own())

    def count_labels(self, counts: Mapping[str, float]) -> None:
        """Pass on to the losses."""
        for loss in self._own():
            loss.count_labels(counts)

    def advance(self) -> None:
        """Pass on to the losses."""
        for loss in self._own():
            loss.advance()

    def reset(self) -> None:
        """Pass on to the losses."""
        for loss in self._own():
            loss.reset()


def evaluate(
    loss: AnyLoss,
    probs: Array,
    targets: Array,
    *,
    weights: Array | None = None,
    labels: Labels | None = None,
    activation: Activation = "softmax",
    ce_grad: Array | None = None,
    check: bool = True,
) -> tuple[float, Array]:
    """Value and gradient of any registered loss, ours (see `RegisteredLoss.evaluate`) or not.

    Of a loss that is not ours the gradient is multiplied by `weights`, and rows without any weight
    are kept from it.
    """
    if isinstance(loss, RegisteredLoss):
        return loss.evaluate(
            probs,
            targets,
            weights=weights,
            labels=labels,
            activation=activation,
            ce_grad=ce_grad,
            check=check,
        )
    if weights is None:
        gradient, value = loss(probs, targets)
        return float(value), gradient
    weights = as_cells(weights)
    rows = weights.max(axis=1) > 0
    gradient = get_array_module(probs).zeros_like(probs)
    if not rows.any():
        return 0.0, gradient
    gradient[rows], value = loss(probs[rows], targets[rows])
    gradient *= weights
    return float(value), gradient


def columns(owner: str, setting: str, label: str, labels: Labels | None) -> list[int]:
    """The columns that answer to `label`. RAISES: ValueError if none does."""
    if labels is None:
        refuse(
            owner, f"{setting} names the label {label!r}, but the names of the columns are unknown"
        )
    columns = columns_of(label, labels)
    if not columns:
        known = dict.fromkeys(
            n for own in labels for n in ((own,) if isinstance(own, str) else own)
        )
        refuse(
            owner,
            f"{setting} names the label {label!r}, which is not among the labels {listed(known)}"
            f"{nearest(label, known)}",
        )
    return columns


def columns_of(label: str, labels: Labels) -> list[int]:
    """The columns that answer to `label`; there may be none."""
    return [
        i
        for i, own in enumerate(labels)
        if label == own or (label in own and not isinstance(own, str))
    ]


def _combined(mask: Array, weights: Any) -> Array:
    if weights is None:
        return mask
    xp = get_array_module(mask)
    weights = as_cells(xp.asarray(weights, dtype=mask.dtype))
    if weights.shape not in (mask.shape, (len(mask), 1)):
        raise ValueError(f"weights have the shape {weights.shape}, guesses {mask.shape}")
    if not (weights >= 0).all():
        raise ValueError(f"weights must be >= 0, got {weights.min()!r}")
    return mask * weights


def _smooth(owner: str, targets: Array, amount: float) -> Array:
    """Move `amount` of each row of 0 and 1 from its labels to the others, evenly."""
    xp = get_array_module(targets)
    if not ((targets == 0) | (targets == 1)).all():
        refuse(owner, "label_smoothing needs targets that are 0 or 1, but they are soft already")
    gold = targets.sum(axis=1, keepdims=True)
    others = targets.shape[1] - gold
    # Rows without a label, and rows that are all labels, have nothing to move.
    movable = (gold > 0) & (others > 0)
    low = amount / xp.maximum(others, 1)
    smoothed = targets * (1 - amount) + (1 - targets) * low
    return xp.where(movable, smoothed, targets).astype(targets.dtype)


def _outlier(array: Array) -> float:
    xp = get_array_module(array)
    wrong = xp.isnan(array) | (array < 0) | (array > 1)
    return float(array[wrong][0])
