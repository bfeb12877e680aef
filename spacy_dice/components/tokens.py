"""Components that label tokens: tagger, morphologizer, sentence recognizer, lemmatizer."""

from spacy.pipeline import (
    EditTreeLemmatizer,
    Morphologizer,
    SentenceRecognizer,
    Tagger,
    TrainablePipe,
)
from typing_extensions import override

from ..losses import Labels
from .base import initialize_with_loss
from .probed import ProbedTokenLoss


class DiceTagger(ProbedTokenLoss, Tagger):
    """spaCy's `Tagger` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.Tagger` and `loss`.
    """

    annotation = ("TAG",)
    initialize = initialize_with_loss(Tagger.initialize)


class DiceMorphologizer(ProbedTokenLoss, Morphologizer):
    """spaCy's `Morphologizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.Morphologizer` and `loss`. A label of the loss is a whole
    analysis, `Number=Sing|POS=NOUN`, or one of its features, `POS=NOUN`, for all that have it.
    """

    annotation = ("MORPH", "POS")
    initialize = initialize_with_loss(Morphologizer.initialize)

    @classmethod
    @override
    def name_columns(cls, component: TrainablePipe) -> Labels:
        """The analyses; each answers to its features, too."""
        return [(label, *label.split("|")) if "|" in label else label for label in component.labels]


class DiceSentenceRecognizer(ProbedTokenLoss, SentenceRecognizer):
    """spaCy's `SentenceRecognizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.SentenceRecognizer` and `loss`. The labels are `S` for
    the first token of a sentence and `I` for the others.
    """

    annotation = ("SENT_START",)
    initialize = initialize_with_loss(SentenceRecognizer.initialize)


class DiceEditTreeLemmatizer(ProbedTokenLoss, EditTreeLemmatizer):
    """spaCy's `EditTreeLemmatizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.EditTreeLemmatizer` and `loss`. The labels of the loss
    are edit trees as spaCy writes them: `(m 0 1 () (s 's' ''))` takes an s from the end.
    """

    annotation = ("LEMMA",)
    initialize = initialize_with_loss(EditTreeLemmatizer.initialize)

    @classmethod
    @override
    def name_columns(cls, component: TrainablePipe) -> Labels:
        """The edit trees, as text."""
        return [component.trees.tree_to_str(tree) for tree in component.labels]
