"""Thinc's contract, the registry, truths in all their forms, and what is refused."""

import pickle
from dataclasses import MISSING, dataclass, fields

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from reference import naive_value
from strategies import rng_of, softmax
from thinc.api import CategoricalCrossentropy, Config, registry

from spacy_dice.functional import negative_entropy
from spacy_dice.losses import (
    ASL,
    CE,
    DL,
    DSC,
    F1,
    FL,
    GCE,
    SE,
    TL,
    WCE,
    Batch,
    Compound,
    ConfidencePenalty,
    Distill,
    MacroF1,
    RegisteredLoss,
    bind,
)

NAMES = ["O", "PER", "LOC"]
REGISTERED = {
    "dice.CE.v1": CE,
    "dice.WCE.v1": WCE,
    "dice.FL.v1": FL,
    "dice.ASL.v1": ASL,
    "dice.GCE.v1": GCE,
    "dice.ConfidencePenalty.v1": ConfidencePenalty,
    "dice.SE.v1": SE,
    "dice.DL.v1": DL,
    "dice.TL.v1": TL,
    "dice.DSC.v1": DSC,
    "dice.F1.v1": F1,
    "dice.MacroF1.v1": MacroF1,
}
all_losses = pytest.mark.parametrize("cls", REGISTERED.values())


def guesses(n=6, c=3, seed=0):
    return softmax(rng_of(seed).normal(size=(n, c))).astype("f")


@pytest.mark.parametrize("name", REGISTERED)
def test_found_by_name_alone(name):
    loss = registry.resolve({"loss": {"@losses": name}})["loss"]
    assert type(loss) is REGISTERED[name]
    assert loss.owner == name


def test_settings_snapshot():
    """A change of a name or a default is a change for every user: it needs a new version."""
    shared = {"names": None, "missing_value": None, "neg_prefix": None, "label_smoothing": 0.0}
    weighted = {**shared, "class_weights": None}
    mixed = {**weighted, "ce_weight": 1.0}
    overlap = {**mixed, "smooth": 1.0, "reduction": "example", "exclude": ()}
    expected = {
        CE: shared,
        WCE: {**weighted, "K": 10.0},
        SE: weighted,
        FL: {**mixed, "ce_weight": 0.5, "focus": 1.0},
        ASL: {**weighted, "focus_positive": 0.0, "focus_negative": 4.0, "margin": 0.05},
        GCE: {**weighted, "q": 0.3},
        ConfidencePenalty: {**shared, "entropy_weight": 0.1},
        DL: overlap,
        TL: {**overlap, "alpha": 0.5, "beta": 0.5},
        DSC: {**overlap, "ce_weight": 2.0, "alpha": 1.0, "detach_weight": False},
        F1: {
            **shared,
            "loss": None,
            "negatives": ("O",),
            "beta": 1.0,
            "horizon": 2500.0,
            "floor": 0.05,
        },
        MacroF1: {**shared, "loss": None, "horizon": 2500.0, "power": 0.25},
        Distill: {**shared, "teachers": MISSING, "mix": 0.5, "loss": None},
    }
    for cls, settings in expected.items():
        assert {f.name: f.default for f in fields(cls)} == settings


def test_filled_config_resolves_to_the_same_loss():
    for name, cls in REGISTERED.items():
        filled = registry.fill({"loss": {"@losses": name}})
        again = Config().from_str(Config(filled).to_str())
        assert vars(registry.resolve(again)["loss"]).keys() == vars(cls()).keys()
        assert (
            registry.resolve(again)["loss"](guesses(), [0] * 6)[1] == cls()(guesses(), [0] * 6)[1]
        )


TRUTHS = [
    ([0, 1, 2, 0, 1, 1], {}),
    ([0, 1, 2, 0, 1, 1], {"missing_value": 1}),
    (numpy.array([0, 1, 2, 0, 1, 1]), {}),
    (numpy.eye(3, dtype="f")[[0, 1, 2, 0, 1, 1]], {}),
    (numpy.full((6, 3), 1 / 3, dtype="f"), {}),
    (["O", "PER", "LOC", "O", "PER", "PER"], {"names": NAMES}),
    (["O", None, "LOC", "", "PER", "PER"], {"names": NAMES, "missing_value": None}),
    (["O", "!PER", "!LOC", None, "PER", "PER"], {"names": NAMES, "neg_prefix": "!"}),
]


