"""Components whose stock `get_loss` says what its targets are when it is called with known scores.

For scores that are everywhere v, stock losses return the gradient (v - y) w: its sign and size give
the target y and the weight w of each cell, 0 means missing. So nothing of spaCy is copied, and one
call of the stock method replaces the one that spaCy would have made.
"""

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from spacy.pipeline import Tagger
from spacy.training import Example
from spacy.util import minibatch
from thinc.util import get_array_module

from ..functional import Activation, Array
from .base import LossMixin, initialize_with_loss

# As a power of two that is smaller than any smoothed label, it leaves v - y and v * w exact.
PROBE = 2.0**-24


class ProbedLoss(LossMixin):
    """Replaces `get_loss` of a stock class."""

    activation: Activation = "softmax"
    model: Any

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, Any]:
        """The loss over the whole batch, and its gradient.

        examples: the batch.
        scores: the predictions of the model for it.
        RETURNS: the value of the loss and the gradient, in the form of `scores`.
        """
        examples = list(examples)
        flat, restore = self.flatten(scores)
        probe = restore(get_array_module(flat).full_like(flat, PROBE))
        _, gradient = super().get_loss(examples, probe)  # type: ignore[misc]
        targets, weights = targets_of_probe(self.flatten(gradient)[0])
        value, gradient = self.evaluate_loss(flat, targets, weights, activation=self.activation)
        return value, restore(gradient)

    def flatten(self, scores: Any) -> tuple[Array, Any]:
        """The scores of all rows as one array, and the function that gives such an array back."""
        xp = get_array_module(scores[0])
        lengths = [len(doc_scores) for doc_scores in scores]
        ends = list(accumulate(lengths))[:-1]
        return xp.concatenate(scores), lambda flat: xp.split(flat, ends)

    def count_gold(self, examples: Iterable[Example]) -> dict[str, float]:
        """How often each label is gold in `examples`."""
        ops = self.model.ops
        totals = ops.alloc1f(len(self.labels))
        for batch in minibatch(examples, 128):
            probe = [ops.xp.full((len(eg.x), len(self.labels)), PROBE, dtype="f") for eg in batch]
            _, gradient = super().get_loss(batch, probe)  # type: ignore[misc]
            targets, weights = targets_of_probe(self.flatten(gradient)[0])
            totals += (targets if weights is None else targets * weights).sum(axis=0)
        return dict(zip(self.labels, map(float, totals), strict=True))


class DiceTagger(ProbedLoss, Tagger):
    """spaCy's `Tagger` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.Tagger` and `loss`.
    """

    initialize = initialize_with_loss(Tagger.initialize)


def targets_of_probe(gradient: Array) -> tuple[Array, Array | None]:
    """Targets and weights from the gradient (PROBE - y) w; weights are None where all are 1."""
    xp = get_array_module(gradient)
    positive = gradient < 0
    targets = xp.where(positive, PROBE - gradient, 0).astype(gradient.dtype)
    weights = xp.where(positive, 1, gradient / PROBE).astype(gradient.dtype)
    return targets, None if (weights == 1).all() else weights
