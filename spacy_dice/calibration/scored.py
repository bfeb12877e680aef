"""Searches on the scores of a dev set, which the component predicts once.

Offsets are added to these scores, and the component itself decides by the sums.
"""

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from thinc.types import Floats2d
from typing_extensions import Unpack, override

from .._types import Floats
from .._validation import is_number, refuse
from .base import Mask, Search, Settings
from .bias import Offsets
from .search import (
    SHRINKAGE,
    TINY,
    VALUES,
    Line,
    ascend,
    best_of_all,
    best_shifts,
    best_tau,
    line_of,
    shrunken,
)

# The offsets that are tried of labels that exclude each other.
GRID = numpy.arange(-3.0, 3.5, 0.25)
# What is tried as a factor of log frequencies. With 1 the errors of all labels count the same, if
# the model has learned the probabilities.
TAUS = numpy.arange(-1.0, 2.05, 0.05)
# How often all these labels are gone through, one at a time.
ROUNDS = 3


class Scored(Search):
    """Keeps the scores of the component for each document of the dev set."""

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        super().__init__(component, examples, **settings)
        to_numpy = component.model.ops.to_numpy
        self.outputs = [to_numpy(self.predict(eg.predicted)) for eg in examples]
        self.logits = [self.output.logits_of(outputs) for outputs in self.outputs]

    @override
    def annotated(self, chosen: Sequence[int], offsets: Offsets) -> list[Doc]:
        docs, vector = [], self.output.vector_of(offsets)
        for i in chosen:
            doc = self.examples[i].predicted.copy()
            outputs = self.outputs[i]
            if offsets and len(outputs):
                outputs = self.output.outputs_of(self.logits[i] + vector)
            self.annotate(i, doc, outputs)
            docs.append(doc)
        return docs

    @abstractmethod
    def predict(self, doc: Doc) -> Floats2d:
        """The outputs of the model for a document, `(n, c)`."""

    @abstractmethod
    def annotate(self, i: int, doc: Doc, outputs: Floats2d) -> None:
        """Let the component decide by outputs for the i-th document."""


class ChoiceSearch(Scored):
    """Labels that exclude each other: an offset on each, for the mean F-score of the labels.

    An offset is drawn to 0 by as much as its label is rare, see `search.shrunken`.
    """

    averages: ClassVar[Sequence[str]] = ("macro", "micro", "accuracy")
    plain_micro = False
    shrinkage = SHRINKAGE
    # Of each label, how much rarer than the most frequent one it is, as a logarithm.
    rarity: Floats | None = None

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        super().__init__(component, examples, **settings)
        index = {label: i for i, label in enumerate(self.known_labels)}
        rows, codes, docs = [], [], []
        for i, example in enumerate(examples):
            gold = self.gold_of(example)
            known = [j for j, label in enumerate(gold) if label]
            rows.append(self.logits[i][known])
            # A label that training did not have has no column, and is never decided for.
            codes += [index.get(str(gold[j]), len(index)) for j in known]
            docs += [i] * len(known)
        self.rows = numpy.concatenate(rows)
        self.codes, self.docs = numpy.asarray(codes), numpy.asarray(docs)

    @abstractmethod
    def gold_of(self, example: Example) -> Sequence[str | None]:
        """The gold label of each row of the scores; None or nothing where it is not known."""

    @override
    def use_prior(self, examples: Sequence[Example]) -> None:
        """Logit adjustment, ``argmax_k z_k - tau log prior_k`` (Menon et al. 2021, eq. 9).

        A label that is never gold is counted once.
        """
        counts = Counter(label for eg in examples for label in self.gold_of(eg) if label)
        counted = numpy.array([counts[label] for label in self.known_labels])
        if not counted.any():
            refuse(
                "calibrate",
                f"the data of the prior has no gold for the component {self.component.name!r}",
            )
        self.rarity = numpy.log(counted.max() / numpy.maximum(counted, 1))
        # One number of which it can be told whether it gains: no search is exempt.
        self.tested = True

    @override
    def tau_of(self, offsets: Mapping[str, float]) -> float | None:
        if self.rarity is None:
            return None
        return sum(offsets.values()) / max(float(self.rarity.sum()), TINY)

    @override
    def best(self, chosen: Mask) -> Offsets:
        rows = chosen[self.docs]
        codes, metric = self.codes[rows], self.metric
        if self.rarity is not None:
            tau = best_tau(codes, self.rows[rows], self.rarity, metric, TAUS)
            values = (tau * self.rarity).tolist()
            return {label: v for label, v in zip(self.output.labels, values, strict=True) if v}
        columns = None if metric.label is None else [metric.label]
        found = ascend(
            codes, self.rows[rows], metric, values=GRID, max_rounds=ROUNDS, columns=columns
        )
        support = numpy.bincount(codes, minlength=len(found))[: len(found)]
        found = shrunken(found, 0.0, support, self.shrinkage)
        return {self.output.labels[i]: float(value) for i, value in enumerate(found) if value}

    @override
    def n_cells(self) -> float:
        """Each row is two of them."""
        return 2.0 * sum(1 for eg in self.examples for label in self.gold_of(eg) if label)


