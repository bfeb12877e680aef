"""Components that label documents: text categorizers."""

from spacy.pipeline import MultiLabel_TextCategorizer, TextCategorizer, TrainablePipe
from spacy.tokens import Doc
from typing_extensions import override

from .base import initialize_with_loss
from .probed import LOGISTIC, ProbedLoss


class DiceTextCategorizer(ProbedLoss, TextCategorizer):
    """spaCy's `TextCategorizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.TextCategorizer` and `loss`.
    """

    initialize = initialize_with_loss(TextCategorizer.initialize)

    @classmethod
    @override
    def has_annotation(cls, component: TrainablePipe, doc: Doc) -> bool:
        return bool(doc.cats)


class DiceMultiLabelTextCategorizer(ProbedLoss, MultiLabel_TextCategorizer):
    """spaCy's `MultiLabel_TextCategorizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.MultiLabel_TextCategorizer` and `loss`.
    """

    default_layer = LOGISTIC
    initialize = initialize_with_loss(MultiLabel_TextCategorizer.initialize)

    @classmethod
    @override
    def has_annotation(cls, component: TrainablePipe, doc: Doc) -> bool:
        return bool(doc.cats)
