"""Values against loops, gradients against torch autograd, identities, and the bounds."""

from itertools import product

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from reference import WITHOUT_REDUCTION, autograd, naive_value
from strategies import DICE_FAMILY, LOSSES, batches, rng_of, softmax

from spacy_dice import _overlap, functional

losses = pytest.mark.parametrize(("name", "k"), LOSSES, ids=str)
dice_family = pytest.mark.parametrize(("name", "k"), DICE_FAMILY, ids=str)
reductions = pytest.mark.parametrize("reduction", functional.REDUCTIONS)


def call(name, probs, targets, reduction="example", **k):
    if name not in WITHOUT_REDUCTION:
        k["reduction"] = reduction
    return getattr(functional, name)(probs, targets, **k)


@losses
@reductions
@settings(max_examples=15)
@given(batch=batches())
def test_value_equals_the_naive_loop(name, k, reduction, batch):
    logits, targets, weights, class_weights = batch
    probs = softmax(logits)
    value, _ = call(
        name, probs, targets, reduction, weights=weights, class_weights=class_weights, **k
    )
    k = {key: v for key, v in k.items() if key != "detach_weight"}
    expected = naive_value(
        name,
        probs,
        targets,
        reduction=reduction,
        weights=weights,
        class_weights=class_weights,
        **k,
    )
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@losses
@reductions
@pytest.mark.parametrize("exclusive", [True, False])
@settings(max_examples=15)
@given(batch=batches())
def test_gradient_equals_autograd(name, k, reduction, exclusive, batch):
    logits, targets, weights, class_weights = batch
    context = {"weights": weights, "class_weights": class_weights, "exclusive": exclusive}
    expected, expected_gradient, probs = autograd(
        name, logits, targets, reduction=reduction, **context, **k
    )
    value, gradient = call(name, probs, targets, reduction, **context, **k)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert_allclose(gradient, expected_gradient, rtol=1e-7, atol=1e-9)


@dice_family
@reductions
@settings(max_examples=15)
@given(batch=batches(), seed=st.integers(0, 2**32 - 1))
def test_masked_cells_do_not_count(name, k, reduction, batch, seed):
    """A weight of 0 for single cells, which only the Dice family has a formula for."""
    logits, targets, weights, class_weights = batch
    weights = weights * rng_of(seed).integers(0, 2, weights.shape)
    context = {"weights": weights, "class_weights": class_weights, "exclusive": True}
    expected, expected_gradient, probs = autograd(
        name, logits, targets, reduction=reduction, **context, **k
    )
    value, gradient = call(name, probs, targets, reduction, **context, **k)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert_allclose(gradient, expected_gradient, rtol=1e-7, atol=1e-9)


@losses
@reductions
@settings(max_examples=10)
@given(batch=batches())
def test_gradient_by_probs_is_that_by_logits_without_the_derivative_of_sigmoid(
    name, k, reduction, batch
):
    logits, targets, weights, _ = batch
    probs = 1 / (1 + numpy.exp(-logits))
    value, by_logits = call(name, probs, targets, reduction, weights=weights, exclusive=False, **k)
    same, by_probs = call(
        name, probs, targets, reduction, weights=weights, exclusive=False, wrt="probs", **k
    )
    assert value == same
    assert_allclose(by_probs * probs * (1 - probs), by_logits, rtol=1e-7, atol=1e-10)


@losses
@reductions
@settings(max_examples=10)
@given(batch=batches())
def test_softmax_turns_the_gradient_by_its_probabilities_into_that_by_logits(
    name, k, reduction, batch
):
    logits, targets, weights, _ = batch
    p = softmax(logits)
    value, by_logits = call(name, p, targets, reduction, weights=weights, **k)
    same, by_probs = call(name, p, targets, reduction, weights=weights, wrt="probs", **k)
    assert value == same
    through_softmax = p * (by_probs - (p * by_probs).sum(axis=1, keepdims=True))
    assert_allclose(through_softmax, by_logits, rtol=1e-7, atol=1e-10)


@given(batch=batches())
def test_focal_without_focus_is_cross_entropy(batch):
    logits, targets, weights, class_weights = batch
    context = {"weights": weights, "class_weights": class_weights}
    for exclusive in (True, False):
        focal = functional.focal(
            softmax(logits), targets, focus=0.0, exclusive=exclusive, **context
        )
        ce = functional.cross_entropy(softmax(logits), targets, exclusive=exclusive, **context)
        assert focal[0] == pytest.approx(ce[0])
        assert_allclose(focal[1], ce[1], atol=1e-12)


@given(batch=batches())
def test_generalized_cross_entropy_goes_to_cross_entropy(batch):
    logits, targets, weights, class_weights = batch
    context = {"weights": weights, "class_weights": class_weights}
    for exclusive, wrt in product((True, False), functional.WRT):
        ce = functional.cross_entropy(
            softmax(logits), targets, exclusive=exclusive, wrt=wrt, **context
        )
        for q, near in ((0.0, 1e-12), (1e-8, 1e-6)):
            gce = functional.generalized_cross_entropy(
                softmax(logits), targets, q=q, exclusive=exclusive, wrt=wrt, **context
            )
            assert gce[0] == pytest.approx(ce[0], rel=near)
            assert_allclose(gce[1], ce[1], rtol=1e-5, atol=near)


