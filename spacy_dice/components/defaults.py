"""The loss of each component that is given no other, and what else is set of its training.

This is the part of the table that factories need.

Apart from the rest of it, since spaCy registers all factories with the first pipeline that it
makes, of whatever components. That has to cost next to nothing.
"""

from collections.abc import Mapping

_DSC = {"@losses": "dice.DSC.v1"}

# By the stock factory.
DEFAULT_LOSSES: Mapping[str, Mapping[str, str]] = {
    "ner": _DSC,
    "tagger": _DSC,
    "morphologizer": _DSC,
    "senter": _DSC,
    "trainable_lemmatizer": _DSC,
    "parser": _DSC,
    "textcat": _DSC,
    "textcat_multilabel": _DSC,
    "spancat_singlelabel": _DSC,
    "spancat": _DSC,
    "span_finder": _DSC,
    "query_spans": _DSC,
}

# Other settings of the training, and what they are without being set, by the stock factory:
# see `ProbedLoss`, `DiceSpanCategorizer` and `DiceEntityRecognizer`.
TRAINING: Mapping[str, Mapping[str, bool | float]] = {
    "ner": {"negative_sampling": 1.0},
    "textcat_multilabel": {"prior_bias": False},
    "spancat": {"prior_bias": False, "overlap_weight": 1.0},
    "span_finder": {"prior_bias": False},
}
