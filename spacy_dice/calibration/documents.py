"""The decisions of text categorizers."""

from collections.abc import Sequence
from typing import Any

import numpy
from spacy.tokens import Doc
from spacy.training import Example

from .scored import ChoiceSearch, LabelSearch, Scored


class Categories(Scored):
    """A row of scores for each document."""

    # As in spaCy's own scores.
    only_there = False

    def predict(self, doc: Doc) -> Any:
        """See `Scored`."""
        return self.component.predict([doc])

    def annotate(self, i: int, doc: Doc, outputs: Any) -> None:
        """See `Scored`."""
        self.component.set_annotations([doc], outputs)


class CategorySearch(Categories, ChoiceSearch):
    """An offset on each category, where these exclude each other, for the macro F1."""

    def gold_of(self, example: Example) -> Sequence[str | None]:
        """See `ChoiceSearch`."""
        gold = [label for label, _ in self.items(example)[0]]
        return gold if len(gold) == 1 and gold[0] in self.known_labels else [None]


class CategoriesSearch(Categories, LabelSearch):
    """A threshold for each category, where a text may have several, for the macro F1."""

    def cells_of(self, i: int) -> tuple[Any, Any, Any]:
        """See `LabelSearch`: a category that a text does not say is not known."""
        cats = self.examples[i].reference.cats
        gold = [[cats.get(label, 0.0) > 0 for label in self.known_labels]]
        known = [[label in cats for label in self.known_labels]]
        return numpy.array(gold), numpy.array(known), numpy.zeros(len(self.labels))

    def n_cells(self) -> float:
        """See `Search`: each category of each text that is known."""
        known = set(self.known_labels)
        return float(sum(len(known & set(eg.reference.cats)) for eg in self.examples))
