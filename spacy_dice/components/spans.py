"""Components that find and label spans."""

from collections.abc import Iterable, Sequence

from spacy.pipeline import SpanCategorizer, TrainablePipe
from spacy.pipeline.span_finder import SpanFinder
from spacy.tokens import Doc
from spacy.training import Example
from thinc.types import Floats2d
from typing_extensions import Unpack, override

from .._validation import refuse
from ..losses import Labels
from .base import UpdateSettings, initialize_with_loss
from .probed import LOGISTIC, ProbedLoss, Restore, Scores

# What the losses call the label of a candidate that is no span, where the component has one.
NO_SPAN = "O"


class DiceSpanCategorizer(ProbedLoss, SpanCategorizer):
    """spaCy's `SpanCategorizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.SpanCategorizer` and `loss`. Where there is a label for
    candidates that are no span (`spancat_singlelabel`), the loss knows it as `O`.
    """

    default_layer = LOGISTIC
    initialize = initialize_with_loss(SpanCategorizer.initialize)

    def get_loss(self, examples: Iterable[Example], spans_scores: Scores) -> tuple[float, Scores]:
        """The loss over the whole batch, and its gradient.

        spans_scores: the candidates and the predictions of the model for them.
        RETURNS: the value of the loss and the gradient by the scores.
        """
        value, (_, gradient) = super().get_loss(examples, spans_scores)
        return value, gradient

    @override
    def flatten(self, scores: Scores) -> tuple[Floats2d, Restore]:
        """The scores without the candidates, and the function that pairs them again."""
        if not isinstance(scores, tuple):
            return super().flatten(scores)
        spans, scores = scores
        return scores, lambda flat: (spans, flat)

    @override
    def blank_scores(self, examples: Sequence[Example]) -> Scores:
        """Candidates, and scores of any value for them."""
        ops = self.model.ops
        try:
            spans = self.suggester([eg.predicted for eg in examples], ops=ops)
        except KeyError as error:
            refuse(
                f"[components.{self.name}.loss]",
                "class_weights must be given: labels cannot be counted, as the suggester asks for "
                f"what is not there before training, {error}",
            )
        return spans, ops.alloc2f(int(spans.lengths.sum()), len(self.loss_labels))

    @classmethod
    @override
    def name_columns(cls, component: TrainablePipe) -> Labels:
        """The labels, and `O`."""
        labels = component.labels
        return [*labels, NO_SPAN] if component.add_negative_label else labels

    @classmethod
    @override
    def has_annotation(cls, component: TrainablePipe, doc: Doc) -> bool:
        return component.key in doc.spans


class DiceSpanFinder(ProbedLoss, SpanFinder):
    """spaCy's `SpanFinder` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.SpanFinder` and `loss`. The labels of the loss are
    `start` and `end`, for the first and last tokens of spans.
    """

    default_layer = LOGISTIC
    initialize = initialize_with_loss(SpanFinder.initialize)

    def update(
        self, examples: Iterable[Example], **settings: Unpack[UpdateSettings]
    ) -> dict[str, float]:
        """Learn from a batch of examples; unlike the stock component, from one without tokens."""
        examples = list(examples)
        if not any(len(eg.predicted) for eg in examples):
            losses = settings.get("losses")
            losses = {} if losses is None else losses
            losses.setdefault(self.name, 0.0)
            return losses
        return super().update(examples, **settings)

    @override
    def blank_scores(self, examples: Sequence[Example]) -> Scores:
        """Scores of any value, a row per token."""
        return self.model.ops.alloc2f(sum(len(eg.predicted) for eg in examples), 2)

    @classmethod
    @override
    def name_columns(cls, component: TrainablePipe) -> Labels:
        """`start` and `end`."""
        return ["start", "end"]

    @classmethod
    @override
    def has_annotation(cls, component: TrainablePipe, doc: Doc) -> bool:
        return component.cfg["spans_key"] in doc.spans
