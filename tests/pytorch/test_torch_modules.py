"""Modules: derivatives, saturation, shapes, masks, state, compilation, mapping, refusals."""

import copy
import pickle
import shutil
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from spacy_dice import torch as modules  # noqa: E402
from spacy_dice.torch import (  # noqa: E402
    CELoss,
    CompoundLoss,
    DiceLoss,
    DSCLoss,
    F1Loss,
    FocalLoss,
    MacroF1Loss,
    TverskyLoss,
    WCELoss,
    functional,
)

SINGLE = [
    (CELoss, {}),
    (WCELoss, {"class_weights": [1.0, 2.0, 0.5, 1.0]}),
    (FocalLoss, {"focus": 0.5}),
    (FocalLoss, {"focus": 2.0, "ce_weight": 0.0}),
    (DiceLoss, {"smooth": 0.1}),
    (TverskyLoss, {"alpha": 0.7, "beta": 0.3}),
    (DSCLoss, {}),
    (DSCLoss, {"alpha": 0.3, "smooth": 0.1, "ce_weight": 0.0}),
    (DSCLoss, {"alpha": 2.5, "smooth": 0.001}),
    (DSCLoss, {"alpha": 0.5, "smooth": 0.0, "ce_weight": 0.0}),
    (DSCLoss, {"over": "batch", "exclude": [0]}),
]
# With weights that count as constants, so that the gradient is none of the value.
ALL = [
    *SINGLE,
    (DSCLoss, {"alpha": 0.5, "detach_weight": True}),
    (F1Loss, {}),
    (MacroF1Loss, {}),
]
single = pytest.mark.parametrize(("module", "settings"), SINGLE, ids=str)
every = pytest.mark.parametrize(("module", "settings"), ALL, ids=str)
activations = pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
# What torch itself does while compiling.
compiling = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:torch")


def batch(seed=0, n=6, c=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, c, generator=generator, dtype=dtype)
    ids = torch.randint(c, (n,), generator=generator)
    ids[-2] = -100
    return logits, ids


def gradient(loss, logits, *args, **kwargs):
    """The value and its gradient by the logits."""
    z = logits.detach().clone().requires_grad_()
    value = loss(z, *args, **kwargs)
    value.sum().backward()
    return value.detach(), z.grad


@single
@activations
@pytest.mark.parametrize("soft", [False, True])
def test_gradcheck_once_and_twice(module, settings, activation, soft):
    if settings.get("exclude") and not soft:
        settings = {**settings, "smooth": 1.0}
    logits, target = batch()
    if soft:
        target = torch.randn_like(logits).softmax(1)
    loss = module(**settings, activation=activation).double()
    z = logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, target), z)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, target), z)


@single
@activations
def test_gradients_of_single_values(module, settings, activation):
    if settings.get("over") == "batch":
        pytest.skip("one value for all rows")
    logits, ids = batch()
    loss = module(**settings, activation=activation, reduction="none").double()
    assert torch.autograd.gradcheck(lambda z: loss(z, ids), logits.requires_grad_())
    values = loss(logits, ids)
    assert values.shape == (ids.shape if activation == "softmax" else logits.shape)
    total = module(**settings, activation=activation, reduction="sum").double()(logits, ids)
    assert torch.allclose(values.sum(), total)


@every
@activations
def test_saturated_logits_give_no_nan(module, settings, activation):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2000, 4, generator=generator).sign() * 10 ** (
        4 * torch.rand(2000, 4, generator=generator)
    )
    ids = torch.randint(4, (2000,), generator=generator)
    for dtype in (torch.float32, torch.bfloat16):
        loss = module(**settings, activation=activation)
        value, grad = gradient(loss, logits.to(dtype), ids)
        assert value.isfinite()
        assert grad.isfinite().all()


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5, 0.9, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("smooth", [0.0, 1e-3, 1.0])
@activations
def test_float32_is_near_float64_at_any_spread(alpha, smooth, activation):
    """Where p rounds to 0 or 1, 1 - p and its powers do not: down to e^-87."""
    generator = torch.Generator().manual_seed(1)
    spread = 10 ** (3 * torch.rand(500, 1, generator=generator) - 1)
    logits = (torch.randn(500, 5, generator=generator) * spread).clamp(-40, 40)
    ids = torch.randint(5, (500,), generator=generator)
    loss = DSCLoss(
        alpha=alpha, smooth=smooth, ce_weight=0.0, reduction="sum", activation=activation
    )
    _, grad = gradient(loss, logits, ids)
    _, exact = gradient(loss, logits.double(), ids)
    assert (grad - exact).abs().max() < 2e-6


