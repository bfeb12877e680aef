"""The decisions of span categorizers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from thinc.types import Floats2d, Ragged
from typing_extensions import Unpack, override

from .base import Mask, Settings
from .bias import Offsets, output_of
from .scored import ROUNDS, Cells, LabelSearch, Scored
from .search import SHRINKAGE, VALUES, ascend, shrunken
from .trials import Trials

# In trials each offset is tried at such distances from the best one so far, near or far.
STEPS = ((-3.0, -2.0, -1.0, 1.0, 2.0, 3.0), (-0.5, 0.5), (-0.25, 0.25))
EVERY = "every label"


class Candidates(Scored):
    """A row of scores for each span that the suggester proposes."""

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        self.indices: list[Ragged] = []
        self.key = str(component.cfg["spans_key"])
        super().__init__(component, examples, **settings)

    @override
    def predict(self, doc: Doc) -> Floats2d:
        """Called once for each document, in order."""
        indices, scores = self.component.predict([doc])
        self.indices.append(indices)
        return scores

    @override
    def annotate(self, i: int, doc: Doc, outputs: Floats2d) -> None:
        # spaCy writes into the scores of a single document.
        self.component.set_annotations([doc], (self.indices[i], outputs.copy()))

    def cells_of(self, i: int) -> Cells:
        """What is right in the i-th document.

        Missed are the gold spans that are no candidates, or have a label that training lacked.
        """
        example, ops = self.examples[i], self.component.model.ops
        rows = {
            (int(start), int(end)): row
            for row, (start, end) in enumerate(ops.to_numpy(self.indices[i].dataXd))
        }
        gold = numpy.zeros((len(rows), len(self.known_labels)))
        missed = numpy.zeros(len(self.labels))
        for label, _ in self.items(example)[0]:
            missed[self.labels.index(label)] += 1
        spans = example.reference.spans[self.key]
        for span in example.get_aligned_spans_y2x(spans, allow_overlap=True):
            row = rows.get((span.start, span.end))
            if row is not None and span.label_ in self.known_labels:
                column = self.known_labels.index(span.label_)
                missed[column] -= not gold[row, column]
                gold[row, column] = 1
        return Cells(gold, numpy.ones(gold.shape), missed)


class SpanSearch(Candidates, LabelSearch):
    """A threshold for each label, where a span may have several, for the F-score of all spans."""

    averages = ("micro", "macro")
    plain_micro = True


class SpanChoiceSearch(Candidates):
    """An offset on each label, where a span has at most one, for the F-score of all spans.

    The offset on having none comes first; those of rare labels are drawn to 0.
    """

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        super().__init__(component, examples, **settings)
        n_labels = len(self.known_labels)
        n_columns = len(self.output.labels)
        self.rows = numpy.concatenate([numpy.zeros((0, n_columns)), *self.logits])
        self.docs = numpy.repeat(range(len(examples)), [len(logits) for logits in self.logits])
        codes, missed = [], []
        for i in range(len(examples)):
            gold, _, lacking = self.cells_of(i)
            # A span without a label: the column after the labels, which there may be or not.
            code = numpy.where(gold.any(axis=1), gold.argmax(axis=1), n_labels)
            codes.append(code)
            # Of several labels of a span one can be found.
            lacking[:n_labels] += gold.sum(axis=0)
            lacking[:n_labels] -= numpy.bincount(code, minlength=n_labels + 1)[:n_labels]
            missed.append(numpy.insert(lacking, n_labels, 0))
        self.codes, self.missed = numpy.concatenate(codes), numpy.array(missed)

    @override
    def best(self, chosen: Mask) -> Offsets:
        rows, n_labels = chosen[self.docs], len(self.known_labels)
        codes, missed = self.codes[rows], self.missed[chosen].sum(axis=0)
        # Having no label first.
        columns = [*range(n_labels, len(self.output.labels)), *range(n_labels)]
        if self.metric.label is not None:
            columns = [self.metric.label]
        found = ascend(
            codes,
            self.rows[rows],
            replace(self.metric, ignored=n_labels),
            values=VALUES,
            missed=missed,
            columns=columns,
            max_rounds=ROUNDS,
        )
        support = numpy.bincount(codes, minlength=len(missed))[:n_labels] + missed[:n_labels]
        found[:n_labels] = shrunken(found[:n_labels], 0.0, support, SHRINKAGE)
        return {self.output.labels[i]: float(value) for i, value in enumerate(found) if value}


class SpanTrials(Candidates, Trials):
    """The same where spans push each other out: the component says what comes of an offset.

    That is with `max_positive`, with `allow_overlap = false`, and with a threshold on a softmax.
    """

    @override
    def offsets_of(self, values: Offsets) -> Offsets:
        """An offset for every label is one on none, where that is a column."""
        offsets = {label: values.get(label, 0.0) for label in self.known_labels}
        none = self.output.labels[len(self.known_labels) :]
        every = values.get(EVERY, 0.0)
        if none:
            offsets[none[0]] = -every
        else:
            offsets = {label: offset + every for label, offset in offsets.items()}
        return {label: offset for label, offset in offsets.items() if offset}

    @override
    def best(self, chosen: Mask) -> Offsets:
        counts = self.count({})[chosen].sum(axis=0)
        support = dict(zip(self.labels, counts[:, 0] + counts[:, 2], strict=True))
        labels = [label for label in self.known_labels if support[label]]
        if self.metric.label is not None:
            labels = [self.known_labels[self.metric.label]]
        found: Offsets = {}
        for _ in range(ROUNDS):
            before = dict(found)
            for label in [EVERY, *labels] if self.metric.label is None else labels:
                self._improve(found, label, chosen)
            if found == before:
                break
        for label in labels:
            own = numpy.array([found.get(label, 0.0)])
            found[label] = float(shrunken(own, 0.0, support[label], SHRINKAGE)[0])
        return self.offsets_of(found)

    @override
    def best_common(self, chosen: Mask) -> Offsets:
        found: Offsets = {}
        self._improve(found, EVERY, chosen)
        return self.offsets_of(found)

    def _improve(self, found: Offsets, label: str, chosen: Mask) -> None:
        """Give a label the best offset of those around the one that it has."""
        for steps in STEPS:
            now = found.get(label, 0.0)
            values = [now, *(now + step for step in steps)]
            scores = [self.metric.of(self.count({**found, label: v})[chosen]) for v in values]
            found[label] = values[scores.index(max(scores))]


def span_search(
    component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
) -> Candidates:
    """The search for a span categorizer, by how it decides."""
    cfg, n_labels = component.cfg, len(component.labels)
    at_most = cfg["max_positive"]
    single = at_most == 1
    apart = cfg["allow_overlap"] or not single
    enough = at_most is None or at_most >= n_labels
    against_none = single and component.add_negative_label
    if output_of(component).kind == "logistic" and apart and enough and not against_none:
        return SpanSearch(component, examples, **settings)
    if single and apart and not cfg["threshold"]:
        return SpanChoiceSearch(component, examples, **settings)
    return SpanTrials(component, examples, **settings)
