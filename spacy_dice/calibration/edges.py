"""The decisions of span finders: one threshold on first and last tokens."""

from collections.abc import Mapping, Sequence

import numpy
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from thinc.types import Floats2d
from typing_extensions import Unpack, override

from .._types import Floats
from ..items import SPAN
from .base import Mask, Settings
from .bias import Offsets
from .scored import Scored, logit_of_threshold, thresholds_of
from .search import VALUES


class EdgeSearch(Scored):
    """One offset on the first and on the last tokens of spans, for the F-score of spans.

    A span is found where its first and its last token are: what comes of an offset is counted
    without making the spans.
    """

    averages = ("micro",)

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        super().__init__(component, examples, **settings)
        self.table = numpy.array([self._counts(i) for i in range(len(examples))])

    @override
    def name_labels(self) -> list[str]:
        return [SPAN]

    @override
    def best(self, chosen: Mask) -> Offsets:
        counts = self.table[chosen].sum(axis=0)[:, :, None]
        scores = self.metric(*numpy.moveaxis(counts, 1, 0))
        (top,) = (scores == scores.max()).nonzero()
        best = float(VALUES[top[numpy.abs(VALUES[top]).argmin()]])
        return dict.fromkeys(self.output.labels, best) if best else {}

    @override
    def best_common(self, chosen: Mask) -> Offsets:
        """There is but one."""
        return self.best(chosen)

    @override
    def thresholds_of(self, offsets: Mapping[str, float]) -> dict[str, float]:
        return thresholds_of(self.component, offsets)

    @override
    def predict(self, doc: Doc) -> Floats2d:
        """A row for each token."""
        return self.component.predict([doc])

    @override
    def annotate(self, i: int, doc: Doc, outputs: Floats2d) -> None:
        self.component.set_annotations([doc], outputs)

    def _counts(self, i: int) -> Floats:
        """True positives, all that is found, and gold, for each offset: `(values, 3)`."""
        example, cfg = self.examples[i], self.component.cfg
        n_tokens = len(example.predicted)
        shortest, longest = max(cfg["min_length"] or 1, 1), cfg["max_length"] or n_tokens
        rows = self.logits[i] - logit_of_threshold(self.component)
        # Which tokens are first and last ones: `(values, tokens)`.
        first, last = (rows[:, edge] + VALUES[:, None] >= 0 for edge in (0, 1))
        # A span that ends with a token begins so far before it: how many of these are first ones.
        before = numpy.concatenate([numpy.zeros((len(VALUES), 1)), first.cumsum(axis=1)], axis=1)
        ends = numpy.arange(1, n_tokens + 1)
        until = numpy.clip(ends - shortest + 1, 0, n_tokens)
        since = numpy.minimum(numpy.clip(ends - longest, 0, n_tokens), until)
        found = (last * (before[:, until] - before[:, since])).sum(axis=1)
        key = cfg["spans_key"]
        spans = example.get_aligned_spans_y2x(example.reference.spans[key], allow_overlap=True)
        places = {(s.start, s.end - 1) for s in spans if shortest <= len(s) <= longest}
        right = numpy.zeros(len(VALUES))
        for start, end in places:
            right += first[:, start] & last[:, end]
        gold = len(self.items(example)[0])
        return numpy.stack([right, found, numpy.full(len(VALUES), gold)], axis=1)
