"""Losses whose costs of errors are those of F1 at the F1 that is reached.

F1 is no sum over examples, but the classifier that maximises it also minimises a sum in which
errors have costs that depend on the best F alone: a missed positive 2 - F, a false one F
(Parambath, Usunier, Grandvalet 2014, "Optimizing F-Measures by Cost-Sensitive Classification").
`F1` is for micro F1, where negatives are a label of their own (NER) or cells; `MacroF1` for the
mean F1 of all labels (taggers).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from thinc.util import get_array_module

from .._validation import check_fraction, check_non_negative, check_positive, refuse
from ..functional import Activation, Array, as_cells
from .base import Labels, NestedLoss, columns_of, evaluate
from .overlap import DSC


@dataclass(kw_only=True)
class CostLoss(NestedLoss):
    """What the two share: a loss that is weighted, by counts that are kept while training.

    The counts are exponentially averaged over the rows seen; the weights are constants in the
    gradient.

    loss: the loss that is weighted, any registered one.
    horizon: > 0, the rows after which a count has lost 63 % of its part. In NER and the parser a
        row is a state.
    """

    loss: Any = None
    horizon: float = 2500.0

    def default(self) -> Any:
        """The loss that is weighted if none is given."""
        raise NotImplementedError

    def validate(self) -> None:
        """Refuse what is no loss, and a horizon that is none."""
        if self.loss is None:
            self.loss = self.default()
        if not callable(self.loss):
            refuse(self.owner, f"loss must be a registered loss, got {self.loss!r}")
        check_positive(self.owner, "horizon", self.horizon)
        self.reset()

    def reset(self) -> None:
        """Forget the counts."""
        self._counts: Array | None = None
        super().reset()

    def children(self) -> list[Any]:
        """The loss that is weighted."""
        return [self.loss]

    def costs(
        self,
        probs: Array,
        targets: Array,
        *,
        weights: Array | None,
        labels: Labels | None,
        of_rows: bool,
    ) -> Array | None:
        """What the cells, `(n, c)`, or rows, `(n, 1)`, are to count; None if all do the same.

        weights: of cells or rows, at least two-dimensional.
        of_rows: whether the labels of a row exclude each other.
        """
        raise NotImplementedError

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
        """The loss with the costs of the counts so far, these rows included."""
        cells = None if weights is None else as_cells(weights)
        of_rows = activation in ("softmax", "softmax_probs")
        costs = self.costs(probs, targets, weights=cells, labels=labels, of_rows=of_rows)
        if costs is None or cells is None:
            costs = cells if costs is None else costs
        else:
            costs = costs * cells
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

    def _count(self, counts: Array, rows: int) -> Array:
        """Add counts of so many rows to what is left of those before."""
        if self._counts is not None and self._counts.shape == counts.shape:
            counts += exp(-rows / self.horizon) * self._counts
        self._counts = counts
        return counts


@dataclass(kw_only=True)
class F1(CostLoss):
    """Any loss, with negatives weighted by ``F / (2 - F)``, F being the soft F1 reached so far.

    With that weight cross entropy decides at p = F/2, the threshold that maximises F1 (Lipton et
    al. 2014, arXiv 1402.1892): a model that finds little yet is pushed to find more, one that is
    good already is left alone.

    F is micro-averaged over all labels but the negatives. Of a softmax output, those rows are
    negative whose gold label is one of `negatives`; of a logistic output, the cells that are not
    gold.

    loss: the loss that is weighted, any registered one; `DSC` with a `ce_weight` of 0.3 if none is
        given.
    negatives: labels that F1 does not count. Without any of them among the labels, as in a tagger,
        no row is weighted, and this is `loss`: see `MacroF1`.
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

    negatives: Sequence[str] = ("O",)
    beta: float = 1.0
    floor: float = 0.05

    def default(self) -> Any:
        """See the class."""
        return DSC(ce_weight=0.3)

    def validate(self) -> None:
        """Refuse what is no loss, and numbers out of range."""
        super().validate()
        if isinstance(self.negatives, str):
            refuse(self.owner, f"negatives must be a list of labels, got {self.negatives!r}")
        check_positive(self.owner, "beta", self.beta)
        check_fraction(self.owner, "floor", self.floor)
        self._of_labels: tuple[Any, list[int]] | None = None

    def costs(
        self,
        probs: Array,
        targets: Array,
        *,
        weights: Array | None,
        labels: Labels | None,
        of_rows: bool,
    ) -> Array | None:
        """1, and the weight for negatives."""
        negative = self._columns(labels)
        if of_rows and not negative:
            return None
        weight = self._weight(probs, targets, weights, negative if of_rows else [])
        share = targets[:, negative].sum(axis=1, keepdims=True) if of_rows else 1 - targets
        return 1 - share * (1 - weight)

    def _weight(
        self, probs: Array, targets: Array, cells: Array | None, negative: list[int]
    ) -> Array:
        """The weight of negatives, an array without dimensions: it stays where the others are."""
        xp = get_array_module(probs)
        counts = _soft_counts(probs, targets, cells)
        counts = self._count(counts.sum(axis=1) - counts[:, negative].sum(axis=1), len(probs))
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


