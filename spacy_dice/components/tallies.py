"""What each of spaCy's trainable components learns from, counted document by document.

The labels are those of the loss: entity types, tags, edit trees as text, …
"""

from collections import Counter
from collections.abc import Mapping
from typing import Generic, TypeVar

import numpy
import spacy
from numpy.typing import NDArray
from spacy.morphology import Morphology
from spacy.pipeline import EditTreeLemmatizer, Morphologizer
from spacy.strings import StringStore
from spacy.tokens import Doc
from typing_extensions import override

from .._types import JSON, Bools
from .spans import NO_SPAN

# What a label is while it is counted: text, a hash of it, or two of these.
_L = TypeVar("_L", bound=str | int | tuple[int, int])
# Two attributes of each token, `(n_tokens, 2)`.
Pairs = NDArray[numpy.uint64]


class Tally(Generic[_L]):
    """Counts the labels of one component.

    settings: the block of the component in a config.

    unit: what has a label: tokens, entities, documents, spans.
    decision: what the component decides about, one after the other.
    background: what the decisions without any label are called; None if all have one.
    exclusive: whether a decision has one label and no other.
    counts_decisions: whether a corpus tells how many decisions there are.
    documents: how many documents have the annotation.
    decisions: how many decisions they have.
    examples: how many units have each label.
    """

    unit = "tokens"
    decision = "tokens"
    background: str | None = None
    exclusive = True
    counts_decisions = True

    def __init__(self, settings: Mapping[str, JSON]) -> None:
        self.settings = settings
        self.documents = 0
        self.decisions = 0
        self.examples: Counter[_L] = Counter()

    def add(self, doc: Doc) -> None:
        """Count the labels of a document."""
        raise NotImplementedError

    @property
    def is_there(self) -> bool:
        """Whether any document had the annotation."""
        return self.documents > 0

    @property
    def positives(self) -> Counter[_L]:
        """How many decisions have each label."""
        return self.examples

    def name_of(self, label: _L, strings: StringStore) -> str:
        """The name of what was counted as `label`. strings: those of the documents."""
        return strings[label] if isinstance(label, int) else str(label)

    def named(self, counts: Mapping[_L, int], strings: StringStore) -> dict[str, int]:
        """Counts by the name of the label, the most frequent first, then by the alphabet."""
        named: Counter[str] = Counter()
        for label, count in counts.items():
            named[self.name_of(label, strings)] += count
        return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))

    def setting(self, name: str, default: int) -> int:
        """A whole number that the component is given, or else takes."""
        value = self.settings.get(name, default)
        return value if isinstance(value, int) else default

    def note(self, examples: Mapping[str, int]) -> str:
        """What else is to be known about these labels. examples: by name."""
        return ""


class TokenTally(Tally[int]):
    """Tokens by an attribute; 0 means that a token has no label."""

    attribute: str

    @override
    def add(self, doc: Doc) -> None:
        values = doc.to_array(self.attribute)
        values = values[values != 0]
        if len(values):
            self.documents += 1
            self.decisions += len(values)
            self.examples.update(values.tolist())


class Tags(TokenTally):
    """Tags of a tagger."""

    attribute = "TAG"


class Dependencies(TokenTally):
    """Dependency labels of a parser."""

    attribute = "DEP"

    @override
    def note(self, examples: Mapping[str, int]) -> str:
        least = self.setting("min_action_freq", 30)
        return (
            f"The parser itself gives up labels with fewer than {least} arcs to the left or to the "
            f"right: they become dep (min_action_freq = {least})."
        )


class PairTally(Tally[tuple[int, int]]):
    """Tokens by two attributes."""

    attributes: tuple[str, str]

    def has_label(self, pairs: Pairs) -> Bools:
        """Which tokens have a label. pairs: `(n_tokens, 2)`, the attributes."""
        return (pairs[:, 0] != 0) | (pairs[:, 1] != 0)

    @override
    def add(self, doc: Doc) -> None:
        pairs = doc.to_array(list(self.attributes))
        pairs = pairs[self.has_label(pairs)]
        if len(pairs):
            self.documents += 1
            self.decisions += len(pairs)
            self.examples.update(map(tuple, pairs.tolist()))


class Analyses(PairTally):
    """Analyses of a morphologizer, named as it writes them: features and part of speech."""

    attributes = ("MORPH", "POS")

    @override
    def name_of(self, label: tuple[int, int], strings: StringStore) -> str:
        features = Morphology.feats_to_dict(strings[label[0]])
        if label[1]:
            features[Morphologizer.POS_FEAT] = strings[label[1]]
        morphology = Morphology(StringStore())
        return morphology.strings[morphology.add(features)]


