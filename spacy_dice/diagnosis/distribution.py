"""How the labels of a component are distributed in a corpus."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

import numpy
from spacy.strings import StringStore

from .._types import JSON
from ..components.tallies import Tally
from ..losses import WCE

# `spacy debug data` calls a label with fewer examples than this a rare one.
FEW = 50
# With fewer than this, no loss learns the tags of Ritter's tweets: their F1 is .1 to .2 on average,
# where it is .72 to .75 for tags with up to 50 examples, and .85 for those with more.
TOO_FEW = 10
# How many times the rarest there may be of the most frequent, in balanced data.
BALANCED = 3.0


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The gold labels of a component.

    unit: what has a label: entities, tokens, documents, spans.
    documents: how many documents have the annotation.
    examples: how many units have each label, the most frequent first.
    decision: what the component decides about, one after the other: tokens, documents, candidates.
    decisions: how many of them there are; None if the corpus does not tell.
    positives: how many decisions have each label; for entities, the tokens inside.
    background: what the decisions without any label are called, such as O; None if there are none.
    exclusive: whether a decision has one label and no other.
    note: what else is to be known about these labels.
    """

    unit: str
    documents: int
    examples: Mapping[str, int]
    decision: str
    decisions: int | None
    positives: Mapping[str, int]
    background: str | None = None
    exclusive: bool = True
    note: str = ""

    @classmethod
    def of(cls, tally: Tally, strings: StringStore) -> "Distribution":
        """What was counted. strings: those of the documents."""
        examples = tally.named(tally.examples, strings)
        return cls(
            unit=tally.unit,
            documents=tally.documents,
            examples=examples,
            decision=tally.decision,
            decisions=tally.decisions if tally.counts_decisions else None,
            positives=tally.named(tally.positives, strings),
            background=tally.background,
            exclusive=tally.exclusive,
            note=tally.note(examples),
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many decisions there are of each label and of the background, largest first."""
        counts = dict(self.positives)
        if self.exclusive and self.background and self.decisions is not None:
            counts[self.background] = self.decisions - sum(counts.values())
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]] | None:
        """The most frequent and the rarest label, with their examples; None for a single label."""
        seen = [(label, count) for label, count in self.examples.items() if count]
        return (seen[0], seen[-1]) if len(seen) > 1 else None

    @property
    def ratio(self) -> float | None:
        """How many times the rarest of the labels there is of the most frequent one."""
        return self.ends and self.ends[0][1] / self.ends[1][1]

    @property
    def extremes(self) -> tuple[tuple[str, int], tuple[str, int]] | None:
        """The most frequent and the rarest kind of decision that there are, and how many of each.

        Of exclusive labels the background is one. Otherwise the two are a label and the decisions
        without it, for the label where these differ most. None if that is not known.
        """
        counts = {label: count for label, count in self.counts.items() if count}
        if self.decisions is None or not counts:
            return None
        if self.exclusive:
            ordered = list(counts.items())
            return (ordered[0], ordered[-1]) if len(ordered) > 1 else None
        pairs = [
            sorted([(label, count), (f"not {label}", self.decisions - count)], key=lambda x: -x[1])
            for label, count in counts.items()
            if count < self.decisions
        ]
        most, least = max(pairs, key=lambda pair: pair[0][1] / pair[1][1], default=(None, None))
        return (most, least) if most and least else None

    @property
    def imbalance(self) -> float | None:
        """How many times the rarer there is of the more frequent of the `extremes`."""
        return self.extremes and self.extremes[0][1] / self.extremes[1][1]

    @property
    def is_balanced(self) -> bool:
        """Whether no kind of decision is much rarer than another."""
        return self.imbalance is not None and self.imbalance < BALANCED

    @property
    def majority(self) -> tuple[str, float] | None:
        """The most frequent kind of decision and its share; None if labels are not exclusive."""
        if not self.exclusive or not self.decisions:
            return None
        label, count = next(iter(self.counts.items()))
        return label, count / self.decisions

    def share(self, label: str) -> float | None:
        """The share of the decisions that have `label`; None if the corpus does not tell."""
        return self.positives[label] / self.decisions if self.decisions else None

    def between(self, least: int, end: int) -> list[str]:
        """The labels with `least` examples or more, and fewer than `end`."""
        return [label for label, count in self.examples.items() if least <= count < end]

    def weights(self, K: float = 10.0) -> dict[str, float]:
        """The weight `log10((n - n_c)/n_c + K)` of the Dice paper for each kind of decision."""
        counts = self.counts
        weights = WCE(K=K).weights_of_counts(numpy.array([*counts.values()], dtype="float64"))
        return {label: round(float(w), 3) for label, w in zip(counts, weights, strict=True)}

    def only_here(self, other: Collection[str]) -> list[str]:
        """The labels with examples that are not in `other`."""
        return [label for label, count in self.examples.items() if count and label not in other]

    def to_dict(self) -> dict[str, JSON]:
        """All of it, for JSON."""
        return {
            **asdict(self),
            "ratio": self.ratio,
            "imbalance": self.imbalance,
            "few": self.between(TOO_FEW, FEW),
            "too_few": self.between(0, TOO_FEW),
        }
