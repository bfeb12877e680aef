"""The Dice family: Dice, Tversky and self-adjusting Dice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thinc.types import Floats2d
from typing_extensions import override

from .. import functional
from .._validation import check_choice, check_non_negative, refuse
from .batch import Batch, Labels, columns
from .likelihood import MixedLoss


@dataclass(kw_only=True)
class OverlapLoss(MixedLoss):
    """What the Dice family shares.

    smooth: >= 0, the gamma of the paper; added to numerator and denominator.
    reduction: `example`, the paper's definition, a ratio for each cell; or `batch`, one ratio per
        class over all rows of the batch (of one transition step in NER).
    exclude: labels left out of the Dice terms, e.g. `["O"]`; cross entropy keeps them.
    """

    smooth: float = 1.0
    reduction: str = "example"
    exclude: Sequence[str] = ()

    @property
    @override
    def needs_columns(self) -> bool:
        return bool(self.exclude) or self.reduction == "batch" or super().needs_columns

    @override
    def validate(self) -> None:
        super().validate()
        check_non_negative(self.owner, "smooth", self.smooth)
        check_choice(self.owner, "reduction", self.reduction, functional.REDUCTIONS)
        if isinstance(self.exclude, str):
            refuse(self.owner, f"exclude must be a list of labels, got {self.exclude!r}")

    @override
    def weights_of_columns(
        self, labels: Labels | None, counts: Mapping[str, float] | None
    ) -> list[float] | None:
        """`class_weights`, with 0 for the labels in `exclude`."""
        weights = super().weights_of_columns(labels, counts)
        for label in self.exclude:
            found = columns(self.owner, "exclude", label, labels)
            weights = weights or [1.0] * len(labels or ())
            for column in found:
                weights[column] = 0.0
        return weights


@dataclass(kw_only=True)
class DL(OverlapLoss):
    """Dice loss with squared denominator, ``1 - (2py + smooth)/(p^2 + y^2 + smooth)``.

    >>> import numpy
    >>> DL(ce_weight=0.0).get_loss(numpy.array([[0.5, 0.5]], dtype="f"), [1])
    0.3111...
    """

    @override
    def bare(self, batch: Batch) -> tuple[float, Floats2d]:
        return functional.dice(
            batch.probs,
            batch.targets,
            smooth=self.smooth,
            reduction=self.reduction,  # type: ignore[arg-type]
            **batch.settings,
        )


@dataclass(kw_only=True)
class TL(OverlapLoss):
    """Tversky loss, ``1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth)``.

    alpha, beta: >= 0, the weights of false positives and false negatives. A half for both is Dice;
        beta > alpha trades precision for recall.

    >>> import numpy
    >>> TL(ce_weight=0.0).get_loss(numpy.array([[0.5, 0.5]], dtype="f"), [1])
    0.3428...
    """

    alpha: float = 0.5
    beta: float = 0.5

    @override
    def validate(self) -> None:
        super().validate()
        check_non_negative(self.owner, "alpha", self.alpha)
        check_non_negative(self.owner, "beta", self.beta)

    @override
    def bare(self, batch: Batch) -> tuple[float, Floats2d]:
        return functional.tversky(
            batch.probs,
            batch.targets,
            alpha=self.alpha,
            beta=self.beta,
            smooth=self.smooth,
            reduction=self.reduction,  # type: ignore[arg-type]
            **batch.settings,
        )


@dataclass(kw_only=True)
class DSC(OverlapLoss):
    """Self-adjusting Dice loss, ``u = (1-p)^alpha p``, ``1 - (2uy + smooth)/(u + y + smooth)``.

    alpha: >= 0. The factor ``(1-p)^alpha`` takes weight from what the model is already sure of; u
        is largest at ``p = 1/(1 + alpha)``, so that with alpha = 1 the loss pulls a positive to
        p = .5 and no further, and a confident false positive costs nothing: what makes it train
        is `ce_weight`. With alpha = 0 it is Dice without squares.
    detach_weight: count ``(1-p)^alpha`` as a constant in the gradient: positives are then pulled
        all the way to p = 1, ever more weakly.

    >>> import numpy
    >>> DSC(ce_weight=0.0).get_loss(numpy.array([[0.5, 0.5]], dtype="f"), [1])
    0.5333...
    """

    alpha: float = 1.0
    detach_weight: bool = False
    # With alpha = 1 the term pushes no positive beyond p = .5, so that cross entropy has to do more
    # than for its siblings: on the dev set of WNUT 2017 F1 rises with 0.3, 1 and 2.
    ce_weight: float = 2.0

    @override
    def validate(self) -> None:
        super().validate()
        check_non_negative(self.owner, "alpha", self.alpha)

    @override
    def bare(self, batch: Batch) -> tuple[float, Floats2d]:
        return functional.self_adjusting_dice(
            batch.probs,
            batch.targets,
            alpha=self.alpha,
            smooth=self.smooth,
            detach_weight=self.detach_weight,
            reduction=self.reduction,  # type: ignore[arg-type]
            **batch.settings,
        )
