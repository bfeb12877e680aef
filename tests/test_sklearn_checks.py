"""scikit-learn's own checks of estimators, all of them."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from spacy_dice.estimators import F1ThresholdClassifier, SoftF1Classifier
from spacy_dice.estimators._objective import LOSSES


# The checks fit on a few rows with few iterations, and warn as scikit-learn's own estimators do.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        *(SoftF1Classifier(loss=loss) for loss in LOSSES),
        F1ThresholdClassifier(LogisticRegression()),
        F1ThresholdClassifier(SoftF1Classifier(), average="micro"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
