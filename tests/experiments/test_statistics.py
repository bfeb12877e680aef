"""Statistics of differences against scipy, scikit-learn and naive loops."""

import numpy
import pytest
from scipy import stats

from spacy_dice.counts import macro_f, micro_f
from spacy_dice.experiments.packing import pack, unpack
from spacy_dice.experiments.statistics import (
    Difference,
    bootstrap,
    estimate,
    holm,
    paired,
)
from spacy_dice.items import DocumentCounts

RANDOM = numpy.random.default_rng(0)


def test_estimate_is_scipys_interval():
    values = RANDOM.normal(size=7)
    found = estimate(values.tolist())
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(values.mean())
    assert estimate([0.5]).interval is None


def test_paired_is_scipys_test_over_common_seeds():
    a = dict(enumerate(RANDOM.normal(0.3, 1, size=6).tolist()))
    b = dict(enumerate(RANDOM.normal(0.0, 1, size=8).tolist()))
    found = paired(a, b)
    expected = stats.ttest_rel(list(a.values()), list(b.values())[:6])
    assert (found.n, found.p) == (6, pytest.approx(expected.pvalue))
    low, high = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx((low, high))


def test_paired_without_variance_or_seeds():
    scores = {0: 0.5, 1: 0.6}
    assert paired(scores, scores).p == 1.0
    assert paired({0: 0.75, 1: 0.75}, {0: 0.5, 1: 0.5}).p == 0.0
    assert paired({0: 0.5}, {0: 0.25}) == Difference(mean=0.25, n=1)
    assert paired({0: 0.5}, {1: 0.5}) is None


def test_holm_by_hand():
    # Sorted .01, .03, .04: times 3, 2, 1, and never below the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def random_counts(seeds, docs=40, types=3, better=0):
    shift = numpy.asarray([better, 0, 0])
    return {seed: RANDOM.integers(0, 3, size=(docs, types, 3)) + shift for seed in seeds}


def test_bootstrap_against_a_loop():
    loss, baseline = random_counts(range(3), better=1), random_counts(range(3))
    found = bootstrap(loss, baseline, micro_f, resamples=2000)
    random = numpy.random.default_rng(1)
    differences = []
    for _ in range(2000):
        docs, seeds = random.integers(0, 40, size=40), random.integers(0, 3, size=3)
        differences.append(
            numpy.mean(
                [
                    micro_f(loss[s][docs].sum(axis=0)) - micro_f(baseline[s][docs].sum(axis=0))
                    for s in seeds
                ]
            )
        )
    assert found == pytest.approx(numpy.percentile(differences, [2.5, 97.5]), abs=0.01)
    assert found[0] > 0


@pytest.mark.parametrize("score", [micro_f, macro_f])
@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_bootstrap_of_equal_losses_is_zero(score, seeds):
    counts = random_counts(seeds)
    assert bootstrap(counts, counts, score, resamples=50) == (0.0, 0.0)


def test_bootstrap_is_the_same_each_time_and_its_own_mirror():
    a, b = random_counts([0, 1]), random_counts([0, 1])
    low, high = bootstrap(a, b, micro_f, resamples=200)
    assert bootstrap(a, b, micro_f, resamples=200) == (low, high)
    assert bootstrap(b, a, micro_f, resamples=200) == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    ("p_holm", "interval", "significant"),
    [
        (0.01, (0.1, 0.2), True),
        (0.01, (-0.2, -0.1), True),
        (0.01, (-0.1, 0.2), False),
        (0.2, (0.1, 0.2), False),
        (0.01, None, True),
        (None, (0.1, 0.2), False),
    ],
)
def test_significant_needs_both(p_holm, interval, significant):
    found = Difference(mean=0.1, n=3, p=p_holm, p_holm=p_holm, bootstrap=interval)
    assert found.significant is significant


@pytest.mark.parametrize("highest", [3, 300])
def test_counts_are_packed_without_loss(highest):
    counts = DocumentCounts(["A", "B"], RANDOM.integers(0, highest, size=(50, 2, 3)))
    types, array = unpack(pack(counts))
    assert types == counts.types
    numpy.testing.assert_array_equal(array, counts.array)


def test_no_documents():
    types, array = unpack(pack(DocumentCounts([], numpy.zeros((0, 0, 3), dtype="int64"))))
    assert (types, array.shape) == ([], (0, 0, 3))