class EditTrees(PairTally):
    """Edit trees of a lemmatizer, which make the lemma from the form."""

    attributes = ("ORTH", "LEMMA")
    _lemmatizer: EditTreeLemmatizer | None = None

    @override
    def has_label(self, pairs: Pairs) -> Bools:
        return pairs[:, 1] != 0

    @override
    def name_of(self, label: tuple[int, int], strings: StringStore) -> str:
        if self._lemmatizer is None:
            self._lemmatizer = spacy.blank("en").add_pipe("trainable_lemmatizer")
        trees = self._lemmatizer.trees
        return trees.tree_to_str(trees.add(strings[label[0]], strings[label[1]]))

    @override
    def note(self, examples: Mapping[str, int]) -> str:
        least = self.setting("min_tree_freq", 3)
        dropped = sum(count < least for count in examples.values())
        return (
            f"{dropped} of {len(examples)} edit trees are seen fewer than {least} "
            f"times, and left out by the lemmatizer itself (min_tree_freq = {least})."
        )


class Sentences(Tally[str]):
    """First tokens of sentences, S, and the others, I."""

    _is_there = False

    @property
    @override
    def is_there(self) -> bool:
        # A document of one token is always a sentence.
        return self._is_there

    @override
    def add(self, doc: Doc) -> None:
        if not doc.has_annotation("SENT_START"):
            return
        self._is_there = self._is_there or len(doc) > 1
        starts = int((doc.to_array("SENT_START") == 1).sum())
        self.documents += 1
        self.decisions += len(doc)
        self.examples.update({"S": starts, "I": len(doc) - starts})


class Entities(Tally[int]):
    """Entities by type, and tokens outside."""

    unit = "entities"
    background = "O"

    def __init__(self, settings: Mapping[str, JSON]) -> None:
        super().__init__(settings)
        self.inside: Counter[int] = Counter()

    @property
    @override
    def positives(self) -> Counter[int]:
        return self.inside

    @override
    def add(self, doc: Doc) -> None:
        if not doc.has_annotation("ENT_IOB"):
            return
        self.documents += 1
        self.decisions += int((doc.to_array("ENT_IOB") == _OUTSIDE).sum())
        for entity in doc.ents:
            self.examples[entity.label] += 1
            self.inside[entity.label] += len(entity)
            self.decisions += len(entity)


class Categories(Tally[str]):
    """Categories of documents; one that is never positive is counted, too, with 0."""

    unit = decision = "documents"
    exclusive = False

    @override
    def add(self, doc: Doc) -> None:
        if doc.cats:
            self.documents += 1
            self.decisions += 1
            self.examples.update({label: int(score > 0.5) for label, score in doc.cats.items()})


class ExclusiveCategories(Categories):
    """Categories of documents that have one each.

    is_consistent: whether they have.
    """

    exclusive = True
    is_consistent = True

    @override
    def add(self, doc: Doc) -> None:
        super().add(doc)
        if doc.cats and sum(score > 0.5 for score in doc.cats.values()) != 1:
            self.is_consistent = False


class GroupTally(Tally[_L]):
    """Spans of a span group."""

    exclusive = False

    @property
    def key(self) -> str:
        """The key of the span group."""
        return str(self.settings.get("spans_key", "sc"))


class Spans(GroupTally[int]):
    """Spans by label; how many candidates there are depends on the suggester.

    spans_of: how many places of spans have so many tokens.
    documents_of: how many documents have.
    """

    unit = "spans"
    decision = "candidates"
    background = NO_SPAN
    counts_decisions = False

    def __init__(self, settings: Mapping[str, JSON]) -> None:
        super().__init__(settings)
        self.spans_of: Counter[int] = Counter()
        self.documents_of: Counter[int] = Counter()

    @override
    def add(self, doc: Doc) -> None:
        if self.key in doc.spans:
            spans = list(doc.spans[self.key])
            self.documents += 1
            self.examples.update(span.label for span in spans)
            places = {(span.start, span.end) for span in spans}
            self.spans_of.update(end - start for start, end in places)
            self.documents_of[len(doc)] += 1

    @override
    def note(self, examples: Mapping[str, int]) -> str:
        return "How many candidates are no span depends on the suggester: with n-grams nearly all."


class Edges(GroupTally[str]):
    """First and last tokens of spans."""

    @override
    def add(self, doc: Doc) -> None:
        if self.key in doc.spans:
            spans = list(doc.spans[self.key])
            self.documents += 1
            self.decisions += len(doc)
            starts, ends = {span.start for span in spans}, {span.end for span in spans}
            self.examples.update({"start": len(starts), "end": len(ends)})


class QueryEdges(Edges):
    """First and last tokens of answers, among the tokens of contexts."""

    @property
    @override
    def key(self) -> str:
        return str(self.settings.get("spans_key", "answer"))

    @override
    def add(self, doc: Doc) -> None:
        super().add(doc)
        query_key = str(self.settings.get("query_key", "query"))
        if self.key in doc.spans and query_key in doc.spans:
            self.decisions -= sum(map(len, doc.spans[query_key]))


_OUTSIDE = 2
