"""The offsets of NER: what is decided depends on the moves before, so that it predicts again."""

import math
from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example

from ..counts import f_score
from ..items import entity_items
from .bias import Offsets, output_layer, shifted

# What is tried; of offsets that are equally good the one nearest to no change wins.
STEP, FURTHEST = 0.5, 10.0
GRID = tuple(sorted(numpy.arange(-3.0, 3.0 + STEP, STEP).tolist(), key=abs))
# As each trial predicts the whole dev set, this far around the best of the grid is tried too.
REFINEMENT = 0.25
# Steps from the offset of an entity type; further ones follow while F1 rises.
CLIMB = (-1.0, 1.0)
# Standard errors that an offset has to gain: 5 %, one-sided.
CRITICAL = 1.645
# How often all types are gone through, one at a time.
ROUNDS = 3


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
        labels = output_layer(component)[1]
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
            self._known[key] = numpy.array([_count(example) for example in found])
        return self._known[key]

    def predict(self, docs: Sequence[Doc]) -> None:
        """See `Search`."""
        if docs:
            self.component.set_annotations(docs, self.component.predict(docs))


def _count(example: Example) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of a document, all types together."""
    gold, found = entity_items(example)
    return len(gold & found), len(found - gold), len(gold - found)


def _micro_f(counts: NDArray[Any]) -> float:
    """F1 of the counts of documents, `(documents, 3)`."""
    return float(f_score(*counts.sum(axis=0)))


def _standard_error(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """Of the difference of two F1 on the same documents (delta method)."""
    influence = []
    for counts in (ours, theirs):
        tp, fp, fn = counts.T
        total = 2 * tp + fp + fn
        influence.append((2 * tp - _micro_f(counts) * total) / max(total.sum(), 1))
    return float(numpy.sqrt(((influence[0] - influence[1]) ** 2).sum()))
