"""The decisions of components that answer queries: from which probability on there is an answer."""

import math
from collections.abc import Mapping, Sequence

import numpy
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from typing_extensions import Unpack, override

from ..items import NO_ANSWER, SPAN
from .base import Mask, Settings
from .bias import Offsets
from .scored import logit_of_threshold
from .search import VALUES
from .trials import Trials

# What the threshold is called.
ANSWER = "answer"


class QuerySearch(Trials):
    """The threshold of answers, for the F-score of answers by place, no answer being one of them.

    It is the setting of the component that is changed: which span is the best one does not change
    with it, as it would with a bias.
    """

    averages = ("micro", "macro")
    tested = False

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        super().__init__(component, examples, **settings)
        self.cut, self.threshold = logit_of_threshold(component), component.cfg["threshold"]
        to_numpy = component.model.ops.to_numpy
        self.scores = [to_numpy(component.predict([eg.predicted])) for eg in examples]

    @override
    def name_labels(self) -> list[str]:
        return [SPAN, NO_ANSWER]

    @override
    def offsets_of(self, values: Offsets) -> Offsets:
        return values

    @override
    def best(self, chosen: Mask) -> Offsets:
        scores = numpy.array(
            [self.metric.of(self.count({ANSWER: float(value)})[chosen]) for value in VALUES]
        )
        (top,) = (scores == scores.max()).nonzero()
        best = float(VALUES[top[numpy.abs(VALUES[top]).argmin()]])
        return {ANSWER: best} if best else {}

    @override
    def best_common(self, chosen: Mask) -> Offsets:
        """There is but one."""
        return self.best(chosen)

    @override
    def thresholds_of(self, offsets: Mapping[str, float]) -> dict[str, float]:
        return {label: self._threshold(offsets) for label in offsets}

    @override
    def apply(self, offsets: Offsets) -> None:
        if offsets:
            self.component.cfg["threshold"] = self._threshold(offsets)

    @override
    def annotated(self, chosen: Sequence[int], offsets: Offsets) -> list[Doc]:
        docs = [self.examples[i].predicted.copy() for i in chosen]
        self.component.cfg["threshold"] = self._threshold(offsets)
        try:
            for i, doc in zip(chosen, docs, strict=True):
                self.component.set_annotations([doc], self.scores[i])
        finally:
            self.component.cfg["threshold"] = self.threshold
        return docs

    def _threshold(self, offsets: Mapping[str, float]) -> float:
        offset = offsets.get(ANSWER, 0.0)
        return 1 / (1 + math.exp(offset - self.cut)) if offset else self.threshold
