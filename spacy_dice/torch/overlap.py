"""The Dice family in PyTorch operations: see `functional`."""

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from .functional import Gold, Outputs, Part, Term, gold_counts, power, without

# Numerator, denominator, and their derivatives by u.
Form = tuple[Tensor, Tensor, Tensor | float, Tensor | float]


@dataclass(frozen=True)
class Overlap(Term):
    """The Dice family: ``sum(1 - (num + smooth) / (den + smooth))`` over cells or classes.

    smooth: >= 0.
    over: `example`, a ratio for each cell; or `batch`, one for each class, scaled as in
        `spacy_dice.functional.tversky`.
    """

    smooth: float
    over: str

    @property
    @override
    def over_batch(self) -> bool:  # type: ignore[override]
        return self.over == "batch"

    def _form(self, u: Tensor, y: Tensor | float) -> Form:
        """Numerator, denominator and their derivatives by u, without `smooth`.

        y is a tensor like u, or 0.0 or 1.0 where all of u share it.
        """
        raise NotImplementedError

    def _of_gold(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Values and ``slope * dL/du`` where all targets are 1."""
        raise NotImplementedError

    def _den_of_others(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        """The denominator where all targets are 0, and ``slope`` times its derivative by u.

        Both without `smooth`. The numerator is 0 there.
        """
        raise NotImplementedError

    def _of_others(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Values and ``slope * dL/du`` where all targets are 0."""
        num, slope = self._den_of_others(u, slope)
        den = num + self.smooth if self.smooth else torch.where(num == 0, 1.0, num)
        return num / den, _times(self.smooth, slope / den).div_(den)

    def _slope(self, outputs: Outputs | Gold) -> tuple[Tensor, Tensor, bool]:
        """u, ``p * du/dp``, and whether that is multiplied by ``1 - p``, to be bounded."""
        return outputs.p, outputs.p, False

    @override
    def __call__(
        self,
        outputs: Outputs,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        u, slope, scaled = self._slope(outputs)
        if self.over_batch:
            return self._of_batch(outputs, u, slope, scaled, targets, weights, class_weights)
        if targets.is_floating_point():
            values, elasticity = self._of_cells(u, slope, targets)
            if class_weights is not None:
                values, elasticity = values * class_weights, elasticity * class_weights
            if outputs.exclusive:
                values = values.sum(1, keepdim=True)
            return _part(outputs, values, elasticity, scaled)
        # All cells but one a row have the target 0, which saves most of the work on them.
        values, elasticity = self._of_others(u, slope)
        u, slope, _ = self._slope(outputs.gold(targets))
        (value, gold), (less, e_less) = self._of_gold(u, slope), self._of_others(u, slope)
        value, gold = value - less, gold - e_less
        if class_weights is not None:
            values, elasticity = values * class_weights, elasticity * class_weights
            of_gold = class_weights.take(targets)
            value, gold = value * of_gold, gold * of_gold
        value = values.sum(1, keepdim=True) + value
        if not scaled:
            return Part(value, elasticity, gold)
        return _part(outputs, value, elasticity.scatter_add(1, targets, gold), scaled)

    def _of_cells(self, u: Tensor, slope: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        num, den, d_num, d_den = self._form(u, y)
        ratio, den = self._ratio(num, den)
        return 1 - ratio, (ratio * d_den - d_num) * slope / den

    def _of_batch(
        self,
        outputs: Outputs,
        u: Tensor,
        slope: Tensor,
        scaled: bool,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        """One ratio per class; the value has no dimensions."""
        hard = not targets.is_floating_point()
        if hard:
            # As if all targets were 0, and what is different where a class is gold.
            ids = targets.squeeze(1)
            of_gold, slope_of_gold, _ = self._slope(outputs.gold(targets))
            num, den, d_num, d_den = self._form(of_gold, 1.0)
            less, steep_less = self._den_of_others(of_gold, slope_of_gold)
            cells, steep = self._den_of_others(u, slope)
            num = _sum_at(ids, num, weights, u)
            den = _sum(cells, weights) + _sum_at(ids, den - less, weights, u)
        else:
            num, den, d_num, d_den = self._form(u, targets)
            num, den = _sum(num, weights), _sum(den, weights)
        gold = gold_counts(targets, weights, u)
        if class_weights is not None:
            gold = gold * (class_weights > 0)
        n_rows = u.new_tensor(len(u)) if weights is None else weights.amax(1).sum()
        scale = torch.maximum(n_rows, gold.sum()) / gold.clamp(max=1).sum().clamp(min=1)
        if class_weights is not None:
            scale = scale * class_weights
        ratio, den = self._ratio(num, den)
        value, factor = ((1 - ratio) * scale).sum(), scale / den
        if hard:
            at = ratio[targets]
            more = slope_of_gold * (at * d_den - d_num) - steep_less * at
            elasticity = steep * (ratio * factor)
            elasticity = elasticity.scatter_add(1, targets, more * factor[targets])
        else:
            # What is of classes is multiplied first: d_num and d_den may be of cells.
            elasticity = slope * (ratio * d_den * factor - d_num * factor)
        if weights is not None:
            elasticity = elasticity * weights
        return _part(outputs, value, elasticity, scaled)

    def _ratio(self, num: Tensor, den: Tensor) -> tuple[Tensor, Tensor]:
        """(num + smooth) / (den + smooth), where 0/0 is 1, and its denominator."""
        if self.smooth:
            den = den + self.smooth
            return (num + self.smooth) / den, den
        empty = den == 0
        den = torch.where(empty, 1.0, den)
        return torch.where(empty, 1.0, num / den), den


@dataclass(frozen=True)
class Dice(Overlap):
    """``1 - (2py + smooth)/(p^2 + y^2 + smooth)``."""

    def _form(self, u: Tensor, y: Tensor | float) -> Form:
        twice = 2 * u
        return twice * y, u * u + y * y, 2 * y, twice

    def _of_gold(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        s, rest = self.smooth, 1 - u
        den = u * u + (1 + s)
        return rest * rest / den, -2 * rest * (u + (1 + s)) * slope / den / den

    def _den_of_others(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        return u * u, 2 * u * slope


@dataclass(frozen=True)
class Tversky(Overlap):
    """``1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth)``."""

    alpha: float
    beta: float

    def _form(self, u: Tensor, y: Tensor | float) -> Form:
        tp, d_tp = _true_positives(u, y)
        den = (1 - self.alpha - self.beta) * tp + self.alpha * u + self.beta * y
        return tp, den, d_tp, self.alpha + (1 - self.alpha - self.beta) * d_tp

    def _of_gold(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        beta, s = self.beta, self.smooth
        den = (1 - beta) * u + (beta + s)
        if not s:
            den = torch.where(den == 0, 1.0, den)
        return beta * (1 - u) / den, -beta * (1 + s) * slope / den / den

    def _den_of_others(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        return self.alpha * u, self.alpha * slope


# Below this, p dL/dp can be so large that a difference of two such numbers is noise.
_SAFE_SMOOTH = 1e-2


@dataclass(frozen=True)
class SelfAdjustingDice(Overlap):
    """``u = (1-p)^alpha p``, ``1 - (2uy + smooth)/(u + y + smooth)``."""

    alpha: float
    detach_weight: bool = False

    def _form(self, u: Tensor, y: Tensor | float) -> Form:
        tp, d_tp = _true_positives(u, y)
        return 2 * tp, u + y, 2 * d_tp, 1.0

    def _of_gold(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        s = self.smooth
        den = u + (1 + s)
        return (1 - u) / den, -(2 + s) * slope / den / den

    def _den_of_others(self, u: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        return u, slope

    def _slope(self, outputs: Outputs | Gold) -> tuple[Tensor, Tensor, bool]:
        p, alpha = outputs.p, self.alpha
        if alpha == 0:
            return p, p, False
        gentle = alpha >= 1 and self.smooth >= _SAFE_SMOOTH and not self.detach_weight
        if outputs.exclusive and gentle:
            # p du/dp = (1-p)^(alpha-1) p (1 - p - alpha p)
            if alpha == 1:
                return torch.addcmul(p, p, p, value=-1), torch.addcmul(p, p, p, value=-2), False
            rest = 1 - p
            base = power(rest, alpha - 1) * p
            return base * rest, base * torch.sub(rest, p, alpha=alpha), False
        rest = outputs.rest
        u = power(rest, alpha) * p
        if self.detach_weight:
            return u, u, False
        return u, u * torch.sub(rest, p, alpha=alpha), True


def _part(outputs: Outputs, values: Tensor, elasticity: Tensor, scaled: bool) -> Part:
    """The part of a term with ``p * dL/dp``, or, if `scaled`, ``(1-p) p * dL/dp``."""
    if outputs.exclusive and not scaled:
        return Part(values, dense=elasticity)
    if outputs.exclusive:
        return Part(values, by_logits=_of_scaled(outputs, elasticity))
    return Part(values, by_logits=elasticity if scaled else elasticity * outputs.rest)


def _of_scaled(outputs: Outputs, scaled: Tensor) -> Tensor:
    """The gradient of a softmax from ``s = (1-p) p * dL/dp``.

    ``dz_k = s_k - p_k sum_{j != k} s_j / (1 - p_j)``. The quotient of the top can be as large as
    ``1 / (1 - p_top)``, which no other p of the row exceeds the inverse of; it is kept out of the
    sum of the top itself, where it would leave no digit of the others.
    """
    top = outputs.top
    unscaled = scaled / outputs.rest.clamp(min=torch.finfo(scaled.dtype).tiny)
    of_others = without(top, unscaled).sum(1, keepdim=True)
    sums = torch.lerp(unscaled.sum(1, keepdim=True) - unscaled, of_others, top)
    return torch.addcmul(scaled, outputs.p, sums, value=-1)


def _true_positives(u: Tensor, y: Tensor | float) -> tuple[Tensor, Tensor | float]:
    """min(u, y) and its derivative by u."""
    if isinstance(y, float):
        return u * y, y
    return torch.minimum(u, y), ((u <= y) & (y > 0)).to(u.dtype)


def _sum(cells: Tensor, weights: Tensor | None) -> Tensor:
    """Of each class, `(c,)`."""
    return (cells if weights is None else cells * weights).sum(0)


def _sum_at(ids: Tensor, rows: Tensor, weights: Tensor | None, like: Tensor) -> Tensor:
    """The sum of `rows`, `(n, 1)`, for the class of each, `(c,)`."""
    rows = (rows if weights is None else rows * weights).squeeze(1)
    return like.new_zeros(like.shape[1]).index_add(0, ids, rows)


def _times(factor: float, x: Tensor) -> Tensor:
    return x if factor == 1 else factor * x
