"""Losses that are made of others: sums, and those whose costs of errors are those of F1.

See `spacy_dice.losses.cost` for where the costs come from.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn
from typing_extensions import Unpack, override

from .._validation import (
    check_fraction,
    check_non_negative,
    check_positive,
    listed,
    nearest,
    refuse,
)
from .base import Batch, Loss, LossSettings, Weighted, check_ids
from .functional import Outputs, gold_counts
from .losses import DSCLoss


class NestedLoss(Loss):
    """A loss made of others; their `reduction` is not used, their activation must be the same."""

    def _check_children(self, losses: Iterable[tuple[str, Loss]]) -> None:
        for name, loss in losses:
            if not isinstance(loss, Loss):
                refuse(self.owner, f"{name} must be a loss of spacy_dice.torch, got {loss!r}")
            for setting in ("activation", "ignore_index"):
                ours, theirs = getattr(self, setting), getattr(loss, setting)
                if ours != theirs:
                    refuse(
                        self.owner,
                        f"{setting} is {ours!r} here, but {theirs!r} in {name}: give both the same",
                    )


class CompoundLoss(NestedLoss):
    """A sum of losses, ``sum_k weight_k * loss_k``.

    losses: the losses by a name of your own.
    weights: >= 0, a number for each name; 1.0 where none is given. `weights` of the loss may be
        changed between steps.

    >>> import torch
    >>> from spacy_dice.torch import CELoss, DiceLoss
    >>> loss = CompoundLoss({"ce": CELoss(), "dice": DiceLoss(ce_weight=0.0)}, {"dice": 0.5})
    >>> loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.8487)
    """

    def __init__(
        self,
        losses: Mapping[str, Loss],
        weights: Mapping[str, float] | None = None,
        **settings: Unpack[LossSettings],
    ) -> None:
        super().__init__(**settings)
        if not losses:
            refuse(self.owner, "losses must name at least one loss, got none")
        self._check_children((f"losses[{name!r}]", loss) for name, loss in losses.items())
        for name, weight in (weights or {}).items():
            if name not in losses:
                refuse(
                    self.owner,
                    f"weights has {name!r}, but losses only {listed(losses)}"
                    f"{nearest(name, losses)}",
                )
            check_non_negative(self.owner, f"weights[{name!r}]", weight)
        self.losses = nn.ModuleDict(losses)
        self.weights = {**dict.fromkeys(losses, 1.0), **(weights or {})}

    def terms(self, batch: Batch) -> list[Weighted]:
        """The terms of all losses."""
        return [
            term._replace(factor=self.weights[name] * term.factor)
            for name, loss in self.losses.items()
            for term in loss.terms(batch)  # type: ignore[operator]
        ]


class CostLoss(NestedLoss):
    """A loss that is weighted, by counts that are kept while training.

    The counts are exponentially averaged over the rows seen, masked ones apart; the weights are
    constants in the gradient. Counts are kept in the buffer `counts`, and only in training mode
    and where gradients are recorded: `eval()` and `torch.no_grad()` leave them as they are.

    loss: the loss that is weighted.
    horizon: > 0, the rows after which a count has lost 63 % of its part.
    """

    counts: Tensor

    def __init__(
        self,
        loss: Loss | None = None,
        *,
        horizon: float = 2500.0,
        **settings: Unpack[LossSettings],
    ) -> None:
        super().__init__(**settings)
        check_positive(self.owner, "horizon", horizon)
        self.loss = self.default() if loss is None else loss
        self._check_children([("loss", self.loss)])
        self.horizon = horizon
        # tp, predicted, gold of each class; the number of classes is not known yet.
        self.register_buffer("counts", torch.zeros(3, 0))

    def default(self) -> Loss:
        """The loss that is weighted if none is given."""
        raise NotImplementedError

    def costs(self, batch: Batch, counts: Tensor) -> Tensor:
        """What rows, `(n, 1)`, or cells, `(n, c)`, are to count."""
        raise NotImplementedError

    def terms(self, batch: Batch) -> list[Weighted]:
        """Those of the loss, with the costs of the counts so far, these rows included."""
        costs = self.costs(batch, self._count(batch))
        weights = costs if batch.weights is None else costs * batch.weights
        return self.loss.terms(batch._replace(weights=weights))

    def reset(self) -> None:
        """Forget the counts."""
        self.counts = self.counts.new_zeros(3, 0)

    def sync(self) -> None:
        """Average the counts over all processes of `torch.distributed`.

        Each process counts the rows it sees. Call this on all of them at the same step, as often as
        you like; without it the weights of the processes differ a little.
        """
        distributed.all_reduce(self.counts)
        self.counts /= distributed.get_world_size()

    def _count(self, batch: Batch) -> Tensor:
        """Add the counts of a batch to what is left of those before."""
        counts = soft_counts(batch, self.exclusive)
        if self.counts.shape == counts.shape:
            before, age = self.counts.to(counts), batch.rows / self.horizon
            kept = torch.exp(-age) if isinstance(age, Tensor) else math.exp(-age)
            counts = counts + kept * before
        if self.training and torch.is_grad_enabled():
            if torch._C._are_functorch_transforms_active():
                refuse(
                    self.owner,
                    "running counts cannot be kept inside torch.func (vmap, grad): call eval() "
                    "first, then they stay as they are",
                )
            self.counts = counts.to(self.counts.dtype)
        return counts

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}counts")
        if saved is not None:
            self.counts = self.counts.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


def soft_counts(batch: Batch, exclusive: bool) -> Tensor:
    """Of each class, tp, what is predicted and what is gold, `(3, c)`."""
    p = Outputs(batch.logits, exclusive).p
    weights, targets = batch.weights, batch.targets
    guesses = p if weights is None else p * weights
    if targets.is_floating_point():
        tp = (guesses * targets).sum(0)
    else:
        of_gold = guesses.gather(1, targets).squeeze(1)
        tp = p.new_zeros(p.shape[1]).index_add(0, targets.squeeze(1), of_gold)
    return torch.stack([tp, guesses.sum(0), gold_counts(targets, weights, p)])


class F1Loss(CostLoss):
    """Any loss, with negatives weighted by ``F / (2 - F)``, F being the soft F1 reached so far.

    F is micro-averaged over all classes but the negatives. Of a softmax, those rows are negative
    whose gold class is one of `negatives`; of a sigmoid, the cells that are not gold.

    loss: the loss that is weighted; `DSCLoss` with a `ce_weight` of 0.3 if none is given.
    negatives: ids of the classes that F1 does not count: "O" of named entities, the class 0 of a
        detector. Without any, a softmax has no row that is weighted: see `MacroF1Loss`.
    beta: > 0, for F-beta: the weight is ``F / (1 + beta^2 - F)``; larger values favour recall.
    horizon: > 0, the rows after which a count has lost 63 % of its part in F.
    floor: in [0, 1), the least weight: where F is near 0, negatives still say what is no label.

    >>> import torch
    >>> from spacy_dice.torch import CELoss
    >>> logits = torch.zeros(2, 2, requires_grad=True)
    >>> F1Loss(CELoss(), reduction="sum")(logits, torch.tensor([0, 1])).backward()
    >>> logits.grad  # F = 1/2, so that class 0 has the weight 1/3
    tensor([[-0.1667,  0.1667],
            [ 0.5000, -0.5000]])
    """

    negative_ids: Tensor

    def __init__(
        self,
        loss: Loss | None = None,
        *,
        negatives: Sequence[int] = (0,),
        beta: float = 1.0,
        horizon: float = 2500.0,
        floor: float = 0.05,
        **settings: Unpack[LossSettings],
    ) -> None:
        super().__init__(loss, horizon=horizon, **settings)
        check_positive(self.owner, "beta", beta)
        check_fraction(self.owner, "floor", floor)
        self.negatives = check_ids(self.owner, "negatives", negatives)
        ids = torch.tensor(self.negatives, dtype=torch.long)
        self.register_buffer("negative_ids", ids, persistent=False)
        self.beta = beta
        self.floor = floor

    @override
    def default(self) -> Loss:
        return DSCLoss(ce_weight=0.3, activation=self.activation, ignore_index=self.ignore_index)

    def costs(self, batch: Batch, counts: Tensor) -> Tensor:
        """1, and the weight for negatives."""
        n_classes = batch.logits.shape[1]
        if self.exclusive and max(self.negatives, default=0) >= n_classes:
            refuse(
                self.owner,
                f"negatives has the class id {max(self.negatives)}, but the input only "
                f"{n_classes} classes, from 0",
            )
        totals = counts.sum(1)
        negative = self.negative_ids.to(counts.device)
        if self.exclusive:
            totals = totals - counts.index_select(1, negative).sum(1)
        tp, guessed, gold = totals
        square = self.beta**2
        tiny = torch.finfo(counts.dtype).tiny
        reached = (1 + square) * tp / (square * gold + guessed).clamp(min=tiny)
        weight = (reached / (1 + square - reached)).clamp(min=self.floor)
        if not self.exclusive:
            return 1 - (1 - batch.targets) * (1 - weight)
        of_classes = weight.new_ones(n_classes)
        return _of_rows(batch, of_classes.index_fill(0, negative, weight))


class MacroF1Loss(CostLoss):
    """Any loss, with each class weighted by its part in the gradient of macro F1, tempered.

    The weight of a class is a power of ``(2 - F_c) / (predicted + gold)``, scaled to a mean of 1
    over the gold labels seen. Of a softmax whole rows are weighted, by their gold class; of a
    sigmoid the cells of each class.

    loss: the loss that is weighted; `DSCLoss` with a `ce_weight` of 1 if none is given.
    power: >= 0. 1 is the gradient of macro F1, under which frequent classes hardly count; 0 weights
        nothing.
    horizon: > 0, the rows after which a count has lost 63 % of its part.

    >>> import torch
    >>> from spacy_dice.torch import CELoss
    >>> logits = torch.zeros(3, 2, requires_grad=True)
    >>> MacroF1Loss(CELoss(), reduction="sum")(logits, torch.tensor([0, 0, 1])).backward()
    >>> logits.grad[[0, 2]]  # class 1 is rarer
    tensor([[-0.4809,  0.4809],
            [ 0.5382, -0.5382]])
    """

    def __init__(
        self,
        loss: Loss | None = None,
        *,
        power: float = 0.25,
        horizon: float = 2500.0,
        **settings: Unpack[LossSettings],
    ) -> None:
        super().__init__(loss, horizon=horizon, **settings)
        check_non_negative(self.owner, "power", power)
        self.power = power

    @override
    def default(self) -> Loss:
        return DSCLoss(ce_weight=1.0, activation=self.activation, ignore_index=self.ignore_index)

    def costs(self, batch: Batch, counts: Tensor) -> Tensor:
        """The weights of the classes, for each row of a softmax that of its gold class."""
        tp, guessed, gold = counts
        # A class that was never seen counts as if seen once.
        support = (guessed + gold).clamp(min=1)
        of_classes = ((2 - 2 * tp / support) / support) ** self.power
        seen = (gold * of_classes).sum()
        of_classes = of_classes * torch.where(seen > 0, gold.sum() / seen.clamp(min=1e-12), 1.0)
        if not self.exclusive:
            return of_classes.expand(batch.logits.shape)
        return _of_rows(batch, of_classes)


def _of_rows(batch: Batch, of_classes: Tensor) -> Tensor:
    """What rows of a softmax are to count, `(n, 1)`, by their gold class."""
    if not batch.targets.is_floating_point():
        return of_classes[batch.targets]
    return 1 + (batch.targets * (of_classes - 1)).sum(1, keepdim=True)
