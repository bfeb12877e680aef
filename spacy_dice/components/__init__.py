"""spaCy's trainable components with a loss that can be chosen: `dice_tagger`, `dice_ner`, …

The factories are here, too, by the names in the entry points: `make_dice_tagger`, …
"""

from typing import Any

from .documents import DiceMultiLabelTextCategorizer, DiceTextCategorizer
from .factories import FACTORIES, class_with_loss, register, with_loss
from .spans import DiceSpanCategorizer, DiceSpanFinder
from .table import COMPONENTS, Component, Recipe, Score, items_of, row_of, row_of_factory, score_of
from .tokens import (
    DiceEditTreeLemmatizer,
    DiceMorphologizer,
    DiceSentenceRecognizer,
    DiceTagger,
)
from .transition import DiceDependencyParser, DiceEntityRecognizer

__all__ = [
    "COMPONENTS",
    "Component",
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
    "Recipe",
    "Score",
    "class_with_loss",
    "items_of",
    "register",
    "row_of",
    "row_of_factory",
    "score_of",
    "with_loss",
]


def __getattr__(name: str) -> Any:
    factory = name.removeprefix("make_")
    if factory != name and factory in FACTORIES:
        return FACTORIES[factory]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
