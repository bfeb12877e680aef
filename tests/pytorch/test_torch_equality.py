"""The formulas in PyTorch equal those of `functional`, the modules the registered losses."""

import dataclasses

import numpy
import pytest
from numpy.testing import assert_allclose
from reference import WITHOUT_REDUCTION
from strategies import LOSSES, rng_of, softmax

from spacy_dice import functional, losses

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from spacy_dice import torch as modules  # noqa: E402
from spacy_dice.torch import _plan, overlap  # noqa: E402
from spacy_dice.torch import functional as torch_functional  # noqa: E402

TERMS = {
    "cross_entropy": torch_functional.CrossEntropy,
    "focal": torch_functional.Focal,
    "dice": overlap.Dice,
    "tversky": overlap.Tversky,
    "self_adjusting_dice": overlap.SelfAdjustingDice,
}
SETTINGS = [
    (name, over, activation, settings)
    for name, settings in LOSSES
    if name in TERMS
    for over in (("example",) if name in WITHOUT_REDUCTION else ("example", "batch"))
    for activation in ("softmax", "sigmoid")
]
# Generated cases for each of the settings; over 10,000 together.
CASES = 250
# The registered losses, their modules, and what a field is called there.
CLASSES = {
    losses.CE: modules.CELoss,
    losses.WCE: modules.WCELoss,
    losses.FL: modules.FocalLoss,
    losses.DL: modules.DiceLoss,
    losses.TL: modules.TverskyLoss,
    losses.DSC: modules.DSCLoss,
    losses.F1: modules.F1Loss,
    losses.MacroF1: modules.MacroF1Loss,
}
RENAMED = {"reduction": "over"}
# What names labels, or is not about the formula.
NOT_COMPARED = {"names", "missing_value", "neg_prefix", "label_smoothing", "negatives", "loss"}


def by_numpy(name, probs, targets, activation, **settings):
    """Value and gradient by the logits; the one place that knows how `functional` is called."""
    exclusive = activation == "softmax"
    return getattr(functional, name)(probs, targets, exclusive=exclusive, **settings)


def case(rng, activation):
    """Logits, targets, class ids or None, weights and class weights."""
    n, c = rng.integers(1, 12), rng.integers(2, 7)
    logits = rng.normal(size=(n, c)) * rng.choice([0.1, 1.0, 4.0])
    ids = None
    if rng.random() < 0.5:
        targets = rng.dirichlet(numpy.ones(c), n) if rng.random() < 0.7 else rng.random((n, c))
        if activation == "softmax":
            targets /= targets.sum(axis=1, keepdims=True)
        elif rng.random() < 0.5:
            targets = numpy.round(targets)
    else:
        ids = rng.integers(0, c, n)
        targets = numpy.eye(c)[ids]
    shape = (n, 1) if activation == "softmax" or rng.random() < 0.5 else (n, c)
    weights = rng.choice([None, "mask", "weights"])
    if weights is not None:
        weights = rng.integers(0, 2, shape) * (1.0 if weights == "mask" else rng.random(shape))
    class_weights = rng.choice([0.0, 0.5, 1.0, 2.0], c) if rng.random() < 0.5 else None
    return logits, targets, ids, weights, class_weights


def test_there_are_10_000_cases():
    assert len(SETTINGS) * CASES >= 10_000


@pytest.mark.parametrize(("name", "over", "activation", "settings"), SETTINGS, ids=str)
def test_terms_equal_functional(name, over, activation, settings):
    exclusive = activation == "softmax"
    where = {} if name in WITHOUT_REDUCTION else {"over": over}
    term = TERMS[name](**settings, **where)
    rng = rng_of(sum(map(ord, name + over + activation)))
    for i in range(CASES):
        logits, targets, ids, weights, class_weights = case(rng, activation)
        probs = softmax(logits) if exclusive else 1 / (1 + numpy.exp(-logits))
        cells = None if weights is None else numpy.broadcast_to(weights, logits.shape)
        reduction = {"reduction": over} if where else {}
        expected, expected_gradient = by_numpy(
            name,
            probs,
            targets,
            activation,
            weights=cells,
            class_weights=class_weights,
            **settings,
            **reduction,
        )
        tensors = [torch.tensor(x) for x in (weights, class_weights) if x is not None]
        plan = _plan.Plan(
            exclusive,
            True,
            (
                _plan.Summand(
                    term,
                    1.0,
                    None if weights is None else 0,
                    None if class_weights is None else len(tensors) - 1,
                ),
            ),
        )
        y = torch.tensor(targets)
        if ids is not None and exclusive:
            y = torch.tensor(ids)[:, None]
        value, gradient = _plan.evaluate(plan, torch.tensor(logits), y, tensors)
        assert value.item() == pytest.approx(expected, rel=1e-6, abs=1e-12), i
        assert_allclose(gradient.numpy(), expected_gradient, rtol=1e-6, atol=1e-12, err_msg=str(i))


