"""spaCy's trainable components with a loss that can be chosen: `dice_tagger`, `dice_ner`, …

The factories are here, too, by the names in the entry points: `make_dice_tagger`, … To import them
is cheap: the components themselves are imported when the first is made.
"""

from typing import TYPE_CHECKING, Any

from .._lazy import attach

if TYPE_CHECKING:
    from .documents import DiceMultiLabelTextCategorizer, DiceTextCategorizer
    from .factories import class_with_loss, register, with_loss
    from .queries import DiceQuerySpans, QuerySpans
    from .query_ner import QueryNER
    from .spans import DiceSpanCategorizer, DiceSpanFinder
    from .table import (
        COMPONENTS,
        Component,
        Recipe,
        Score,
        items_of,
        row_of,
        row_of_factory,
        score_of,
        with_averages,
    )
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
    "DiceQuerySpans",
    "DiceSentenceRecognizer",
    "DiceSpanCategorizer",
    "DiceSpanFinder",
    "DiceTagger",
    "DiceTextCategorizer",
    "QueryNER",
    "QuerySpans",
    "Recipe",
    "Score",
    "class_with_loss",
    "items_of",
    "register",
    "row_of",
    "row_of_factory",
    "score_of",
    "with_averages",
    "with_loss",
]

_get, __dir__ = attach(
    __name__,
    {
        "documents": ["DiceMultiLabelTextCategorizer", "DiceTextCategorizer"],
        "factories": ["class_with_loss", "register", "with_loss"],
        "queries": ["DiceQuerySpans", "QuerySpans"],
        "query_ner": ["QueryNER"],
        "spans": ["DiceSpanCategorizer", "DiceSpanFinder"],
        "table": [
            "COMPONENTS",
            "Component",
            "Recipe",
            "Score",
            "items_of",
            "row_of",
            "row_of_factory",
            "score_of",
            "with_averages",
        ],
        "tokens": [
            "DiceEditTreeLemmatizer",
            "DiceMorphologizer",
            "DiceSentenceRecognizer",
            "DiceTagger",
        ],
        "transition": ["DiceDependencyParser", "DiceEntityRecognizer"],
    },
)


def __getattr__(name: str) -> Any:
    if name.startswith("make_"):
        from .factories import FACTORIES

        factory = name.removeprefix("make_")
        if factory in FACTORIES:
            return FACTORIES[factory]
    return _get(name)
