"""spaCy's trainable components with a loss that can be chosen: `dice_tagger`, `dice_ner`."""

from .factories import COMPONENTS, make_dice_ner, make_dice_tagger
from .probed import DiceTagger
from .transition import DiceEntityRecognizer

__all__ = [
    "COMPONENTS",
    "DiceEntityRecognizer",
    "DiceTagger",
    "make_dice_ner",
    "make_dice_tagger",
]
