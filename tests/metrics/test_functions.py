"""Soft F-scores: equal to scikit-learn's on decisions, to closed forms and losses elsewhere."""

import warnings
from fractions import Fraction
from itertools import pairwise, product

import numpy
import pandas
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning

from spacy_dice import functional
from spacy_dice.metrics import (
    SoftF1Accumulator,
    dice_loss,
    dsc_loss,
    soft_f1_score,
    soft_fbeta_score,
    soft_precision_recall_fscore_support,
    tversky_loss,
)

NAMES = {
    "int": numpy.array([0, 1, 2, 5]),
    "negative": numpy.array([-1, 1, 3, 4]),
    "bool": numpy.array([False, True]),
    "str": numpy.array(["ham", "news", "spam", "zero"]),
}


@st.composite
def settings_of_scores(draw, n):
    """beta, zero_division and sample_weight."""
    weights = st.lists(
        st.sampled_from([0.0, 0.5, 1.0, 2.25]) | st.floats(0, 4, width=32), min_size=n, max_size=n
    )
    return {
        "beta": draw(st.sampled_from([0, 0.5, 1, 2.0, numpy.inf])),
        "zero_division": draw(st.sampled_from(["warn", 0, 1.0, numpy.nan])),
        "sample_weight": draw(st.none() | weights.filter(any)),
    }


@st.composite
def single_label_problems(draw):
    """`(y_true, y_pred, classes, settings)` of decisions."""
    classes = NAMES[draw(st.sampled_from(sorted(NAMES)))]
    c = draw(st.integers(2, len(classes)))
    classes = numpy.array(draw(st.permutations(classes[:c].tolist())))
    n = draw(st.integers(1, 12))
    rows = st.lists(st.integers(0, c - 1), min_size=n, max_size=n)
    y_true, y_pred = draw(rows), draw(rows)
    settings = draw(settings_of_scores(n))
    settings["average"] = draw(st.sampled_from(["binary", "micro", "macro", "weighted", None]))
    found = set(y_true) | set(y_pred)
    if settings["average"] == "binary":
        # scikit-learn counts the labels that it finds, we the classes.
        c = len(found | {0, 1}) if c == 2 else c
        if c > 2:
            settings["average"] = None
        else:
            settings["pos_label"] = classes[draw(st.sampled_from(sorted(found)))]
    elif draw(st.booleans()):
        chosen = draw(st.lists(st.integers(0, len(classes) - 1), min_size=1, unique=True))
        # At least one that occurs: the opposite is a test of its own.
        chosen += [] if found & set(chosen) else [min(found)]
        settings["labels"] = classes[chosen].tolist()
    return classes[y_true], classes[y_pred], classes, settings


@st.composite
def multilabel_problems(draw):
    n, c = draw(st.integers(1, 8)), draw(st.integers(2, 4))
    tables = st.lists(
        st.lists(st.integers(0, 1), min_size=c, max_size=c), min_size=n, max_size=n
    ).map(numpy.array)
    settings = draw(settings_of_scores(n))
    settings["average"] = draw(st.sampled_from(["micro", "macro", "weighted", "samples", None]))
    if draw(st.booleans()):
        settings["labels"] = draw(st.lists(st.integers(0, c - 1), min_size=1, unique=True))
    return draw(tables), draw(tables), settings


def one_hot(y_pred, classes):
    return (numpy.asarray(y_pred)[:, None] == classes).astype(float)