@pytest.mark.parametrize(("truths", "settings"), TRUTHS)
def test_cross_entropy_gradient_equals_thincs(truths, settings):
    if isinstance(truths, list) and "" in truths:
        truths = [truth or None for truth in truths]
    p = guesses()
    stock = CategoricalCrossentropy(normalize=False, **settings).get_grad(p, truths)
    gradient, value = CE(**settings)(p, truths)
    assert_array_equal(gradient, stock)
    assert value > 0
    assert_array_equal(CE(**settings).get_grad(p, truths), gradient)
    assert CE(**settings).get_loss(p, truths) == value


@pytest.mark.parametrize("amount", [0.05, 0.3])
def test_label_smoothing_equals_thincs(amount):
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    stock = CategoricalCrossentropy(normalize=False, label_smoothing=amount).get_grad(p, truths)
    assert_array_equal(CE(label_smoothing=amount).get_grad(p, truths), stock)


def test_label_smoothing_refuses_soft_targets():
    soft = numpy.full((6, 3), 1 / 3, dtype="f")
    with pytest.raises(ValueError, match=r"dice\.CE\.v1: label_smoothing needs targets that are 0"):
        CE(label_smoothing=0.1)(guesses(), soft)


@all_losses
@given(cut=st.integers(0, 6), seed=st.integers(0, 1000))
def test_sequences_are_one_batch(cls, cut, seed):
    """However the rows are cut into documents, empty ones included, the loss is the same."""
    p, truths = guesses(seed=seed), [0, 1, 2, 0, 1, 1]
    for settings in ({}, {"reduction": "batch"}):
        if settings and "reduction" not in {f.name for f in fields(cls)}:
            continue
        loss = cls(**settings)
        gradient, value = loss(p, truths)
        gradients, value_of_cut = loss([p[:cut], p[cut:]], [truths[:cut], truths[cut:]])
        assert value_of_cut == pytest.approx(value)
        assert [len(g) for g in gradients] == [cut, 6 - cut]
        assert_allclose(numpy.concatenate(gradients), gradient, atol=1e-6)


@all_losses
def test_without_rows_there_is_no_loss(cls):
    empty = numpy.zeros((0, 3), dtype="f")
    gradient, value = cls()(empty, [])
    assert gradient.shape == (0, 3)
    assert value == 0.0
    assert cls()([], []) == ([], 0.0)
    gradients, value = cls()([empty, empty], [[], []])
    assert [g.shape for g in gradients] == [(0, 3), (0, 3)]
    assert value == 0.0


@all_losses
def test_missing_rows_do_not_count(cls):
    p = guesses()
    loss = cls(missing_value=2)
    gradient, value = loss(p, [0, 1, 2, 0, 2, 1])
    keep = [0, 1, 3, 5]
    expected_gradient, expected = cls()(p[keep], [0, 1, 0, 1])
    assert value == pytest.approx(expected, rel=1e-6)
    assert_allclose(gradient[keep], expected_gradient, atol=1e-6)
    assert not gradient[[2, 4]].any()


@all_losses
def test_weights_scale_rows(cls):
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    gradient, value = cls()(p, truths, weights=numpy.zeros(6))
    assert value == 0
    assert not gradient.any()
    if cls is not WCE:  # its weights come from the weighted counts
        half, half_value = cls()(p, truths, weights=numpy.full(6, 0.5))
        full, full_value = cls()(p, truths)
        assert half_value == pytest.approx(full_value / 2)
        assert_allclose(half, full / 2, rtol=1e-6)
    per_sequence, _ = cls()([p], [truths], weights=[numpy.full(6, 0.5)])
    assert per_sequence[0].shape == p.shape


@pytest.mark.parametrize("cls", [DL, TL, DSC, FL])
def test_ce_weight_adds_cross_entropy(cls):
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    bare_gradient, bare = cls(ce_weight=0.0)(p, truths)
    ce_gradient, ce = CE()(p, truths)
    gradient, value = cls(ce_weight=0.3)(p, truths)
    assert value == pytest.approx(bare + 0.3 * ce)
    assert_allclose(gradient, bare_gradient + 0.3 * ce_gradient, atol=1e-6)


