"""Cross entropy, weighted cross entropy, focal loss and the Dice family."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from typing_extensions import Unpack

from .._validation import check_choice, check_non_negative, is_number, refuse
from .base import Batch, Loss, LossSettings, Weighted, at_least_one, check_ids, class_tensor, within
from .functional import CrossEntropy, Focal, Term, can_look, fast_cross_entropy, gold_counts
from .overlap import Dice, SelfAdjustingDice, Tversky

OVER = ("example", "batch")


class CELoss(Loss):
    """Cross entropy, ``-sum_c y log p``; binary cross entropy with ``activation="sigmoid"``.

    >>> import torch
    >>> CELoss()(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.6931)
    """

    def terms(self, batch: Batch) -> list[Weighted]:
        """Cross entropy."""
        return [Weighted(CrossEntropy(), 1.0, batch.weights, None)]

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the loss; see `Loss.forward`."""
        if mask is None and weight is None and self._is_plain(input, target):
            value = self._of_plain(input, target)
            if value is not None:
                return value
        return super().forward(input, target, mask, weight)

    def _of_plain(self, input: Tensor, ids: Tensor) -> Tensor | None:
        """The mean, or None where something is ignored or wrong."""
        try:
            value = fast_cross_entropy(input, ids, ignore_index=self.ignore_index)
        except IndexError:
            return None
        # NaN where everything is ignored, or for logits that are.
        return None if math.isnan(value.item()) else value

    def _is_plain(self, input: Tensor, target: Tensor) -> bool:
        """Whether this is a mean over what PyTorch takes as it is; our checks take as long."""
        return (
            self.exclusive
            and self.reduction == "mean"
            and input.ndim == 2
            and target.ndim == 1
            and len(input) == len(target)
            and input.shape[1] > 1
            and target.dtype == torch.int64
            and input.dtype in (torch.float32, torch.float64)
            and can_look(input)
        )

    # PyTorch's own are exact, and one kernel.
    def _mean(self, batch: Batch) -> Tensor:
        term = self.terms(batch)[0]
        if term.weights is None and term.class_weights is None and batch.logits.numel():
            return self._of_torch(batch, None, "mean")
        count = at_least_one(batch.predictions)
        if term.weights is None and term.class_weights is not None and self.exclusive:
            # A few numbers are divided, and autograd has nothing to record.
            return self._of_torch(batch, term.class_weights / count, "sum")
        return self._of_term(batch, term, reduced=True) / count

    def _value(self, batch: Batch, reduced: bool, divisor: int = 1) -> Tensor:
        value = self._of_term(batch, self.terms(batch)[0], reduced)
        return value if divisor == 1 else value / divisor

    def _of_term(self, batch: Batch, term: Weighted, reduced: bool) -> Tensor:
        if term.weights is None and reduced:
            return self._of_torch(batch, term.class_weights, "sum")
        values = self._of_torch(batch, term.class_weights, "none")
        if self.exclusive:
            values = values.unsqueeze(1)
        if term.weights is not None:
            values = values * term.weights
        return values.sum() if reduced else values

    def _of_torch(self, batch: Batch, class_weights: Tensor | None, reduction: str) -> Tensor:
        logits, targets = batch.logits, batch.targets
        if not self.exclusive:
            return binary_cross_entropy_with_logits(
                logits, targets, pos_weight=class_weights, reduction=reduction
            )
        if not targets.is_floating_point():
            return fast_cross_entropy(
                logits, targets.squeeze(1), weight=class_weights, reduction=reduction
            )
        return cross_entropy(logits, targets, class_weights, reduction=reduction)


class WeightedSettings(LossSettings, total=False):
    """The settings of `WeightedLoss`."""

    class_weights: Sequence[float] | Tensor | None