class Cells(NamedTuple):
    """What is right in a document.

    gold: `(n, c)` of 0 and 1, which labels its rows have.
    known: `(n, c)` of 0 and 1, of which cells it is known.
    missed: `(labels,)`, gold that no row is about, of each of `Search.labels`.
    """

    gold: Floats
    known: Floats
    missed: Floats


class LabelSearch(Scored):
    """Labels that are decided for one by one: a threshold for each, for their mean F-score.

    How the threshold of a rare label is drawn to that of all, see `search.best_shifts`.
    """

    averages: ClassVar[Sequence[str]] = ("macro", "micro", "accuracy")
    plain_micro = False
    has_common = True

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        super().__init__(component, examples, **settings)
        cut = logit_of_threshold(component)
        shape = (0, len(self.known_labels))
        rows = [numpy.zeros(shape), *(logits - cut for logits in self.logits)]
        # At the threshold is above it.
        self.rows = numpy.nextafter(numpy.concatenate(rows), numpy.inf)
        cells = [self.cells_of(i) for i in range(len(examples))]
        self.gold = numpy.concatenate([numpy.zeros(shape), *(gold for gold, _, _ in cells)])
        self.weights = numpy.concatenate([numpy.zeros(shape), *(known for _, known, _ in cells)])
        self.missed = numpy.array([missed for _, _, missed in cells])
        self.docs = numpy.repeat(range(len(examples)), [len(logits) for logits in self.logits])

    @abstractmethod
    def cells_of(self, i: int) -> Cells:
        """What is right in the i-th document."""

    @override
    def best(self, chosen: Mask) -> Offsets:
        found = best_shifts(self.lines(chosen), self.metric)
        return {
            label: float(value)
            for label, value in zip(self.output.labels, found, strict=False)
            if value
        }

    @override
    def best_common(self, chosen: Mask) -> Offsets:
        best = best_of_all(self.lines(chosen), self.metric)
        return dict.fromkeys(self.output.labels, best) if best else {}

    @override
    def thresholds_of(self, offsets: Mapping[str, float]) -> dict[str, float]:
        return thresholds_of(self.component, offsets)

    def lines(self, chosen: Mask) -> list[Line]:
        """What comes of each offset of each label, in the documents of a mask."""
        rows, missed = chosen[self.docs], self.missed[chosen].sum(axis=0)
        lines = []
        for k in range(len(self.known_labels)):
            scores, gold, weights = (x[rows, k] for x in (self.rows, self.gold, self.weights))
            lines.append(line_of(-scores, gold, VALUES, weights, missed[k]))
        nothing = numpy.zeros(len(VALUES))
        return lines + [Line(VALUES, nothing, nothing, n) for n in missed[len(lines) :]]


def logit_of_threshold(component: TrainablePipe) -> float:
    """The logit of the threshold of a component. RAISES: ValueError if it is not finite."""
    threshold = component.cfg["threshold"]
    if not is_number(threshold) or not 0 < threshold < 1:
        refuse(
            "calibrate",
            f"the threshold of the component {component.name!r} must be above 0 and below 1, for "
            f"no bias makes up for another, got {threshold!r}",
        )
    return math.log(threshold) - math.log1p(-threshold)


def thresholds_of(component: TrainablePipe, offsets: Mapping[str, float]) -> dict[str, float]:
    """The thresholds of labels that an offset makes of the threshold of their component."""
    cut = logit_of_threshold(component)
    return {label: 1 / (1 + math.exp(offset - cut)) for label, offset in offsets.items()}
