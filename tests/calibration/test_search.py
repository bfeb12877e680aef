"""Searches on arrays: brute force, and the theory of thresholds."""

from itertools import product

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, fbeta_score

from spacy_dice.calibration.search import (
    Metric,
    ascend,
    best_offsets,
    best_threshold,
    best_thresholds,
)

probabilities = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)
weights = st.sampled_from([0.0, 0.5, 1.0, 3.0])
BETAS = st.sampled_from([0.5, 1.0, 2.0])


def table(n_columns):
    return st.lists(
        st.tuples(*[st.booleans()] * n_columns, *[probabilities] * n_columns, weights),
        min_size=1,
        max_size=8,
    ).map(numpy.array)


def f_of(y, decided, w, beta, average="binary"):
    if not w.any():
        return 0.0
    return fbeta_score(y, decided, beta=beta, sample_weight=w, average=average, zero_division=0)


def cuts_of(p):
    edges = numpy.unique(numpy.concatenate([[0.0, 1.0], p]))
    return numpy.concatenate([[0.0, 1.0], (edges[1:] + edges[:-1]) / 2])


@settings(deadline=None, max_examples=100)
@given(table(1), BETAS)
def test_a_threshold_is_the_best_of_all(rows, beta):
    y, p, w = rows[:, 0].astype(int), rows[:, 1], rows[:, 2]
    found = best_threshold(y, p, w, beta=beta)
    assert 0 <= found <= 1
    best = max(f_of(y, p > t, w, beta) for t in cuts_of(p))
    assert f_of(y, p > found, w, beta) == pytest.approx(best)


@settings(deadline=None, max_examples=30)
@given(table(2), BETAS)
def test_macro_thresholds_are_the_best_of_all_and_micro_ones_no_worse(rows, beta):
    y, p, w = rows[:, :2].astype(int), rows[:, 2:4], rows[:, 4]
    combinations = [numpy.array(t) for t in product(cuts_of(p[:, 0]), cuts_of(p[:, 1]))]
    scores = {}
    for average in ("macro", "micro"):
        found = best_thresholds(y, p, w, beta=beta, average=average)
        scores[average] = f_of(y, p > found, w, beta, average)
    assert scores["macro"] == pytest.approx(
        max(f_of(y, p > t, w, beta, "macro") for t in combinations)
    )
    macro = best_thresholds(y, p, w, beta=beta, average="macro")
    assert scores["micro"] >= f_of(y, p > macro, w, beta, "micro") - 1e-9


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), BETAS, st.sampled_from(["macro", "micro"]))
def test_offsets_are_where_no_step_is_better(seed, beta, average):
    rng = numpy.random.default_rng(seed)
    y, p, w = rng.integers(0, 3, 9), rng.dirichlet([1, 1, 1], 9), rng.uniform(0.1, 2, 9)
    offsets = best_offsets(y, p, w, beta=beta, average=average)
    logs = numpy.log(p)

    def score(b):
        decided = (logs + b).argmax(axis=1)
        if average == "micro":
            return w[decided == y].sum() / w.sum()
        return fbeta_score(
            y, decided, beta=beta, average="macro", labels=[0, 1, 2], sample_weight=w,
            zero_division=0,
        )  # fmt: skip

    reached = score(offsets)
    assert reached >= score(numpy.zeros(3)) - 1e-9
    for k in range(3):
        others = numpy.delete(logs + offsets, k, axis=1).max(axis=1)
        margins = numpy.sort(others - logs[:, k])
        steps = [margins[0] - 1, *((margins[1:] + margins[:-1]) / 2), margins[-1] + 1]
        for step in steps:
            moved = offsets.copy()
            moved[k] = step
            assert score(moved) <= reached + 1e-9


def test_offsets_of_two_classes_are_a_threshold():
    rng = numpy.random.default_rng(0)
    p = rng.beta(1, 4, 500)
    y = (rng.uniform(size=500) < p).astype(int)
    pair = numpy.stack([1 - p, p], axis=1)
    offsets = best_offsets(y, pair, numpy.ones(500), beta=1.0, average="macro")
    best = max(f1_score(y, p > t, average="macro") for t in cuts_of(p))
    decided = (numpy.log(pair) + offsets).argmax(axis=1)
    assert f1_score(y, decided, average="macro") == pytest.approx(best)


def test_the_best_threshold_of_calibrated_probabilities_is_half_the_best_f1():
    rng = numpy.random.default_rng(0)
    p = rng.beta(1, 6, 400_000)
    y = (rng.uniform(size=len(p)) < p).astype(int)
    found = best_threshold(y, p, numpy.ones(len(p)))
    assert found == pytest.approx(f1_score(y, p > found) / 2, abs=0.01)


def test_without_positives_or_with_ties_it_stays_at_a_half():
    p = numpy.array([0.1, 0.2, 0.9])
    assert best_threshold(numpy.zeros(3), p, numpy.ones(3)) == 0.5
    assert best_threshold(numpy.array([0, 0, 1]), p, numpy.ones(3)) == pytest.approx(0.55)
    assert (best_offsets(numpy.array([0, 1]), numpy.eye(2), numpy.ones(2), beta=1.0,
                         average="macro") == 0).all()  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from([0.5, 1.0, 2.0]))
def test_the_metric_is_scikit_learns(seed, beta):
    """A gold label without a column, such as a tag that training did not have, counts too."""
    rng = numpy.random.default_rng(seed)
    gold, guess = rng.integers(0, 5, 20), rng.integers(0, 4, 20)
    predicted, support = numpy.bincount(guess, minlength=7), numpy.bincount(gold, minlength=7)
    counts = numpy.bincount(gold[gold == guess], minlength=7), predicted, support
    for average in ("macro", "micro"):
        expected = fbeta_score(gold, guess, beta=beta, average=average, zero_division=0)
        assert Metric(average, beta, only_there=True)(*counts) == pytest.approx(expected)
    expected = fbeta_score(
        gold, guess, beta=beta, average="macro", labels=range(7), zero_division=0
    )
    assert Metric("macro", beta)(*counts) == pytest.approx(expected)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.booleans())
def test_ascent_on_given_values_is_brute_force_along_each_coordinate(seed, only_there):
    rng = numpy.random.default_rng(seed)
    logits, codes, values = rng.normal(size=(12, 3)), rng.integers(0, 4, 12), numpy.arange(-2, 3)
    offsets, best = numpy.zeros(3), None

    def score(b):
        labels = None if only_there else range(4)
        decided = (logits + b).argmax(axis=1)
        return f1_score(codes, decided, average="macro", labels=labels, zero_division=0)

    best = score(offsets)
    for _ in range(3):
        for k in range(3):
            # Nearest to 0 first, as only what is better is taken.
            for value in sorted(values, key=lambda value: (abs(value), -value)):
                moved = offsets.copy()
                moved[k] = value
                if score(moved) > best + 1e-9:
                    offsets, best = moved, score(moved)
    metric = Metric("macro", only_there=only_there)
    found = ascend(codes, logits, metric, values=values, max_rounds=3)
    numpy.testing.assert_array_equal(found, offsets)
