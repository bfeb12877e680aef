"""The decisions of components that label tokens: tags, morphology, beginnings of sentences."""

from collections.abc import Sequence

import numpy
from spacy.morphology import Morphology
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Token
from spacy.training import Example
from thinc.types import Floats2d
from typing_extensions import Unpack, override

from ..items import Item, token_items
from .base import Mask, Settings
from .bias import Offsets
from .scored import ChoiceSearch, Scored
from .trials import Trials

SENTENCE = "sentence"


class TokenSearch(ChoiceSearch):
    """Labels of tokens."""

    @override
    def predict(self, doc: Doc) -> Floats2d:
        """A row for each token."""
        return self.component.model.predict([doc])[0]

    @override
    def annotate(self, i: int, doc: Doc, outputs: Floats2d) -> None:
        self.component.set_annotations([doc], [outputs.argmax(axis=1)])


class TagSearch(TokenSearch):
    """An offset on each tag, whatever is best, for the macro F1 of tags."""

    tested = False
    shrinkage = 0.0

    @override
    def gold_of(self, example: Example) -> Sequence[str | None]:
        return example.get_aligned("TAG", as_string=True)

    @override
    def annotate(self, i: int, doc: Doc, outputs: Floats2d) -> None:
        for token in doc:
            token.tag_ = ""
        super().annotate(i, doc, outputs)


class AnalysisSearch(TokenSearch):
    """An offset on each analysis, of coarse tag and features, for the macro F1 of analyses."""

    def __init__(
        self, component: TrainablePipe, examples: Sequence[Example], **settings: Unpack[Settings]
    ) -> None:
        self._analyses = token_items(_analysis)
        super().__init__(component, examples, **settings)

    @override
    def name_labels(self) -> list[str]:
        """As they are written in scores, `NOUN|Number=Plur`."""
        names = []
        for label in self.component.labels:
            features = Morphology.feats_to_dict(label)
            pos = features.pop(self.component.POS_FEAT, "")
            names.append(f"{pos}|{_features(Morphology.dict_to_feats(features))}")
        return names

    @override
    def items(self, example: Example) -> tuple[set[Item], set[Item]]:
        return self._analyses(example)

    @override
    def gold_of(self, example: Example) -> Sequence[str | None]:
        tags = example.get_aligned("POS", as_string=True)
        morphs = example.get_aligned("MORPH", as_string=True)
        return [
            # Where one of the two is not aligned, nothing is known.
            None if pos is None or morph is None or not pos + morph else f"{pos}|{_features(morph)}"
            for pos, morph in zip(tags, morphs, strict=True)
        ]


class SentenceSearch(Scored, Trials):
    """An offset on the label of first tokens, for the F-score of sentences."""

    averages = ("micro",)

    @override
    def name_labels(self) -> list[str]:
        return [SENTENCE]

    @override
    def items(self, example: Example) -> tuple[set[Item], set[Item]]:
        """Sentences, as spaCy's scorer compares them."""
        if not example.reference.has_annotation("SENT_START"):
            return set(), set()
        gold: set[Item] = {(SENTENCE, (sent.start, sent.end)) for sent in example.reference.sents}
        if not example.predicted.has_annotation("SENT_START"):
            return gold, set()
        found = example.get_aligned_spans_x2y(example.predicted.sents, False)
        return gold, {(SENTENCE, (sent.start, sent.end)) for sent in found}

    @override
    def offsets_of(self, values: Offsets) -> Offsets:
        """`S` is what spaCy calls a first token."""
        return {"S": values[SENTENCE]} if values else {}

    @override
    def best(self, chosen: Mask) -> Offsets:
        scores = {v: self.metric.of(self.count({SENTENCE: v})[chosen]) for v in BEGINNINGS}
        best = max(scores, key=lambda value: (scores[value], -abs(value)))
        return {"S": best} if best else {}

    @override
    def best_common(self, chosen: Mask) -> Offsets:
        """There is but one."""
        return self.best(chosen)

    @override
    def predict(self, doc: Doc) -> Floats2d:
        """A row for each token."""
        return self.component.model.predict([doc])[0]

    @override
    def annotate(self, i: int, doc: Doc, outputs: Floats2d) -> None:
        self.component.set_annotations([doc], [outputs.argmax(axis=1)])


# What is tried of the first tokens of sentences.
BEGINNINGS = numpy.arange(-5.0, 5.25, 0.25).tolist()


def _analysis(token: Token) -> tuple[str, ...]:
    """The whole analysis of a token that has at least a part of it."""
    return (f"{token.pos_}|{token.morph}",) if token.pos_ or token.has_morph() else ()


def _features(morph: str) -> str:
    """spaCy writes no features in two ways."""
    return "" if morph == Morphology.EMPTY_MORPH else morph
