"""F1-oriented losses for spaCy pipelines and scikit-learn.

What most people call is here by name, and imported when it is asked for. Nothing heavy is imported
with the package: spaCy and Thinc find the losses and components through entry points.

>>> from spacy_dice import DSC
>>> DSC(ce_weight=0.3).ce_weight
0.3
"""

from typing import TYPE_CHECKING

from ._lazy import attach

if TYPE_CHECKING:
    from .calibration import calibrate
    from .callbacks import use_losses
    from .configs import set_loss
    from .diagnosis import diagnose
    from .estimators import F1ThresholdClassifier, SoftF1Classifier, SpacyTextClassifier
    from .experiments.runner import compare
    from .losses import (
        ASL,
        CE,
        DL,
        DSC,
        F1,
        FL,
        GCE,
        SE,
        TL,
        WCE,
        Compound,
        ConfidencePenalty,
        Distill,
        MacroF1,
    )
    from .metrics import soft_f1_score
    from .tuning import tune

__version__ = "0.1.0"

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
    "Compound",
    "ConfidencePenalty",
    "Distill",
    "F1ThresholdClassifier",
    "MacroF1",
    "SoftF1Classifier",
    "SpacyTextClassifier",
    "__version__",
    "calibrate",
    "compare",
    "diagnose",
    "set_loss",
    "soft_f1_score",
    "tune",
    "use_losses",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "calibration": ["calibrate"],
        "callbacks": ["use_losses"],
        "configs": ["set_loss"],
        "diagnosis": ["diagnose"],
        "estimators": ["F1ThresholdClassifier", "SoftF1Classifier", "SpacyTextClassifier"],
        "experiments.runner": ["compare"],
        "losses": [
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
            "Compound",
            "ConfidencePenalty",
            "Distill",
            "MacroF1",
        ],
        "metrics": ["soft_f1_score"],
        "tuning": ["tune"],
    },
)
