r"""The formulas of `spacy_dice.functional` in PyTorch operations, from logits.

A loss is a sum of terms: `CrossEntropy` and `Focal` here, `Dice`, `Tversky` and `SelfAdjustingDice`
in `overlap`, frozen dataclasses whose fields are the settings. A term gives values and derivatives
of a batch:

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
from torch.nn.functional import (
    cross_entropy,
    hardshrink,
    log_softmax,
    logsigmoid,
    softmax,
)
from typing_extensions import override

# The bytes that a CPU works on at once. Over rows that are shorter PyTorch's softmax goes number by
# number, and takes six times as long as over columns. Sums over columns are faster, too.
_VECTOR = 64 if "AVX512" in torch.backends.cpu.get_cpu_capability() else 32


class Outputs:
    """What is known of the predictions of a batch, all `(n, c)` if nothing else is said.

    exclusive: whether the probabilities are those of a softmax, or of a sigmoid.
    p: the probabilities.
    """

    def __init__(self, logits: Tensor, exclusive: bool) -> None:
        self.logits = logits
        self.exclusive = exclusive
        self.p = _softmax(logits) if exclusive else logits.sigmoid()
        # Computed when first asked for. Not by functools.cached_property: until Python 3.12 that
        # has a lock, which torch.compile does not know.
        self._log_p: Tensor | None = None
        self._rest: Tensor | None = None
        self._top: Tensor | None = None
        self._gold: Gold | None = None

    @property
    def log_p(self) -> Tensor:
        """``log p``, exact where p rounds to 0."""
        if self._log_p is None:
            self._log_p = log_softmax(self.logits, 1) if self.exclusive else logsigmoid(self.logits)
        return self._log_p

    def gold(self, ids: Tensor) -> "Gold":
        """What is known at the class ids of the batch, of a softmax."""
        if self._gold is None:
            self._gold = Gold(self, ids)
        return self._gold

    @property
    def top(self) -> Tensor:
        """1 where p is more than 1/2, of a softmax once a row if at all, else 0."""
        if self._top is None:
            # In floats: selecting by a mask takes four times as long on a CPU.
            self._top = hardshrink(self.p, 0.5).ceil()
        return self._top

    @property
    def rest(self) -> Tensor:
        """``1 - p``, exact where p rounds to 1: of a softmax the sum of the other p of the row."""
        if self._rest is None and self.exclusive:
            others = without(self.top, self.p)
            self._rest = torch.lerp(1 - others, others.sum(1, keepdim=True), self.top)
        elif self._rest is None:
            self._rest = (-self.logits).sigmoid()
        return self._rest

    @property
    def log_rest(self) -> Tensor:
        """``log(1 - p)`` of a sigmoid."""
        return self.log_p - self.logits


class Gold:
    """The predictions at the class ids of a batch, all `(n, 1)`; named as in `Outputs`."""

    exclusive = True

    def __init__(self, outputs: Outputs, ids: Tensor) -> None:
        self.outputs = outputs
        self.ids = ids
        self.p = outputs.p.gather(1, ids)
        self._log_p: Tensor | None = None

    @property
    def log_p(self) -> Tensor:
        """``log p``, exact where p rounds to 0."""
        if self._log_p is None:
            # The logarithm of a few is much cheaper, and as good where p is no denormal number.
            if can_look(self.p) and self.p.numel() and self.p.detach().min().item() > 1e-30:
                self._log_p = self.p.log()
            else:
                self._log_p = self.outputs.log_p.gather(1, self.ids)
        return self._log_p

    @property
    def rest(self) -> Tensor:
        """``1 - p``, exact where p rounds to 1."""
        return self.outputs.rest.gather(1, self.ids)


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


def gold_counts(targets: Tensor, weights: Tensor | None, like: Tensor) -> Tensor:
    """How often each class is gold, `(c,)`."""
    if targets.is_floating_point():
        return (targets if weights is None else targets * weights).sum(0)
    if can_look(targets) and weights is None:
        return torch.bincount(targets.squeeze(1), minlength=like.shape[1]).to(like.dtype)
    ones = like.new_ones(len(targets)) if weights is None else weights.squeeze(1)
    return like.new_zeros(like.shape[1]).index_add(0, targets.squeeze(1), ones)


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

    @override
    def __call__(
        self,
        outputs: Outputs,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        if outputs.exclusive and not targets.is_floating_point():
            log_p = outputs.gold(targets).log_p
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

    @override
    def __call__(
        self,
        outputs: Outputs,
        targets: Tensor,
        weights: Tensor | None,
        class_weights: Tensor | None,
    ) -> Part:
        if outputs.exclusive and not targets.is_floating_point():
            gold = outputs.gold(targets)
            positive = None if class_weights is None else class_weights.take(targets)
            values, by_gold = self._of_softmax(gold, positive)
            return Part(values, gold=by_gold)
        p, log_p = outputs.p, outputs.log_p
        positive = targets if class_weights is None else targets * class_weights
        if outputs.exclusive:
            values, dense = self._of_softmax(outputs, positive)
            return Part(values.sum(1, keepdim=True), dense=dense)
        rest, log_rest = outputs.rest, outputs.log_rest
        ours = positive * power(rest, self.focus)
        others = (1 - targets) * power(p, self.focus)
        # d/dz (1-p)^f log p = (1-p)^f (1 - p - f p log p); p and 1 - p change places for others.
        slope = ours * (self.focus * p * log_p - rest)
        slope_others = others * (p - self.focus * rest * log_rest)
        return Part(-(ours * log_p) - others * log_rest, by_logits=slope + slope_others)

    def _of_softmax(
        self, outputs: Outputs | Gold, positive: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Values and ``p * dL/dp``."""
        p, log_p = outputs.p, outputs.log_p
        rest = outputs.rest if 0 < self.focus < 1 else 1 - p
        factor = power(rest, self.focus)
        if self.focus >= 1:
            # d/dp (1-p)^f log p, times p, without a division by 1 - p.
            slope = power(rest, self.focus - 1) * (self.focus * p * log_p - rest)
        elif self.focus == 0:
            slope = -factor
        else:
            # Near p = 1 all digits of log p are in 1 - p, and log p / (1-p) -> -1.
            log_p = torch.where(p > 0.5, torch.log1p(-rest.clamp(max=0.5)), log_p)
            quotient = torch.where(rest > 0, log_p / torch.where(rest > 0, rest, 1.0), -1.0)
            slope = factor * (self.focus * p * quotient - 1)
        if positive is None:
            return -factor * log_p, slope
        return -positive * factor * log_p, positive * slope


