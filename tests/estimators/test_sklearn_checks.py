"""scikit-learn's own checks of estimators, all of them."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from spacy_dice.estimators import F1ThresholdClassifier, SoftF1Classifier
from spacy_dice.estimators._objective import LOSSES

CHECKS = parametrize_with_checks(
    [
        *(SoftF1Classifier(loss=loss) for loss in LOSSES),
        F1ThresholdClassifier(LogisticRegression()),
        F1ThresholdClassifier(SoftF1Classifier(), average="micro"),
    ]
)


# The checks fit on a few rows with few iterations, and warn as scikit-learn's own estimators do.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
# A list, because scikit-learn 1.6 gives an iterator, which pytest 9 warns of.
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), ids=CHECKS.kwargs["ids"])
def test_scikit_learn_checks(estimator, check):
    check(estimator)
