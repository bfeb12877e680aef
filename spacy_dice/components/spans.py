"""Components that find and label spans."""

from collections.abc import Iterable, Sequence

import numpy
from spacy.pipeline import SpanCategorizer, TrainablePipe
from spacy.pipeline.span_finder import SpanFinder
from spacy.tokens import Doc
from spacy.training import Example
from thinc.types import Floats2d, Ragged
from thinc.util import get_array_module
from typing_extensions import Unpack, override

from .._types import Bools
from .._validation import check_non_negative, refuse
from ..losses import Labels
from .base import UpdateSettings, initialize_with_loss
from .probed import LOGISTIC, ProbedLoss, Restore, Scores

# What the losses call the label of a candidate that is no span, where the component has one.
NO_SPAN = "O"


class DiceSpanCategorizer(ProbedLoss, SpanCategorizer):
    """spaCy's `SpanCategorizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.SpanCategorizer` and `loss`. Where there is a label for
    candidates that are no span (`spancat_singlelabel`), the loss knows it as `O`.

    overlap_weight: of candidates that are no span, but overlap one; other candidates weigh 1.
    """

    default_layer = LOGISTIC
    initialize = initialize_with_loss(SpanCategorizer.initialize)
    _overlap_weight: float = 1.0

    @property
    def overlap_weight(self) -> float:
        """The weight of near misses. RAISES: ValueError, when it is set, if it is not >= 0."""
        return self._overlap_weight

    @overlap_weight.setter
    def overlap_weight(self, weight: float) -> None:
        check_non_negative(f"[components.{self.name}]", "overlap_weight", weight)
        self._overlap_weight = weight

    def get_loss(self, examples: Iterable[Example], spans_scores: Scores) -> tuple[float, Scores]:
        """The loss over the whole batch, and its gradient.

        spans_scores: the candidates and the predictions of the model for them.
        RETURNS: the value of the loss and the gradient by the scores.
        """
        value, (_, gradient) = super().get_loss(examples, spans_scores)
        return value, gradient

    @override
    def recover(
        self, examples: Sequence[Example], probs: Floats2d, restore: Restore
    ) -> tuple[Floats2d, Floats2d | None]:
        """Targets and weights, near misses weighted."""
        targets, weights = super().recover(examples, probs, restore)
        if self.overlap_weight == 1:
            return targets, weights
        spans, _ = restore(probs)
        xp = get_array_module(targets)
        is_span = targets[:, : len(self.labels)].any(axis=1)
        is_near = xp.asarray(self._overlaps_gold(examples, spans)) & ~is_span
        of_rows = xp.where(is_near, self.overlap_weight, 1.0).astype(targets.dtype)[:, None]
        return targets, of_rows if weights is None else weights * of_rows

    def _overlaps_gold(self, examples: Sequence[Example], spans: Ragged) -> Bools:
        """Whether candidates share a token with a gold span, `(n,)`."""
        indices, lengths = map(self.model.ops.to_numpy, (spans.dataXd, spans.lengths))
        found = [numpy.zeros(0, dtype=bool)]
        for eg, places in zip(examples, numpy.split(indices, lengths.cumsum()[:-1]), strict=True):
            inside = numpy.zeros(len(eg.predicted) + 1, dtype="int64")
            gold = eg.reference.spans.get(self.key, [])
            for span in eg.get_aligned_spans_y2x(gold, allow_overlap=True):
                inside[span.start + 1 : span.end + 1] = 1
            before = inside.cumsum()
            found.append(before[places[:, 1]] > before[places[:, 0]])
        return numpy.concatenate(found)

    @override
    def flatten(self, scores: Scores) -> tuple[Floats2d, Restore]:
        """The scores without the candidates, and the function that pairs them again."""
        if not isinstance(scores, tuple):
            return super().flatten(scores)
        spans, scores = scores
        return scores, lambda flat: (spans, flat)

    @override
    def inputs_of(self, docs: Sequence[Doc], scores: Scores) -> object:
        """The documents and the candidates of `scores`, whatever a teacher would suggest."""
        spans, _ = scores
        return docs, spans

    @override
    def blank_scores(self, examples: Sequence[Example]) -> Scores:
        """Candidates, and scores of any value for them."""
        ops = self.model.ops
        try:
            spans = self.suggester([eg.predicted for eg in examples], ops=ops)
        except KeyError as error:
            refuse(
                f"[components.{self.name}.loss]",
                "class_weights must be given, and prior_bias be false: labels cannot be counted, "
                f"as the suggester asks for what is not there before training, {error}",
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
