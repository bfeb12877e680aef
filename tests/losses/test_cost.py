"""The losses that follow F1: their weights, their counts, and what they pass on."""

import copy
import pickle

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import f1_score, fbeta_score
from strategies import rng_of, softmax

from spacy_dice.losses import CE, DSC, F1, SE, WCE, Batch, Compound, MacroF1, bind

LABELS = (("O",), ("B-PER", "PER"), ("U-LOC", "LOC"))
seeds = st.integers(0, 2**16)


def batch(seed, n=40, c=3):
    rng = rng_of(seed)
    probs = softmax(rng.normal(size=(n, c)))
    return probs, numpy.eye(c)[rng.integers(0, c, n)]


def gradient_of(loss, probs, targets, **settings):
    """The gradient of the first batch that a loss sees."""
    return bind(loss, LABELS)(Batch(probs, targets, **settings))[1]


def weight_of(loss, probs, targets):
    """The weight of the negatives, found by comparing gradients."""
    gradient, plain = (gradient_of(each, probs, targets) for each in (loss, loss.loss))
    ratios = gradient / plain
    negative = targets[:, 0] == 1
    assert_allclose(ratios[~negative], 1)
    assert numpy.ptp(ratios[negative]) < 1e-6
    return ratios[negative][0, 0]


@given(seeds, st.floats(0.25, 4))
def test_weight_is_the_cost_of_f_beta(seed, beta):
    """For predictions without doubt, soft F is scikit-learn's, over all labels but O."""
    probs, targets = batch(seed)
    gold, found = targets.argmax(axis=1), probs.argmax(axis=1)
    f = fbeta_score(gold, found, beta=beta, labels=[1, 2], average="micro", zero_division=0)
    loss = F1(loss=SE(), beta=beta, floor=0.0)
    bound = loss.bind(LABELS)
    bound(Batch(numpy.eye(3)[found], targets))
    tp, guessed, gold_count = bound.counts
    assert (1 + beta**2) * tp / (beta**2 * gold_count + guessed) == pytest.approx(f, abs=1e-9)
    blunt = 0.98 * numpy.eye(3)[found] + 0.01
    soft_tp = (blunt * targets)[:, 1:].sum()
    soft_f = (1 + beta**2) * soft_tp
    soft_f /= beta**2 * targets[:, 1:].sum() + blunt[:, 1:].sum()
    weight = weight_of(loss, blunt, targets)
    assert weight == pytest.approx(soft_f / (1 + beta**2 - soft_f))


@given(st.floats(0.01, 1))
def test_cross_entropy_decides_at_half_of_f(f):
    """Lipton's threshold: the best p of a cell that is positive with probability F/2 is 1/2."""
    weight = f / (2 - f)
    q = f / 2
    p = q / (q + weight * (1 - q))
    assert p == pytest.approx(0.5)


def test_logistic_cells():
    probs, targets = batch(3)
    probs, targets = probs * 0.9, (targets + batch(4)[1]).clip(0, 1)
    f = 2 * (probs * targets).sum() / (probs.sum() + targets.sum())
    gradient = gradient_of(F1(loss=SE()), probs, targets, exclusive=False, wrt="probs")
    weights = numpy.where(targets == 1, 1, f / (2 - f))
    assert_allclose(gradient, weights * (probs - targets))


def test_hard_logistic_predictions_give_scikit_learns_f():
    found, gold = batch(5)[1], batch(6)[1]
    bound = F1(loss=SE()).bind()
    bound(Batch(found, gold, exclusive=False))
    tp, guessed, n_gold = bound.counts
    assert 2 * tp / (guessed + n_gold) == pytest.approx(f1_score(gold, found, average="micro"))


def test_masked_rows_do_not_count():
    probs, targets = batch(7)
    mask = rng_of(8).integers(0, 2, (len(probs), 1)).astype(float)
    whole, part = F1().bind(LABELS), F1().bind(LABELS)
    value, gradient = whole(Batch(probs, targets, mask))
    kept = mask[:, 0] > 0
    expected = part(Batch(probs[kept], targets[kept]))
    assert value == pytest.approx(expected[0])
    assert_allclose(gradient[kept], expected[1])
    assert not gradient[~kept].any()
    assert_allclose(whole.counts, part.counts)


