"""How the targets of a stock component are recovered: its `get_loss` tells them.

For scores that are everywhere v, stock losses return the gradient (v - y) w: its sign and size give
the target y and the weight w of each cell, 0 means missing. So nothing of spaCy is copied, and one
call of the stock method replaces the one that spaCy would have made.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from thinc.api import Model
from thinc.types import Floats1d, Floats2d, Ragged
from thinc.util import get_array_module
from typing_extensions import override

from .._validation import refuse
from ..functional import Wrt
from ..losses import Batch, check_probabilities, main_names
from .base import GetExamples, LossMixin
from .outputs import output_of

# As a power of two that is smaller than any smoothed label, it leaves v - y and v * w exact.
PROBE = 2.0**-24

# One array, a list of arrays, or candidates and an array: whatever the model of a component gives.
Scores: TypeAlias = Floats2d | list[Floats2d] | tuple[Ragged, Floats2d]
Restore = Callable[[Floats2d], Scores]


class OutputLayer(NamedTuple):
    """What an output layer means: see `losses.Batch`."""

    exclusive: bool
    wrt: Wrt


SOFTMAX = OutputLayer(exclusive=True, wrt="logits")
LOGISTIC = OutputLayer(exclusive=False, wrt="probs")

# What the output layers of Thinc take back: the gradient by the logits, or by the probabilities.
_OUTPUTS = {
    "softmax": SOFTMAX,
    "softmax_activation": OutputLayer(exclusive=True, wrt="probs"),
    "logistic": LOGISTIC,
    "sigmoid": LOGISTIC,
    "sigmoid_activation": LOGISTIC,
}


class ProbedLoss(LossMixin):
    """Replaces `get_loss` of a stock class whose scores are one array, a row per document.

    default_layer: what the output layer means, where it is not one of Thinc's.
    prior_bias: whether training begins with the share of each label as its probability; for
        logistic outputs, see `set_prior`.
    """

    model: Model
    default_layer: OutputLayer = SOFTMAX
    prior_bias: bool = False
    _seen_model: Model | None = None
    _layer: OutputLayer = SOFTMAX

    def get_loss(self, examples: Iterable[Example], scores: Scores) -> tuple[float, Scores]:
        """The loss over the whole batch, and its gradient.

        examples: the batch.
        scores: the predictions of the model for it.
        RETURNS: the value of the loss and the gradient, in the form of the stock one.
        RAISES: ValueError if a score is not a number in [0, 1].
        """
        examples = list(examples)
        self.bind_loss()
        probs, restore = self.flatten(scores)
        check_probabilities(f"[components.{self.name}]", "scores", probs)
        targets, weights = self.recover(examples, probs, restore)
        ask = partial(self.ask_teacher, [eg.predicted for eg in examples], scores)
        batch = Batch(probs, targets, weights, *self.output_layer, ask=ask)
        value, gradient = self.evaluate_loss(batch)
        return value, restore(gradient)

    def ask_teacher(self, docs: Sequence[Doc], scores: Scores, folder: str) -> Floats2d:
        """What a teacher predicts of the rows of `scores`, which are those of `docs`.

        RAISES: ValueError if it cannot teach this component, or what it says is no probability.
        """
        teacher = self.teacher(folder)
        predicted = teacher.component.model.predict(self.inputs_of(teacher.read(docs), scores))
        probs = self.model.ops.asarray(self.flatten(predicted)[0])
        owner = f"[components.{self.name}.loss.teachers]"
        check_probabilities(owner, f"scores of {folder!r}", probs)
        return teacher.in_order_of_student(probs, self.output_layer.exclusive)

    def inputs_of(self, docs: Sequence[Doc], scores: Scores) -> object:
        """What a model like that of `scores` takes for `docs`, which are copies."""
        return docs

    def recover(
        self, examples: Sequence[Example], probs: Floats2d, restore: Restore
    ) -> tuple[Floats2d, Floats2d | None]:
        """Targets and weights of the rows, by one call of the stock `get_loss`."""
        probe = restore(get_array_module(probs).full_like(probs, PROBE))
        _, gradient = super().get_loss(examples, probe)  # type: ignore[misc]
        return targets_of_probe(self.flatten(gradient)[0])

    @property
    def output_layer(self) -> OutputLayer:
        """What the output layer of the model means."""
        if self._seen_model is not self.model:
            self._seen_model = self.model
            self._layer = layer_of(self.model, self.default_layer)
        return self._layer

    def flatten(self, scores: Scores) -> tuple[Floats2d, Restore]:
        """The scores of all rows as one array, and the function that gives such an array back."""
        return scores, lambda flat: flat

    def blank_scores(self, examples: Sequence[Example]) -> Scores:
        """Scores of any value for `examples`, in the form of the model's."""
        return self.model.ops.alloc2f(len(examples), len(self.loss_labels))

    @override
    def count_gold(self, examples: Iterable[Example]) -> dict[str, float]:
        positives, _ = self.count_cells(examples)
        names = main_names(self.loss_labels)
        return dict(zip(names, map(float, positives), strict=True))

    def count_cells(self, examples: Iterable[Example]) -> tuple[Floats1d, Floats1d]:
        """How many cells of each column are gold, and how many there are, `(c,)`, by weight."""
        n_columns = len(self.loss_labels)
        positives, cells = (self.model.ops.alloc1f(n_columns) for _ in range(2))
        for batch in minibatch(examples, 128):
            targets, weights = self.recover(batch, *self.flatten(self.blank_scores(batch)))
            if weights is None:
                weights = get_array_module(targets).ones_like(targets)
            positives += (targets * weights).sum(axis=0)
            cells += weights.sum(axis=0)
        return positives, cells

    @override
    def prepare_loss(self, get_examples: GetExamples | None = None) -> None:
        super().prepare_loss(get_examples)
        if self.prior_bias and get_examples is not None:
            self.set_prior(get_examples())

    def set_prior(self, examples: Iterable[Example]) -> None:
        """Make the share of each label in `examples` its probability, whatever the input.

        The bias of the output layer becomes ``log(q / (1 - q))`` with ``q = (positives + 1/2) /
        (cells + 1)`` (Lin et al. 2017, section 3.3), so that training does not begin by learning
        that nearly all is negative. Without any positive it stays as it is.

        RAISES: ValueError if the output is not logistic, or no bias shifts it.
        """
        owner = f"[components.{self.name}.prior_bias]"
        output = output_of(owner, self, main_names(self.loss_labels))
        if output.kind != "logistic":
            refuse(owner, "must be false for a model whose output is not logistic, got true")
        positives, cells = self.count_cells(examples)
        if positives.any():
            odds = (positives + 0.5) / (cells - positives + 0.5)
            output.layer.set_param("b", get_array_module(odds).log(odds))


