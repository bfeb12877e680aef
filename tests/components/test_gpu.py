"""On a CUDA device with CuPy: the same losses and the same training steps as on the CPU.

python -m pytest -m gpu
"""

import copy

import numpy
import pytest
import spacy
from pipelines import CASES, FACTORIES, annotations, complete, pipeline, train, weights
from spacy.util import registry
from thinc.api import Adam, NumpyOps, fix_random_seed, get_current_ops, require_gpu, set_current_ops
from thinc.compat import cupy, has_cupy, has_cupy_gpu

from spacy_dice.functional import WRT
from spacy_dice.losses import CE, DSC, Batch, Compound

REASON = "no CUDA device" if has_cupy else "CuPy is not installed"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_cupy_gpu, reason=f"needs a GPU: {REASON}"),
]
LOSSES = sorted(name for name in registry.losses.get_all() if name.startswith("dice."))
VARIANTS = [
    {},
    {"ce_weight": 0.0},
    {"reduction": "batch", "smooth": 0.0, "exclude": ["C"], "class_weights": {"A": 0.5}},
    {"alpha": 0.3, "smooth": 0.0},
    {"alpha": 0.3, "detach_weight": True},
    {"focus": 2.0},
    {"label_smoothing": 0.1},
]


@pytest.fixture
def gpu():
    """CuPy for the time of a test."""
    before = get_current_ops()
    require_gpu(0)
    yield
    set_current_ops(before)


@pytest.fixture
def device_only(monkeypatch):
    """Refuse to copy whole arrays to the host; single numbers may go there."""
    as_numpy = cupy.asnumpy

    def refuse(array, *args, **settings):
        assert array.size <= 1, f"an array of the shape {array.shape} was copied to the host"
        return as_numpy(array, *args, **settings)

    monkeypatch.setattr(cupy, "asnumpy", refuse)


def make(name, settings):
    """The loss, or None if it does not have the settings."""
    if name == "dice.Compound.v1":
        return None if settings else Compound(losses={"ce": CE(), "dice": DSC(ce_weight=0.0)})
    try:
        return registry.losses.get(name)(**settings)
    except TypeError:
        return None


def arrays(exclusive, n, dtype):
    """Probabilities, targets and weights of `n` rows with three classes."""
    rng = numpy.random.default_rng(n)
    scores = rng.normal(scale=3.0, size=(n, 3))
    probs = 1 / (1 + numpy.exp(-scores))
    targets = (rng.random((n, 3)) < 0.3).astype(dtype)
    if exclusive:
        probs = numpy.exp(scores) / numpy.exp(scores).sum(axis=1, keepdims=True)
        targets = numpy.eye(3, dtype=dtype)[rng.integers(3, size=n)]
    return probs.astype(dtype), targets, rng.choice([0.0, 0.5, 1.0], size=(n, 1)).astype(dtype)


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
@pytest.mark.parametrize("wrt", WRT)
@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_the_same(name, exclusive, wrt, settings, gpu, device_only):
    # The largest is beyond what the kernel of the Dice family takes for small.
    for n in (1, 7, 9000):
        for weighted in (False, True):
            loss = make(name, settings)
            if loss is None:
                pytest.skip("has no such settings")
            probs, targets, row_weights = arrays(exclusive, n, "float64")
            row_weights = row_weights if weighted else None
            labels = ["A", "B", "C"]
            value, gradient = loss.bind(labels)(Batch(probs, targets, row_weights, exclusive, wrt))
            there = [None if a is None else cupy.asarray(a) for a in (probs, targets, row_weights)]
            other, on_device = loss.bind(labels)(Batch(*there, exclusive, wrt))
            assert isinstance(on_device, cupy.ndarray)
            assert on_device.dtype == gradient.dtype
            assert isinstance(other, float)
            assert other == pytest.approx(value, rel=1e-9)
            numpy.testing.assert_allclose(on_device.get(), gradient, rtol=1e-8, atol=1e-10)


def step(factory, state=None):
    """One update without dropout; the pipeline, its first state and the reported loss."""
    nlp = pipeline(factory)
    data = complete(nlp.vocab)
    fix_random_seed(0)
    nlp.initialize(lambda: data)
    if state is not None:
        nlp.from_bytes(state)
    before = nlp.to_bytes()
    losses = nlp.update(complete(nlp.vocab), drop=0.0, sgd=Adam(0.001))
    return nlp, before, losses


@pytest.mark.parametrize("factory", FACTORIES)
def test_training_step_is_the_same(factory):
    before = get_current_ops()
    set_current_ops(NumpyOps())
    try:
        on_cpu, state, losses = step(factory)
        require_gpu(0)
        on_gpu, _, losses_on_gpu = step(factory, state)
        name = CASES[factory].factory
        assert losses_on_gpu[name] == pytest.approx(losses[name], rel=1e-3)
        for (*where, old), (*there, new) in zip(
            weights(on_cpu)[name], weights(on_gpu)[name], strict=True
        ):
            assert where == there
            old, new = (numpy.frombuffer(w, dtype="float32") for w in (old, new))
            # A step of Adam is as long as the learning rate, whatever the gradient: where that is
            # nothing but rounding its sign may differ, but not for many.
            close = numpy.isclose(old, new, rtol=1e-3, atol=1e-4)
            assert close.mean() > 0.98, where
    finally:
        set_current_ops(before)


def test_pipeline_learns_and_moves_to_the_cpu(gpu):
    nlp = pipeline("ner")
    train(nlp, data=complete, updates=30, drop=0.0)
    found = [annotations(nlp(eg.reference.text)) for eg in complete(nlp.vocab)]
    assert any(document["entities"] for document in found)
    set_current_ops(NumpyOps())
    copied = pipeline("ner")
    train(copied, data=complete, updates=1)
    copied.from_bytes(nlp.to_bytes())
    assert [annotations(copied(eg.reference.text)) for eg in complete(copied.vocab)] == found


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("mixed_precision", [False, True])
def test_transformer_with_mixed_precision(mixed_precision, gpu, tmp_path):
    pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
    from tiny_transformer import listening, save_bert, transformer

    config = transformer(save_bert(tmp_path))
    config["model"]["mixed_precision"] = mixed_precision
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=config)
    for factory in ("tagger", "ner"):
        nlp.add_pipe(f"dice_{factory}", name=factory, config=copy.deepcopy(listening(factory)))
    losses = train(nlp, data=complete, updates=3)
    assert all(numpy.isfinite(value) for value in losses.values())
