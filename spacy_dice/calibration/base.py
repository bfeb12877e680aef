"""What a search for the decisions of a component of spaCy is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, TypedDict

import numpy
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example

from .._types import Bools, Ints
from .._validation import check_positive, listed, nearest, refuse
from ..components import items_of
from ..components.outputs import Output
from ..items import Item, count_documents
from .bias import Offsets, output_of, shift
from .metric import AVERAGES, Metric

# Which documents of a dev set are meant, and how often labels are there in each.
Mask = Bools
Counts = Ints


class Settings(TypedDict, total=False):
    """What a search is told beside the component and its dev set; see `Search`."""

    average: str | None
    beta: float


class Search(ABC):
    """Knows which offsets are best on which documents of a dev set.

    component: a trained component, ours or stock.
    examples: the dev set, which all components before this one have annotated.
    average: `"micro"`, `"macro"`, `"accuracy"`, or a label whose F-score is all that counts; None
        for what is usual for such a component.
    beta: of the F-score.
    RAISES: ValueError for a metric that makes no sense here, and for a model that has no bias to
        shift.
    """

    # The averages that make sense; the first is the usual one.
    averages: ClassVar[Sequence[str]] = ("micro", "macro")
    # Whether a macro average is over the labels that are gold or found, and not over all.
    only_there: ClassVar[bool] = True
    # Whether a score is named without the word micro, ents_f.
    plain_micro: ClassVar[bool] = True
    # Whether nothing is changed unless that gains by more than may be chance.
    tested: bool = True
    # Whether `best_common` is something else than `best`, and found without further trials.
    has_common: ClassVar[bool] = False

    def __init__(
        self,
        component: TrainablePipe,
        examples: Sequence[Example],
        *,
        average: str | None = None,
        beta: float = 1.0,
    ) -> None:
        self.component, self.examples = component, examples
        found = items_of(component)
        assert found is not None
        self.prefix, self._items = found
        self.known_labels = self.name_labels()
        gold = {label for eg in examples for label, _ in self.items(eg)[0]}
        if not gold:
            refuse("calibrate", f"the dev set has no gold for the component {component.name!r}")
        # What training did not have is never found: an error whatever the offsets.
        self.unknown = sorted(gold - set(self.known_labels)) if self.only_there else []
        self.labels = [*self.known_labels, *self.unknown]
        self.metric, self.score = self._metric(average, beta)

    @cached_property
    def output(self) -> Output:
        """The end of the component's model. RAISES: ValueError if it has no bias to shift."""
        return output_of(self.component)

    def apply(self, offsets: Offsets) -> None:
        """Put offsets into the component."""
        shift(self.component, offsets)

    @abstractmethod
    def best(self, chosen: Mask) -> Offsets:
        """The best offsets for the documents of a mask; zeros left out."""

    def best_common(self, chosen: Mask) -> Offsets:
        """The best single threshold of all labels, in place of one for each, as offsets.

        RAISES: ValueError for labels that exclude each other.
        """
        refuse(
            "calibrate",
            "labels = false asks for one threshold for all labels, which is for labels that are "
            f"decided for one by one; those of the component {self.component.name!r} are not",
        )

    def use_prior(self, examples: Sequence[Example]) -> None:
        """Search for one number: what each label's log frequency in `examples` is multiplied with.

        RAISES: ValueError for labels that do not exclude each other.
        """
        refuse(
            "calibrate",
            "a prior is for labels that exclude each other, those of tagger, morphologizer and "
            f"textcat; those of the component {self.component.name!r} are not",
        )

    @abstractmethod
    def annotated(self, chosen: Sequence[int], offsets: Offsets) -> list[Doc]:
        """Copies of some documents with what the component finds with these offsets."""

    def name_labels(self) -> list[str]:
        """What is told apart in the scores."""
        return list(self.component.labels)

    def items(self, example: Example) -> tuple[set[Item], set[Item]]:
        """The gold and the found labels with their places, as `spacy_dice.items` has them."""
        return self._items(example)

    def counts_of(self, examples: Sequence[Example]) -> Counts:
        """True positives, false positives and false negatives, `(documents, labels, 3)`."""
        types, found = count_documents(examples, self.items)
        counts = numpy.zeros((len(examples), len(self.labels), 3), dtype="int64")
        for i, label in enumerate(self.labels):
            if label in types:
                counts[:, i] = found[:, types.index(label)]
        return counts

    def examples_of(self, chosen: Sequence[int], offsets: Offsets) -> list[Example]:
        """`annotated`, each with its gold standard."""
        docs = self.annotated(chosen, offsets)
        return [
            Example(doc, self.examples[i].reference) for doc, i in zip(docs, chosen, strict=True)
        ]

    def thresholds_of(self, offsets: Mapping[str, float]) -> dict[str, float]:
        """The thresholds on the unchanged probabilities that offsets come to, if they do."""
        return {}

    def tau_of(self, offsets: Mapping[str, float]) -> float | None:
        """What log frequencies are multiplied with, if offsets come from that; see `use_prior`."""
        return None

    def n_cells(self) -> float:
        """How many decisions there are, for the accuracy; see `Metric`."""
        return 1.0

    def _metric(self, average: str | None, beta: float) -> tuple[Metric, str]:
        """The metric, and the name of its score."""
        average = self.averages[0] if average is None else average
        check_positive("calibrate", "beta", beta)
        number = "" if beta == 1 else f"{beta:g}"
        if average in self.averages:
            metric = Metric(average, beta, only_there=self.only_there, cells=self.n_cells())
            if average == "accuracy":
                return metric, f"{self.prefix}_acc"
            name = "" if average == "micro" and self.plain_micro else f"{average}_"
            return metric, f"{self.prefix}_{name}f{number}"
        if average in self.known_labels:
            metric = Metric("micro", beta, label=self.known_labels.index(average))
            return metric, f"{self.prefix}_{average}_f{number}"
        known = [*self.averages, *self.known_labels]
        what = "has no meaning here; take" if average in AVERAGES else "is none of"
        refuse(
            "calibrate",
            f"for the component {self.component.name!r} the metric {average!r} {what} "
            f"{listed(known)}{nearest(average, known)}",
        )