class ProbedTokenLoss(ProbedLoss):
    """The same for scores that are a list of arrays, a row per token."""

    @override
    def flatten(self, scores: Scores) -> tuple[Floats2d, Restore]:
        if not len(scores):
            return self.model.ops.alloc2f(0, len(self.loss_labels)), lambda flat: []

        def restore(flat: Floats2d) -> list[Floats2d]:
            ends = list(accumulate(map(len, scores)))
            return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]

        return get_array_module(scores[0]).concatenate(scores), restore

    @override
    def blank_scores(self, examples: Sequence[Example]) -> Scores:
        n_labels = len(self.loss_labels)
        return [self.model.ops.alloc2f(len(eg.predicted), n_labels) for eg in examples]


def layer_of(model: Model, default: OutputLayer) -> OutputLayer:
    """What the last output layer of `model` means that is one of Thinc's."""
    for node in reversed(list(model.walk(order="dfs_pre"))):
        if node.name in _OUTPUTS:
            return _OUTPUTS[node.name]
    return default


def targets_of_probe(gradient: Floats2d) -> tuple[Floats2d, Floats2d | None]:
    """Targets and weights from the gradient (PROBE - y) w; weights are None where all are 1.

    The gradient tells the weight of a cell where y is 0. Other cells have the weight 1, but for
    rows whose cells with y = 0 all have another one, neither 0 nor 1: there they have the weight of
    the row and y is 1, as spaCy weights no other than hard targets.
    """
    xp = get_array_module(gradient)
    positive = gradient < 0
    targets = xp.where(positive, PROBE - gradient, 0).astype(gradient.dtype, copy=False)
    if (positive | (gradient == PROBE)).all():
        return targets, None
    weights = xp.where(positive, 1, gradient / PROBE).astype(gradient.dtype, copy=False)
    of_rows = xp.where(positive, 0, weights).max(axis=1, keepdims=True)
    weighted = positive & (of_rows > 0) & (of_rows != 1)
    return xp.where(weighted, 1, targets), xp.where(weighted, of_rows, weights)
