"""Gradients in float32 through Thinc's output layers, against autograd in float64 from the logits.

Spreads of the logits go from .1 to 300, where probabilities round to 1 and to 0. What float32
makes unavoidable is computed for each case: the exact gradient of the nearest logits that the
probabilities in float32 still tell of. A gradient may be as far off as that one, and rounding.
"""

from itertools import product

import numpy
import pytest
from reference import WITHOUT_REDUCTION, autograd
from strategies import LOSSES, rng_of
from thinc.api import NumpyOps

from spacy_dice import functional
from spacy_dice._gradients import HEADROOM

pytest.importorskip("torch")
STEEP = [("self_adjusting_dice", {"alpha": a, "smooth": 1.0}) for a in (0.01, 0.05, 0.1)]
SPREADS = (0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
OUTPUTS = tuple(product((True, False), functional.WRT))
# Of intermediate results; a rounding error is half of eps.
ROUNDING = 64 * numpy.finfo("f").eps


def case(name, k, exclusive, reduction, spread, seed):
    """Logits, targets, weights and settings of one batch."""
    rng = rng_of((seed, round(10 * spread)))
    n, c = rng.integers(1, 5), rng.integers(2, 6)
    logits = (rng.normal(size=(n, c)) * spread).astype("f")
    targets = numpy.eye(c)[rng.integers(0, c, n)]
    if not exclusive:
        targets = (rng.random((n, c)) < 0.4).astype(float)
    if rng.random() < 0.2:
        targets = rng.dirichlet(numpy.ones(c), n).astype("f").astype(float)
    weights = numpy.repeat(rng.choice([0.0, 0.5, 1.0, 8.0], (n, 1)), c, axis=1)
    class_weights = rng.choice([0.5, 1.0, 5.0], c)
    settings = dict(k) if name in WITHOUT_REDUCTION else {**k, "reduction": reduction}
    return logits, targets, {"weights": weights, "class_weights": class_weights, **settings}


def through_the_layer(name, logits, targets, settings, exclusive, wrt):
    """The probabilities and the gradient by the logits, as Thinc computes them in float32."""
    ops = NumpyOps()
    probs = ops.softmax(logits) if exclusive else ops.sigmoid(logits)
    in_float32 = {
        key: v.astype("f") if isinstance(v, numpy.ndarray) else v for key, v in settings.items()
    }
    _, gradient = getattr(functional, name)(
        probs, targets.astype("f"), exclusive=exclusive, wrt=wrt, **in_float32
    )
    assert gradient.dtype == probs.dtype == numpy.float32
    assert numpy.isfinite(gradient).all()
    if wrt == "probs":
        if exclusive:
            gradient = ops.backprop_softmax(probs, gradient)
        else:
            gradient = gradient * ops.dsigmoid(probs)
        assert numpy.isfinite(gradient).all()
    return probs, gradient


def logits_of(p, exclusive):
    """Logits of probabilities in float64; that of 0 is far below all others."""
    log_p = numpy.where(p > 0, numpy.log(numpy.maximum(p, 1e-300)), -1e5)
    if exclusive:
        return log_p
    # All above p = 1 - eps/4 is 1 in float32.
    return log_p - numpy.log(numpy.maximum(1 - p, numpy.finfo("f").eps / 8))


def unavoidable(name, targets, settings, exclusive, wrt, probs, exact):
    """How far the gradient may be from the exact one."""
    # Two units in the last place, which a function in float32 may be off, and half of the smallest
    # number, below which all is 0.
    p, eps, least = probs.astype(float), numpy.finfo("f").eps, 2.0**-149
    found = [exact]
    for near in (p * (1 - 2 * eps) - least, p, p * (1 + 2 * eps) + least):
        near = numpy.clip(near, 0, None if exclusive else 1)
        near = logits_of(near, exclusive)
        found.append(autograd(name, near, targets, exclusive=exclusive, **settings)[1])
    bound = numpy.ptp(found, axis=0)
    if wrt == "probs":
        # What the derivative of the layer multiplies with 0, or a number without all its digits.
        tiny = numpy.finfo("f").tiny
        slope = probs if exclusive else probs * (1 - probs)
        lost = numpy.where(slope < HEADROOM * tiny * numpy.maximum(abs(exact), 1), abs(exact), 0)
        bound = bound + lost
        if exclusive:
            bound = bound + probs * lost.sum(axis=1, keepdims=True)
    scale = 1 + abs(exact).max(axis=1, keepdims=True)
    scale = scale * settings["weights"].max() * settings["class_weights"].max()
    return bound + ROUNDING * scale


def misses(seeds, losses=(*LOSSES, *STEEP)):
    """Cases tried, and those beyond what is unavoidable."""
    tried, missed, held = 0, [], 0
    for (name, k), (exclusive, wrt), spread, seed in product(losses, OUTPUTS, SPREADS, seeds):
        reductions = ("example",) if name in WITHOUT_REDUCTION else functional.REDUCTIONS
        for reduction in reductions:
            logits, targets, settings = case(name, k, exclusive, reduction, spread, seed)
            probs, gradient = through_the_layer(name, logits, targets, settings, exclusive, wrt)
            _, exact, _ = autograd(
                name, logits.astype(float), targets, exclusive=exclusive, **settings
            )
            bound = unavoidable(name, targets, settings, exclusive, wrt, probs, exact)
            error = abs(gradient - exact)
            tried += 1
            scale = settings["weights"].max() * settings["class_weights"].max()
            held += bool((error <= ROUNDING * (1 + abs(exact).max()) * scale).all())
            if not (error <= bound).all():
                missed.append(
                    (name, k, exclusive, wrt, reduction, spread, seed, float((error - bound).max()))
                )
    return tried, held, missed


def test_a_sample_of_all_gradients():
    tried, _, missed = misses(range(2))
    assert tried > 1500
    assert missed == []


@pytest.mark.slow
def test_many_gradients(cases):
    tried, _, missed = misses(range(2, 28))
    cases(tried, tried - len(missed))
    assert tried > 20_000
    assert missed == []


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("wrt", functional.WRT)
def test_the_other_classes_tell_what_a_probability_of_1_lacks(alpha, wrt):
    logits, targets = numpy.array([[17.5, 0, 0], [0, 1, 2]], dtype="f"), numpy.eye(3)[[1, 0]]
    settings = {"alpha": alpha, "smooth": 0.005, "reduction": "batch"}
    settings |= {"weights": numpy.ones((2, 3)), "class_weights": numpy.ones(3)}
    name = "self_adjusting_dice"
    probs, gradient = through_the_layer(name, logits, targets, settings, True, wrt)
    assert probs[0, 0] == 1
    _, exact, _ = autograd(name, logits.astype(float), targets, exclusive=True, **settings)
    assert gradient == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("z", [-20.0, -18.0, -16.5, -8.0, 0.0, 3.0])
@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_confident_mistakes_behind_a_logistic_layer(name, z):
    """The closer to 0 the probability of a positive, the nearer the gradient by the logit to -1."""
    settings = {} if name == "cross_entropy" else {"focus": 2.0}
    logits, targets = numpy.array([[z]], dtype="f"), numpy.array([[1.0]])
    _, gradient = through_the_layer(name, logits, targets, settings, False, "probs")
    _, exact, _ = autograd(
        name, logits, targets, exclusive=False, weights=1.0, class_weights=1.0, **settings
    )
    assert gradient[0, 0] == pytest.approx(exact[0, 0], rel=1e-5)
    # A negative: the same up to where p rounds to 1.
    _, gradient = through_the_layer(name, -logits.clip(-16), 1 - targets, settings, False, "probs")
    _, exact, _ = autograd(
        name,
        -logits.clip(-16),
        1 - targets,
        exclusive=False,
        weights=1.0,
        class_weights=1.0,
        **settings,
    )
    assert gradient[0, 0] == pytest.approx(exact[0, 0], rel=0.1)


@pytest.mark.parametrize("exclusive", [True, False])
def test_gradients_by_probabilities_that_are_0_or_1_are_finite(exclusive):
    """As in a confident mistake: through the layer they stay within those by the logits."""
    ops = NumpyOps()
    probs = numpy.array([[1, 0, 0], [1, 1e-38, 0], [1, 3e-45, 0]], dtype="f")
    targets = numpy.array([[0, 1, 0]] * 3, dtype="f")
    weights = numpy.array([5, 1, 3], dtype="f")
    for name, k in LOSSES:
        for factor in (1, 10, 1e4):
            settings = {"weights": numpy.full((3, 1), factor, dtype="f"), "class_weights": weights}
            _, gradient = getattr(functional, name)(
                probs, targets, exclusive=exclusive, wrt="probs", **settings, **k
            )
            _, by_logits = getattr(functional, name)(
                probs, targets, exclusive=exclusive, **settings, **k
            )
            through = (
                ops.backprop_softmax(probs, gradient)
                if exclusive
                else gradient * ops.dsigmoid(probs)
            )
            assert numpy.isfinite(through).all()
            assert (abs(through) <= 2.01 * abs(by_logits).max() + 1e-6).all(), (name, k)