def with_warnings(function, *args, **kwargs):
    """The result, and the set of warned categories."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **kwargs)
    return result, {w.category for w in caught}


def assert_same_scores(ours, theirs):
    (ours, our_warnings), (theirs, their_warnings) = ours, theirs
    for mine, other in zip(ours, theirs, strict=True):
        if other is None:
            assert mine is None
        else:
            numpy.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-15)
    assert our_warnings == their_warnings


# Combinations, not examples, are what these two are about: many of them are needed.
@settings(deadline=None, max_examples=400)
@given(single_label_problems())
def test_decisions_score_as_scikit_learn_scores_them(problem):
    y_true, y_pred, classes, kwargs = problem
    theirs = with_warnings(
        sklearn.metrics.precision_recall_fscore_support, y_true, y_pred, **kwargs
    )
    ours = with_warnings(
        soft_precision_recall_fscore_support,
        y_true,
        one_hot(y_pred, classes),
        classes=classes,
        **kwargs,
    )
    assert_same_scores(ours, theirs)
    if len(classes) == 2 and kwargs["average"] == "binary":
        positive = (y_pred == kwargs["pos_label"]).astype(float)
        ours = with_warnings(
            soft_precision_recall_fscore_support, y_true, positive, classes=classes, **kwargs
        )
        assert_same_scores(ours, theirs)


@settings(deadline=None, max_examples=300)
@given(multilabel_problems(), st.booleans())
def test_multilabel_decisions_score_as_scikit_learn_scores_them(problem, is_sparse):
    y_true, y_pred, kwargs = problem
    theirs = with_warnings(
        sklearn.metrics.precision_recall_fscore_support, y_true, y_pred, **kwargs
    )
    targets = sparse.csr_array(y_true) if is_sparse else y_true
    ours = with_warnings(soft_precision_recall_fscore_support, targets, y_pred, **kwargs)
    assert_same_scores(ours, theirs)


@settings(deadline=None, max_examples=100)
@given(single_label_problems())
def test_f1_and_fbeta_are_the_f_scores_of_scikit_learn(problem):
    y_true, y_pred, classes, kwargs = problem
    probs = one_hot(y_pred, classes)
    theirs = with_warnings(sklearn.metrics.fbeta_score, y_true, y_pred, **kwargs)
    ours = with_warnings(soft_fbeta_score, y_true, probs, classes=classes, **kwargs)
    assert_same_scores(([ours[0]], ours[1]), ([theirs[0]], theirs[1]))
    del kwargs["beta"]
    theirs = with_warnings(sklearn.metrics.f1_score, y_true, y_pred, **kwargs)
    ours = with_warnings(soft_f1_score, y_true, probs, classes=classes, **kwargs)
    assert_same_scores(([ours[0]], ours[1]), ([theirs[0]], theirs[1]))


@pytest.mark.parametrize(
    ("y_true", "classes"),
    [(["a", "b", "b"], None), ([0, 1, 1], None), ([True, False, True], None), ([3, 1, 3], None)],
)
def test_a_column_of_a_binary_problem_may_be_left_out(y_true, classes):
    p = numpy.array([0.25, 0.5, 0.9])
    greater = max(y_true)
    both = numpy.stack([1 - p, p], axis=1)
    for average in ("macro", "micro", "weighted", None):
        numpy.testing.assert_allclose(
            soft_f1_score(y_true, p, average=average), soft_f1_score(y_true, both, average=average)
        )
    for label, column in ((greater, p), (min(y_true), 1 - p)):
        assert soft_f1_score(y_true, column, pos_label=label) == pytest.approx(
            soft_f1_score(y_true, both, pos_label=label)
        )
    assert soft_f1_score(y_true, p[:, None], pos_label=greater) == soft_f1_score(
        y_true, p, pos_label=greater
    )


def expected_f(y, p, w, beta):
    """The definition, with exact numbers, in loops."""
    tp = sum(w_i * p_i * y_i for w_i, p_i, y_i in zip(w, p, y, strict=True))
    fp = sum(w_i * p_i * (1 - y_i) for w_i, p_i, y_i in zip(w, p, y, strict=True))
    fn = sum(w_i * (1 - p_i) * y_i for w_i, p_i, y_i in zip(w, p, y, strict=True))
    return (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 1, width=32), st.floats(0.125, 4, width=32)),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([0.5, 1, 2]),
)
def test_soft_scores_follow_the_definition(rows, beta):
    # The first row makes sure that the score is defined.
    y, p, w = zip((True, 0.5, 1.0), *rows, strict=True)
    exact = expected_f(y, [Fraction(x) for x in p], [Fraction(x) for x in w], Fraction(beta))
    got = soft_fbeta_score(numpy.array(y), p, beta=beta, sample_weight=w)
    assert got == pytest.approx(float(exact), rel=1e-12)


def random_problem(n=200, c=4, seed=0):
    rng = numpy.random.default_rng(seed)
    probs = rng.dirichlet(numpy.ones(c), n)
    return rng.integers(0, c, n), probs, rng.uniform(0, 2, n)


def test_blocks_change_nothing(monkeypatch):
    from spacy_dice.metrics import _inputs

    y, probs, w = random_problem()
    whole = soft_f1_score(y, probs, average=None, sample_weight=w)
    loss = dsc_loss(y, probs, sample_weight=w)
    monkeypatch.setattr(_inputs, "_BLOCK", 12)
    numpy.testing.assert_allclose(
        soft_f1_score(y, probs, average=None, sample_weight=w), whole, rtol=1e-12
    )
    assert dsc_loss(y, probs, sample_weight=w) == pytest.approx(loss, rel=1e-12)


def test_labels_of_no_row_and_no_column_have_no_mass():
    y = random_problem()[0]
    theirs = sklearn.metrics.f1_score(y, y, labels=[1, 9], average=None, zero_division=0)
    ours = soft_f1_score(
        y, one_hot(y, numpy.arange(4)), labels=[1, 9], average=None, zero_division=0
    )
    assert ours.tolist() == theirs.tolist() == [1, 0]


@pytest.mark.parametrize("dtype", ["int64", "bool", "category", "string", "object", "Int64"])
def test_pandas(dtype):
    y, probs, w = random_problem(c=2)
    labels = y.astype(bool) if dtype == "bool" else y
    if dtype in ("string", "object", "category"):
        labels = numpy.array(["no", "yes"])[y]
    series = pandas.Series(labels, index=numpy.arange(len(y))[::-1]).astype(dtype)
    frame = pandas.DataFrame(probs, columns=["a", "b"])
    positive = numpy.unique(labels)[1]
    assert soft_f1_score(
        series, frame, pos_label=positive, sample_weight=pandas.Series(w)
    ) == soft_f1_score(y, probs, sample_weight=w)


def test_polars():
    polars = pytest.importorskip("polars")
    y, probs, w = random_problem(c=3)
    names = ["a", "b", "c"]
    frame = polars.DataFrame(dict(zip(names, probs.T, strict=True)))
    series, weights = polars.Series(y), polars.Series(w)
    expected = soft_f1_score(y, probs, average="macro", sample_weight=w)
    assert soft_f1_score(series, frame, average="macro", sample_weight=weights) == expected
    texts = numpy.array(names)[y]
    assert (
        soft_f1_score(polars.Series(texts), frame, average="macro", sample_weight=weights)
        == expected
    )


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_indicators(container):
    rng = numpy.random.default_rng(0)
    y, probs = rng.integers(0, 2, (30, 3)), rng.uniform(size=(30, 3))
    for average in ("macro", "samples", None):
        numpy.testing.assert_array_equal(
            soft_f1_score(container(y), probs, average=average),
            soft_f1_score(y, probs, average=average),
        )
    assert soft_f1_score(container(y), probs, average=None, labels=[2]).shape == (1,)


def test_float32_is_summed_in_float64():
    y, probs, _ = random_problem(n=5000, c=2)
    small = probs.astype("f")
    assert soft_f1_score(y, small) == soft_f1_score(y, small.astype("d"))


LOSSES = [
    (dice_loss, functional.dice, {"smooth": 0.5}),
    (tversky_loss, functional.tversky, {"alpha": 0.7, "beta": 0.2, "smooth": 1.0}),
    (dsc_loss, functional.self_adjusting_dice, {"alpha": 0.6, "smooth": 0.1}),
]


@pytest.mark.parametrize("reduction", functional.REDUCTIONS)
@pytest.mark.parametrize(("metric", "loss", "kwargs"), LOSSES)
def test_losses_are_those_of_the_functional_core(metric, loss, kwargs, reduction):
    y, probs, w = random_problem()
    targets = one_hot(y, numpy.arange(4))
    value = loss(probs, targets, weights=w, reduction=reduction, **kwargs)[0]
    total = metric(y, probs, sample_weight=w, normalize=False, reduction=reduction, **kwargs)
    assert total == pytest.approx(value, rel=1e-12)
    mean = metric(y, probs, sample_weight=w, reduction=reduction, **kwargs)
    assert mean == pytest.approx(value / w.sum(), rel=1e-12)
    p = probs[:, 1]
    value = loss(p[:, None], targets[:, 1:2], exclusive=False, reduction=reduction, **kwargs)
    assert metric(y == 1, p, reduction=reduction, **kwargs) == pytest.approx(value[0] / len(y))
    indicator = sparse.csr_array(targets)
    assert metric(indicator, probs, reduction=reduction, **kwargs) == pytest.approx(
        metric(y, probs, reduction=reduction, **kwargs)
    )


def test_the_batch_tversky_loss_is_one_minus_soft_f1():
    y, probs, _ = random_problem(c=2)
    loss = tversky_loss(y, probs[:, 1], smooth=0.0, reduction="batch")
    assert 1 - loss == pytest.approx(soft_f1_score(y, probs), rel=1e-12)


ACCUMULATED = [
    {"average": "macro", "classes": range(4)},
    {"average": None, "classes": [3, 1, 0, 2], "beta": 2.0},
    {"average": None, "classes": range(4), "labels": [2, 0]},
    {"average": "weighted", "classes": range(4), "zero_division": numpy.nan},
    {"average": "micro", "classes": range(4), "labels": [1, 2, 3]},
]


def parts_of(y, probs, w, n_parts, rng):
    cuts = numpy.sort(rng.choice(numpy.arange(1, len(y)), n_parts - 1, replace=False))
    return [(y[a:b], probs[a:b], w[a:b]) for a, b in pairwise([0, *cuts.tolist(), len(y)])]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 8), st.sampled_from(ACCUMULATED))
def test_an_accumulator_is_exact_in_any_order_and_equals_the_one_shot_value(seed, n_parts, kwargs):
    rng = numpy.random.default_rng(seed)
    y, probs, w = random_problem(n=40, seed=seed)
    probs = numpy.where(rng.uniform(size=(40, 1)) < 0.3, numpy.eye(4)[y], probs)
    parts = parts_of(y, probs, w, n_parts, rng)
    in_order = SoftF1Accumulator(**kwargs)
    for part in parts:
        in_order.update(*part)
    workers = [SoftF1Accumulator(**kwargs) for _ in range(3)]
    for i in rng.permutation(n_parts):
        workers[rng.integers(3)].update(*parts[i])
    merged = SoftF1Accumulator(**kwargs)
    for i in rng.permutation(3):
        merged.merge(workers[i])
    assert merged.n_rows == 40
    numpy.testing.assert_array_equal(merged.result(), in_order.result())
    all_scores = merged.precision_recall_fscore_support()
    expected = soft_precision_recall_fscore_support(y, probs, sample_weight=w, **kwargs)
    for mine, other in zip(all_scores, expected, strict=True):
        if other is not None:
            numpy.testing.assert_allclose(mine, other, rtol=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples", None])
def test_an_accumulator_of_multilabel_parts(average):
    rng = numpy.random.default_rng(3)
    y, probs = rng.integers(0, 2, (50, 3)), rng.uniform(size=(50, 3))
    total = SoftF1Accumulator(average=average, zero_division=0)
    for start in range(0, 50, 20):
        total.update(sparse.csr_array(y[start : start + 20]), probs[start : start + 20])
    numpy.testing.assert_allclose(
        total.result(), soft_f1_score(y, probs, average=average, zero_division=0), rtol=1e-12
    )


def test_an_accumulator_on_dask_partitions():
    delayed = pytest.importorskip("dask").delayed
    y, probs, w = random_problem()
    parts = parts_of(y, probs, w, 7, numpy.random.default_rng(0))

    def seen(*part):
        return SoftF1Accumulator(average="macro", classes=range(4)).update(*part)

    totals = [delayed(seen)(*part) for part in parts]
    while len(totals) > 1:
        totals = [
            delayed(SoftF1Accumulator.merge)(*pair) if len(pair) == 2 else pair[0]
            for pair in (totals[i : i + 2] for i in range(0, len(totals), 2))
        ]
    got = totals[0].compute(scheduler="threads", num_workers=2)
    assert got.result() == pytest.approx(
        soft_f1_score(y, probs, average="macro", sample_weight=w), rel=1e-12
    )


def test_an_accumulator_of_binary_parts_that_lack_a_class():
    total = SoftF1Accumulator()
    total.update([0, 0], [0.5, 0.25]).update([1], [0.75])
    assert total.result() == soft_f1_score([0, 0, 1], [0.5, 0.25, 0.75])
    named = SoftF1Accumulator(pos_label="spam", classes=["ham", "spam"])
    named.update(["ham", "ham"], [0.5, 0.25]).update(["spam"], [0.75])
    assert named.result() == total.result()


@pytest.mark.parametrize("classes", [["a", "b", "c"], ["c", "a", "b"], ["a", "b", "c", "d"]])
def test_binary_with_two_labels_present_of_more_classes(classes):
    """As scikit-learn does: what is neither gold nor predicted does not count."""
    y_true, y_pred = ["a", "b", "b", "a", "b"], ["a", "b", "a", "b", "b"]
    one_hot = numpy.eye(len(classes))[[classes.index(label) for label in y_pred]]
    expected = sklearn.metrics.f1_score(y_true, y_pred, average="binary", pos_label="b")
    assert soft_f1_score(y_true, one_hot, classes=classes, pos_label="b") == pytest.approx(expected)
    one_hot[0] = numpy.eye(len(classes))[classes.index("c")]
    y_pred[0] = "c"
    for score, found in ((sklearn.metrics.f1_score, y_pred), (soft_f1_score, one_hot)):
        settings = {} if score is sklearn.metrics.f1_score else {"classes": classes}
        with pytest.raises(ValueError, match="Target is multiclass but average='binary'"):
            score(y_true, found, pos_label="b", **settings)


P = [0.25, 0.5, 0.75]
BAD_INPUT = [
    ([0, 1, 1], [0.5, numpy.nan, 0.5], {}, "Input y_prob contains NaN"),
    ([0, 1, 1], [0.5, 1.5, 0.5], {}, r"y_prob contains values greater than 1: 1\.5"),
    ([0, 1, 1], [0.5, -0.5, 0.5], {}, r"y_prob contains values lower than 0: -0\.5"),
    ([0, 1], P, {}, r"inconsistent numbers of samples: \[2, 3\]"),
    ([0, 1, 1], P, {"sample_weight": [1, 2]}, r"weight for each of 3 samples, .* \(2,\)"),
    ([0, 1, 1], P, {"sample_weight": [1, 2, -1]}, "Negative values in data passed to `sample_w"),
    ([0, 1, 1], P, {"sample_weight": [[1], [2], [3]]}, r"must be 1D .*\(3, 1\)"),
    ([0, 1, 2], numpy.full((3, 3), 0.3), {"average": "macro"}, r"row 0 sums to 0\.9"),
    ([0, 1, 2], numpy.eye(3), {}, "Target is multiclass but average='binary'"),
    ([0, 1, 2], P, {"average": "macro"}, "y_prob has 2 columns .* 3 classes: '0', '1', '2'"),
    ([0, 1, 1], P, {"average": "samples"}, "Samplewise metrics are not available"),
    ([0, 1, 1], P, {"average": "median"}, "average has to be one of .* got 'median'"),
    ([0, 1, 1], P, {"pos_label": 3}, r"pos_label=3 is not a valid label. .* \[0, 1\]"),
    (["a", "b", "b"], P, {}, r"pos_label=1 is not a valid label. .* \['a', 'b'\]"),
    (["a", "a", "a"], P, {"average": "macro"}, "give the labels of its columns as classes"),
    (["a", "b", "c"], P, {"classes": ["a", "b"], "pos_label": "b"}, "not in classes.*: 'c'"),
    ([0, 1, 1], P, {"classes": [1, 1]}, "classes must be unique"),
    ([0, 1, 1], P, {"zero_division": 2}, "zero_division must be .* got 2"),
    ([0.5, 1, 1], P, {}, "y_true: continuous targets are not supported"),
    ([0, numpy.nan, 1], P, {}, "y_true contains NaN"),
    ([0, "a", None], P, {}, "y_true"),
    ([[0, 1], [1, 1]], [[0.5, 0.5]] * 2, {}, "Target is multilabel-indicator but average='binary'"),
    ([[0, 1], [1, 2]], [[0.5, 0.5]] * 2, {"average": "macro"}, "multiclass-multioutput"),
    ([[0, 1], [1, 1]], P[:2], {"average": "macro"}, r"y_true has the shape \(2, 2\), y_prob \(2,"),
    ([[0, 1], [1, 1]], numpy.eye(2), {"average": "macro", "labels": [2]}, "labels must be in"),
    ([[0, 1]], [[0.5, 0.5]], {"average": "macro", "classes": ["a", "b"]}, "classes must be None"),
    ([0, 1, 1], P, {"sample_weight": [0, 0, 0]}, "at least one non-zero number"),
    ([], [], {}, "minimum of 1 is required|0 sample"),
]


@pytest.mark.parametrize(("y_true", "y_prob", "kwargs", "message"), BAD_INPUT)
def test_bad_input_is_named(y_true, y_prob, kwargs, message):
    with pytest.raises(ValueError, match=message):
        soft_f1_score(y_true, y_prob, **kwargs)


@pytest.mark.parametrize("beta", [-1, numpy.nan])
def test_a_bad_beta_is_named(beta):
    with pytest.raises(ValueError, match="beta == "):
        soft_fbeta_score([0, 1], [0, 1], beta=beta)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"smooth": -1}, "smooth == -1"), ({"reduction": "mean"}, "reduction must .* 'mean'")],
)
def test_bad_settings_of_losses_are_named(kwargs, message):
    for loss, _, _ in LOSSES:
        with pytest.raises(ValueError, match=message):
            loss([0, 1], [0.5, 0.5], **kwargs)


def test_an_accumulator_refuses_what_does_not_fit_together():
    with pytest.raises(ValueError, match="call update first"):
        SoftF1Accumulator().result()
    with pytest.raises(ValueError, match=r"classes must be given .* \['a', 'b'\]"):
        SoftF1Accumulator().update(["a", "b"], [0.5, 0.5])
    with pytest.raises(ValueError, match="same settings"):
        SoftF1Accumulator().merge(SoftF1Accumulator(beta=2.0))
    two = SoftF1Accumulator(average="macro").update([[0, 1]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="same columns"):
        two.update([[0, 1, 1]], [[0.5, 0.5, 0.5]])


def test_only_the_scores_that_are_asked_for_are_warned_of():
    y_true, y_prob = [1, 1], [0.0, 0.0]
    with pytest.warns(UndefinedMetricWarning, match="Precision is ill-defined"):
        soft_precision_recall_fscore_support(y_true, y_prob, average="binary")
    assert soft_f1_score(y_true, y_prob) == 0  # 0 / (0 + 2 fn): well-defined
    with pytest.warns(UndefinedMetricWarning, match="F-score is ill-defined .* no true nor predic"):
        soft_f1_score([0, 0], [0.0, 0.0])


def test_every_average_is_the_mean_it_says():
    y, probs, w = random_problem()
    each = soft_f1_score(y, probs, average=None, sample_weight=w)
    support = numpy.bincount(y, w)
    assert soft_f1_score(y, probs, average="macro", sample_weight=w) == pytest.approx(each.mean())
    assert soft_f1_score(y, probs, average="weighted", sample_weight=w) == pytest.approx(
        each @ support / support.sum()
    )
    expected = w @ probs[numpy.arange(len(y)), y] / w.sum()
    assert soft_f1_score(y, probs, average="micro", sample_weight=w) == pytest.approx(expected)
    table = one_hot(y, numpy.arange(4))
    rows = [expected_f(t, p, numpy.ones(4), 1) for t, p in zip(table.tolist(), probs, strict=True)]
    assert soft_f1_score(table, probs, average="samples", sample_weight=w) == pytest.approx(
        numpy.average(rows, weights=w)
    )


def test_permuted_rows_and_columns_score_the_same():
    y, probs, w = random_problem()
    rng = numpy.random.default_rng(1)
    rows, columns = rng.permutation(len(y)), rng.permutation(4)
    for average, labels in product(("macro", None), (None, [2, 1])):
        numpy.testing.assert_allclose(
            soft_f1_score(y, probs, average=average, labels=labels, sample_weight=w),
            soft_f1_score(
                y[rows],
                probs[rows][:, columns],
                average=average,
                labels=labels,
                sample_weight=w[rows],
                classes=columns,
            ),
            rtol=1e-12,
        )
