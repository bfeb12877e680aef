"""Losses whose costs of errors are those of F1 at the F1 that is reached.

F1 is no sum over examples, but the classifier that maximises it also minimises a sum in which
errors have costs that depend on the best F alone: a missed positive 2 - F, a false one F
(Parambath, Usunier, Grandvalet 2014, "Optimizing F-Measures by Cost-Sensitive Classification").
`F1` is for micro F1, where negatives are a label of their own (NER) or cells; `MacroF1` for the
mean F1 of all labels (taggers).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

from thinc.types import Floats1d, Floats2d
from thinc.util import get_array_module
from typing_extensions import override

from .._validation import check_fraction, check_non_negative, check_positive, refuse
from .base import AnyLoss, Bound, WrappedLoss, bind
from .batch import Batch, Labels, columns_of
from .overlap import DSC


@dataclass(kw_only=True)
class CostLoss(WrappedLoss):
    """What the two share: a loss that is weighted, by counts that are kept while training.

    The counts are exponentially averaged over the rows seen; the weights are constants in the
    gradient.

    loss: the loss that is weighted, any registered one.
    horizon: > 0, the rows after which a count has lost 63 % of its part. In NER and the parser a
        row is a state.
    """

    horizon: float = 2500.0

    @override
    def validate(self) -> None:
        super().validate()
        check_positive(self.owner, "horizon", self.horizon)

    def negative_columns(self, labels: Labels | None) -> list[int]:
        """The columns whose rows are negative, if there are any."""
        return []

    def count(self, batch: Batch, negative: list[int]) -> Floats1d | Floats2d | None:
        """What is kept of a batch; None if it is not to be weighted."""
        raise NotImplementedError

    def costs(self, batch: Batch, counts: Floats1d | Floats2d, negative: list[int]) -> Floats2d:
        """What cells, `(n, c)`, or rows, `(n, 1)`, are to count, for the counts that are kept."""
        raise NotImplementedError

    @override
    def bind(
        self, labels: Labels | None = None, counts: Mapping[str, float] | None = None
    ) -> "BoundCost":
        """Bind the loss that is weighted; nothing has been counted yet."""
        return BoundCost(self, bind(self.loss, labels, counts), self.negative_columns(labels))


class BoundCost(Bound):
    """A `CostLoss` with its counts.

    inner: the loss that is weighted.
    counts: of the rows seen so far; None before the first.
    """

    loss: CostLoss

    def __init__(self, loss: CostLoss, inner: Bound, negative: list[int]) -> None:
        super().__init__(loss)
        self.inner, self.negative = inner, negative
        self.counts: Floats1d | Floats2d | None = None

    @override
    def evaluate(self, batch: Batch, learn: bool) -> tuple[float, Floats2d]:
        """The loss with the costs of the counts so far, these rows included."""
        counts = self.loss.count(batch, self.negative)
        if counts is None:
            return self.inner(batch, learn=learn)
        if self.counts is not None and self.counts.shape == counts.shape:
            counts += exp(-len(batch.probs) / self.loss.horizon) * self.counts
        if learn:
            self.counts = counts
        costs = self.loss.costs(batch, counts, self.negative)
        if batch.weights is not None:
            costs = costs * batch.weights
        return self.inner(batch._replace(weights=costs), learn=learn)

    @override
    def advance(self) -> None:
        self.inner.advance()


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

    @override
    def default(self) -> AnyLoss:
        return DSC(ce_weight=0.3)

    @override
    def validate(self) -> None:
        super().validate()
        if isinstance(self.negatives, str):
            refuse(self.owner, f"negatives must be a list of labels, got {self.negatives!r}")
        check_positive(self.owner, "beta", self.beta)
        check_fraction(self.owner, "floor", self.floor)

    @override
    def negative_columns(self, labels: Labels | None) -> list[int]:
        """The columns of `negatives`; there may be none."""
        return sorted({i for name in self.negatives for i in columns_of(name, labels or ())})

    @override
    def count(self, batch: Batch, negative: list[int]) -> Floats1d | None:
        """Over all labels but the negatives, tp, what is predicted and what is gold."""
        if not batch.exclusive:
            return _soft_counts(batch).sum(axis=1)
        if not negative:
            return None
        counts = _soft_counts(batch)
        return counts.sum(axis=1) - counts[:, negative].sum(axis=1)

    @override
    def costs(self, batch: Batch, counts: Floats1d, negative: list[int]) -> Floats2d:
        """1, and the weight for negatives."""
        weight = self.weight(counts)
        if batch.exclusive:
            share = batch.targets[:, negative].sum(axis=1, keepdims=True)
        else:
            share = 1 - batch.targets
        return 1 - share * (1 - weight)

    def weight(self, counts: Floats1d) -> Floats1d:
        """The weight of negatives, an array without dimensions: it stays where the others are."""
        xp = get_array_module(counts)
        tp, guessed, gold = counts
        square = self.beta**2
        reached = (
            (1 + square) * tp / xp.maximum(square * gold + guessed, xp.finfo(counts.dtype).tiny)
        )
        return xp.maximum(reached / (1 + square - reached), self.floor)


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

    @override
    def default(self) -> AnyLoss:
        return DSC(ce_weight=1.0)

    @override
    def validate(self) -> None:
        super().validate()
        check_non_negative(self.owner, "power", self.power)

    @override
    def count(self, batch: Batch, negative: list[int]) -> Floats2d:
        """Of each label, tp, what is predicted and what is gold: `(3, c)`."""
        return _soft_counts(batch)

    @override
    def costs(self, batch: Batch, counts: Floats2d, negative: list[int]) -> Floats2d:
        """The weights of the labels, for each row that of its gold label."""
        xp = get_array_module(counts)
        tp, guessed, gold = counts
        # A label that was never seen counts as if seen once.
        support = xp.maximum(guessed + gold, 1)
        of_labels = ((2 - 2 * tp / support) / support) ** self.power
        seen = (gold * of_labels).sum()
        of_labels *= xp.where(seen > 0, gold.sum() / xp.maximum(seen, 1e-12), 1)
        if not batch.exclusive:
            return xp.broadcast_to(of_labels, batch.probs.shape)
        # Rows without gold, as they are of a label that is only known to be wrong, have weight 1.
        return 1 + batch.targets @ (of_labels - 1)[:, None]


def _soft_counts(batch: Batch) -> Floats2d:
    """Of each label, tp, what is predicted and what is gold: `(3, c)`."""
    probs, targets, weights = batch.probs, batch.targets, batch.weights
    xp = get_array_module(probs)
    guesses, golds = (probs, targets) if weights is None else (probs * weights, targets * weights)
    return xp.stack([(guesses * targets).sum(axis=0), guesses.sum(axis=0), golds.sum(axis=0)])