def test_counts_fade_with_rows_and_not_with_batches():
    probs, targets = batch(9, n=60)
    loss = F1(horizon=1000)
    bound, cut = loss.bind(LABELS), loss.bind(LABELS)
    bound(Batch(probs, targets))
    first = bound.counts.copy()
    for each in (bound, cut):
        each(Batch(*batch(10, n=500)))
    assert_allclose(bound.counts - cut.counts, first * numpy.exp(-0.5))


def test_a_poor_model_weights_negatives_with_the_floor():
    probs = numpy.tile([0.998, 0.001, 0.001], (30, 1))
    targets = numpy.eye(3)[[0, 1, 2] * 10]
    assert weight_of(F1(loss=CE(), floor=0.1), probs, targets) == pytest.approx(0.1)
    assert weight_of(F1(loss=CE(), floor=0.0), probs, targets) < 0.01


def test_without_negatives_among_the_labels_it_is_the_loss():
    probs, targets = batch(11)
    for loss in (F1(), F1(negatives=[]), F1(negatives=["NONE"])):
        value, gradient = loss.bind(("A", "B", "C"))(Batch(probs, targets))
        expected = DSC(ce_weight=0.3).bind()(Batch(probs, targets))
        assert value == expected[0]
        assert_allclose(gradient, expected[1])


def test_each_binding_counts_for_itself():
    for loss in (F1(), Compound(losses={"f1": F1()})):
        bound = loss.bind(LABELS)
        first = bound(Batch(*batch(12)))[0]
        bound(Batch(*batch(13)))
        assert bound(Batch(*batch(12)))[0] != first
        assert loss.bind(LABELS)(Batch(*batch(12)))[0] == first


def test_the_settings_stay_as_they_are():
    loss = F1(names=["O", "PER", "LOC"])
    before = repr(loss), dict(vars(loss))
    bound = loss.bind(LABELS)
    bound(Batch(*batch(22)))
    assert (repr(loss), vars(loss)) == before


@pytest.mark.parametrize(
    "loss", [F1(), MacroF1(), Compound(losses={"f1": F1(), "macro": MacroF1()})]
)
def test_a_value_alone_teaches_nothing(loss):
    """`get_loss` on other data leaves the next gradient as it would have been."""
    loss.names = ["O", "PER", "LOC"]
    (probs, targets), (others, other_targets) = batch(23), batch(24)
    first = loss(probs, targets)[0]
    counts = copy.deepcopy(loss)
    loss.get_loss(others, other_targets)
    assert_array_equal(loss(probs, targets)[0], counts(probs, targets)[0])
    counts(others, other_targets)
    assert (loss(probs, targets)[0] != counts(probs, targets)[0]).any()
    assert loss.get_loss(probs, targets) == loss(probs, targets)[1]
    assert first.any()


def test_pickled_it_goes_on():
    bound = F1().bind(LABELS)
    bound(Batch(*batch(14)))
    again = pickle.loads(pickle.dumps(bound))
    ours, theirs = (each(Batch(*batch(15)))[0] for each in (bound, again))
    assert ours == theirs != F1().bind(LABELS)(Batch(*batch(15)))[0]


def test_what_it_passes_on():
    loss = F1(loss=WCE())
    assert loss.needs_label_counts
    counts = {"O": 30, "B-PER": 1, "U-LOC": 1}
    assert loss.bind(LABELS, counts).inner.class_weights == WCE().bind(LABELS, counts).class_weights
    with pytest.raises(ValueError, match="'PRE'"):
        F1(loss=DSC(exclude=["PRE"])).bind(LABELS)


def macro_weights(loss, probs, targets):
    """The weight of each row, found by comparing gradients."""
    gradient, plain = (gradient_of(each, probs, targets) for each in (loss, loss.loss))
    ratios = gradient / plain
    assert_allclose(ratios, numpy.repeat(ratios[:, :1], ratios.shape[1], axis=1))
    return ratios[:, 0]


