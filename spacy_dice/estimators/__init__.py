"""scikit-learn estimators: classifiers with F1-oriented losses, and F1-optimal decisions."""

from .linear import SoftF1Classifier
from .spacy_text import SpacyTextClassifier
from .threshold import F1ThresholdClassifier

__all__ = ["F1ThresholdClassifier", "SoftF1Classifier", "SpacyTextClassifier"]
