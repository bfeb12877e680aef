"""Offsets on the scores of a trained component: what decides between its labels.

They live in the bias of the output layer, so that the component stays an ordinary one. Which
offsets are best on some of the documents is found without predicting again: a `Search` keeps what
it needs of all documents.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy
from numpy.typing import NDArray
from spacy.pipeline import EntityRecognizer, Tagger
from spacy.tokens import Doc
from spacy.training import Example

from .._validation import refuse
from .evaluation import count_documents, entity_items

# What is tried; of offsets that are equally good the one nearest to no change wins.
STEP, FURTHEST = 0.5, 10.0
GRID = tuple(sorted(numpy.arange(-3.0, 3.0 + STEP, STEP).tolist(), key=abs))
# Where each trial predicts the whole dev set, this far around the best of the grid is tried too.
REFINEMENT = 0.25
# Steps from the offset of an entity type; further ones follow while F1 rises.
CLIMB = (-1.0, 1.0)
# Standard errors that an offset has to gain: 5 %, one-sided.
CRITICAL = 1.645
# How often all labels are gone through, one at a time.
ROUNDS = 3

Offsets = dict[str, float]


class Search(Protocol):
    """Knows which offsets are best on which documents."""

    metric: str

    def best(self, chosen: NDArray[Any]) -> Offsets:
        """The best offsets for the documents of the boolean mask `chosen`; zeros left out."""

    def predict(self, docs: Sequence[Doc]) -> None:
        """Annotate with the component as it is."""


def search_of(component: Any, examples: Sequence[Example], *, types: bool = False) -> Search:
    """The search for a component, over examples that all components before it have annotated.

    types: for NER, whether entity types get offsets too; a tagger has one on each tag anyway.
    """
    if _is(component, EntityRecognizer):
        return EntitySearch(component, examples, types=types)
    if _is(component, Tagger):
        return TagSearch(component, examples)
    refuse("calibrate", f"offsets are for NER and taggers, not for a {type(component).__name__}")


def can_calibrate(component: Any) -> bool:
    """Whether there are offsets for such a component."""
    return any(_is(component, cls) for cls in (EntityRecognizer, Tagger))


def is_annotated(component: Any, reference: Doc) -> bool:
    """Whether a document says what is right for the component, be it nothing."""
    return reference.has_annotation("ENT_IOB" if _is(component, EntityRecognizer) else "TAG")


def shift(component: Any, offsets: Mapping[str, float]) -> None:
    """Add offsets, by label, to the bias of the output layer."""
    if not offsets:
        return
    layer, labels = _output_layer(component)
    bias = layer.get_param("b")
    change = numpy.zeros(len(labels), dtype=bias.dtype)
    for label, offset in offsets.items():
        change[labels.index(label)] = offset
    # A parser model without an upper layer has one bias for each label and maxout piece.
    change = change.reshape((-1, *(1 for _ in bias.shape[1:])))
    layer.set_param("b", bias + layer.ops.asarray(change))


@contextmanager
def shifted(component: Any, offsets: Mapping[str, float]) -> Iterator[None]:
    """`shift` for a while; then the bias is the very same again."""
    layer, _ = _output_layer(component)
    bias = layer.get_param("b").copy()
    shift(component, offsets)
    try:
        yield
    finally:
        layer.set_param("b", bias)


def _is(component: Any, cls: type) -> bool:
    """Whether a component is of a stock class, and not of one that spaCy derives from it."""
    stock = [c for c in type(component).__mro__ if c.__module__.startswith("spacy.")]
    return bool(stock) and stock[0] is cls


def _output_layer(component: Any) -> tuple[Any, list[str]]:
    model = component.model
    if _is(component, EntityRecognizer):
        moves = component.moves
        layer = model.get_ref("upper" if model.attrs["has_upper"] else "lower")
        return layer, [moves.get_class_name(i) for i in range(moves.n_moves)]
    layers = [node for node in model.walk() if node.name == "softmax" and node.has_param("b")]
    if len(layers) != 1:
        refuse("calibrate", f"the model of {component.name!r} has {len(layers)} softmax layers")
    return layers[0], list(component.labels)


class EntitySearch:
    """An offset on the move O of NER, and one on each entity type, for the micro F1 of entities.

    The offset of a type is one on the moves that begin such an entity. With `types`, an offset is
    only taken if F1 rises significantly: a dev set may have a few dozen entities of a type, and
    what is best on those is mostly chance.
    """

    metric = "ents_f"

    def __init__(self, component: Any, examples: Sequence[Example], *, types: bool = False) -> None:
        self.component = component
        self.examples = examples
        self._known: dict[tuple[tuple[str, float], ...], NDArray[Any]] = {}
        self.types = types
        self.moves = {"O": ["O"]}
        labels = _output_layer(component)[1]
        # spaCy has a move without a type, too.
        begins = [move for move in labels if move[:2] in ("B-", "U-") and move[2:]]
        # A single type is begun where O is not: one offset does for both.
        if types and len({move[2:] for move in begins}) > 1:
            for move in begins:
                self.moves.setdefault(move[2:], []).append(move)
        everything = numpy.ones(len(examples), dtype=bool)
        self.grid = list(GRID)

        def best() -> float:
            return self._best_on_o(everything)

        # As long as the best is at an end of the grid, what is beyond it may be better.
        while (edge := best()) in (min(self.grid), max(self.grid)) and abs(edge) < FURTHEST:
            self.grid.append(edge + math.copysign(STEP, edge))
        centre = best()
        self.grid += [centre - REFINEMENT, centre + REFINEMENT]

    def best(self, chosen: NDArray[Any]) -> Offsets:
        """See `Search`: O first, then the types, then again what is best beside the others."""
        found: Offsets = {}
        if not self.types:
            found["O"] = self._best_on_o(chosen)
            return found if found["O"] else {}
        self._improve(found, "O", self.grid, chosen)
        for _ in range(ROUNDS if len(self.moves) > 1 else 0):
            before = dict(found)
            for label in [*list(self.moves)[1:], "O"]:
                self._climb(found, label, chosen)
            if found == before:
                break
        return {move: v for label, v in found.items() if v for move in self.moves[label]}

    def _best_on_o(self, chosen: NDArray[Any]) -> float:
        scores = [_micro_f(self._count({"O": offset})[chosen]) for offset in self.grid]
        top = max(scores)
        return min((o for o, f in zip(self.grid, scores, strict=True) if f == top), key=abs)

    def _climb(self, found: Offsets, label: str, chosen: NDArray[Any]) -> None:
        """Go on from the offset that a label has for as long as that is better."""
        now = found.get(label, 0.0)
        values = [now + step for step in CLIMB]
        scores = {v: _micro_f(self._count({**found, label: v})[chosen]) for v in [now, *values]}
        while abs(edge := max(scores, key=lambda v: (scores[v], -abs(v)))) < FURTHEST:
            if edge not in (min(scores), max(scores)):
                break
            beyond = edge + math.copysign(CLIMB[-1], edge - now)
            scores[beyond] = _micro_f(self._count({**found, label: beyond})[chosen])
        self._improve(found, label, [edge - STEP, edge, edge + STEP], chosen)

    def _improve(
        self, found: Offsets, label: str, values: Sequence[float], chosen: NDArray[Any]
    ) -> None:
        """Give a label the best of the values, if that is better by more than may be chance."""
        counts = {value: self._count({**found, label: value})[chosen] for value in values}
        best = max(counts, key=lambda value: (_micro_f(counts[value]), -abs(value)))
        now = self._count(found)[chosen]
        gain = _micro_f(counts[best]) - _micro_f(now)
        if gain > CRITICAL * _standard_error(counts[best], now):
            found[label] = best

    def _count(self, offsets: Offsets) -> NDArray[Any]:
        """True positives, false positives and false negatives of each document."""
        key = tuple(sorted((label, offset) for label, offset in offsets.items() if offset))
        if key not in self._known:
            docs = [example.predicted.copy() for example in self.examples]
            with shifted(self.component, {m: v for label, v in key for m in self.moves[label]}):
                self.predict(docs)
            found = [
                Example(doc, eg.reference) for doc, eg in zip(docs, self.examples, strict=True)
            ]
            self._known[key] = count_documents(found, entity_items).array.sum(axis=1)
        return self._known[key]

    def predict(self, docs: Sequence[Doc]) -> None:
        """See `Search`."""
        _annotate(self.component, docs)


class TagSearch:
    """An offset on each tag, for the macro F1 of tags."""

    metric = "tag_macro_f"

    def __init__(self, component: Any, examples: Sequence[Example]) -> None:
        self.component = component
        layer, self.labels = _output_layer(component)
        index = {label: i for i, label in enumerate(self.labels)}
        self.grid = sorted({*GRID, *(value + REFINEMENT for value in GRID)}, key=abs)
        logits, gold, docs = [], [], []
        for i, example in enumerate(examples):
            rows = component.model.ops.to_numpy(component.model.predict([example.predicted])[0])
            tags = example.get_aligned("TAG", as_string=True)
            # A tag that training did not have is never predicted: an error whatever the offsets.
            known = [j for j, tag in enumerate(tags) if tag]
            logits.append(rows[known])
            gold += [index.get(tags[j], -1) for j in known]
            docs += [i] * len(known)
        self.logits = numpy.concatenate(logits).astype("float64")
        if layer.attrs.get("softmax_normalize", True):
            tiny = numpy.finfo("float32").tiny
            temperature = layer.attrs.get("softmax_temperature", 1.0)
            self.logits = numpy.log(numpy.maximum(self.logits, tiny)) * temperature
        self.gold = numpy.asarray(gold)
        self.docs = numpy.asarray(docs)

    def best(self, chosen: NDArray[Any]) -> Offsets:
        """See `Search`: labels are gone through one at a time, each gets what is best then."""
        rows = chosen[self.docs]
        logits, gold = self.logits[rows].copy(), self.gold[rows]
        offsets = numpy.zeros(len(self.labels))
        score = _macro_f(gold, logits.argmax(axis=1), len(self.labels))
        for _ in range(ROUNDS):
            before = score
            for label in range(len(self.labels)):
                others = logits.copy()
                others[:, label] = -numpy.inf
                rival, margin = others.argmax(axis=1), logits[:, label] - others.max(axis=1)
                now = offsets[label]
                for value in self.grid:
                    guess = numpy.where(margin + value - now > 0, label, rival)
                    new = _macro_f(gold, guess, len(self.labels))
                    if new > score + 1e-9:
                        score, offsets[label] = new, value
                logits[:, label] += offsets[label] - now
            if score == before:
                break
        return {self.labels[i]: float(value) for i, value in enumerate(offsets) if value}

    def predict(self, docs: Sequence[Doc]) -> None:
        """See `Search`."""
        for doc in docs:
            for token in doc:
                token.tag_ = ""
        _annotate(self.component, docs)


def _annotate(component: Any, docs: Sequence[Doc]) -> None:
    if docs:
        component.set_annotations(docs, component.predict(docs))


def _micro_f(counts: NDArray[Any]) -> float:
    """F1 of the counts of documents, `(documents, 3)`."""
    tp, fp, fn = counts.sum(axis=0)
    return float(2 * tp / max(2 * tp + fp + fn, 1))


def _standard_error(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """Of the difference of two F1 on the same documents (delta method)."""
    influence = []
    for counts in (ours, theirs):
        tp, fp, fn = counts.T
        total = 2 * tp + fp + fn
        influence.append((2 * tp - _micro_f(counts) * total) / max(total.sum(), 1))
    return float(numpy.sqrt(((influence[0] - influence[1]) ** 2).sum()))


def _macro_f(gold: NDArray[Any], guess: NDArray[Any], n_labels: int) -> float:
    """Mean F1 over the labels that are gold or guessed; -1 is a gold label without a number."""
    right = numpy.bincount(gold[gold == guess], minlength=n_labels)
    total = numpy.bincount(gold[gold >= 0], minlength=n_labels) + numpy.bincount(
        guess, minlength=n_labels
    )
    used = total > 0
    unknown = len(numpy.unique(gold[gold < 0]))
    return float((2 * right[used] / total[used]).sum() / max(used.sum() + unknown, 1))
