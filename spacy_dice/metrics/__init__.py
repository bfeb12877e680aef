"""Soft F-scores for scikit-learn: metrics, an accumulator, and scorers.

A soft F-score counts an example with the probability that the model gives it: what the losses of
this package train, and `sklearn.metrics.fbeta_score` where probabilities are 0 and 1.
"""

from .accumulator import SoftF1Accumulator
from .functions import (
    dice_loss,
    dsc_loss,
    soft_f1_score,
    soft_fbeta_score,
    soft_precision_recall_fscore_support,
    tversky_loss,
)
from .scorer import SoftF1Scorer, get_scorer, get_scorer_names, get_scorers

__all__ = [
    "SoftF1Accumulator",
    "SoftF1Scorer",
    "dice_loss",
    "dsc_loss",
    "get_scorer",
    "get_scorer_names",
    "get_scorers",
    "soft_f1_score",
    "soft_fbeta_score",
    "soft_precision_recall_fscore_support",
    "tversky_loss",
]