def test_a_hard_positive_keeps_its_gradient():
    for activation in ("softmax", "sigmoid"):
        loss = CompoundLoss(
            {"ce": CELoss(activation=activation), "focal": FocalLoss(activation=activation)},
            {"focal": 0.0},
            activation=activation,
        )
        _, grad = gradient(loss, torch.tensor([[-200.0, 0.0]]), torch.tensor([0]))
        assert grad[0, 0] == pytest.approx(-1 if activation == "softmax" else -0.5)


@every
@activations
def test_losses_go_where_the_logits_are(module, settings, activation):
    """On a device without numbers whatever is still on the CPU fails."""
    loss = module(**settings, activation=activation)
    ids = torch.zeros(6, dtype=torch.long, device="meta")
    for target in (ids, torch.zeros(6, 4, device="meta")):
        logits = torch.zeros(6, 4, device="meta", requires_grad=True)
        loss(logits, target).backward()
        assert logits.grad.device == logits.device


@every
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_columns_are_as_good_as_rows(module, settings, reduction, monkeypatch):
    """Few classes go by columns, many by rows."""
    if settings.get("over") == "batch" and reduction == "none":
        pytest.skip("one value for all rows")
    logits, ids = batch(n=50)
    by_columns = gradient(module(**settings, reduction=reduction).double(), logits, ids)
    monkeypatch.setattr(functional, "_VECTOR", 0)
    assert not functional.by_columns(logits)
    by_rows = gradient(module(**settings, reduction=reduction).double(), logits, ids)
    assert torch.allclose(by_columns[0], by_rows[0])
    assert torch.allclose(by_columns[1], by_rows[1])


@every
def test_masked_rows_are_as_if_not_there(module, settings):
    logits, ids = batch(n=20)
    keep = torch.rand(20, generator=torch.Generator().manual_seed(3)) < 0.5
    loss = module(**settings).double()
    value, grad = gradient(copy.deepcopy(loss), logits, ids, mask=keep)
    expected, of_kept = gradient(loss, logits[keep], ids[keep])
    assert torch.allclose(value, expected)
    assert torch.allclose(grad[keep], of_kept)
    assert not grad[~keep].any()


@every
def test_nothing_but_masked_rows_is_0(module, settings):
    logits, ids = batch()
    for target in (torch.full_like(ids, -100), torch.zeros_like(logits[:0]), ids[:0]):
        z = logits if len(target) else logits[:0]
        value, grad = gradient(module(**settings).double(), z, target)
        assert value == 0
        assert not grad.any()


@every
def test_one_hot_targets_are_class_ids(module, settings):
    logits, ids = batch()
    ids = ids.clamp(min=0)
    one_hot = torch.nn.functional.one_hot(ids, 4)
    for target in (one_hot, one_hot.double()):
        expected = gradient(module(**settings).double(), logits, ids)
        ours = gradient(module(**settings).double(), logits, target)
        assert torch.allclose(ours[0], expected[0])
        assert torch.allclose(ours[1], expected[1])


def test_soft_rows_of_ignore_index_are_masked():
    logits, ids = batch()
    one_hot = torch.nn.functional.one_hot(ids.clamp(min=0), 4).double()
    one_hot[-2] = -100
    assert torch.allclose(DSCLoss()(logits, one_hot), DSCLoss()(logits, ids))
    # Of a sigmoid single cells.
    loss = DSCLoss(activation="sigmoid", reduction="none")
    one_hot[0, 1] = -100
    values = loss(logits, one_hot)
    assert values[0, 1] == 0
    assert values[0, 0] > 0
    mean = DSCLoss(activation="sigmoid")(logits, one_hot)
    assert torch.allclose(mean, values.sum() / (logits.numel() - 5))


