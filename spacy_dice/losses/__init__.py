"""The registered losses: Thinc's contract over the functions of `spacy_dice.functional`.

Thinc and spaCy find them by name (`@losses = "dice.DSC.v1"`) through entry points. Each is a
dataclass whose fields are the settings of the config block. Called as Thinc's losses are,

    gradient, value = loss(guesses, truths)

with `guesses` the probabilities of a softmax layer, `(n, c)` or a list of such, and `truths` as
`thinc.api.CategoricalCrossentropy` takes them: class ids, label strings (with `names`) or rows of
numbers. The gradient is with respect to the logits, and summed, not averaged, over rows; `value` is
the loss itself.
"""

from .base import (
    AnyLoss,
    Bound,
    RegisteredLoss,
    bind,
    needs_columns,
    needs_label_counts,
    teachers_of,
)
from .batch import Batch, Labels, check_probabilities, main_names
from .compound import Compound
from .cost import F1, MacroF1
from .distill import Distill
from .likelihood import ASL, CE, FL, GCE, SE, WCE, ConfidencePenalty
from .overlap import DL, DSC, TL

__all__ = [
    "ASL",
    "CE",
    "DL",
    "DSC",
    "F1",
    "FL",
    "GCE",
    "SE",
    "TL",
    "WCE",
    "AnyLoss",
    "Batch",
    "Bound",
    "Compound",
    "ConfidencePenalty",
    "Distill",
    "Labels",
    "MacroF1",
    "RegisteredLoss",
    "bind",
    "check_probabilities",
    "main_names",
    "needs_columns",
    "needs_label_counts",
    "teachers_of",
]
