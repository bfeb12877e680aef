"""F-scores of counts, against scikit-learn."""

import numpy
import pytest
from sklearn.metrics import fbeta_score, precision_recall_fscore_support

from spacy_dice.counts import (
    f_score,
    is_there,
    macro_f,
    mean_there,
    micro_f,
    precision,
    precision_recall_f,
    recall,
)

GOLD, GUESS = numpy.random.default_rng(0).integers(0, 4, size=(2, 60))
# Nobody used the fifth label.
COUNTS = numpy.stack(
    [
        [
            ((label == GOLD) & (label == GUESS)).sum(),
            ((label != GOLD) & (label == GUESS)).sum(),
            ((label == GOLD) & (label != GUESS)).sum(),
        ]
        for label in range(5)
    ]
)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0, float("inf")])
def test_scores_are_scikit_learns(beta):
    expected = precision_recall_fscore_support(GOLD, GUESS, beta=beta, labels=range(4))[:3]
    numpy.testing.assert_allclose(
        precision_recall_f(COUNTS[:4], beta=beta), numpy.transpose(expected)
    )
    for average, score in (("micro", micro_f), ("macro", macro_f)):
        assert score(COUNTS, beta=beta) == pytest.approx(
            fbeta_score(GOLD, GUESS, beta=beta, average=average)
        )


def test_averages_of_many_counts_at_once():
    many = numpy.stack([COUNTS, 2 * COUNTS[::-1]])
    for score in (micro_f, macro_f):
        numpy.testing.assert_allclose(score(many), [score(counts) for counts in many])


def test_nothing_is_zero_or_what_is_asked_for():
    assert precision(0, 0) == recall(0, 0) == f_score(0, 0, 0) == 0
    assert precision(0, 0, undefined=1) == f_score(0, 0, 0, beta=float("inf"), undefined=1) == 1
    assert numpy.isnan(recall([0], [0], undefined=float("nan"))).all()
    nothing = numpy.zeros((2, 3))
    assert micro_f(nothing) == macro_f(nothing) == mean_there([1, 1], nothing) == 0
    assert is_there(COUNTS).tolist() == [True] * 4 + [False]


def test_weighted_counts_below_one():
    assert f_score(0.2, 0.1, 0.1) == pytest.approx(2 / 3)
    assert precision(0.2, 0.2) == pytest.approx(0.5)