def test_bare_losses_are_the_formulas():
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    one_hot = numpy.eye(3)[truths]
    for loss, name in [
        (DL(ce_weight=0.0, smooth=0.5), "dice"),
        (TL(ce_weight=0.0, smooth=0.5, alpha=0.2, beta=0.8), "tversky"),
        (DSC(ce_weight=0.0, smooth=0.5, alpha=0.7), "self_adjusting_dice"),
        (FL(focus=3.0, ce_weight=0.0), "focal"),
    ]:
        settings = {
            key: getattr(loss, key)
            for key in ("smooth", "alpha", "beta", "focus")
            if hasattr(loss, key)
        }
        expected = naive_value(name, p, one_hot, **settings)
        assert loss.get_loss(p, truths) == pytest.approx(expected, rel=1e-5)


def test_class_weights_and_exclude_name_labels():
    p, truths = guesses(), ["O", "PER", "LOC", "O", "PER", "PER"]
    settings = {"names": NAMES, "ce_weight": 0.0}
    one_hot = numpy.eye(3)[[0, 1, 2, 0, 1, 1]]
    weighted = DSC(class_weights={"PER": 3.0}, **settings).get_loss(p, truths)
    excluded = DSC(exclude=["O"], **settings).get_loss(p, truths)
    expected = {
        weights: naive_value("self_adjusting_dice", p, one_hot, class_weights=weights)
        for weights in [(1, 3, 1), (0, 1, 1)]
    }
    assert weighted == pytest.approx(expected[1, 3, 1], rel=1e-5)
    assert excluded == pytest.approx(expected[0, 1, 1], rel=1e-5)


def test_columns_answer_to_other_names_too():
    labels = [("B-PER", "PER"), ("L-PER", "PER"), ("O",)]
    assert WCE(class_weights={"PER": 2.0}).bind(labels).class_weights == [2, 2, 1]
    assert WCE(class_weights={"O": 2.0}).bind(labels).class_weights == [1, 1, 2]
    with pytest.raises(ValueError, match=r"'PRE', which is not among the labels .*mean 'PER'"):
        WCE(class_weights={"PRE": 2.0}).bind(labels)


def test_a_wrong_label_is_told_from_types_and_letter_case():
    """Entity types stand before the moves, of which a list has room for some."""
    types = [f"type-{i}" for i in range(18)] + ["person"]
    labels = [(f"{move}-{name}", name) for move in "BILU" for name in types]
    for wrong in ("PERSON", "persn"):
        with pytest.raises(ValueError, match=r"\(did you mean 'person'\?\)$") as error:
            WCE(class_weights={wrong: 2.0}).bind(labels)
        told = str(error.value)
        assert all(repr(name) in told for name in types)
        assert told.index("'person'") < told.index("'B-type-0'")


def test_wce_weights_are_the_papers():
    loss = WCE(K=1.0)
    counts = numpy.array([90.0, 10.0, 0.0])
    expected = numpy.log10([10 / 90 + 1, 90 / 10 + 1, 99 / 1 + 1])
    assert_allclose(loss.weights_of_counts(counts), expected)
    assert_allclose(loss.bind(NAMES, {"O": 90, "PER": 10}).class_weights, expected)
    p, truths = guesses(), [0, 0, 0, 0, 1, 1]
    batch = Batch(p, numpy.eye(3, dtype="f")[truths])
    by_batch = loss.get_loss(p, truths)
    assert loss.bind(NAMES, {"O": 4, "PER": 2})(batch)[0] == pytest.approx(by_batch)
    assert loss.bind(NAMES, {"O": 2, "PER": 4})(batch)[0] != pytest.approx(by_batch)
    assert loss.bind(NAMES)(batch)[0] == pytest.approx(by_batch)


