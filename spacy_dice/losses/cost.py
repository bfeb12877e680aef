"""A loss whose costs of errors are those of F1 at the F1 that is reached.

F1 is no sum over examples, but the classifier that maximises it also minimises a sum in which
errors have costs that depend on the best F alone: a missed positive 2 - F, a false one F
(Parambath, Usunier, Grandvalet 2014, "Optimizing F-Measures by Cost-Sensitive Classification").
With F / (2 - F) as the weight of negatives, cross entropy decides at p = F/2, the threshold that
maximises F1 (Lipton et al. 2014, arXiv 1402.1892): a model that finds little yet is pushed to
find more, one that is good already is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from thinc.util import get_array_module

from .._validation import check_fraction, check_positive, refuse
from ..functional import Activation, Array, as_cells
from .base import Labels, NestedLoss, columns_of, evaluate
from .overlap import DSC


@dataclass(kw_only=True)
class F1(NestedLoss):
    """Any loss, with negatives weighted by ``F / (2 - F)``, F being the soft F1 reached so far.

    F is micro-averaged over all labels but the negatives, from counts that are exponentially
    averaged over the rows seen in training; the weight is a constant in the gradient. Of a
    softmax output, those rows are negative whose gold label is one of `negatives`; of a logistic
    output, the cells that are not gold.

    loss: the loss that is weighted, any registered one; `DSC` with a `ce_weight` of 0.3 if none is
        given.
    negatives: labels that F1 does not count. Without any of them among the labels, as in a tagger,
        no row is weighted, and this is `loss`.
    beta: > 0, for F-beta: the weight is ``F / (1 + beta^2 - F)``; larger values favour recall.
    horizon: > 0, the rows after which a count has lost 63 % of its part in F. In NER and the parser
        a row is a state.
    floor: in [0, 1], the least weight: where F is near 0, negatives still say what is no label.

    >>> import numpy
    >>> from spacy_dice.losses import CE
    >>> guesses = numpy.array([[0.5, 0.5], [0.5, 0.5]], dtype="f")
    >>> loss = F1(loss=CE(), names=["O", "PER"])
    >>> loss.get_grad(guesses, ["O", "PER"])  # F = 1/2, so that O has the weight 1/3
    array([[-0.1666...,  0.1666...],
           [ 0.5       , -0.5       ]], dtype=float32)
    """

    loss: Any = None
    negatives: Sequence[str] = ("O",)
    beta: float = 1.0
    horizon: float = 2500.0
    floor: float = 0.05

    def validate(self) -> None:
        """Refuse what is no loss, and numbers out of range."""
        if self.loss is None:
            self.loss = DSC(ce_weight=0.3)
        if not callable(self.loss):
            refuse(self.owner, f"loss must be a registered loss, got {self.loss!r}")
        if isinstance(self.negatives, str):
            refuse(self.owner, f"negatives must be a list of labels, got {self.negatives!r}")
        check_positive(self.owner, "beta", self.beta)
        check_positive(self.owner, "horizon", self.horizon)
        check_fraction(self.owner, "floor", self.floor)
        self._of_labels: tuple[Any, list[int]] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the counts."""
        self._counts: Array | None = None
        super().reset()

    def children(self) -> list[Any]:
        """The loss that is weighted."""
        return [self.loss]

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
        """The loss with the weights of the counts so far, these rows included."""
        negative = self._columns(labels)
        cells = None if weights is None else as_cells(weights)
        of_rows = activation in ("softmax", "softmax_probs")
        if of_rows and not negative:
            costs = cells
        else:
            weight = self._weight(probs, targets, cells, negative if of_rows else [])
            share = targets[:, negative].sum(axis=1, keepdims=True) if of_rows else 1 - targets
            costs = 1 - share * (1 - weight)
            costs = costs if cells is None else costs * cells
        return evaluate(
            self.loss,
            probs,
            targets,
            weights=costs,
            labels=labels,
            activation=activation,
            ce_grad=ce_grad,
            check=False,
        )

    def _weight(
        self, probs: Array, targets: Array, cells: Array | None, negative: list[int]
    ) -> Array:
        """The weight of negatives, an array without dimensions: it stays where the others are."""
        xp = get_array_module(probs)
        guesses, golds = (probs, targets) if cells is None else (probs * cells, targets * cells)
        counts = xp.stack([(guesses * targets).sum(axis=0), guesses.sum(axis=0), golds.sum(axis=0)])
        counts = counts.sum(axis=1) - counts[:, negative].sum(axis=1)
        if self._counts is not None:
            counts += exp(-len(probs) / self.horizon) * self._counts
        self._counts = counts
        tp, guessed, gold = counts
        square = self.beta**2
        reached = (
            (1 + square) * tp / xp.maximum(square * gold + guessed, xp.finfo(counts.dtype).tiny)
        )
        return xp.maximum(reached / (1 + square - reached), self.floor)

    def _columns(self, labels: Labels | None) -> list[int]:
        # The labels are the same object all through an update.
        if self._of_labels is None or self._of_labels[0] is not labels:
            found = [i for name in self.negatives for i in columns_of(name, labels or ())]
            self._of_labels = labels, sorted(set(found))
        return self._of_labels[1]
