"""spaCy's trainable components with a loss that can be chosen: `dice_tagger`, `dice_ner`, …"""

from .documents import DiceMultiLabelTextCategorizer, DiceTextCategorizer
from .factories import (
    COMPONENTS,
    class_with_loss,
    make_dice_morphologizer,
    make_dice_ner,
    make_dice_parser,
    make_dice_senter,
    make_dice_span_finder,
    make_dice_spancat,
    make_dice_spancat_singlelabel,
    make_dice_tagger,
    make_dice_textcat,
    make_dice_textcat_multilabel,
    make_dice_trainable_lemmatizer,
    with_loss,
)
from .spans import DiceSpanCategorizer, DiceSpanFinder
from .tokens import (
    DiceEditTreeLemmatizer,
    DiceMorphologizer,
    DiceSentenceRecognizer,
    DiceTagger,
)
from .transition import DiceDependencyParser, DiceEntityRecognizer

__all__ = [
    "COMPONENTS",
    "DiceDependencyParser",
    "DiceEditTreeLemmatizer",
    "DiceEntityRecognizer",
    "DiceMorphologizer",
    "DiceMultiLabelTextCategorizer",
    "DiceSentenceRecognizer",
    "DiceSpanCategorizer",
    "DiceSpanFinder",
    "DiceTagger",
    "DiceTextCategorizer",
    "class_with_loss",
    "make_dice_morphologizer",
    "make_dice_ner",
    "make_dice_parser",
    "make_dice_senter",
    "make_dice_span_finder",
    "make_dice_spancat",
    "make_dice_spancat_singlelabel",
    "make_dice_tagger",
    "make_dice_textcat",
    "make_dice_textcat_multilabel",
    "make_dice_trainable_lemmatizer",
    "with_loss",
]
