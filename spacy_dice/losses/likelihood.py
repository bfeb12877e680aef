"""Cross entropy and its relatives, squared error, and what cross entropy is added to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy
from thinc.types import Floats1d, Floats2d
from thinc.util import get_array_module
from typing_extensions import override

from .. import functional
from .._validation import check_fraction, check_non_negative, is_number, refuse
from .base import RegisteredLoss, WeightedLoss
from .batch import Batch, Labels, main_names


@dataclass(kw_only=True)
class CE(RegisteredLoss):
    """Cross entropy, ``-sum_c y log p``: trains bit-identical weights to spaCy's own components.

    >>> import numpy
    >>> CE()(numpy.array([[0.25, 0.75]], dtype="f"), [1])
    (array([[ 0.25, -0.25]], dtype=float32), 0.2876...)
    """

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        return cross_entropy(batch)


@dataclass(kw_only=True)
class WCE(WeightedLoss):
    """Weighted cross entropy, ``-sum_c w_c y log p``.

    class_weights: weight of each label. Without it the paper's weight,
        ``log10((n - n_c)/n_c + K)`` for a class with n_c of n gold labels: counted over the
        training data when a component is initialized, over the batch where nobody has counted.
    K: >= 1, the larger the more equal the weights.

    >>> import numpy
    >>> loss = WCE(names=["O", "PER"], class_weights={"PER": 2.0})
    >>> loss(numpy.array([[0.25, 0.75]], dtype="f"), ["PER"])
    (array([[ 0.5, -0.5]], dtype=float32), 0.5753...)
    """

    K: float = 10.0

    @override
    def validate(self) -> None:
        super().validate()
        if not is_number(self.K) or self.K < 1:
            refuse(self.owner, f"K must be >= 1, got {self.K!r}")

    @property
    @override
    def needs_label_counts(self) -> bool:
        """True if there are no `class_weights`."""
        return not self.class_weights

    @override
    def weights_of_columns(
        self, labels: Labels | None, counts: Mapping[str, float] | None
    ) -> list[float] | None:
        """`class_weights`, or those of the counts; None where nobody has counted."""
        if self.class_weights or counts is None or labels is None:
            return super().weights_of_columns(labels, counts)
        found = numpy.array([counts.get(name, 0) for name in main_names(labels)], dtype="float64")
        return self.weights_of_counts(found).tolist()

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        if batch.class_weights is None:
            seen = batch.targets if batch.weights is None else batch.targets * batch.weights
            batch = batch._replace(class_weights=self.weights_of_counts(seen.sum(axis=0)))
        return functional.cross_entropy(batch.probs, batch.targets, **batch.settings)

    def weights_of_counts(self, counts: Floats1d) -> Floats1d:
        """``log10((n - n_c)/n_c + K)``; a class that never occurs is counted once."""
        xp = get_array_module(counts)
        seen = xp.maximum(counts, 1)
        return xp.log10(xp.maximum(counts.sum() - seen, 0) / seen + self.K)


@dataclass(kw_only=True)
class SE(WeightedLoss):
    """Half the squared error, ``sum_c w_c (p - y)^2 / 2``.

    What spaCy's `textcat_multilabel`, `spancat` and `span_finder` train on: with it, components
    whose output is logistic train bit-identical weights to spaCy's own.

    >>> import numpy
    >>> SE()(numpy.array([[0.25, 0.75]], dtype="f"), [1], wrt="probs")
    (array([[ 0.25, -0.25]], dtype=float32), 0.0625)
    """

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        return functional.squared_error(batch.probs, batch.targets, **batch.settings)


@dataclass(kw_only=True)
class MixedLoss(WeightedLoss):
    """A loss that cross entropy is added to.

    ce_weight: the total is ``loss + ce_weight * CE``. 0.0 is the bare formula, which does not train
        by itself: see the README.
    """

    ce_weight: float = 1.0

    @override
    def validate(self) -> None:
        super().validate()
        check_non_negative(self.owner, "ce_weight", self.ce_weight)

    def bare(self, batch: Batch) -> tuple[float, Floats2d]:
        """The loss without cross entropy."""
        raise NotImplementedError

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        """``bare + ce_weight * CE``."""
        value, gradient = self.bare(batch)
        if self.ce_weight:
            ce, ce_gradient = cross_entropy(batch)
            value += self.ce_weight * ce
            gradient += ce_gradient if self.ce_weight == 1 else self.ce_weight * ce_gradient
        return value, gradient


@dataclass(kw_only=True)
class FL(MixedLoss):
    """Focal loss, ``-w_c (1 - p_t)^focus log p_t`` (Lin et al. 2017).

    focus: >= 0; 0 is cross entropy, larger values look away from what is already right.
    ce_weight: on the dev set of WNUT 2017, F1 is more than 2 points below that of cross entropy
        with a focus of 1 or 2 alone, and 1 point with half of cross entropy added.

    >>> import numpy
    >>> FL(focus=2.0, ce_weight=0.0).get_loss(numpy.array([[0.25, 0.75]], dtype="f"), [1])
    0.0179...
    """

    focus: float = 1.0
    ce_weight: float = 0.5

    @override
    def validate(self) -> None:
        super().validate()
        check_non_negative(self.owner, "focus", self.focus)

    @override
    def bare(self, batch: Batch) -> tuple[float, Floats2d]:
        return functional.focal(batch.probs, batch.targets, focus=self.focus, **batch.settings)


@dataclass(kw_only=True)
class ASL(WeightedLoss):
    """Asymmetric loss of logistic outputs (Ridnik et al. 2021).

    ``-w_c (1 - p)^focus_positive log p`` where y = 1, ``-q^focus_negative log(1 - q)`` where y = 0,
    with ``q = max(p - margin, 0)``. Of labels that exclude each other, those of a softmax, only the
    first term counts: there it is a focal loss.

    focus_positive: >= 0; larger values look away from positives that are right.
    focus_negative: >= 0; larger values look away from negatives that are right.
    margin: in [0, 1); a negative with a lower probability costs nothing.

    >>> import numpy
    >>> loss = ASL(focus_negative=2.0)
    >>> loss(numpy.array([[0.75, 0.25]], dtype="f"), [0], exclusive=False)
    (array([[-0.25      ,  0.0261...]], dtype=float32), 0.2966...)
    """

    focus_positive: float = 0.0
    focus_negative: float = 4.0
    margin: float = 0.05

    @override
    def validate(self) -> None:
        super().validate()
        check_non_negative(self.owner, "focus_positive", self.focus_positive)
        check_non_negative(self.owner, "focus_negative", self.focus_negative)
        check_fraction(self.owner, "margin", self.margin)

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        return functional.asymmetric_focal(
            batch.probs,
            batch.targets,
            focus_positive=self.focus_positive,
            focus_negative=self.focus_negative,
            margin=self.margin,
            **batch.settings,
        )


@dataclass(kw_only=True)
class GCE(WeightedLoss):
    """Generalized cross entropy, ``w_c y (1 - p^q)/q`` (Zhang and Sabuncu 2018).

    q: in [0, 1]; 0 is cross entropy, larger values look away from labels that the model finds
        unlikely. With .6 and more, NER learns nothing: there most labels are unlikely at first.

    >>> import numpy
    >>> GCE(q=0.5)(numpy.array([[0.75, 0.25]], dtype="f"), [1])
    (array([[ 0.375, -0.375]], dtype=float32), 1.0)
    """

    q: float = 0.3

    @override
    def validate(self) -> None:
        super().validate()
        if not is_number(self.q) or not 0 <= self.q <= 1:
            refuse(self.owner, f"q must be in [0, 1], got {self.q!r}")

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        return functional.generalized_cross_entropy(
            batch.probs, batch.targets, q=self.q, **batch.settings
        )


@dataclass(kw_only=True)
class ConfidencePenalty(RegisteredLoss):
    """Cross entropy minus the entropy, ``CE - entropy_weight * H(p)`` (Pereyra et al. 2017).

    entropy_weight: >= 0; 0.0 is cross entropy. The loss can be below 0.

    >>> import numpy
    >>> ConfidencePenalty().get_loss(numpy.array([[0.25, 0.75]], dtype="f"), [1])
    0.2314...
    """

    entropy_weight: float = 0.1

    @override
    def validate(self) -> None:
        check_non_negative(self.owner, "entropy_weight", self.entropy_weight)

    @override
    def evaluate(self, batch: Batch) -> tuple[float, Floats2d]:
        value, gradient = cross_entropy(batch)
        if not self.entropy_weight:
            return value, gradient
        penalty, of_penalty = functional.negative_entropy(
            batch.probs, weights=batch.weights, exclusive=batch.exclusive, wrt=batch.wrt
        )
        return value + self.entropy_weight * penalty, gradient + self.entropy_weight * of_penalty


def cross_entropy(batch: Batch) -> tuple[float, Floats2d]:
    """Cross entropy without weights of classes; its gradient is the stock one where it is known."""
    stock = batch.stock_gradient
    if stock is None:
        return functional.cross_entropy(
            batch.probs,
            batch.targets,
            weights=batch.weights,
            exclusive=batch.exclusive,
            wrt=batch.wrt,
        )
    value = functional.log_loss(batch.probs, batch.targets, weights=batch.weights)
    return value, stock if batch.weights is None else stock * batch.weights