@dataclass(kw_only=True)
class MacroF1(CostLoss):
    """Any loss, with each label weighted by its part in the gradient of macro F1, tempered.

    Macro F1 is the mean over labels c of ``2 tp / S``, S = predicted + gold: another p of a
    positive is worth ``(2 - F_c) / S_c``, so that rare labels, and those that are not yet
    found, count for more. The weight is a power of that, scaled to a mean of 1 over the gold labels
    seen. Of a softmax output whole rows are weighted, by their gold label; of a logistic output the
    cells of each label.

    loss: the loss that is weighted, any registered one; `DSC` with a `ce_weight` of 1 if none is
        given.
    power: >= 0. 1 is the gradient of macro F1, under which frequent labels hardly count; 0
        weights nothing. On dev sets of three taggers accuracy falls by a point with a half, and
        not with a quarter.
    horizon: > 0, the rows after which a count has lost 63 % of its part.

    >>> import numpy
    >>> from spacy_dice.losses import CE
    >>> guesses = numpy.array([[0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], dtype="f")
    >>> MacroF1(loss=CE(), names=["NN", "FW"]).get_grad(guesses, ["NN", "NN", "FW"])[[0, 2]]
    array([[-0.1767...,  0.1767...],
           [ 0.9859..., -0.9859...]], dtype=float32)
    """

    power: float = 0.25

    def default(self) -> Any:
        """See the class."""
        return DSC(ce_weight=1.0)

    def validate(self) -> None:
        """Refuse what is no loss, and numbers out of range."""
        super().validate()
        check_non_negative(self.owner, "power", self.power)

    def costs(
        self,
        probs: Array,
        targets: Array,
        *,
        weights: Array | None,
        labels: Labels | None,
        of_rows: bool,
    ) -> Array | None:
        """The weights of the labels, for each row that of its gold label."""
        xp = get_array_module(probs)
        tp, guessed, gold = self._count(_soft_counts(probs, targets, weights), len(probs))
        # A label that was never seen counts as if seen once.
        support = xp.maximum(guessed + gold, 1)
        of_labels = ((2 - 2 * tp / support) / support) ** self.power
        seen = (gold * of_labels).sum()
        of_labels *= xp.where(seen > 0, gold.sum() / xp.maximum(seen, 1e-12), 1)
        if not of_rows:
            return xp.broadcast_to(of_labels, probs.shape)
        # Rows without gold, as they are of a label that is only known to be wrong, have weight 1.
        return 1 + targets @ (of_labels - 1)[:, None]


def _soft_counts(probs: Array, targets: Array, cells: Array | None) -> Array:
    """Of each label, tp, what is predicted and what is gold: `(3, c)`."""
    xp = get_array_module(probs)
    guesses, golds = (probs, targets) if cells is None else (probs * cells, targets * cells)
    return xp.stack([(guesses * targets).sum(axis=0), guesses.sum(axis=0), golds.sum(axis=0)])