@given(seeds)
def test_macro_weights_are_the_gradient_of_macro_f1(seed):
    """With a power of 1: what one more bit of p of a positive is worth, by torch's autograd."""
    torch = pytest.importorskip("torch")
    probs, targets = batch(seed, n=60)
    p, y = torch.tensor(probs, requires_grad=True), torch.tensor(targets)
    (2 * (p * y).sum(dim=0) / (p.sum(dim=0) + y.sum(dim=0))).mean().backward()
    worth = (p.grad.numpy() * targets).sum(axis=1)
    weights = macro_weights(MacroF1(loss=CE(), power=1.0), probs, targets)
    assert_allclose(weights, worth / worth.mean())
    tempered = macro_weights(MacroF1(loss=CE(), power=0.5), probs, targets)
    assert_allclose(tempered, worth**0.5 / (worth**0.5).mean())


@given(seeds)
def test_macro_f1_of_hard_predictions_is_scikit_learns(seed):
    probs, targets = batch(seed)
    found = numpy.eye(3)[probs.argmax(axis=1)]
    bound = MacroF1(loss=SE()).bind(LABELS)
    bound(Batch(found, targets))
    tp, guessed, gold = bound.counts
    f = f1_score(targets.argmax(axis=1), found.argmax(axis=1), average=None, zero_division=0)
    assert_allclose(2 * tp / (guessed + gold), f)


def test_macro_weights_of_logistic_cells_are_those_of_their_labels():
    probs, targets = batch(16)
    bound = MacroF1(loss=SE()).bind(LABELS)
    _, gradient = bound(Batch(probs, targets, exclusive=False, wrt="probs"))
    tp, guessed, gold = bound.counts
    weights = ((2 - 2 * tp / (guessed + gold)) / (guessed + gold)) ** 0.25
    weights *= gold.sum() / (gold * weights).sum()
    assert_allclose(gradient, weights * (probs - targets))


def test_macro_weights_of_masked_and_goldless_rows():
    probs, targets = batch(17)
    mask = numpy.ones((len(probs), 1))
    mask[::3] = 0
    kept = mask[:, 0] > 0
    value, gradient = MacroF1().bind(LABELS)(Batch(probs, targets, mask))
    expected = MacroF1().bind(LABELS)(Batch(probs[kept], targets[kept]))
    assert value == pytest.approx(expected[0])
    assert_allclose(gradient[kept], expected[1])
    nothing = [gradient_of(loss, probs, targets * 0) for loss in (MacroF1(loss=SE()), SE())]
    assert_allclose(*nothing)


def test_macro_counts_fade_are_forgotten_and_follow_the_labels():
    loss = MacroF1(horizon=1000)
    bound, again = loss.bind(LABELS), loss.bind(LABELS)
    bound(Batch(*batch(18, n=60)))
    first = bound.counts.copy()
    for each in (bound, again):
        each(Batch(*batch(19, n=500)))
    assert_allclose(bound.counts - again.counts, first * numpy.exp(-0.5))
    # A column more, where nobody names them.
    bound(Batch(*batch(20, c=4)))
    fresh = loss.bind()
    fresh(Batch(*batch(20, c=4)))
    assert_allclose(bound.counts, fresh.counts)


def test_without_power_it_is_the_loss():
    probs, targets = batch(21)
    value, gradient = MacroF1(power=0.0).bind(LABELS)(Batch(probs, targets))
    expected = DSC(ce_weight=1.0).bind(LABELS)(Batch(probs, targets))
    assert value == pytest.approx(expected[0])
    assert_allclose(gradient, expected[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"power": -1}, "dice.MacroF1.v1: power must be >= 0, got -1"),
        ({"horizon": 0}, "dice.MacroF1.v1: horizon must be > 0, got 0"),
        ({"loss": "DSC"}, "dice.MacroF1.v1: loss must be a registered loss, got 'DSC'"),
    ],
)
def test_bad_macro_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MacroF1(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0}, "dice.F1.v1: beta must be > 0, got 0"),
        ({"horizon": -1.0}, "dice.F1.v1: horizon must be > 0, got -1.0"),
        ({"floor": 1.5}, "dice.F1.v1: floor must be in"),
        ({"negatives": "O"}, "dice.F1.v1: negatives must be a list of labels, got 'O'"),
        ({"loss": 3}, "dice.F1.v1: loss must be a registered loss, got 3"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        F1(**settings)
