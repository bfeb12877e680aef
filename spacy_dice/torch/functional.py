r"""The formulas of `spacy_dice.functional` in PyTorch operations, from logits.

A loss is a sum of terms: `CrossEntropy`, `Focal`, `Dice`, `Tversky` and `SelfAdjustingDice`, frozen
dataclasses whose fields are the settings. A term gives values and derivatives of a batch:

* ``logits``: float tensor `(n, c)`;
* ``targets``: `(n, c)` numbers in [0, 1], or, of a softmax, class ids `(n, 1)`;
* ``weights``: None, `(n, 1)` for rows, or, of a sigmoid, `(n, c)` for cells; 0 takes a cell out;
* ``class_weights``: None or `(c,)`.

Derivatives are elasticities, ``p * dL/dp``, which stay bounded where ``dL/dp`` does not, or
gradients by the logits where even those are not bounded. Probabilities come from `log_softmax` and
`logsigmoid`: ``log p`` is exact where p rounds to 0, and ``1 - p`` where p rounds to 1. Nothing
here has to look at the values of a tensor or works in place on what autograd may need, so that
everything can be compiled, mapped (`torch.func.vmap`) and differentiated once more.

Where `spacy_dice.functional` follows Thinc in what is no gradient of the value, this does not:
cross entropy of a row without any target is 0, and a row whose targets sum to t has the gradient
``t p - y``.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid, softmax


class Outputs:
    """What is known of the predictions of a batch, all `(n, c)` if nothing else is said.

    exclusive: whether the probabilities are those of a softmax, or of a sigmoid.
    p: the probabilities.
    """

    def __init__(self, logits: Tensor, exclusive: bool) -> None:
        self.logits = logits
        self.exclusive = exclusive
        self.p = softmax(logits, 1) if exclusive else logits.sigmoid()
        # Computed when first asked for. Not by functools.cached_property: until Python 3.12 that
        # has a lock, which torch.compile does not know.
        self._log_p: Tensor | None = None
        self._rest: Tensor | None = None

    @property
    def log_p(self) -> Tensor:
        """``log p``, exact where p rounds to 0."""
        if self._log_p is None:
            self._log_p = log_softmax(self.logits, 1) if self.exclusive else logsigmoid(self.logits)
        return self._log_p

    def log_p_at(self, ids: Tensor) -> Tensor:
        """The same at class ids, `(n, 1)`."""
        p = self.p.gather(1, ids)
        # The logarithm of a few is much cheaper, and as good where p is no denormal number.
        if known_to_hold(p > 1e-30):
            return p.log()
        return self.log_p.gather(1, ids)

    @property
    def top(self) -> Tensor:
        """Where p is more than 1/2: of a softmax once a row, if at all."""
        return self.p > 0.5

    @property
    def rest(self) -> Tensor:
        """``1 - p``, exact where p rounds to 1: of a softmax the sum of the other p of the row."""
        if self._rest is None and self.exclusive:
            top = self.top
            others = self.p.masked_fill(top, 0.0).sum(1, keepdim=True)
            self._rest = torch.where(top, others, 1 - self.p)
        elif self._rest is None:
            self._rest = (-self.logits).sigmoid()
        return self._rest

    @property
    def log_rest(self) -> Tensor:
        """``log(1 - p)`` of a sigmoid."""
        return self.log_p - self.logits


class Part(NamedTuple):
    """Values and derivatives of a term, before weights of rows and cells.

    values: `(n, 1)` of rows for a softmax, `(n, c)` of cells for a sigmoid; of a term over the
        batch without dimensions, weights included.
    dense: ``p * dL/dp`` of all cells, `(n, c)`, of a softmax.
    gold: what to add to that at the class ids, `(n, 1)`, or a number that all share.
    by_logits: ``dL/dz``, `(n, c)`, where it is known already.
    """

    values: Tensor
    dense: Tensor | None = None
    gold: Tensor | float | None = None
    by_logits: Tensor | None = None


def as_dense(targets: Tensor, like: Tensor) -> Tensor:
    """Targets as numbers `(n, c)`, class ids as rows with a single 1."""
    if targets.is_floating_point():
        return targets
    return torch.zeros_like(like).scatter(1, targets, 1.0)


@dataclass(frozen=True)
class Term:
    """A summand of a loss."""

    # Whether one row's loss depends on the others: such a term takes the weights itself.
    over_batch = False

    def __call__(
        self,
        outputs: Outputs,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        """Values and derivatives; see the module for the arguments."""
        raise NotImplementedError


@dataclass(frozen=True)
class CrossEntropy(Term):
    """``-sum_c w_c y log p``; of a sigmoid ``-w_c y log p - (1 - y) log(1 - p)``."""

    def __call__(
        self,
        outputs: Outputs,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        """See `Term`."""
        if outputs.exclusive and not targets.is_floating_point():
            log_p = outputs.log_p_at(targets)
            if class_weights is None:
                return Part(-log_p, gold=-1.0)
            positive = class_weights.take(targets)
            return Part(-positive * log_p, gold=-positive)
        positive = targets if class_weights is None else targets * class_weights
        if outputs.exclusive:
            return Part(-(positive * outputs.log_p).sum(1, keepdim=True), dense=-positive)
        negative = 1 - targets
        values = -(positive * outputs.log_p) - negative * outputs.log_rest
        return Part(values, by_logits=outputs.p * negative - outputs.rest * positive)


@dataclass(frozen=True)
class Focal(Term):
    """``-w_c y (1 - p)^focus log p``; a sigmoid adds the same of ``1 - p`` and ``1 - y``."""

    focus: float

    def __call__(
        self,
        outputs: Outputs,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        """See `Term`."""
        p = outputs.p
        if outputs.exclusive and not targets.is_floating_point():
            rest = p.scatter(1, targets, 0.0).sum(1, keepdim=True)
            positive = None if class_weights is None else class_weights.take(targets)
            values, gold = self._of_softmax(
                p.gather(1, targets), outputs.log_p_at(targets), rest, positive
            )
            return Part(values, gold=gold)
        log_p = outputs.log_p
        positive = targets if class_weights is None else targets * class_weights
        if outputs.exclusive:
            values, dense = self._of_softmax(p, log_p, outputs.rest, positive)
            return Part(values.sum(1, keepdim=True), dense=dense)
        rest, log_rest = outputs.rest, outputs.log_rest
        ours = positive * _power(rest, self.focus)
        others = (1 - targets) * _power(p, self.focus)
        # d/dz (1-p)^f log p = (1-p)^f (1 - p - f p log p); p and 1 - p change places for others.
        slope = ours * (self.focus * p * log_p - rest)
        slope_others = others * (p - self.focus * rest * log_rest)
        return Part(-(ours * log_p) - others * log_rest, by_logits=slope + slope_others)

    def _of_softmax(
        self, p: Tensor, log_p: Tensor, rest: Tensor, positive: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Values and ``p * dL/dp``."""
        # Near p = 1 all digits of log p are in 1 - p.
        log_p = torch.where(p > 0.5, torch.log1p(-rest.clamp(max=0.5)), log_p)
        factor = _power(rest, self.focus)
        if positive is not None:
            factor = factor * positive
        # log p / (1-p) -> -1 for p -> 1.
        quotient = torch.where(rest > 0, log_p / torch.where(rest > 0, rest, 1.0), -1.0)
        return -factor * log_p, factor * (self.focus * p * quotient - 1)


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
    def over_batch(self) -> bool:  # type: ignore[override]
        """See `Term`."""
        return self.over == "batch"

    def _form(self, u: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
        """Numerator, denominator and their derivatives by u, without `smooth`."""
        raise NotImplementedError

    def _hard(self, u: Tensor, slope: Tensor, gold: bool) -> tuple[Tensor, Tensor]:
        """Values and ``slope * dL/du`` where all targets are 1 (`gold`) or 0."""
        raise NotImplementedError

    def _slope(self, outputs: Outputs) -> tuple[Tensor, Tensor, bool]:
        """u, ``p * du/dp``, and whether that is multiplied by ``1 - p``, to be bounded."""
        return outputs.p, outputs.p, False

    def __call__(
        self,
        outputs: Outputs,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        """See `Term`."""
        u, slope, scaled = self._slope(outputs)
        if self.over_batch:
            values, elasticity = self._of_batch(
                u, slope, as_dense(targets, u), weights, class_weights
            )
            return _part(outputs, values, elasticity, scaled)
        if targets.is_floating_point():
            values, elasticity = self._of_cells(u, slope, targets)
            if class_weights is not None:
                values, elasticity = values * class_weights, elasticity * class_weights
            if outputs.exclusive:
                values = values.sum(1, keepdim=True)
            return _part(outputs, values, elasticity, scaled)
        # All cells but one a row have the target 0, which saves most of the work on them.
        values, elasticity = self._hard(u, slope, gold=False)
        value, gold = self._hard(u.gather(1, targets), slope.gather(1, targets), gold=True)
        if class_weights is not None:
            values, elasticity = values * class_weights, elasticity * class_weights
            of_gold = class_weights.take(targets)
            value, gold = value * of_gold, gold * of_gold
        value = values.sum(1, keepdim=True) + (value - values.gather(1, targets))
        gold = gold - elasticity.gather(1, targets)
        if not scaled:
            return Part(value, elasticity, gold)
        return _part(outputs, value, elasticity.scatter_add(1, targets, gold), scaled)

    def _of_cells(self, u: Tensor, slope: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        num, den, d_num, d_den = self._form(u, y)
        ratio, den = self._ratio(num, den)
        return 1 - ratio, (ratio * d_den - d_num) * slope / den

    def _of_batch(
        self,
        u: Tensor,
        slope: Tensor,
        y: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        num, den, d_num, d_den = self._form(u, y)
        gold = y
        if weights is not None:
            num, den, gold = num * weights, den * weights, gold * weights
        num, den, gold = (x.sum(0, keepdim=True) for x in (num, den, gold))
        if class_weights is not None:
            gold = gold * (class_weights > 0)
        n_rows = u.new_tensor(len(u)) if weights is None else weights.amax(1).sum()
        scale = torch.maximum(n_rows, gold.sum()) / gold.clamp(max=1).sum().clamp(min=1)
        if class_weights is not None:
            scale = scale * class_weights
        ratio, den = self._ratio(num, den)
        elasticity = (ratio * d_den - d_num) * slope * (scale / den)
        if weights is not None:
            elasticity = elasticity * weights
        return ((1 - ratio) * scale).sum(), elasticity

    def _ratio(self, num: Tensor, den: Tensor) -> tuple[Tensor, Tensor]:
        """(num + smooth) / (den + smooth), where 0/0 is 1, and its denominator."""
        if self.smooth:
            den = den + self.smooth
            return (num + self.smooth) / den, den
        empty = den == 0
        den = torch.where(empty, 1.0, den)
        return torch.where(empty, 1.0, num / den), den

    def _not_0(self, den: Tensor) -> Tensor:
        """A denominator of a numerator that is 0 with it."""
        return den if self.smooth else torch.where(den == 0, 1.0, den)


@dataclass(frozen=True)
class Dice(Overlap):
    """``1 - (2py + smooth)/(p^2 + y^2 + smooth)``."""

    def _form(self, u: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
        twice = 2 * u
        return twice * y, u * u + y * y, 2 * y, twice

    def _hard(self, u: Tensor, slope: Tensor, gold: bool) -> tuple[Tensor, Tensor]:
        square, s = u * u, self.smooth
        if gold:
            den = square + (1 + s)
            rest = 1 - u
            return rest * rest / den, -2 * rest * (u + (1 + s)) * slope / den / den
        den = self._not_0(square + s)
        value = square / den
        return value, _times(2 * s, value) / den


@dataclass(frozen=True)
class Tversky(Overlap):
    """``1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth)``."""

    alpha: float
    beta: float

    def _form(self, u: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
        tp, d_tp = _true_positives(u, y)
        den = (1 - self.alpha - self.beta) * tp + self.alpha * u + self.beta * y
        return tp, den, d_tp, self.alpha + (1 - self.alpha - self.beta) * d_tp

    def _hard(self, u: Tensor, slope: Tensor, gold: bool) -> tuple[Tensor, Tensor]:
        alpha, beta, s = self.alpha, self.beta, self.smooth
        if gold:
            den = self._not_0((1 - beta) * u + (beta + s))
            return beta * (1 - u) / den, -beta * (1 + s) * slope / den / den
        num = _times(alpha, u)
        den = self._not_0(num + s)
        return num / den, _times(alpha * s, slope / den) / den


# Below this, p dL/dp can be so large that a difference of two such numbers is noise.
_SAFE_SMOOTH = 1e-2


@dataclass(frozen=True)
class SelfAdjustingDice(Overlap):
    """``u = (1-p)^alpha p``, ``1 - (2uy + smooth)/(u + y + smooth)``."""

    alpha: float
    detach_weight: bool = False

    def _form(self, u: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
        tp, d_tp = _true_positives(u, y)
        return 2 * tp, u + y, 2 * d_tp, 1.0

    def _hard(self, u: Tensor, slope: Tensor, gold: bool) -> tuple[Tensor, Tensor]:
        s = self.smooth
        if gold:
            den = u + (1 + s)
            return (1 - u) / den, -(2 + s) * slope / den / den
        den = self._not_0(u + s)
        return u / den, _times(s, slope / den) / den

    def _slope(self, outputs: Outputs) -> tuple[Tensor, Tensor, bool]:
        p, alpha = outputs.p, self.alpha
        if alpha == 0:
            return p, p, False
        gentle = alpha >= 1 and self.smooth >= _SAFE_SMOOTH and not self.detach_weight
        if outputs.exclusive and gentle:
            # p du/dp = (1-p)^(alpha-1) p (1 - p - alpha p)
            if alpha == 1:
                return torch.addcmul(p, p, p, value=-1), torch.addcmul(p, p, p, value=-2), False
            rest = 1 - p
            base = _power(rest, alpha - 1) * p
            return base * rest, base * torch.sub(rest, p, alpha=alpha), False
        rest = outputs.rest
        u = _power(rest, alpha) * p
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

    ``dz_k = s_k - p_k sum_{j != k} s_j / (1 - p_j)``. Only the top p of a row can be near 1; its
    part of the sum is taken as ``s_top * (p_k / (1 - p_top))``, a quotient of at most 1.
    """
    p, top = outputs.p, outputs.top
    others = p.masked_fill(top, 0.0)
    of_top = scaled.masked_fill(~top, 0.0).sum(1, keepdim=True)
    shares = others / others.sum(1, keepdim=True).clamp(min=torch.finfo(p.dtype).tiny)
    unscaled = (scaled / (1 - others)).masked_fill(top, 0.0)
    rest_of_sum = unscaled.sum(1, keepdim=True) - unscaled
    return scaled - p * rest_of_sum - shares * of_top


def _true_positives(u: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """min(u, y) and its derivative by u."""
    return torch.minimum(u, y), ((u <= y) & (y > 0)).to(u.dtype)


def _power(x: Tensor, exponent: float) -> Tensor:
    if exponent == 0:
        return torch.ones_like(x)
    return x if exponent == 1 else x**exponent


def _times(factor: float, x: Tensor) -> Tensor:
    return x if factor == 1 else factor * x


def known_to_hold(condition: Tensor) -> bool:
    """Whether all of it is true; False where looking would wait for a GPU or cannot be."""
    if torch.compiler.is_compiling() or condition.device.type != "cpu":
        return False
    if torch._C._are_functorch_transforms_active():
        return False
    return bool(condition.all())