@given(batch=batches(), exclusive=st.booleans())
def test_gradient_of_the_entropy_equals_autograd(batch, exclusive):
    logits, targets, weights, _ = batch
    context = {"weights": weights, "exclusive": exclusive}
    expected, by_logits, probs = autograd(
        "negative_entropy", logits, targets, class_weights=None, **context
    )
    value, gradient = functional.negative_entropy(probs, **context)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert_allclose(gradient, by_logits, rtol=1e-7, atol=1e-10)
    _, by_probs = functional.negative_entropy(probs, wrt="probs", **context)
    slope = probs if exclusive else probs * (1 - probs)
    assert_allclose(slope * by_probs, by_logits, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("exclusive", [True, False])
def test_entropy_at_the_ends(exclusive):
    for wrt in functional.WRT:
        value, gradient = functional.negative_entropy(SATURATED, exclusive=exclusive, wrt=wrt)
        assert numpy.isfinite(value)
        assert gradient.dtype == SATURATED.dtype
        assert numpy.isfinite(gradient).all()


def test_asymmetric_loss_below_its_margin_and_at_the_ends():
    """A negative at the margin and below costs nothing; nothing is infinite at p = 0 and 1."""
    probs = numpy.array([[0.0, 0.05, 0.1, 0.1001, 1.0]])
    settings = {"focus_positive": 0.0, "focus_negative": 1.0, "margin": 0.1, "exclusive": False}
    for wrt in functional.WRT:
        _, gradient = functional.asymmetric_focal(
            probs, numpy.zeros_like(probs), wrt=wrt, **settings
        )
        assert numpy.isfinite(gradient).all()
        assert (gradient[0, :3] == 0).all()
        assert gradient[0, 3] > 0
        _, gradient = functional.asymmetric_focal(
            probs, numpy.ones_like(probs), wrt=wrt, **settings
        )
        assert numpy.isfinite(gradient).all()
        assert (gradient[0, :4] < 0).all()


@reductions
@given(batch=batches())
def test_tversky_with_halves_is_dice_without_squares(reduction, batch):
    """TP / (TP + FP/2 + FN/2) = 2 TP / (2 TP + FP + FN); the smooth doubles with it."""
    logits, targets, weights, _ = batch
    probs = softmax(logits)
    tversky = functional.tversky(
        probs, targets, alpha=0.5, beta=0.5, smooth=0.5, reduction=reduction, weights=weights
    )
    dice = functional.self_adjusting_dice(
        probs, targets, alpha=0.0, smooth=1.0, reduction=reduction, weights=weights
    )
    assert tversky[0] == pytest.approx(dice[0])
    assert_allclose(tversky[1], dice[1], atol=1e-12)


@dice_family
@given(batch=batches(max_rows=1, soft=False))
def test_batch_of_one_row_is_example(name, k, batch):
    logits, targets, _, class_weights = batch
    for_batch, for_example = (
        call(name, softmax(logits), targets, reduction, class_weights=class_weights, **k)
        for reduction in ("batch", "example")
    )
    assert for_batch[0] == pytest.approx(for_example[0])
    assert_allclose(for_batch[1], for_example[1], atol=1e-12)


@losses
@reductions
@given(batch=batches(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_order_of_rows_does_not_matter(name, k, reduction, batch, seed):
    logits, targets, weights, _ = batch
    probs = softmax(logits)
    order = rng_of(seed).permutation(len(probs))
    value, gradient = call(name, probs, targets, reduction, weights=weights, **k)
    permuted = call(name, probs[order], targets[order], reduction, weights=weights[order], **k)
    assert permuted[0] == pytest.approx(value)
    assert_allclose(permuted[1], gradient[order], atol=1e-12)


@dice_family
def test_one_hot_shortcut_equals_the_general_way(name, k, monkeypatch):
    rng = rng_of(0)
    probs = softmax(rng.normal(size=(40, 6))).astype("f")
    targets = numpy.eye(6, dtype="f")[rng.integers(0, 6, 40)]
    monkeypatch.setattr(_overlap, "_SMALL", 0)
    value, gradient = call(name, probs, targets, **k)
    assert _overlap._one_hot_positions(numpy, targets) is not None
    monkeypatch.setattr(_overlap, "_one_hot_positions", lambda xp, targets: None)
    general_value, general_gradient = call(name, probs, targets, **k)
    assert value == pytest.approx(general_value, rel=1e-6)
    assert_allclose(gradient, general_gradient, rtol=1e-5, atol=1e-7)


@dice_family
def test_blocks_do_not_change_anything(name, k, monkeypatch):
    rng = rng_of(0)
    probs = softmax(rng.normal(size=(50, 4)))
    targets = numpy.eye(4)[rng.integers(0, 4, 50)]
    weights = rng.random(50)
    value, gradient = call(name, probs, targets, weights=weights, **k)
    monkeypatch.setattr(_overlap, "_BLOCK", 30)
    in_blocks_value, in_blocks = call(name, probs, targets, weights=weights, **k)
    assert in_blocks_value == pytest.approx(value)
    assert_allclose(in_blocks, gradient, rtol=1e-12)


SATURATED = numpy.array(
    [
        [1.0, 0.0, 0.0],
        [1.0, 1e-38, 0.0],
        [1 - 6e-8, 6e-8, 0.0],
        [1 - 1e-6, 5e-7, 5e-7],
        [0.5, 0.5, 0.0],
        [1 / 3, 1 / 3, 1 / 3],
        [1.0, 1e-10, 1e-9],
    ],
    dtype="f",
)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.01, 0.3, 0.99, 1.0, 1.5, 10.0])
@pytest.mark.parametrize("smooth", [0.0, 1e-30, 1e-6, 0.1, 1.0])
@pytest.mark.parametrize("gold", [0, 1, 2])
@pytest.mark.parametrize("exclusive", [True, False])
def test_gradients_are_bounded_at_the_ends(alpha, smooth, gold, exclusive):
    """Bounded by the sum over cells of |1 - (1+alpha) p| <= 1 + alpha, times 2 for the ratio."""
    targets = numpy.zeros_like(SATURATED)
    targets[:, gold] = 1
    for name, k in [
        ("self_adjusting_dice", {"alpha": alpha, "smooth": smooth}),
        ("self_adjusting_dice", {"alpha": alpha, "smooth": smooth, "detach_weight": True}),
        ("tversky", {"alpha": alpha, "beta": 0.5, "smooth": smooth}),
        ("dice", {"smooth": smooth}),
    ]:
        for reduction in functional.REDUCTIONS:
            value, gradient = call(name, SATURATED, targets, reduction, exclusive=exclusive, **k)
            assert numpy.isfinite(value)
            assert numpy.isfinite(gradient).all()
            assert abs(gradient).max() <= 6 * (2 + alpha) * (7 if reduction == "batch" else 1)


@losses
def test_float32_in_float32_out(name, k):
    probs = SATURATED
    targets = numpy.eye(3, dtype="f")[[0, 1, 2, 0, 1, 2, 0]]
    for exclusive, wrt in product((True, False), functional.WRT):
        value, gradient = call(name, probs, targets, exclusive=exclusive, wrt=wrt, **k)
        assert type(value) is float
        assert gradient.dtype == numpy.float32
        assert gradient.shape == probs.shape
        assert numpy.isfinite(gradient).all()


def test_softmax_gradients_sum_to_zero_in_each_row():
    rng = rng_of(1)
    probs = softmax(rng.normal(size=(30, 5)) * 5)
    targets = numpy.eye(5)[rng.integers(0, 5, 30)]
    for name, k in LOSSES:
        _, gradient = call(name, probs, targets, **k)
        assert_allclose(gradient.sum(axis=1), 0, atol=1e-12)


def test_bare_values_to_the_last_bit():
    """Float32 operations in the order of the paper's formulas give the same bits."""
    f = numpy.float32
    rng = rng_of(2)
    for p in rng.random(300, dtype="f"):
        for y in (f(0), f(1)):
            cell, target = numpy.array([[p]]), numpy.array([[y]])
            one, two, g = f(1), f(2), f(0.75)
            alpha, beta = f(0.7), f(0.3)
            u = (one - p) ** one * p
            expected = {
                "dice": one - (two * p * y + g) / (p * p + y * y + g),
                "self_adjusting_dice": one - (two * u * y + g) / (u + y + g),
                "tversky": one
                - (p * y + g) / (p * y + alpha * (p * (one - y)) + beta * ((one - p) * y) + g),
            }
            for name, value in expected.items():
                k = {"alpha": 0.7, "beta": 0.3} if name == "tversky" else {}
                k |= {"alpha": 1.0} if name == "self_adjusting_dice" else {}
                got, _ = call(name, cell, target, smooth=0.75, exclusive=False, **k)
                assert f(got) == value


def test_class_without_gold_is_pushed_down_in_a_batch():
    probs = numpy.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2]])
    targets = numpy.array([[1.0, 0, 0], [0, 1.0, 0]])
    value, gradient = functional.self_adjusting_dice(
        probs, targets, alpha=0.0, smooth=1.0, reduction="batch"
    )
    # rows / classes with gold = 1; the class without gold adds FP / (FP + smooth).
    expected = [1 - (2 * tp + 1) / (p + y + 1) for tp, p, y in [(0.7, 0.9, 1), (0.6, 0.8, 1)]]
    assert value == pytest.approx(sum(expected) + 0.3 / 1.3)
    assert (gradient[:, 2] > 0).all()


def test_a_cell_without_target_has_no_true_positives_even_at_u_of_zero():
    """d/dp u/(u+1) for u = p (1-p) is (1-2p)/(u+1)^2: -1 at p = 1, where u = y = 0."""
    probs, targets = numpy.array([[1.0, 0.5]]), numpy.array([[0.0, 0.3]])
    _, gradient = functional.self_adjusting_dice(
        probs, targets, alpha=1.0, smooth=1.0, exclusive=False, wrt="probs"
    )
    assert gradient[0, 0] == pytest.approx(-1)
