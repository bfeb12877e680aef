"""Gold and predicted labels of an example, each with its place, and how often they agree.

What counts as an item is what spaCy's scorers compare: an entity with its tokens, the tag of a
token, a category of a document.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy
from spacy.scorer import PRFScore
from spacy.tokens import Doc, Token
from spacy.training import Example

from ._types import Ints

# A label, and the token, the span or, None, the document that has it.
Item = tuple[str, int | tuple[int, int] | None]
# The gold and the predicted items of an example: labels, each with the place where it stands.
Items = Callable[[Example], tuple[set[Item], set[Item]]]

# The label of spans where only their place counts.
SPAN = "span"
# The label of a document without an answer, and the key of the answers of other annotators.
NO_ANSWER = "no answer"
ALTERNATIVES = "{key}_alternatives"


class DocumentCounts(NamedTuple):
    """Counts of each document and label: an array `(n_docs, n_types, 3)` of tp, fp, fn."""

    types: list[str]
    array: Ints


def token_items(labels: Callable[[Token], Iterable[str]]) -> Items:
    """Gold and predicted labels of tokens, aligned and left out as spaCy's scorer does it.

    labels: the labels of a token, none where it is not annotated. What is predicted for a gold
        token without any is neither right nor wrong.
    """

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        gold = {(label, token.i) for token in example.reference for label in labels(token)}
        known = {i for _, i in gold}
        align = example.alignment.x2y
        found: set[Item] = set()
        for token in example.predicted:
            if not token.is_space and align.lengths[token.i] == 1:
                index = int(align[token.i][0])
                if index in known:
                    found.update((label, index) for label in labels(token))
        return gold, found

    return items


def tag(token: Token) -> tuple[str, ...]:
    """The tag of a token."""
    return (token.tag_,) if token.tag_ else ()


def pos(token: Token) -> tuple[str, ...]:
    """The coarse tag of a token."""
    return (token.pos_,) if token.pos_ else ()


def features(token: Token) -> list[str]:
    """The morphological features of a token, `Number=Plur`."""
    return [feature for feature in str(token.morph).split("|") if feature]


def pos_and_features(token: Token) -> tuple[str, ...]:
    """The whole analysis of a token, `NOUN|Number=Plur`."""
    return (f"{token.pos_}|{token.morph}",) if token.has_morph() else ()


def lemma(token: Token) -> tuple[str, ...]:
    """The lemma of a token."""
    return (token.lemma_,) if token.lemma_ else ()


def dependency(token: Token) -> tuple[str, ...]:
    """The label of the arc that leads to a token."""
    return (token.dep_,) if token.dep_ else ()


def sentence_start(token: Token) -> tuple[str, ...]:
    """Whether a sentence begins with a token: `start` or `inside`."""
    if token.is_sent_start is None:
        return ()
    return ("start",) if token.is_sent_start else ("inside",)


def entity_items(example: Example) -> tuple[set[Item], set[Item]]:
    """Gold and predicted entities as spaCy's scorer compares them."""
    reference, predicted = example.reference, example.predicted
    if not reference.has_annotation("ENT_IOB"):
        return set(), set()
    gold: set[Item] = {(ent.label_, (ent.start, ent.end)) for ent in reference.ents}
    found: set[Item] = set()
    for ent in predicted.ents:
        indices = example.alignment.x2y[ent.start : ent.end]
        if len(indices):
            start, end = int(indices[0]), int(indices[-1]) + 1
            if all(token.ent_iob != 0 for token in reference[start:end]):
                found.add((ent.label_, (start, end)))
    return gold, found


def span_items(key: str, *, labeled: bool = True) -> Items:
    """Gold and predicted spans of the span group `key`; none where there is no gold group.

    labeled: whether the labels of the spans have to agree; without, all are called `SPAN`.
    """

    def spans(doc: Doc) -> set[Item]:
        return {
            (span.label_ if labeled else SPAN, (span.start_char, span.end_char))
            for span in doc.spans.get(key, ())
        }

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        if key not in example.reference.spans:
            return set(), set()
        return spans(example.reference), spans(example.predicted)

    return items


def answer_items(key: str) -> Items:
    """Gold and predicted answers in the span group `key`, by place; none without a gold group.

    That there is no answer is an item of its own. Where a predicted answer is one of the others
    that annotators gave, in the group `ALTERNATIVES`, these are gold in place of the first one.
    """
    places = span_items(key, labeled=False)

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        if key not in example.reference.spans:
            return set(), set()
        gold, found = places(example)
        others = example.reference.spans.get(ALTERNATIVES.format(key=key), ())
        right = found & {(SPAN, (span.start_char, span.end_char)) for span in others}
        nothing: set[Item] = {(NO_ANSWER, None)}
        return right or gold or nothing, found or nothing

    return items


def category_items(threshold: float | None) -> Items:
    """Gold and predicted categories; without a threshold the one with the highest score."""

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        gold_cats, cats = example.reference.cats, example.predicted.cats
        gold: set[Item] = {(label, None) for label, score in gold_cats.items() if score > 0.5}
        if threshold is None:
            best = max(cats, key=lambda label: cats[label], default=None)
            found: set[Item] = {(best, None)} if best is not None and gold else set()
        else:
            found = {
                (label, None)
                for label, score in cats.items()
                if score >= threshold and label in gold_cats
            }
        return gold, found

    return items


def count_labels(examples: Iterable[Example], items: Items) -> dict[str, PRFScore]:
    """How often each label is found, found where it is not, and missed; frequent labels first."""
    counts: dict[str, PRFScore] = {}
    for example in examples:
        gold, found = items(example)
        for label in sorted({label for label, _ in gold | found}):
            counts.setdefault(label, PRFScore())
        for label, _ in gold & found:
            counts[label].tp += 1
        for label, _ in found - gold:
            counts[label].fp += 1
        for label, _ in gold - found:
            counts[label].fn += 1
    support = supports(counts)
    return dict(sorted(counts.items(), key=lambda entry: (-support[entry[0]], entry[0])))


def supports(counts: Mapping[str, PRFScore]) -> dict[str, int]:
    """How often each label is gold."""
    return {label: count.tp + count.fn for label, count in counts.items()}


def count_documents(examples: Sequence[Example], items: Items) -> DocumentCounts:
    """Count true positives, false positives and false negatives by document and label."""
    found = [count_labels([example], items) for example in examples]
    types = sorted({label for counts in found for label in counts})
    index = {label: i for i, label in enumerate(types)}
    array = numpy.zeros((len(examples), len(types), 3), dtype="int64")
    for row, counts in zip(array, found, strict=True):
        for label, count in counts.items():
            row[index[label]] = count.tp, count.fp, count.fn
    return DocumentCounts(types, array)


def count_gold(docs: Iterable[Doc], items: Items) -> dict[str, int]:
    """How often each label is gold."""
    totals: dict[str, int] = {}
    for doc in docs:
        for label, _ in items(Example(doc, doc))[0]:
            totals[label] = totals.get(label, 0) + 1
    return dict(sorted(totals.items()))
