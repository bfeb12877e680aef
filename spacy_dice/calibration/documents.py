"""The decisions of text categorizers."""

from collections.abc import Sequence

import numpy
from spacy.tokens import Doc
from spacy.training import Example
from thinc.types import Floats2d
from typing_extensions import override

from .scored import Cells, ChoiceSearch, LabelSearch, Scored


class Categories(Scored):
    """A row of scores for each document."""

    # As in spaCy's own scores.
    only_there = False

    @override
    def predict(self, doc: Doc) -> Floats2d:
        return self.component.predict([doc])

    @override
    def annotate(self, i: int, doc: Doc, outputs: Floats2d) -> None:
        self.component.set_annotations([doc], outputs)


class CategorySearch(Categories, ChoiceSearch):
    """An offset on each category, where these exclude each other, for the macro F1."""

    @override
    def gold_of(self, example: Example) -> Sequence[str | None]:
        gold = [label for label, _ in self.items(example)[0]]
        return gold if len(gold) == 1 and gold[0] in self.known_labels else [None]


class CategoriesSearch(Categories, LabelSearch):
    """A threshold for each category, where a text may have several, for the macro F1."""

    @override
    def cells_of(self, i: int) -> Cells:
        """A category that a text does not say is not known."""
        cats = self.examples[i].reference.cats
        gold = numpy.array([[cats.get(label, 0.0) > 0 for label in self.known_labels]])
        known = numpy.array([[label in cats for label in self.known_labels]])
        missed = numpy.zeros(len(self.labels))
        return Cells(gold.astype("float64"), known.astype("float64"), missed)

    @override
    def n_cells(self) -> float:
        """Each category of each text that is known."""
        known = set(self.known_labels)
        return float(sum(len(known & set(eg.reference.cats)) for eg in self.examples))