def test_compound_sums_any_registered_losses():
    p, truths = guesses(), numpy.eye(3, dtype="f")[[0, 1, 2, 0, 1, 1]]
    loss = registry.resolve(
        {
            "loss": {
                "@losses": "dice.Compound.v1",
                "losses": {
                    "dice": {"@losses": "dice.DL.v1", "ce_weight": 0.0},
                    "thinc": {"@losses": "CategoricalCrossentropy.v1", "normalize": False},
                },
                "weights": {"thinc": 0.25},
            }
        }
    )["loss"]
    gradient, value = loss(p, truths)
    dice_gradient, dice = DL(ce_weight=0.0)(p, truths)
    stock_gradient, stock = CategoricalCrossentropy(normalize=False)(p, truths)
    assert value == pytest.approx(dice + 0.25 * stock)
    assert_allclose(gradient, dice_gradient + 0.25 * stock_gradient, atol=1e-6)


def test_compound_follows_schedules():
    config = """
    [loss]
    @losses = "dice.Compound.v1"
    [loss.losses]
    [loss.losses.ce]
    @losses = "dice.CE.v1"
    [loss.losses.dice]
    @losses = "dice.DL.v1"
    ce_weight = 0.0
    [loss.weights]
    [loss.weights.ce]
    @schedules = "decaying.v1"
    base_rate = 1.0
    decay = 1.0
    """
    loss = registry.resolve(Config().from_str(config))["loss"]
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    ce, dice = CE().get_loss(p, truths), DL(ce_weight=0.0).get_loss(p, truths)
    for weight in (1, 1 / 2, 1 / 3):
        assert loss.get_loss(p, truths) == pytest.approx(weight * ce + dice)
        copy = pickle.loads(pickle.dumps(loss))
        assert copy.get_loss(p, truths) == pytest.approx(weight * ce + dice)
        copy.advance()
        assert copy.get_loss(p, truths) == pytest.approx(weight * ce + dice)
        loss.advance()


def test_compound_keeps_the_last_value_of_a_schedule_that_ends():
    loss = Compound(losses={"ce": CE()}, weights={"ce": [1.0, 0.5]})
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    loss.advance()
    expected = 0.5 * CE().get_loss(p, truths)
    assert loss.get_loss(p, truths) == pytest.approx(expected)
    loss.advance()
    assert loss.get_loss(p, truths) == pytest.approx(expected)


def test_nothing_moves_before_training():
    """Neither construction nor binding takes a step of a schedule; each update takes one."""
    steps = iter([1.0, 0.5, 0.25])
    loss = Compound(losses={"ce": CE()}, weights={"ce": steps})
    loss.bind(NAMES)
    bound = loss.bind(NAMES)
    batch = Batch(guesses(), numpy.eye(3, dtype="f")[[0, 1, 2, 0, 1, 1]])
    value = CE().bind()(batch)[0]
    assert bound(batch)[0] == pytest.approx(value)
    bound.advance()
    assert bound(batch)[0] == pytest.approx(value / 2)
    # Bound again, as when a label is added, it goes on where it is.
    again = loss.bind([*NAMES, "NEW"])
    assert again(batch)[0] == pytest.approx(value / 2)
    copy = pickle.loads(pickle.dumps(again))
    assert copy(batch)[0] == pytest.approx(value / 2)
    assert next(steps) == 0.25


def test_compound_passes_labels_and_counts_on():
    loss = Compound(losses={"a": Compound(losses={"b": WCE()}), "c": DSC(exclude=["NIL"])})
    assert loss.needs_label_counts
    with pytest.raises(ValueError, match="exclude names the label 'NIL'"):
        loss.bind(NAMES)
    counts = {"O": 3}
    inner = loss.bind([*NAMES, "NIL"], counts).parts["a"].parts["b"]
    assert inner.class_weights == WCE().bind([*NAMES, "NIL"], counts).class_weights


def test_foreign_losses_never_see_masked_rows():
    class Foreign:
        def __call__(self, p, y):
            assert len(p) == 1
            return p - y, float(len(p))

    p, y = guesses(2), numpy.eye(3, dtype="f")[[0, 1]]
    foreign = bind(Foreign())
    value, gradient = foreign(Batch(p, y, numpy.array([[0.5], [0.0]], dtype="f")))
    assert value == 1.0
    assert_allclose(gradient, [(p - y)[0] * 0.5, [0, 0, 0]])
    value, gradient = foreign(Batch(p, y, numpy.zeros((2, 1), dtype="f")))
    assert value == 0.0
    assert not gradient.any()


