"""What is recorded of a trained pipeline: scores, scores per type, counts per document.

The counts, how many true positives, false positives and false negatives each test document has of
each type, are what the bootstrap over documents needs.
"""

import base64
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example

Item = tuple[str, Any]
Items = Callable[[Example], tuple[set[Item], set[Item]]]


class Counts(NamedTuple):
    """Counts of each document and type: an array `(n_docs, n_types, 3)` of tp, fp, fn."""

    types: list[str]
    array: NDArray[Any]


def entity_items(example: Example) -> tuple[set[Item], set[Item]]:
    """Gold and predicted entities as spaCy's scorer compares them."""
    reference, predicted = example.reference, example.predicted
    if not reference.has_annotation("ENT_IOB"):
        return set(), set()
    gold = {(ent.label_, (ent.start, ent.end)) for ent in reference.ents}
    found = set()
    for ent in predicted.ents:
        indices = example.alignment.x2y[ent.start : ent.end]
        if len(indices):
            start, end = int(indices[0]), int(indices[-1]) + 1
            if all(token.ent_iob != 0 for token in reference[start:end]):
                found.add((ent.label_, (start, end)))
    return gold, found


def span_items(key: str) -> Items:
    """Gold and predicted spans of the span group `key`."""

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        def spans(doc: Doc) -> set[Item]:
            if key not in doc.spans:
                return set()
            return {(span.label_, (span.start_char, span.end_char)) for span in doc.spans[key]}

        return spans(example.reference), spans(example.predicted)

    return items


def token_items(value: Callable[[Any], str]) -> Items:
    """Gold and predicted values of a token attribute, as spaCy's scorer aligns them."""

    def items(example: Example) -> tuple[set[Item], set[Item]]:
        gold = {(value(token), token.i) for token in example.reference if value(token)}
        known = {i for _, i in gold}
        align = example.alignment.x2y
        found = set()
        for token in example.predicted:
            if not token.is_space and align.lengths[token.i] == 1:
                index = int(align[token.i][0])
                if index in known:
                    found.add((value(token), index))
        return gold, found

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
            return "tag", token_items(lambda token: token.tag_)
        case "Morphologizer":
            return "pos_morph", token_items(
                lambda token: f"{token.pos_}|{token.morph}" if token.has_morph() else ""
            )
        case "EditTreeLemmatizer":
            return "lemma", token_items(lambda token: token.lemma_)
        case "DependencyParser":
            return "dep", token_items(lambda token: token.dep_)
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


def _sentence_start(token: Any) -> str:
    if token.is_sent_start is None:
        return ""
    return "start" if token.is_sent_start else "inside"


def count_documents(examples: Sequence[Example], items: Items) -> Counts:
    """Count true positives, false positives and false negatives by document and type."""
    pairs = [items(example) for example in examples]
    types = sorted({label for gold, found in pairs for label, _ in gold | found})
    index = {label: i for i, label in enumerate(types)}
    array = numpy.zeros((len(examples), len(types), 3), dtype="int64")
    for row, (gold, found) in zip(array, pairs, strict=True):
        for column, some in enumerate((gold & found, found - gold, gold - found)):
            for label, _ in some:
                row[index[label], column] += 1
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


def tag_scores(examples: Iterable[Example], prefix: str, items: Items) -> dict[str, Any]:
    """Scores per value of a token attribute, and their macro F, by scikit-learn."""
    from sklearn.metrics import precision_recall_fscore_support

    truth, guess = [], []
    for example in examples:
        gold, found = items(example)
        guesses = {i: label for label, i in found}
        for label, i in gold:
            truth.append(label)
            guess.append(guesses.get(i, ""))
    if not truth:
        return {}
    # Labels that nobody used, gold or predicted, are no classes of this set; "" is a token that
    # the tokenizer lost.
    labels = sorted({*truth, *guess} - {""})
    columns = precision_recall_fscore_support(truth, guess, labels=labels, zero_division=0.0)[:3]
    per_type = {
        label: {"p": float(p), "r": float(r), "f": float(f)}
        for label, p, r, f in zip(labels, *columns, strict=True)
    }
    return {f"{prefix}_macro_f": float(numpy.mean(columns[2])), f"{prefix}_per_type": per_type}
