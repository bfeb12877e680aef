"""Gradient descent on each loss lowers it."""

import numpy
import pytest
from reference import WITHOUT_REDUCTION
from strategies import LOSSES, rng_of, softmax

from spacy_dice import functional

STEPS = 1000
CASES = [
    (name, settings, exclusive, reduction)
    for name, settings in LOSSES
    # With a factor that counts as a constant, the gradient is not that of the value.
    if "detach_weight" not in settings
    for exclusive in (True, False)
    for reduction in (functional.REDUCTIONS if name not in WITHOUT_REDUCTION else (None,))
]


@pytest.mark.parametrize(("name", "settings", "exclusive", "reduction"), CASES)
def test_descent_lowers_the_loss(name, settings, exclusive, reduction):
    """A linear model of 60 rows, three classes of which one is rare, and some labels wrong."""
    rng = rng_of(0)
    gold = rng.choice(3, 60, p=[0.6, 0.3, 0.1])
    features = rng.normal(size=(60, 4)) + numpy.eye(3, 4)[gold]
    targets = numpy.eye(3)[gold]
    if not exclusive:
        targets = numpy.maximum(targets, rng.random((60, 3)) < 0.2)
    if reduction:
        settings = {**settings, "reduction": reduction}
    loss = getattr(functional, name)
    weights = rng.normal(size=(4, 3)) * 0.1
    values = []
    for _ in range(STEPS):
        logits = features @ weights
        probs = softmax(logits) if exclusive else 1 / (1 + numpy.exp(-logits))
        value, gradient = loss(probs, targets, exclusive=exclusive, **settings)
        values.append(value)
        weights -= 0.002 * features.T @ gradient
    assert numpy.isfinite(values).all()
    assert values[-1] < values[0]
    # Steps are so small that not one of them goes up.
    assert (numpy.diff(values) <= 1e-9 * values[0]).all()