def by_columns(logits: Tensor) -> bool:
    """Whether a softmax over columns is faster than one over rows."""
    return can_look(logits) and logits.shape[1] * logits.itemsize < _VECTOR


def _softmax(logits: Tensor) -> Tensor:
    if by_columns(logits):
        return softmax(logits.t().contiguous(), 0).t()
    return softmax(logits, 1)


def fast_cross_entropy(
    logits: Tensor,
    ids: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """PyTorch's, of class ids `(n,)`; its gradient is left to autograd."""
    settings: Any = {"weight": weight, "reduction": reduction, "ignore_index": ignore_index}
    if not by_columns(logits):
        return cross_entropy(logits, ids, **settings)
    # As if of one image whose pixels are the rows.
    value = cross_entropy(logits.t()[None], ids[None], **settings)
    return value[0] if reduction == "none" else value


def without(top: Tensor, x: Tensor) -> Tensor:
    """x, and 0 where top is 1."""
    return torch.addcmul(x, x, top, value=-1)


def power(x: Tensor, exponent: float) -> Tensor:
    """``x^exponent``, without work where there is none."""
    if exponent == 0:
        return torch.ones_like(x)
    return x if exponent == 1 else x**exponent


def can_look(tensor: Tensor) -> bool:
    """Whether values can be looked at, without waiting for a GPU, and outside `torch.func`."""
    return (
        not torch.compiler.is_compiling()
        and tensor.device.type == "cpu"
        and not torch._C._are_functorch_transforms_active()
    )
