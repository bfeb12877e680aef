"""What each of spaCy's trainable components learns from, counted document by document.

The labels are those of the loss: entity types, tags, edit trees as text, …
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import spacy
from spacy.morphology import Morphology
from spacy.pipeline import Morphologizer
from spacy.strings import StringStore
from spacy.tokens import Doc

from ..components.spans import NO_SPAN
from .distribution import Distribution


class Tally:
    """Counts the labels of one component.

    settings: its config block.
    """

    unit = "tokens"
    decision = "tokens"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.documents = 0
        self.decisions = 0
        self.examples: Counter[Any] = Counter()

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        raise NotImplementedError

    @property
    def is_there(self) -> bool:
        """Whether any document had the annotation."""
        return self.documents > 0

    def distribution(self, strings: StringStore) -> Distribution:
        """What was counted. strings: those of the documents."""
        examples = self.by_name(self.examples, strings)
        return self.summary(examples=examples, positives=examples)

    def by_name(self, counts: Mapping[Any, int], strings: StringStore) -> dict[str, int]:
        """Counts by the name of the label, the most frequent first, then by the alphabet."""
        named: Counter[str] = Counter()
        for label, count in counts.items():
            named[self.name_of(label, strings)] += count
        return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))

    def name_of(self, label: Any, strings: StringStore) -> str:
        """The name of what was counted as `label`."""
        return strings[label]

    def summary(self, **settings: Any) -> Distribution:
        """The distribution with what all have."""
        return Distribution(
            **{
                "unit": self.unit,
                "decision": self.decision,
                "documents": self.documents,
                "decisions": self.decisions,
                **settings,
            }
        )


class Tokens(Tally):
    """Tokens by an attribute; 0 means that a token has no label."""

    attribute = ""

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        values = doc.to_array(self.attribute)
        values = values[values != 0]
        if len(values):
            self.documents += 1
            self.decisions += len(values)
            self.examples.update(values.tolist())


class Tags(Tokens):
    """Tags of a tagger."""

    attribute = "TAG"


class Dependencies(Tokens):
    """Dependency labels of a parser."""

    attribute = "DEP"

    def summary(self, **settings: Any) -> Distribution:
        """The distribution, and what the parser makes of rare labels."""
        least = self.settings.get("min_action_freq", 30)
        note = (
            f"The parser itself gives up labels with fewer than {least} arcs to the left or to the "
            f"right: they become dep (min_action_freq = {least})."
        )
        return super().summary(note=note, **settings)


class Analyses(Tally):
    """Analyses of a morphologizer: features and part of speech."""

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        pairs = doc.to_array(["MORPH", "POS"])
        pairs = pairs[pairs.any(axis=1)]
        if len(pairs):
            self.documents += 1
            self.decisions += len(pairs)
            self.examples.update(map(tuple, pairs.tolist()))

    def name_of(self, label: Any, strings: StringStore) -> str:
        """The analysis as the morphologizer writes it."""
        features = Morphology.feats_to_dict(strings[label[0]])
        if label[1]:
            features[Morphologizer.POS_FEAT] = strings[label[1]]
        morphology = Morphology(StringStore())
        return morphology.strings[morphology.add(features)]


class Sentences(Tally):
    """First tokens of sentences, S, and the others, I."""

    _is_there = False

    @property
    def is_there(self) -> bool:
        """Whether a document had the annotation; one of one token is always a sentence."""
        return self._is_there

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        if not doc.has_annotation("SENT_START"):
            return
        self._is_there = self._is_there or len(doc) > 1
        starts = int((doc.to_array("SENT_START") == 1).sum())
        self.documents += 1
        self.decisions += len(doc)
        self.examples.update({"S": starts, "I": len(doc) - starts})

    def name_of(self, label: Any, strings: StringStore) -> str:
        """The label itself."""
        return str(label)


class EditTrees(Tally):
    """Edit trees of a lemmatizer, which make the lemma from the form."""

    _trees: Any = None

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        pairs = doc.to_array(["ORTH", "LEMMA"])
        pairs = pairs[pairs[:, 1] != 0]
        if len(pairs):
            self.documents += 1
            self.decisions += len(pairs)
            self.examples.update(map(tuple, pairs.tolist()))

    def name_of(self, label: Any, strings: StringStore) -> str:
        """The edit tree as text."""
        if self._trees is None:
            self._trees = spacy.blank("en").add_pipe("trainable_lemmatizer").trees
        return self._trees.tree_to_str(self._trees.add(strings[label[0]], strings[label[1]]))

    def summary(self, **settings: Any) -> Distribution:
        """The distribution, and what the lemmatizer makes of rare trees."""
        least = self.settings.get("min_tree_freq", 3)
        dropped = sum(count < least for count in settings["examples"].values())
        note = (
            f"{dropped} of {len(settings['examples'])} edit trees are seen fewer than {least} "
            f"times, and left out by the lemmatizer itself (min_tree_freq = {least})."
        )
        return super().summary(note=note, **settings)


class Entities(Tally):
    """Entities by type, and tokens outside."""

    unit = "entities"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self.inside: Counter[Any] = Counter()

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        if not doc.has_annotation("ENT_IOB"):
            return
        self.documents += 1
        self.decisions += int((doc.to_array("ENT_IOB") == _OUTSIDE).sum())
        for entity in doc.ents:
            self.examples[entity.label] += 1
            self.inside[entity.label] += len(entity)
            self.decisions += len(entity)

    def distribution(self, strings: StringStore) -> Distribution:
        """What was counted."""
        return self.summary(
            examples=self.by_name(self.examples, strings),
            positives=self.by_name(self.inside, strings),
            background="O",
        )


class Categories(Tally):
    """Categories of documents; one that is never positive is counted, too, with 0."""

    unit = decision = "documents"
    exclusive = False

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        if doc.cats:
            self.documents += 1
            self.decisions += 1
            self.examples.update({label: int(score > 0.5) for label, score in doc.cats.items()})

    def name_of(self, label: Any, strings: StringStore) -> str:
        """The label itself."""
        return str(label)

    def summary(self, **settings: Any) -> Distribution:
        """The distribution."""
        return super().summary(exclusive=self.exclusive, **settings)


class ExclusiveCategories(Categories):
    """Categories of documents that have one each."""

    exclusive = True
    # Whether they have.
    is_consistent = True

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        super().add(doc)
        if doc.cats and sum(score > 0.5 for score in doc.cats.values()) != 1:
            self.is_consistent = False


class Spans(Tally):
    """Spans of a group by label."""

    unit = "spans"
    decision = "candidates"

    @property
    def key(self) -> str:
        """The key of the span group."""
        return str(self.settings.get("spans_key", "sc"))

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        if self.key in doc.spans:
            self.documents += 1
            self.examples.update(span.label for span in doc.spans[self.key])

    def summary(self, **settings: Any) -> Distribution:
        """The distribution; how many candidates there are depends on the suggester."""
        return super().summary(
            **{
                **settings,
                "decisions": None,
                "background": NO_SPAN,
                "exclusive": False,
                "note": "How many candidates are no span depends on the suggester: with n-grams "
                "nearly all.",
            }
        )


class Edges(Spans):
    """First and last tokens of the spans of a group."""

    unit = decision = "tokens"

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        if self.key in doc.spans:
            spans = list(doc.spans[self.key])
            self.documents += 1
            self.decisions += len(doc)
            starts, ends = {span.start for span in spans}, {span.end for span in spans}
            self.examples.update({"start": len(starts), "end": len(ends)})

    def name_of(self, label: Any, strings: StringStore) -> str:
        """The label itself."""
        return str(label)

    def summary(self, **settings: Any) -> Distribution:
        """The distribution."""
        return Tally.summary(self, exclusive=False, **settings)


_OUTSIDE = 2

# By the stock factory.
TALLIES: dict[str, type[Tally]] = {
    "ner": Entities,
    "tagger": Tags,
    "morphologizer": Analyses,
    "senter": Sentences,
    "trainable_lemmatizer": EditTrees,
    "parser": Dependencies,
    "textcat": ExclusiveCategories,
    "textcat_multilabel": Categories,
    "spancat": Spans,
    "spancat_singlelabel": Spans,
    "span_finder": Edges,
}