class WeightedLoss(Loss):
    """A loss whose classes can be weighted.

    class_weights: >= 0, one for each class by its id; None for 1.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        *,
        class_weights: Sequence[float] | Tensor | None = None,
        **settings: Unpack[LossSettings],
    ) -> None:
        super().__init__(**settings)
        self.register_buffer(
            "class_weights", class_tensor(self.owner, "class_weights", class_weights)
        )

    def _weights_of_classes(self, batch: Batch) -> Tensor | None:
        if self.class_weights is None:
            return None
        return _for_classes(self.owner, "class_weights", self.class_weights, batch.logits)


class WCELoss(WeightedLoss, CELoss):
    """Weighted cross entropy, ``-sum_c w_c y log p``.

    class_weights: weight of each class. Without it the paper's weight,
        ``log10((n - n_c)/n_c + K)`` for a class with n_c of n gold labels.
    label_counts: how often each class is gold in the training data, for that weight; counted over
        the batch if nothing is given.
    K: >= 1, the larger the more equal the weights.

    >>> import torch
    >>> WCELoss(class_weights=[1.0, 2.0])(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(1.3863)
    """

    label_counts: Tensor | None

    def __init__(
        self,
        *,
        class_weights: Sequence[float] | Tensor | None = None,
        label_counts: Sequence[float] | Tensor | None = None,
        K: float = 10.0,
        **settings: Unpack[LossSettings],
    ) -> None:
        super().__init__(class_weights=class_weights, **settings)
        if not is_number(K) or K < 1:
            refuse(self.owner, f"K must be >= 1, got {K!r}")
        if class_weights is not None and label_counts is not None:
            refuse(self.owner, "class_weights and label_counts exclude each other: give one")
        self.K = K
        self.register_buffer("label_counts", class_tensor(self.owner, "label_counts", label_counts))

    def terms(self, batch: Batch) -> list[Weighted]:
        """Cross entropy with weights."""
        return [Weighted(CrossEntropy(), 1.0, batch.weights, self._class_weights(batch))]

    def _class_weights(self, batch: Batch) -> Tensor:
        weights = self._weights_of_classes(batch)
        return self._weights_of_counts(self._counts(batch)) if weights is None else weights

    def _of_plain(self, input: Tensor, ids: Tensor) -> Tensor | None:
        n_rows = len(ids)
        if not n_rows or not within(ids, 0, input.shape[1] - 1):
            return None
        batch = Batch(input, ids.unsqueeze(1), None, n_rows, n_rows, ids.shape)
        return fast_cross_entropy(input, ids, self._class_weights(batch) / n_rows, "sum")

    def _counts(self, batch: Batch) -> Tensor:
        if self.label_counts is not None:
            return _for_classes(self.owner, "label_counts", self.label_counts, batch.logits)
        return gold_counts(batch.targets, batch.weights, batch.logits)

    def _weights_of_counts(self, counts: Tensor) -> Tensor:
        # (n - n_c)/n_c is n/n_c - 1, not below 0 where n is 0.
        quotients = counts.sum() / counts.clamp(min=1)
        return torch.log10((quotients + (self.K - 1)).clamp(min=self.K))


class MixedSettings(WeightedSettings, total=False):
    """The settings of `MixedLoss`."""

    ce_weight: float


class MixedLoss(WeightedLoss):
    """A loss that cross entropy is added to.

    ce_weight: the total is ``loss + ce_weight * CE``. 0.0 is the bare formula, which does not train
        by itself.
    """

    def __init__(self, *, ce_weight: float = 1.0, **settings: Unpack[WeightedSettings]) -> None:
        super().__init__(**settings)
        check_non_negative(self.owner, "ce_weight", ce_weight)
        self.ce_weight = ce_weight

    def bare(self) -> Term:
        """The loss without cross entropy."""
        raise NotImplementedError

    def terms(self, batch: Batch) -> list[Weighted]:
        """The loss and, if it has a weight, cross entropy."""
        terms = [Weighted(self.bare(), 1.0, batch.weights, self._weights_of_classes(batch))]
        if self.ce_weight:
            terms.append(Weighted(CrossEntropy(), float(self.ce_weight), batch.weights, None))
        return terms


class FocalLoss(MixedLoss):
    """Focal loss, ``-w_c (1 - p_t)^focus log p_t`` (Lin et al. 2017).

    focus: >= 0; 0 is cross entropy, larger values look away from what is already right.
    ce_weight: see `spacy_dice.losses.FL` for the default.

    >>> import torch
    >>> FocalLoss(focus=2.0, ce_weight=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.1733)
    """

    def __init__(
        self, *, focus: float = 1.0, ce_weight: float = 0.5, **settings: Unpack[WeightedSettings]
    ) -> None:
        super().__init__(ce_weight=ce_weight, **settings)
        check_non_negative(self.owner, "focus", focus)
        self.focus = focus

    def bare(self) -> Term:
        """Focal loss."""
        return Focal(focus=float(self.focus))


class OverlapSettings(WeightedSettings, total=False):
    """The settings of `OverlapLoss`, but for `ce_weight`."""

    smooth: float
    over: str
    exclude: Sequence[int]


class MixedOverlapSettings(OverlapSettings, MixedSettings, total=False):
    """The settings of `OverlapLoss`."""


class OverlapLoss(MixedLoss):
    """What the Dice family shares.

    smooth: >= 0, the gamma of the paper; added to numerator and denominator.
    over: `example`, the paper's definition, a ratio for each cell; or `batch`, one ratio per class
        over all rows of the batch, what `reduction` is called in the config of a spaCy pipeline.
    exclude: ids of classes left out of the Dice terms, e.g. that of "O"; cross entropy keeps them.
    """

    def __init__(
        self,
        *,
        smooth: float = 1.0,
        over: str = "example",
        exclude: Sequence[int] = (),
        **settings: Unpack[MixedSettings],
    ) -> None:
        super().__init__(**settings)
        check_non_negative(self.owner, "smooth", smooth)
        check_choice(self.owner, "over", over, OVER)
        self.smooth = smooth
        self.over = over
        self.exclude = check_ids(self.owner, "exclude", exclude)

    def _weights_of_classes(self, batch: Batch) -> Tensor | None:
        weights = super()._weights_of_classes(batch)
        if not self.exclude:
            return weights
        n_classes = batch.logits.shape[1]
        if max(self.exclude) >= n_classes:
            refuse(
                self.owner,
                f"exclude has the class id {max(self.exclude)}, but the input only {n_classes} "
                "classes, from 0",
            )
        weights = batch.logits.new_ones(n_classes) if weights is None else weights.clone()
        weights[list(self.exclude)] = 0
        return weights


class DiceLoss(OverlapLoss):
    """Dice loss with squared denominator, ``1 - (2py + smooth)/(p^2 + y^2 + smooth)``.

    >>> import torch
    >>> DiceLoss(ce_weight=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.3111)
    """

    def bare(self) -> Term:
        """Dice loss."""
        return Dice(smooth=float(self.smooth), over=self.over)


class TverskyLoss(OverlapLoss):
    """Tversky loss, ``1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth)``.

    alpha, beta: >= 0, the weights of false positives and false negatives. A half for both is Dice;
        beta > alpha trades precision for recall.

    >>> import torch
    >>> TverskyLoss(ce_weight=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.3429)
    """

    def __init__(
        self, *, alpha: float = 0.5, beta: float = 0.5, **settings: Unpack[MixedOverlapSettings]
    ) -> None:
        super().__init__(**settings)
        check_non_negative(self.owner, "alpha", alpha)
        check_non_negative(self.owner, "beta", beta)
        self.alpha = alpha
        self.beta = beta

    def bare(self) -> Term:
        """Tversky loss."""
        return Tversky(
            smooth=float(self.smooth),
            over=self.over,
            alpha=float(self.alpha),
            beta=float(self.beta),
        )


class DSCLoss(OverlapLoss):
    """Self-adjusting Dice loss, ``u = (1-p)^alpha p``, ``1 - (2uy + smooth)/(u + y + smooth)``.

    alpha: >= 0. The factor ``(1-p)^alpha`` takes weight from what the model is already sure of;
        with alpha = 1 the loss pulls a positive to p = .5 and no further: what makes it train is
        `ce_weight`. With alpha = 0 it is Dice without squares.
    detach_weight: count ``(1-p)^alpha`` as a constant in the gradient.
    ce_weight: see `spacy_dice.losses.DSC` for the default.

    >>> import torch
    >>> DSCLoss(ce_weight=0.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.5333)
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        detach_weight: bool = False,
        ce_weight: float = 2.0,
        **settings: Unpack[OverlapSettings],
    ) -> None:
        super().__init__(ce_weight=ce_weight, **settings)
        check_non_negative(self.owner, "alpha", alpha)
        self.alpha = alpha
        self.detach_weight = detach_weight

    def bare(self) -> Term:
        """Self-adjusting Dice loss."""
        return SelfAdjustingDice(
            smooth=float(self.smooth),
            over=self.over,
            alpha=float(self.alpha),
            detach_weight=self.detach_weight,
        )


def _for_classes(owner: str, name: str, values: Tensor, logits: Tensor) -> Tensor:
    """Numbers of classes where and as the logits are; refused if they are too few or too many."""
    if len(values) != logits.shape[1]:
        refuse(owner, f"{name} has {len(values)} numbers, but the input {logits.shape[1]} classes")
    return values.to(logits)
