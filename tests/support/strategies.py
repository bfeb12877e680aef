"""Hypothesis strategies for batches of probabilities and targets."""

import numpy
from hypothesis import strategies as st

# Hyper-parameters of every loss, the corners included.
LOSSES = [
    ("cross_entropy", {}),
    ("focal", {"focus": 0.5}),
    ("focal", {"focus": 2.0}),
    ("asymmetric_focal", {"focus_positive": 0.0, "focus_negative": 2.0, "margin": 0.05}),
    ("asymmetric_focal", {"focus_positive": 1.0, "focus_negative": 0.5, "margin": 0.2}),
    ("generalized_cross_entropy", {"q": 0.3}),
    ("generalized_cross_entropy", {"q": 1.0}),
    ("squared_error", {}),
    ("dice", {"smooth": 1.0}),
    ("dice", {"smooth": 0.1}),
    ("tversky", {"alpha": 0.7, "beta": 0.3, "smooth": 1.0}),
    ("tversky", {"alpha": 0.0, "beta": 2.0, "smooth": 0.5}),
    ("self_adjusting_dice", {"alpha": 1.0, "smooth": 1.0}),
    ("self_adjusting_dice", {"alpha": 1.0, "smooth": 0.005}),
    ("self_adjusting_dice", {"alpha": 0.3, "smooth": 0.1}),
    ("self_adjusting_dice", {"alpha": 2.5, "smooth": 1.0}),
    ("self_adjusting_dice", {"alpha": 0.0, "smooth": 1.0}),
    ("self_adjusting_dice", {"alpha": 0.5, "smooth": 1.0, "detach_weight": True}),
]
DICE_FAMILY = [(name, k) for name, k in LOSSES if "smooth" in k]


def rng_of(seed):
    return numpy.random.default_rng(seed)


@st.composite
def batches(draw, max_rows=7, max_classes=5, spread=4.0, soft=True):
    """Logits, targets, cell weights and class weights of one batch, float64."""
    n = draw(st.integers(1, max_rows))
    c = draw(st.integers(2, max_classes))
    rng = rng_of(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(n, c)) * draw(st.sampled_from([0.1, 1.0, spread]))
    targets = numpy.eye(c)[rng.integers(0, c, n)]
    if soft and draw(st.booleans()):
        targets = rng.dirichlet(numpy.ones(c), n)
    weights = rng.random((n, 1)) if draw(st.booleans()) else numpy.ones((n, 1))
    class_weights = rng.choice([0.5, 1.0, 2.0], c) if draw(st.booleans()) else numpy.ones(c)
    return logits, targets, numpy.repeat(weights, c, axis=1), class_weights


def softmax(logits):
    e = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
