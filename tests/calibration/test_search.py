"""Searches on arrays: brute force, and the theory of thresholds."""

from itertools import product

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, fbeta_score

from spacy_dice.calibration import search
from spacy_dice.calibration.metric import Metric
from spacy_dice.calibration.search import (
    VALUES,
    ascend,
    best_of_all,
    best_offsets,
    best_shifts,
    best_threshold,
    best_thresholds,
    climb,
    gains_clearly,
    line_of,
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


def label_problem(seed, n=40, c=3):
    """Logits, gold labels, and labels that no row is about."""
    rng = numpy.random.default_rng(seed)
    gold = rng.uniform(size=(n, c)) < 0.3
    logits = rng.normal(size=(n, c)) * 2 + 2 * gold - 1
    return logits, gold.astype(float), rng.integers(0, 3, c).astype(float)


def lines_of(logits, gold, missed, values=VALUES):
    weights = numpy.ones(len(gold))
    return [
        line_of(-logits[:, k], gold[:, k], values, weights, missed[k]) for k in range(gold.shape[1])
    ]


def score_of(metric, logits, gold, missed, offsets):
    decided = logits + offsets > 0
    return metric((decided * gold).sum(axis=0), decided.sum(axis=0), gold.sum(axis=0) + missed)


METRICS = [
    Metric("macro"),
    Metric("macro", 2.0, only_there=True),
    Metric("micro", 0.5),
    Metric("accuracy", cells=120),
    Metric("micro", label=1),
]


@pytest.mark.parametrize("metric", METRICS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_offsets_of_labels_are_the_best_of_all(metric, seed):
    """Brute force: no combination of values is better, for micro averages no step is."""
    logits, gold, missed = label_problem(seed)
    values = numpy.arange(-4.0, 4.5, 0.5)
    found = climb(lines_of(logits, gold, missed, values), metric, numpy.zeros(3))
    reached = score_of(metric, logits, gold, missed, found)
    every = list(product(values, values, values))
    if metric.average == "micro" and metric.label is None:
        every = [b for b in every if (numpy.array(b) != found).sum() <= 1]
    scores = [score_of(metric, logits, gold, missed, numpy.array(b)) for b in every]
    assert reached == pytest.approx(max(scores))


@pytest.mark.parametrize("metric", METRICS[:3], ids=str)
def test_one_offset_for_all_is_the_best_of_all(metric):
    logits, gold, missed = label_problem(7)
    found = best_of_all(lines_of(logits, gold, missed), metric)
    scores = {v: score_of(metric, logits, gold, missed, v) for v in VALUES}
    assert scores[found] == pytest.approx(max(scores.values()))
    assert abs(found) == min(abs(v) for v, s in scores.items() if s >= max(scores.values()) - 1e-12)


def test_rare_labels_are_drawn_to_what_is_best_for_all():
    logits, gold, missed = label_problem(3, n=400)
    gold[3:, 2] = 0
    gold[:3, 2] = 1
    missed[2] = 0
    lines, metric = lines_of(logits, gold, missed), Metric("macro")
    common = best_of_all(lines, metric)
    own = best_shifts(lines, metric, shrinkage=0)
    numpy.testing.assert_array_equal(own, climb(lines, metric, numpy.full(3, common)))
    found = best_shifts(lines, metric, shrinkage=20)
    support = gold.sum(axis=0) + missed
    drawn = common + support / (support + 20) * (own - common)
    assert (numpy.isclose(found, drawn) | (found == own)).all()
    assert abs(found[2] - common) < 0.2 * abs(own[2] - common)
    assert abs(found[0] - own[0]) <= abs(own[0] - common) * 0.25


def test_what_is_clearly_better_is_taken_whole():
    """A label whose scores are far below those of the others, told apart without an error."""
    rng = numpy.random.default_rng(0)
    gold = numpy.zeros((200, 3))
    gold[:100, :2], gold[100:130, 2] = 1, 1
    logits = numpy.where(gold, 1.0, -1.0) + rng.uniform(-0.1, 0.1, (200, 3))
    logits[:, 2] -= 5
    lines = lines_of(logits, gold, numpy.zeros(3))
    found = best_shifts(lines, Metric("macro"), shrinkage=20)
    assert score_of(Metric("macro"), logits, gold, 0.0, found) == 1.0
    # Of three positives that would be chance.
    gold[103:, 2] = 0
    found = best_shifts(lines_of(logits, gold, numpy.zeros(3)), Metric("macro"), shrinkage=20)
    assert found[2] < 2


@pytest.mark.parametrize(("beta", "ours", "theirs"), [(0.5, -1.5, -0.5), (2.0, -0.5, -1.5)])
def test_a_clear_gain_is_one_by_the_bootstrap(beta, ours, theirs, monkeypatch):
    """The standard error behind `gains_clearly` is that of cells drawn again."""
    rng = numpy.random.default_rng(0)
    gold = (rng.uniform(size=600) < 0.2).astype(float)
    logits = rng.normal(size=600) + 1.5 * gold
    values = numpy.array([-1.5, -0.5])

    def line_and_gain(rows):
        line = line_of(-logits[rows], gold[rows], values, numpy.ones(600))
        f = (1 + beta**2) * line.tp / (beta**2 * line.support + line.predicted)
        return line, f @ ((values == ours) * 1.0 - (values == theirs))

    gains = [line_and_gain(rng.integers(0, 600, 600))[1] for _ in range(2000)]
    line, gain = line_and_gain(numpy.arange(600))
    for scale, expected in ((0.9, True), (1.1, False)):
        monkeypatch.setattr(search, "CLEAR", scale * gain / numpy.std(gains))
        assert gains_clearly(line, ours, theirs, beta) == expected


def test_a_label_without_positives_gets_no_offset():
    logits, gold, missed = label_problem(0)
    gold[:, 1], missed[1] = 0, 0
    for average in ("macro", "micro", "accuracy"):
        found = best_shifts(lines_of(logits, gold, missed), Metric(average, cells=120))
        assert found[1] == 0
        assert found[0] != 0


def test_of_one_label_only_that_label_is_moved():
    logits, gold, missed = label_problem(1)
    found = best_shifts(lines_of(logits, gold, missed), Metric("micro", label=2))
    assert found[0] == found[1] == 0
    assert found[2] != 0


def test_what_no_row_is_about_counts():
    """Gold that a suggester missed lowers recall, whatever is decided."""
    logits, gold, _ = label_problem(0)
    metric, nothing, much = Metric("micro"), numpy.zeros(3), numpy.full(3, 100.0)
    scores = [score_of(metric, logits, gold, missed, 0.0) for missed in (nothing, much)]
    assert scores[1] < scores[0] / 2
    # The more is missed, the less a false positive costs.
    cautious, bold = (best_of_all(lines_of(logits, gold, m), metric) for m in (nothing, much))
    assert bold >= cautious


@pytest.mark.parametrize(("settings", "message"), [
    ({"average": "makro"}, r"average must be one of .*did you mean 'macro'"),
    ({"beta": 0.0}, "beta must be > 0"),
])  # fmt: skip
def test_bad_metrics(settings, message):
    with pytest.raises(ValueError, match=message):
        Metric(**settings)
