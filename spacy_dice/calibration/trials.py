"""Searches that try offsets, and ask the component itself what comes of them.

That is for decisions that depend on each other, so that nothing simpler tells what an offset does.
"""

from abc import abstractmethod
from collections.abc import Sequence

from spacy.pipeline import TrainablePipe
from spacy.training import Example
from typing_extensions import Unpack

from .base import Counts, Search, Settings
from .bias import Offsets


class Trials(Search):
    """Knows what came of all that was tried, on each document of the dev set."""

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        super().__init__(component, examples, **settings)
        self._known: dict[tuple[tuple[str, float], ...], Counts] = {}

    @abstractmethod
    def offsets_of(self, values: Offsets) -> Offsets:
        """The offsets by columns of the model for values of what is searched for."""

    def count(self, values: Offsets) -> Counts:
        """True positives, false positives and false negatives, `(documents, labels, 3)`."""
        key = tuple(sorted((label, value) for label, value in values.items() if value))
        if key not in self._known:
            examples = self.examples_of(range(len(self.examples)), self.offsets_of(dict(key)))
            self._known[key] = self.counts_of(examples)
        return self._known[key]
