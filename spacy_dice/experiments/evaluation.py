"""What is recorded of a trained pipeline: scores, scores per type, counts per document.

The counts, how many true positives, false positives and false negatives each test document has of
each type, are what the bootstrap over documents needs.
"""

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Token
from spacy.training import Example

from ..scorers import (
    Item,
    Items,
    count_labels,
    entity_items,
    pos_and_features,
    tag,
    token_items,
)


class Counts(NamedTuple):
    """Counts of each document and type: an array `(n_docs, n_types, 3)` of tp, fp, fn."""

    types: list[str]
    array: NDArray[Any]


def span_items(key: str) -> Items:
    """Gold and predicted spans of the span group `key`."""

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        def spans(doc: Doc) -> set[Item]:
            if key not in doc.spans:
                return set()
            return {(span.label_, (span.start_char, span.end_char)) for span in doc.spans[key]}

        return spans(example.reference), spans(example.predicted)

    return items


def category_items(threshold: float | None) -> Items:
    """Gold and predicted categories; without a threshold the one with the highest score."""

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        gold_cats, cats = example.reference.cats, example.predicted.cats
        gold = {(label, None) for label, score in gold_cats.items() if score > 0.5}
        if threshold is None:
            best = max(cats, key=lambda label: cats[label], default=None)
            found = {(best, None)} if best is not None and gold else set()
        else:
            found = {
                (label, None)
                for label, score in cats.items()
                if score >= threshold and label in gold_cats
            }
        return gold, found

    return items


def items_of(component: Any) -> tuple[str, Items] | None:
    """The prefix of a component's scores and what its items are; None if it has none."""
    settings: Mapping[str, Any] = getattr(component, "cfg", None) or {}
    match _stock_name(component):
        case "EntityRecognizer":
            return "ents", entity_items
        case "SpanCategorizer":
            key = component.key
            return f"spans_{key}", span_items(key)
        case "Tagger":
            return "tag", token_items(tag)
        case "Morphologizer":
            return "pos_morph", token_items(pos_and_features)
        case "EditTreeLemmatizer":
            return "lemma", token_items(_lemma)
        case "DependencyParser":
            return "dep", token_items(_dep)
        case "SentenceRecognizer":
            return "sents", token_items(_sentence_start)
        case "MultiLabel_TextCategorizer":
            return "cats", category_items(float(settings.get("threshold") or 0.5))
        case "TextCategorizer":
            return "cats", category_items(None)
    return None


_STOCK = (
    "EntityRecognizer",
    "SpanCategorizer",
    "MultiLabel_TextCategorizer",
    "TextCategorizer",
    "Morphologizer",
    "SentenceRecognizer",
    "EditTreeLemmatizer",
    "DependencyParser",
    "Tagger",
)


def _stock_name(component: Any) -> str | None:
    """The stock class that a component is or comes from."""
    names = [cls.__name__ for cls in type(component).__mro__]
    return next((name for name in names if name in _STOCK), None)


def _lemma(token: Token) -> tuple[str, ...]:
    return (token.lemma_,) if token.lemma_ else ()


def _dep(token: Token) -> tuple[str, ...]:
    return (token.dep_,) if token.dep_ else ()


def _sentence_start(token: Token) -> tuple[str, ...]:
    if token.is_sent_start is None:
        return ()
    return ("start",) if token.is_sent_start else ("inside",)


def count_documents(examples: Sequence[Example], items: Items) -> Counts:
    """Count true positives, false positives and false negatives by document and type."""
    found = [count_labels([example], items) for example in examples]
    types = sorted({label for counts in found for label in counts})
    index = {label: i for i, label in enumerate(types)}
    array = numpy.zeros((len(examples), len(types), 3), dtype="int64")
    for row, counts in zip(array, found, strict=True):
        for label, count in counts.items():
            row[index[label]] = count.tp, count.fp, count.fn
    return Counts(types, array)


def count_gold(docs: Iterable[Doc], items: Items) -> dict[str, int]:
    """How often each type is gold."""
    totals: dict[str, int] = {}
    for doc in docs:
        for label, _ in items(Example(doc, doc))[0]:
            totals[label] = totals.get(label, 0) + 1
    return dict(sorted(totals.items()))


def pack(counts: Counts) -> dict[str, Any]:
    """Counts in a form that is small in JSON: types, shape, and the array as packed bytes."""
    dtype = "|u1" if counts.array.max(initial=0) < 256 else "<u4"
    # By type first: most of the documents lack most of the types, and runs of zeros pack well.
    packed = zlib.compress(counts.array.transpose(1, 2, 0).astype(dtype).tobytes(), 9)
    return {
        "types": counts.types,
        "documents": len(counts.array),
        "dtype": dtype,
        "zlib": base64.b64encode(packed).decode("ascii"),
    }


def unpack(record: Mapping[str, Any]) -> Counts:
    """The inverse of `pack`."""
    data = zlib.decompress(base64.b64decode(record["zlib"]))
    shape = (len(record["types"]), 3, record["documents"])
    array = numpy.frombuffer(data, dtype=record["dtype"]).reshape(shape)
    return Counts(list(record["types"]), array.transpose(2, 0, 1).astype("int64"))