def test_more_dimensions_are_more_rows():
    logits, ids = batch(n=12)
    expected = DSCLoss(reduction="none")(logits, ids)
    values = DSCLoss(reduction="none")(logits.reshape(3, 4, 4), ids.reshape(3, 4))
    assert torch.equal(values, expected.reshape(3, 4))
    weight = torch.rand(3, 4, dtype=torch.float64)
    weighted = DSCLoss(reduction="none")(logits.reshape(3, 4, 4), ids.reshape(3, 4), weight=weight)
    assert torch.allclose(weighted, values * weight)


def test_mean_is_that_of_torch():
    logits, ids = batch()
    cross_entropy = torch.nn.functional.cross_entropy
    assert torch.allclose(CELoss()(logits, ids), cross_entropy(logits, ids))
    labels = (torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    assert torch.allclose(
        CELoss(activation="sigmoid")(logits, labels),
        torch.nn.functional.binary_cross_entropy_with_logits(logits, labels),
    )


@every
@activations
def test_mean_without_a_mask_is_that_of_the_values(module, settings, activation):
    logits, ids = batch()
    ids = ids.clamp(min=0)
    value, grad = gradient(module(**settings, activation=activation).double(), logits, ids)
    loss = module(**settings, activation=activation, reduction="sum").double()
    total, of_total = gradient(loss, logits, ids)
    count = len(ids) if activation == "softmax" else logits.numel()
    assert torch.allclose(value, total / count)
    assert torch.allclose(grad, of_total / count)


@pytest.mark.parametrize("loss", [CELoss, WCELoss, FocalLoss, DSCLoss, F1Loss, MacroF1Loss])
def test_binary_logits(loss):
    """`(n,)` and `(n, 1)` are one class; labels are 0 and 1, as integers or floats."""
    logits = torch.tensor([0.5, -2.0, 3.0, 0.1])
    labels = torch.tensor([1, 0, 1, -100])
    expected, grad = gradient(loss(activation="sigmoid"), logits, labels)
    for z, y in (
        (logits[:, None], labels),
        (logits[:, None], labels[:, None]),
        (logits, labels.float()),
    ):
        value, same = gradient(loss(activation="sigmoid"), z, y)
        assert torch.allclose(value, expected)
        assert torch.allclose(same.reshape(4), grad)
    assert grad[3] == 0


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(module, settings, dtype):
    logits, ids = batch(n=40, dtype=torch.float32)
    logits = logits.to(dtype)
    expected, grad = gradient(module(**settings), logits.float(), ids)
    value, ours = gradient(module(**settings), logits, ids)
    assert value.dtype == torch.float32
    assert ours.dtype == dtype
    assert torch.equal(value, expected)
    assert torch.equal(ours, grad.to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, _ = gradient(module(**settings), logits, ids)
    assert torch.equal(value, expected)


COMPILED = [
    (CELoss, {}),
    (DSCLoss, {}),
    (DSCLoss, {"alpha": 0.5, "activation": "sigmoid"}),
    (FocalLoss, {"activation": "sigmoid"}),
    (TverskyLoss, {"over": "batch", "class_weights": [1.0, 2.0, 1.0, 1.0]}),
    (F1Loss, {}),
    (MacroF1Loss, {"activation": "sigmoid"}),
]


@compiling
@pytest.mark.parametrize(("module", "settings"), COMPILED, ids=str)
def test_compiled(module, settings):
    """As one graph; running counts go on from one call to the next."""
    logits, ids = batch()
    eager = module(**settings).double()
    torch._dynamo.reset()
    compiled = torch.compile(module(**settings).double(), backend="aot_eager", fullgraph=True)
    for z in (logits, -logits):
        value, grad = gradient(eager, z, ids)
        ours, same = gradient(compiled, z, ids)
        assert torch.allclose(ours, value)
        assert torch.allclose(same, grad)


@pytest.mark.slow
@compiling
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_compiled_to_machine_code():
    logits, ids = batch(n=40)
    ids = ids.clamp(min=0)
    value, grad = gradient(DSCLoss().double(), logits, ids)
    torch._dynamo.reset()
    compiled = torch.compile(DSCLoss().double(), fullgraph=True)
    ours, same = gradient(compiled, logits, ids)
    assert torch.allclose(ours, value)
    assert torch.allclose(same, grad)


@every
@activations
def test_vmap_of_gradients(module, settings, activation):
    loss = module(**settings, activation=activation).double().eval()
    several = [batch(seed) for seed in range(3)]
    grads = torch.func.vmap(torch.func.grad(loss))(
        torch.stack([z for z, _ in several]), torch.stack([ids for _, ids in several])
    )
    for (logits, ids), grad in zip(several, grads, strict=True):
        assert torch.allclose(grad, gradient(loss, logits, ids)[1])


@pytest.mark.parametrize("loss", [F1Loss(), MacroF1Loss()], ids=lambda x: x.owner)
def test_counts_cannot_be_kept_in_vmap(loss):
    logits, ids = batch(dtype=torch.float32)
    with pytest.raises(ValueError, match=r"call eval\(\) first"):
        torch.func.vmap(torch.func.grad(loss))(logits[None], ids[None])


def test_counts_are_kept_in_training_only():
    logits, ids = batch(n=30)
    loss = F1Loss().double()
    gradient(loss, logits, ids)
    kept = loss.counts.clone()
    assert kept.shape == (3, 4)
    loss.eval()
    gradient(loss, -logits, ids)
    loss.train()
    with torch.no_grad():
        loss(-logits, ids)
    assert torch.equal(loss.counts, kept)
    gradient(loss, -logits, ids)
    assert not torch.equal(loss.counts, kept)
    loss.reset()
    assert not loss.counts.any()


@pytest.mark.parametrize("module", [F1Loss, MacroF1Loss])
def test_state_dict_keeps_the_counts(module):
    logits, ids = batch(n=30)
    loss = CompoundLoss({"a": module(), "b": WCELoss(class_weights=[1, 2, 3, 4])}).double()
    gradient(loss, logits, ids)
    fresh = CompoundLoss({"a": module(), "b": WCELoss(class_weights=[1, 1, 1, 1])}).double()
    fresh.load_state_dict(loss.state_dict())
    for other in (fresh, pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        expected = gradient(copy.deepcopy(loss), -logits, ids)
        assert torch.equal(gradient(other, -logits, ids)[1], expected[1])


SYNC = """
import sys, torch
from torch import distributed
from spacy_dice.torch import F1Loss
rank, store = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
loss = F1Loss()
loss.counts = torch.full((3, 4), float(1 + 2 * rank))
for _ in range(2):
    loss.sync()
    assert (loss.counts == 2).all(), loss.counts
distributed.destroy_process_group()
"""


def test_sync_averages_over_processes(tmp_path):
    args = [sys.executable, "-W", "ignore", "-c", SYNC]
    processes = [
        subprocess.Popen([*args, str(rank), str(tmp_path / "store")], stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()


def test_weights_of_the_label_counts():
    logits, ids = batch(n=40)
    ids = ids.clamp(min=0)
    counted = WCELoss(label_counts=torch.bincount(ids, minlength=4))
    assert torch.allclose(counted(logits, ids), WCELoss()(logits, ids))
    assert not torch.allclose(counted(logits, ids), WCELoss(K=1.0)(logits, ids))


def test_descent_lowers_every_loss():
    for module, settings in ALL:
        torch.manual_seed(0)
        logits, ids = batch(n=30, dtype=torch.float32)
        z, loss = logits.requires_grad_(), module(**settings)
        optimizer = torch.optim.Adam([z], lr=0.05)
        values = []
        for _ in range(100):
            optimizer.zero_grad()
            values.append(loss(z, ids))
            values[-1].backward()
            optimizer.step()
        assert values[-1] < values[0], module


REFUSED_AT_CONSTRUCTION = [
    (lambda: DSCLoss(alpha=-1.0), r"DSCLoss: alpha must be >= 0, got -1.0"),
    (lambda: DiceLoss(over="bach"), r"over must be one of .* \(did you mean 'batch'"),
    (lambda: CELoss(activation="identity"), r"CELoss: activation must be one of"),
    (lambda: CELoss(reduction="batch"), r"CELoss: reduction must be one of"),
    (lambda: CELoss(ignore_index=0.5), r"ignore_index must be an integer, got 0.5"),
    (lambda: DSCLoss(class_weights=[1.0, -1.0]), r"class_weights must be finite numbers >= 0"),
    (lambda: DSCLoss(class_weights={"O": 1.0}), r"one for each class by its id"),
    (lambda: DSCLoss(exclude=["O"]), r"exclude must be a list of class ids, got 'O'"),
    (lambda: WCELoss(K=0.5), r"K must be >= 1"),
    (lambda: WCELoss(class_weights=[1.0], label_counts=[1.0]), r"exclude each other"),
    (lambda: F1Loss(negatives="O"), r"negatives must be a list of class ids"),
    (lambda: F1Loss(floor=2.0), r"floor must be in \[0, 1\)"),
    (lambda: F1Loss(horizon=0.0), r"horizon must be > 0"),
    (lambda: F1Loss(torch.nn.CrossEntropyLoss()), r"loss must be a loss of spacy_dice.torch"),
    (
        lambda: F1Loss(DSCLoss(activation="sigmoid")),
        r"activation is 'softmax' here, but 'sigmoid' in loss",
    ),
    (lambda: CompoundLoss({}), r"losses must name at least one"),
    (lambda: CompoundLoss({"ce": CELoss()}, {"cee": 1.0}), r"did you mean 'ce'"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED_AT_CONSTRUCTION)
def test_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()


Z = torch.zeros(2, 3)
REFUSED_WHEN_CALLED = [
    (DSCLoss(), (Z, torch.tensor([0, 3])), r"the class id 3 is not in \[0, 3\)"),
    (DSCLoss(), (Z, torch.tensor([0, -1])), r"the class id -1 is not in \[0, 3\)"),
    (DSCLoss(), (Z, torch.tensor([0.0, 1.0])), r"class ids must be integers.*target.long\(\)"),
    (DSCLoss(), (Z, Z + 2), r"must be in \[0, 1\], got 2.0"),
    (DSCLoss(), (Z, torch.zeros(3)), r"target must have the shape \(2,\), class ids, or \(2, 3\)"),
    (DSCLoss(), (Z[:, :1], torch.zeros(2).long()), r"use activation='sigmoid'"),
    (DSCLoss(), (Z.long(), torch.zeros(2).long()), r"input must be logits"),
    (DSCLoss(), (Z, torch.zeros(2).long(), Z), r"mask must have the shape \(2,\), got \(2, 3\)"),
    (
        DSCLoss(activation="sigmoid"),
        (Z, Z, None, torch.ones(3)),
        r"weight must have the shape \(2,\) or \(2, 3\), got \(3,\)",
    ),
    (DSCLoss(class_weights=[1.0]), (Z, torch.zeros(2).long()), r"has 1 numbers, but the input 3"),
    (DSCLoss(exclude=[5]), (Z, torch.zeros(2).long()), r"exclude has the class id 5"),
    (F1Loss(negatives=[5]), (Z, torch.zeros(2).long()), r"negatives has the class id 5"),
    (
        DSCLoss(over="batch", reduction="none"),
        (Z, torch.zeros(2).long()),
        r"use over='example', or another reduction",
    ),
]


@pytest.mark.parametrize(("loss", "args", "message"), REFUSED_WHEN_CALLED)
def test_refused_when_called(loss, args, message):
    with pytest.raises(ValueError, match=f"{loss.owner}: .*{message}"):
        loss(*args)


def test_repr_shows_the_settings():
    assert "alpha=0.5" in repr(DSCLoss(alpha=0.5))


def test_importing_the_package_does_not_import_torch():
    code = "import sys; import spacy_dice, spacy_dice._validation; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_without_torch_the_error_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; import spacy_dice.torch"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'spacy-dice[torch]'" in out.stderr


def test_all_names_are_there():
    assert all(hasattr(modules, name) for name in modules.__all__)
