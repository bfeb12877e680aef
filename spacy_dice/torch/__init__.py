"""The losses of this package as PyTorch modules: for Hugging Face, Lightning, skorch and loops.

    loss = DSCLoss()
    loss(logits, labels).backward()

Values and gradients are those of `spacy_dice.functional`, by the analytic gradient with respect to
the logits: no setting and no saturated logit gives NaN. `spacy_dice` itself never imports PyTorch;
this module does.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "spacy_dice.torch needs PyTorch: python -m pip install 'spacy-dice[torch]'"
    ) from error

from .base import Loss
from .hugging_face import ComputeLoss, QuestionAnsweringCollator, as_compute_loss_func
from .losses import CELoss, DiceLoss, DSCLoss, FocalLoss, TverskyLoss, WCELoss
from .nested import CompoundLoss, F1Loss, MacroF1Loss

__all__ = [
    "CELoss",
    "CompoundLoss",
    "ComputeLoss",
    "DSCLoss",
    "DiceLoss",
    "F1Loss",
    "FocalLoss",
    "Loss",
    "MacroF1Loss",
    "QuestionAnsweringCollator",
    "TverskyLoss",
    "WCELoss",
    "as_compute_loss_func",
]