@dataclass(kw_only=True)
class Margin(RegisteredLoss):
    """A loss as somebody else would write one: half the squared error beyond a margin."""

    margin: float = 0.1

    def evaluate(self, batch):
        error = batch.probs - batch.targets
        error = error * (abs(error) > self.margin)
        if batch.weights is not None:
            error = error * batch.weights
        return float((error**2).sum() / 2), error


def test_a_loss_of_ones_own():
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    gradient, value = Margin(margin=0.0)(p, truths)
    assert_allclose(gradient, p - numpy.eye(3)[truths], atol=1e-7)
    assert value > Margin(margin=0.5).get_loss(p, truths) > 0
    assert not Margin(missing_value=0).get_grad(p, truths)[[0, 3]].any()
    nested = F1(loss=Compound(losses={"margin": Margin()}), names=NAMES)
    assert pickle.loads(pickle.dumps(nested)).get_loss(p, truths) == nested.get_loss(p, truths)


@all_losses
def test_pickled_losses_are_the_same(cls):
    p, truths = guesses(), [0, 1, 2, 0, 1, 1]
    assert pickle.loads(pickle.dumps(cls())).get_loss(p, truths) == cls().get_loss(p, truths)


def test_penalty_of_nothing_is_cross_entropy_and_keeps_the_stock_gradient():
    probs, targets = guesses(), numpy.eye(3, dtype="f")[[0, 1, 2, 0, 1, 1]]
    stock = rng_of(1).normal(size=(6, 3)).astype("f")
    for batch in (
        Batch(probs, targets),
        Batch(probs, targets, exclusive=False, wrt="probs"),
        Batch(probs, targets, weights=numpy.full((6, 1), 0.5, dtype="f"), stock_gradient=stock),
    ):
        value, gradient = bind(CE())(batch)
        without = bind(ConfidencePenalty(entropy_weight=0.0))(batch)
        assert without[0] == value
        assert_array_equal(without[1], gradient)
        _, penalized = bind(ConfidencePenalty(entropy_weight=0.5))(batch)
        _, of_penalty = negative_entropy(
            probs, weights=batch.weights, exclusive=batch.exclusive, wrt=batch.wrt
        )
        assert_allclose(penalized - gradient, 0.5 * of_penalty, atol=1e-6)


def test_base_class_has_no_formula():
    with pytest.raises(NotImplementedError):
        RegisteredLoss()(guesses(), [0] * 6)


@pytest.mark.parametrize(
    ("cls", "settings", "message"),
    [
        (DSC, {"alpha": -1.0}, "dice.DSC.v1: alpha must be >= 0, got -1.0"),
        (DSC, {"alpha": float("nan")}, "dice.DSC.v1: alpha must be >= 0, got nan"),
        (DSC, {"smooth": -0.1}, "dice.DSC.v1: smooth must be >= 0, got -0.1"),
        (DL, {"smooth": "1"}, "dice.DL.v1: smooth must be >= 0, got '1'"),
        (TL, {"alpha": -1}, "dice.TL.v1: alpha must be >= 0, got -1"),
        (TL, {"beta": -1}, "dice.TL.v1: beta must be >= 0, got -1"),
        (FL, {"focus": -2.0}, "dice.FL.v1: focus must be >= 0, got -2.0"),
        (ASL, {"focus_positive": -1}, "dice.ASL.v1: focus_positive must be >= 0, got -1"),
        (ASL, {"focus_negative": -1}, "dice.ASL.v1: focus_negative must be >= 0, got -1"),
        (ASL, {"margin": 1.0}, "dice.ASL.v1: margin must be in [0, 1), got 1.0"),
        (GCE, {"q": 1.5}, "dice.GCE.v1: q must be in [0, 1], got 1.5"),
        (GCE, {"q": float("nan")}, "dice.GCE.v1: q must be in [0, 1], got nan"),
        (ConfidencePenalty, {"entropy_weight": -1}, "entropy_weight must be >= 0, got -1"),
        (WCE, {"K": 0.5}, "dice.WCE.v1: K must be >= 1, got 0.5"),
        (DL, {"ce_weight": -1.0}, "dice.DL.v1: ce_weight must be >= 0, got -1.0"),
        (DL, {"class_weights": {"O": -1.0}}, "class_weights['O'] must be >= 0, got -1.0"),
        (CE, {"label_smoothing": 1.0}, "label_smoothing must be in [0, 1), got 1.0"),
        (DSC, {"reduction": "bach"}, "got 'bach' (did you mean 'batch'?)"),
        (DSC, {"exclude": "O"}, "exclude must be a list of labels, got 'O'"),
        (Compound, {"losses": {}}, "losses must name at least one loss"),
        (Compound, {"losses": {"a": 1}}, "losses['a'] must be a registered loss, got 1"),
        (
            Compound,
            {"losses": {"dice": CE()}, "weights": {"dise": 1.0}},
            "weights has 'dise', but losses only 'dice' (did you mean 'dice'?)",
        ),
        (Compound, {"losses": {"a": CE()}, "weights": {"a": -1.0}}, "weights['a'] must be >= 0"),
        (
            Compound,
            {"losses": {"a": CE()}, "weights": {"a": "1"}},
            "a number or a schedule, got '1'",
        ),
    ],
)
def test_bad_settings_are_refused_at_construction(cls, settings, message):
    with pytest.raises(ValueError, match=r"^dice\.") as error:
        cls(**settings)
    assert message in str(error.value)


