"""The offsets of NER: what is decided depends on the moves before, so that it predicts again."""

import math
from collections.abc import Sequence

import numpy
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from typing_extensions import Unpack, override

from .base import Mask, Settings
from .bias import Offsets, shifted
from .trials import Trials

# What is tried; of offsets that are equally good the one nearest to no change wins.
STEP, FURTHEST = 0.5, 10.0
GRID = tuple(sorted(numpy.arange(-3.0, 3.0 + STEP, STEP).tolist(), key=abs))
# As each trial predicts the whole dev set, this far around the best of the grid is tried too.
REFINEMENT = 0.25
# Steps from the offset of an entity type; further ones follow while F1 rises.
CLIMB = (-1.0, 1.0)
# How often all types are gone through, one at a time.
ROUNDS = 3


class EntitySearch(Trials):
    """An offset on the move O of NER, and one on each entity type, for the F-score of entities.

    The offset of a type is one on the moves that begin such an entity. With `types`, an offset is
    only taken if F1 rises significantly: a dev set may have a few dozen entities of a type, and
    what is best on those is mostly chance.
    """

    # With `types` each offset is tested by itself; that on O alone is taken if it is the best.
    tested = False

    def __init__(
        self,
        component: TrainablePipe,
        examples: Sequence[Example],
        *,
        types: bool = False,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(component, examples, **settings)
        self.types = types
        self.moves = {"O": ["O"]}
        labels = self.output.labels
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

    @override
    def best(self, chosen: Mask) -> Offsets:
        """O first, then the types, then again what is best beside the others."""
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

    def _best_on_o(self, chosen: Mask) -> float:
        scores = [self.metric.of(self.count({"O": offset})[chosen]) for offset in self.grid]
        top = max(scores)
        return min((o for o, f in zip(self.grid, scores, strict=True) if f == top), key=abs)

    def _climb(self, found: Offsets, label: str, chosen: Mask) -> None:
        """Go on from the offset that a label has for as long as that is better."""
        now = found.get(label, 0.0)
        values = [now + step for step in CLIMB]

        def score(value: float) -> float:
            return self.metric.of(self.count({**found, label: value})[chosen])

        scores = {value: score(value) for value in [now, *values]}
        while abs(edge := max(scores, key=lambda v: (scores[v], -abs(v)))) < FURTHEST:
            if edge not in (min(scores), max(scores)):
                break
            beyond = edge + math.copysign(CLIMB[-1], edge - now)
            scores[beyond] = score(beyond)
        self._improve(found, label, [edge - STEP, edge, edge + STEP], chosen)

    def _improve(self, found: Offsets, label: str, values: Sequence[float], chosen: Mask) -> None:
        """Give a label the best of the values, if that is better by more than may be chance."""
        counts = {value: self.count({**found, label: value})[chosen] for value in values}
        best = max(counts, key=lambda value: (self.metric.of(counts[value]), -abs(value)))
        now = self.count(found)[chosen]
        if self.metric.is_gain(counts[best], now):
            found[label] = best

    @override
    def annotated(self, chosen: Sequence[int], offsets: Offsets) -> list[Doc]:
        """Moves are predicted again, with the offsets in the bias."""
        docs = [self.examples[i].predicted.copy() for i in chosen]
        if docs:
            with shifted(self.component, offsets):
                self.component.set_annotations(docs, self.component.predict(docs))
        return docs

    @override
    def offsets_of(self, values: Offsets) -> Offsets:
        """The offsets of the moves."""
        return {move: v for label, v in values.items() for move in self.moves[label]}