@pytest.mark.parametrize(("registered", "module"), CLASSES.items(), ids=lambda x: x.__name__)
def test_defaults_are_those_of_the_registered_losses(registered, module):
    ours = module()
    for field in dataclasses.fields(registered):
        if field.name in NOT_COMPARED:
            continue
        expected = getattr(registered(), field.name)
        assert getattr(ours, RENAMED.get(field.name, field.name)) == expected, field.name
    if hasattr(ours, "loss"):
        assert ours.loss.ce_weight == registered().loss.ce_weight
        assert type(ours.loss) is CLASSES[type(registered().loss)]


@pytest.mark.parametrize(("registered", "module"), CLASSES.items(), ids=lambda x: x.__name__)
@pytest.mark.parametrize("soft", [False, True])
def test_modules_equal_the_registered_losses(registered, module, soft):
    """Over several batches, as running counts go on."""
    rng = rng_of(0)
    ours, theirs = module(reduction="sum").double(), registered(names=["O", "PER", "LOC"])
    for _ in range(4):
        logits = rng.normal(size=(40, 3)) * 2
        ids = rng.integers(0, 3, 40)
        targets = rng.dirichlet(numpy.ones(3), 40) if soft else numpy.eye(3)[ids]
        weights = rng.random(40)
        expected, value = theirs(softmax(logits), targets, weights)
        z = torch.tensor(logits, requires_grad=True)
        loss = ours(z, torch.tensor(targets if soft else ids), weight=torch.tensor(weights))
        loss.backward()
        assert loss.item() == pytest.approx(value, rel=1e-6)
        assert_allclose(z.grad.numpy(), expected, rtol=1e-6, atol=1e-10)


def test_compound_equals_the_registered_loss():
    rng = rng_of(1)
    logits, ids = rng.normal(size=(20, 3)), rng.integers(0, 3, 20)
    theirs = losses.Compound(
        losses={"ce": losses.CE(), "tl": losses.TL(ce_weight=0.0)}, weights={"tl": 0.5}
    )
    ours = modules.CompoundLoss(
        {"ce": modules.CELoss(), "tl": modules.TverskyLoss(ce_weight=0.0)},
        {"tl": 0.5},
        reduction="sum",
    )
    gradient, value = theirs(softmax(logits), numpy.eye(3)[ids])
    z = torch.tensor(logits, requires_grad=True)
    loss = ours(z, torch.tensor(ids))
    loss.backward()
    assert loss.item() == pytest.approx(value)
    assert_allclose(z.grad.numpy(), gradient, atol=1e-12)


@pytest.mark.parametrize("over", ["example", "batch"])
def test_exclude_takes_classes_out_of_the_dice_terms(over):
    rng = rng_of(2)
    logits, ids = rng.normal(size=(20, 3)), rng.integers(0, 3, 20)
    theirs = losses.DL(exclude=["O"], names=["O", "A", "B"], reduction=over)
    ours = modules.DiceLoss(exclude=[0], over=over, reduction="sum")
    gradient, value = theirs(softmax(logits), numpy.eye(3)[ids])
    z = torch.tensor(logits, requires_grad=True)
    loss = ours(z, torch.tensor(ids))
    loss.backward()
    assert loss.item() == pytest.approx(value)
    assert_allclose(z.grad.numpy(), gradient, atol=1e-12)