P = guesses()
NAN, TOO_LARGE = P.copy(), P.copy()
NAN[2, 1], TOO_LARGE[1, 1] = numpy.nan, 1.5


@all_losses
@pytest.mark.parametrize(
    ("p", "truths", "settings", "message"),
    [
        (NAN, [0] * 6, {}, "guesses must be probabilities in [0, 1], got nan"),
        (TOO_LARGE, [0] * 6, {}, "guesses must be probabilities in [0, 1], got 1.5"),
        (P, TOO_LARGE, {}, "truths must be probabilities in [0, 1], got 1.5"),
        (P, [0] * 5, {}, "got 6 rows of guesses, but 5 truths"),
        (P, numpy.zeros((6, 4), dtype="f"), {}, "shape (6, 3), truths (6, 4)"),
        (P, [0, 1, 2, 3, 0, 0], {}, "the class id 3 is not in [0, 3)"),
        (P, [0, 1, 2, -1, 0, 0], {}, "the class id -1 is not in [0, 3)"),
        (P, ["PRE"] * 6, {"names": NAMES}, "'PRE' is not among the names 'O', 'PER', 'LOC' (did"),
        (P, ["O"] * 6, {"names": ["O"]}, "got 1 names for 3 columns"),
        (P.astype(int), [0] * 6, {}, "guesses must be floats, got int64: use astype('f')"),
        (P[0], [0, 1, 2], {}, "guesses must have the shape (n, c), got (3,)"),
        ([P], [[0] * 6, []], {}, "got 1 sequences of guesses, but 2 of truths"),
    ],
)
def test_bad_input_is_refused(cls, p, truths, settings, message):
    with pytest.raises(ValueError, match=r"^dice\.") as error:
        cls(**settings)(p, truths)
    assert message in str(error.value)


@all_losses
@pytest.mark.parametrize("n", [5_000, 70_000])
def test_float16_is_summed_in_float32(cls, n):
    p, targets = guesses(n).astype("float16"), numpy.eye(3, dtype="float16")[numpy.arange(n) % 3]
    for settings in ({}, {"reduction": "batch"}):
        if settings and "reduction" not in {f.name for f in fields(cls)}:
            continue
        gradient, value = cls(**settings)(p, targets)
        expected, expected_value = cls(**settings)(p.astype("f"), targets.astype("f"))
        assert gradient.dtype == p.dtype
        assert value == pytest.approx(expected_value, rel=1e-5)
        assert_allclose(gradient, expected, rtol=2e-3, atol=1e-6)


def test_bad_weights_are_refused():
    with pytest.raises(ValueError, match=r"shape \(5, 1\), guesses \(6, 3\)"):
        CE()(P, [0] * 6, weights=numpy.ones(5))
    with pytest.raises(ValueError, match=r"weights must be >= 0"):
        CE()(P, [0] * 6, weights=numpy.full(6, -1.0))
    with pytest.raises(ValueError, match="names the label 'O', but the names of the columns"):
        DSC(exclude=["O"])(P, [0] * 6)
