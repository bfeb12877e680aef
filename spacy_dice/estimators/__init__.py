"""scikit-learn estimators: linear classifiers with F1-oriented losses, and F1-optimal decisions."""

from .linear import SoftF1Classifier
from .threshold import F1ThresholdClassifier

__all__ = ["F1ThresholdClassifier", "SoftF1Classifier"]
