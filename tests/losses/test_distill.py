"""The loss of softened targets, on arrays."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from strategies import rng_of, softmax

from spacy_dice.losses import (
    CE,
    DL,
    DSC,
    FL,
    SE,
    TL,
    WCE,
    Batch,
    Compound,
    Distill,
    MacroF1,
    bind,
    needs_columns,
    needs_label_counts,
    teachers_of,
)

TAUGHT = {"first": 1, "second": 2, "third": 3}


def batch_of(seed, exclusive=True, n=5, c=4):
    """Probabilities, hard targets, and what teachers say of the same rows."""
    rng = rng_of(seed)

    def probs(rng):
        logits = rng.normal(size=(n, c))
        return softmax(logits) if exclusive else 1 / (1 + numpy.exp(-logits))

    targets = numpy.eye(c)[rng.integers(0, c, n)]
    return Batch(
        probs(rng), targets, exclusive=exclusive, ask=lambda name: probs(rng_of(TAUGHT[name]))
    )


INNER = [CE(), WCE(class_weights={"a": 2.0}), SE(), FL(), DL(), TL(), DSC(), DSC(reduction="batch")]
inner_losses = pytest.mark.parametrize("loss", INNER, ids=lambda loss: type(loss).__name__)


@inner_losses
@given(st.integers(0, 1000), st.floats(0.01, 1), st.booleans())
def test_is_the_loss_of_the_softened_targets(loss, seed, mix, exclusive):
    batch = batch_of(seed, exclusive)
    labels = ["a", "b", "c", "d"]
    distilled = Distill(teachers=list(TAUGHT), mix=mix, loss=loss).bind(labels)
    mean = sum(batch.ask(name) for name in TAUGHT) / 3
    soft = batch._replace(targets=(1 - mix) * batch.targets + mix * mean)
    value, gradient = distilled(batch)
    expected, expected_gradient = bind(loss, labels)(soft)
    assert value == pytest.approx(expected)
    assert_allclose(gradient, expected_gradient)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("loss", [CE(), SE(), DL(ce_weight=0.0)], ids=["CE", "SE", "DL"])
def test_gradient_equals_autograd(loss, exclusive):
    torch = pytest.importorskip("torch")
    batch = batch_of(7, exclusive)
    taught = (batch.ask("first") + batch.ask("second")) / 2
    y = torch.tensor(0.3 * batch.targets + 0.7 * taught)
    p = batch.probs
    start = numpy.log(p) if exclusive else numpy.log(p) - numpy.log1p(-p)
    logits = torch.tensor(start, requires_grad=True)
    p = torch.softmax(logits, dim=1) if exclusive else torch.sigmoid(logits)
    if isinstance(loss, SE):
        total = ((p - y) ** 2).sum() / 2
    elif isinstance(loss, DL):
        total = (1 - (2 * p * y + 1) / (p**2 + y**2 + 1)).sum()
    else:
        total = -(y * p.log()).sum()
        if not exclusive:
            total = total - ((1 - y) * (1 - p).log()).sum()
    total.backward()
    value, gradient = Distill(teachers=["first", "second"], mix=0.7, loss=loss).bind()(batch)
    assert value == pytest.approx(total.item())
    assert_allclose(gradient, logits.grad.numpy(), atol=1e-9)


def test_what_is_masked_stays_masked():
    batch = batch_of(3)
    weights = numpy.ones((5, 1))
    weights[2] = 0
    _, gradient = Distill(teachers=["first"]).bind()(batch._replace(weights=weights))
    assert_array_equal(gradient[2], 0)
    assert gradient[[0, 1, 3, 4]].any(axis=1).all()


def test_what_it_needs_is_what_its_loss_needs():
    loss = Distill(teachers=["a", "b"], loss=WCE())
    assert needs_label_counts(loss)
    assert needs_columns(loss)
    assert not needs_label_counts(Distill(teachers=["a"]))
    assert teachers_of(CE()) == ()
    both = {"x": loss, "y": Distill(teachers=["b", "c"]), "z": CE()}
    assert teachers_of(MacroF1(loss=Compound(losses=both))) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"teachers": []},
            r"teachers must be a list of the folders of trained pipelines, got \[\]",
        ),
        ({"teachers": "folder"}, "teachers must be a list .* got 'folder'"),
        ({"teachers": [3]}, r"teachers must be a list .* got \[3\]"),
        ({"mix": 0}, r"mix must be in \(0, 1\], got 0"),
        ({"mix": 1.5}, r"mix must be in \(0, 1\], got 1\.5"),
        ({"mix": float("nan")}, r"mix must be in \(0, 1\], got nan"),
        ({"loss": "CE"}, "loss must be a registered loss, got 'CE'"),
        ({"loss": Distill(teachers=["b"])}, "loss has teachers already"),
        (
            {"loss": Compound(losses={"a": CE(label_smoothing=0.1)})},
            "loss must be without label_smoothing",
        ),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=rf"dice\.Distill\.v1: {message}"):
        Distill(**{"teachers": ["a"], **settings})


def test_arrays_have_nobody_to_ask():
    with pytest.raises(
        ValueError, match=r"dice\.Distill\.v1: teachers can be asked by a component"
    ):
        Distill(teachers=["a"])(numpy.array([[0.5, 0.5]], dtype="f"), [1])
