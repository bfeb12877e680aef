"""What the suggester of a span categorizer proposes, from the lengths of gold spans alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from .._types import JSON
from ..components.tallies import Spans, Tally

# The share of the gold spans from which on a suggester is left alone.
ENOUGH = 0.99
# Those of the stock factory.
_DEFAULT = (1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The n-grams of a corpus that a span categorizer decides about.

    sizes: of the n-grams, in tokens.
    lengths: how many gold spans there are of so many tokens, ascending; of several labels of a span
        one counts.
    total: how many candidates there are.
    """

    sizes: tuple[int, ...]
    lengths: Mapping[int, int]
    total: int

    @classmethod
    def of(cls, tally: Tally) -> "Candidates | None":
        """From what was counted; None where it takes more to know what is proposed."""
        sizes = sizes_of(tally.settings)
        if not isinstance(tally, Spans) or sizes is None or "factory" not in tally.settings:
            return None
        total = sum(
            n * max(length - size + 1, 0)
            for length, n in tally.documents_of.items()
            for size in sizes
        )
        return cls(sizes=sizes, lengths=dict(sorted(tally.spans_of.items())), total=total)

    @property
    def missing(self) -> dict[int, int]:
        """The gold spans that are never proposed, by their length."""
        return {length: n for length, n in self.lengths.items() if length not in self.sizes}

    @property
    def positives(self) -> int:
        """How many candidates are gold spans."""
        return sum(self.lengths.values()) - sum(self.missing.values())

    @property
    def recall(self) -> float | None:
        """The share of the gold spans that is proposed: no recall is higher. None without any."""
        gold = sum(self.lengths.values())
        return self.positives / gold if gold else None

    @property
    def negatives(self) -> float | None:
        """How many candidates are no span, for each that is one; None if none is."""
        return (self.total - self.positives) / self.positives if self.positives else None

    @property
    def enough(self) -> list[int]:
        """The sizes from 1 on that propose 99 % of the gold spans."""
        gold, proposed = sum(self.lengths.values()), 0
        for length, n in self.lengths.items():
            proposed += n
            if proposed >= ENOUGH * gold:
                return list(range(1, length + 1))
        return []


def sizes_of(settings: Mapping[str, JSON]) -> tuple[int, ...] | None:
    """The sizes of the n-grams that a suggester proposes; None for one that does otherwise."""
    block = settings.get("suggester")
    if block is None:
        return _DEFAULT
    if not isinstance(block, Mapping):
        return None
    name, sizes = block.get("@misc"), block.get("sizes")
    if name == "spacy.ngram_suggester.v1" and isinstance(sizes, list):
        return tuple(size for size in sizes if isinstance(size, int))
    low, high = block.get("min_size"), block.get("max_size")
    if name == "spacy.ngram_range_suggester.v1" and isinstance(low, int) and isinstance(high, int):
        return tuple(range(low, high + 1))
    return None
