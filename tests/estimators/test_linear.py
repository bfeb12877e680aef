"""The linear classifier: equal to logistic regression for cross entropy, gradients, streams."""

import pickle
import warnings

import numpy
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime, minimize
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier

from spacy_dice.estimators import SoftF1Classifier
from spacy_dice.estimators._objective import LOSSES, LinearObjective
from spacy_dice.metrics import get_scorer, soft_f1_score

SETTINGS = {
    "focus": 1.5,
    "smooth": 0.5,
    "alpha": 0.7,
    "beta": 0.4,
}


def binary(n=200, weight=0.85, seed=0):
    return make_classification(
        n, 6, n_informative=4, weights=[weight], flip_y=0.05, class_sep=0.7, random_state=seed
    )


def multiclass(n=200):
    return make_classification(
        n, 6, n_informative=4, n_classes=3, weights=[0.6, 0.3], random_state=1
    )


def multilabel(n=120):
    return make_multilabel_classification(n, 6, n_classes=3, random_state=2)


PROBLEMS = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel}


def objective(kind, loss, reduction="batch", container=numpy.asarray, seed=0):
    rng = numpy.random.default_rng(seed)
    X, y = PROBLEMS[kind](30)
    table = y if kind == "multilabel" else (y[:, None] == numpy.unique(y)).astype(float)
    targets = table[:, 1:] if kind == "binary" else table
    function, names = LOSSES[loss]
    settings = {name: SETTINGS.get(name, reduction) for name in names}
    cells = kind == "multilabel"
    shape = (targets.shape[1], X.shape[1] + 1)
    return LinearObjective(
        container(X),
        targets.astype(float),
        rng.uniform(0, 2, (30, 3) if cells else 30),
        exclusive=kind == "multiclass",
        terms=[(function, 1.0, settings), (LOSSES["ce"][0], 0.25, {})],
        center=rng.normal(size=shape),
        precision=rng.uniform(0, 1, shape),
    ), 0.3 * rng.normal(size=shape[0] * shape[1])


@pytest.mark.parametrize("container", [numpy.asarray, sparse.csr_array])
@pytest.mark.parametrize("reduction", ["example", "batch"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", PROBLEMS)
def test_gradients_are_those_of_finite_differences(kind, loss, reduction, container):
    function, flat = objective(kind, loss, reduction, container)
    numeric = approx_fprime(flat, lambda x: function(x)[0], 1e-7)
    numpy.testing.assert_allclose(function(flat)[1], numeric, rtol=1e-4, atol=2e-6)


def torch_loss(name, p, y, w, reduction):
    """The losses once more, written down for autograd: `(n, c)` tensors."""
    s = SETTINGS
    if name == "ce":
        return None
    if name == "focal":
        return None
    if name == "dice":
        num, den = 2 * p * y, p**2 + y**2
    elif name == "tversky":
        num = p * y
        den = num + s["alpha"] * p * (1 - y) + s["beta"] * (1 - p) * y
    else:
        u = (1 - p) ** s["alpha"] * p
        num, den = 2 * u * y, u + y
    if reduction == "example":
        return (w * (1 - (num + s["smooth"]) / (den + s["smooth"]))).sum()
    num, den = ((w * x).sum(0) for x in (num, den))
    gold = (w * y).sum(0)
    n_rows = w.max(dim=1).values.sum()
    scale = max(float(n_rows), float(gold.sum())) / max(float(gold.clamp(max=1).sum()), 1)
    return (scale * (1 - (num + s["smooth"]) / (den + s["smooth"]))).sum()


@pytest.mark.parametrize("reduction", ["example", "batch"])
@pytest.mark.parametrize("loss", ["dice", "tversky", "dsc"])
@pytest.mark.parametrize("kind", PROBLEMS)
def test_value_and_gradient_are_those_of_autograd(kind, loss, reduction):
    torch = pytest.importorskip("torch")
    function, flat = objective(kind, loss, reduction)
    value, gradient = function(flat)
    X, y = torch.tensor(function.X), torch.tensor(function.targets)
    w = torch.tensor(function.weights)
    w = w[:, None].expand(y.shape) if w.ndim == 1 else w
    x = torch.tensor(flat, requires_grad=True)
    params = x.reshape(function.center.shape)
    logits = X @ params[:, :-1].T + params[:, -1]
    if kind == "multiclass":
        p, ce = logits.softmax(1), -(w * y * logits.log_softmax(1)).sum()
    else:
        p = logits.sigmoid()
        ce = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, y, weight=w, reduction="sum"
        )
    shift = params - torch.tensor(function.center)
    penalty = 0.5 * (torch.tensor(function.precision) * shift**2).sum()
    total = torch_loss(loss, p, y, w, reduction) + 0.25 * ce + penalty
    total = total / w.max(dim=1).values.sum()
    total.backward()
    assert value == pytest.approx(total.item(), rel=1e-12)
    numpy.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"C": 0.1},
        {"class_weight": "balanced"},
        {"class_weight": {1: 3.0}},
        {"fit_intercept": False},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_logistic_regression(kind, settings, weighted):
    X, y = PROBLEMS[kind]()
    w = numpy.random.default_rng(0).integers(0, 4, len(y)) if weighted else None
    if weighted and settings.get("class_weight") == "balanced":
        # scikit-learn before 1.9 counts rows for "balanced", not weights: give it the rows.
        rows = numpy.repeat(numpy.arange(len(y)), w)
        theirs = LogisticRegression(tol=1e-8, max_iter=5000, **settings).fit(X[rows], y[rows])
    else:
        theirs = LogisticRegression(tol=1e-8, max_iter=5000, **settings).fit(X, y, w)
    ours = SoftF1Classifier(loss="ce", tol=1e-8, max_iter=5000, **settings).fit(X, y, w)
    numpy.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=1e-4)
    numpy.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
    assert ours.intercept_.shape == theirs.intercept_.shape
    numpy.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 4.0}])
def test_multilabel_cross_entropy_is_one_regression_a_label(class_weight):
    X, y = multilabel()
    theirs = OneVsRestClassifier(
        LogisticRegression(tol=1e-8, max_iter=5000, class_weight=class_weight)
    ).fit(X, y)
    model = SoftF1Classifier(loss="ce", tol=1e-8, max_iter=5000)
    for targets in (y, sparse.csr_array(y)):
        ours = clone(model).set_params(class_weight=class_weight).fit(X, targets)
        numpy.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3)
    if class_weight is not None:
        each = clone(model).set_params(class_weight=[class_weight] * 3).fit(X, y)
        numpy.testing.assert_array_equal(each.coef_, ours.coef_)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", PROBLEMS)
def test_sparse_and_dense_input_weights_and_repeated_rows_agree(kind, loss):
    X, y = PROBLEMS[kind]()
    w = numpy.random.default_rng(0).integers(0, 3, len(y))
    model = SoftF1Classifier(loss=loss, tol=1e-6)
    weighted = clone(model).fit(X, y, sample_weight=w)
    rows = numpy.repeat(numpy.arange(len(y)), w)
    repeated = clone(model).fit(sparse.csr_matrix(X[rows]), y[rows])
    numpy.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("loss", ["tversky", "dice", "dsc"])
def test_the_dice_family_finds_rare_positives(loss):
    X, y = binary(2000)
    test_X, test_y = X[1000:], y[1000:]
    plain = LogisticRegression().fit(X[:1000], y[:1000])
    ours = SoftF1Classifier(loss=loss).fit(X[:1000], y[:1000])
    assert f1_score(test_y, ours.predict(test_X)) > f1_score(test_y, plain.predict(test_X)) + 0.05


def test_the_default_raises_the_soft_f1_score_of_what_it_is_fitted_to():
    X, y = binary()
    scores = [
        soft_f1_score(y, SoftF1Classifier(**kwargs).fit(X, y).predict_proba(X))
        for kwargs in ({"loss": "ce"}, {"ce_weight": 1.0}, {"ce_weight": 0.0})
    ]
    assert scores[0] + 0.05 < scores[1] < scores[2]


@pytest.mark.parametrize("settings", [{}, {"class_weight": {"ham": 2.0}}, {"loss": "dsc"}])
def test_the_positive_class_may_be_the_first(settings):
    X, codes = binary()
    swapped = numpy.array(["spam", "ham"])[codes]  # the rare class, ham, sorts first
    model = SoftF1Classifier(pos_label="ham", **settings).fit(X, swapped)
    if "class_weight" in settings:
        settings = {"class_weight": {1: 2.0}}
    second = SoftF1Classifier(**settings).fit(X, codes)
    numpy.testing.assert_array_equal(model.coef_, -second.coef_)
    numpy.testing.assert_array_equal(model.predict(X) == "ham", second.predict(X) == 1)
    numpy.testing.assert_allclose(model.predict_proba(X), second.predict_proba(X)[:, ::-1])
    for part in (model, second):
        part.partial_fit(X[:50], swapped[:50] if part is model else codes[:50])
    numpy.testing.assert_allclose(model.coef_, -second.coef_)
    model.set_params(warm_start=True).fit(X, swapped)
    second.set_params(warm_start=True).fit(X, codes)
    numpy.testing.assert_allclose(model.coef_, -second.coef_)


def test_beta_trades_precision_for_recall():
    X, y = binary()
    recalls = []
    for alpha, beta in ((0.9, 0.1), (0.5, 0.5), (0.1, 0.9)):
        model = SoftF1Classifier(alpha=alpha, beta=beta, ce_weight=0.0).fit(X, y)
        recalls.append(model.predict(X)[y == 1].mean())
    assert recalls[0] < recalls[1] < recalls[2]


def test_it_starts_from_cross_entropy_and_is_deterministic():
    X, y = binary()
    first, second = (SoftF1Classifier(random_state=seed).fit(X, y) for seed in (0, 1))
    numpy.testing.assert_array_equal(first.coef_, second.coef_)
    # One iteration in each stage: not far from where cross entropy is after one.
    with pytest.warns(ConvergenceWarning, match=r"SoftF1Classifier: L-BFGS failed .* max_iter"):
        short = SoftF1Classifier(max_iter=1).fit(X, y)
    assert short.n_iter_.tolist() == [2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SoftF1Classifier().fit(X, y).n_iter_[0] > 2


def test_a_warm_start_goes_on_from_the_last_coefficients():
    X, y = binary()
    model = SoftF1Classifier(warm_start=True).fit(X, y)
    n_iter = model.n_iter_[0]
    coef = model.coef_
    model.fit(X, y)
    assert model.n_iter_[0] < n_iter / 2
    numpy.testing.assert_allclose(model.coef_, coef, atol=1e-3)
    with pytest.raises(ValueError, match="warm_start needs the same features"):
        model.fit(X[:, :3], y)


@pytest.mark.parametrize("loss", ["ce", "tversky"])
@pytest.mark.parametrize("kind", PROBLEMS)
def test_the_first_part_of_a_stream_is_fitted_as_a_whole(kind, loss):
    X, y = PROBLEMS[kind]()
    whole = SoftF1Classifier(loss=loss).fit(X, y)
    classes = None if kind == "multilabel" else numpy.unique(y)
    part = SoftF1Classifier(loss=loss).partial_fit(X, y, classes=classes)
    numpy.testing.assert_array_equal(part.coef_, whole.coef_)
    numpy.testing.assert_array_equal(part.predict(X), whole.predict(X))


def test_a_stream_is_an_assumed_density_filter():
    """Chapelle and Li's algorithm 3, written down: means and diagonal curvatures."""
    X, y = binary(300)
    C, mean, precision = 0.5, numpy.zeros(7), numpy.array([1.0] * 6 + [0.0])
    model = SoftF1Classifier(loss="ce", C=C, tol=1e-9)
    for rows in numpy.array_split(numpy.arange(300), 3):
        model.partial_fit(X[rows], y[rows], classes=[0, 1])
        inputs = numpy.hstack([X[rows], numpy.ones((len(rows), 1))])

        def cost(w, inputs=inputs, target=y[rows], m=mean, q=precision):
            z = inputs @ w
            return C * (numpy.logaddexp(0, z) - target * z).sum() + 0.5 * q @ (w - m) ** 2

        mean = minimize(cost, mean, tol=1e-10).x
        p = 1 / (1 + numpy.exp(-inputs @ mean))
        precision = precision + C * (p * (1 - p)) @ inputs**2
        params = numpy.append(model.coef_[0], model.intercept_)
        numpy.testing.assert_allclose(params, mean, atol=1e-4)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_stream_comes_near_to_the_whole(kind):
    X, y = PROBLEMS[kind](2000)
    model = SoftF1Classifier()
    classes = None if kind == "multilabel" else numpy.unique(y)
    for start in range(0, 2000, 200):
        rows = slice(start, start + 200)
        model.partial_fit(X[rows], y[rows], classes=classes)
    whole = SoftF1Classifier().fit(X, y)
    average = "binary" if kind == "binary" else "macro"
    streamed, fitted = (f1_score(y, m.predict(X), average=average) for m in (model, whole))
    assert streamed > fitted - 0.03


def test_a_part_may_lack_classes():
    X, y = multiclass(600)
    model = SoftF1Classifier()
    known = y[:200] < 2
    model.partial_fit(X[:200][known], y[:200][known], classes=[0, 1, 2])
    assert set(model.predict(X)) == {0, 1}
    model.partial_fit(X[200:], y[200:])
    assert f1_score(y, model.predict(X), average="macro") > 0.5


def test_strings_grids_and_pickles():
    X, codes = binary()
    y = numpy.array(["ham", "spam"])[codes]
    search = GridSearchCV(
        SoftF1Classifier(),
        {"loss": ["tversky", "dsc"], "C": [0.1, 1.0], "ce_weight": [0.3, 1.0]},
        scoring=get_scorer("soft_f1"),
        cv=3,
    ).fit(X, y)
    assert set(search.predict(X)) == {"ham", "spam"}
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    numpy.testing.assert_array_equal(copy.predict_proba(X), search.predict_proba(X))
    numpy.testing.assert_allclose(copy.predict_log_proba(X), numpy.log(search.predict_proba(X)))


@pytest.mark.parametrize("targets", ["binary", "multiclass", "multilabel"])
def test_logarithms_of_probabilities_that_round_to_0(targets):
    X = numpy.repeat([[-1e3], [0.0], [1e3]], 5, axis=0)
    y = {
        "binary": (X[:, 0] > 0).astype(int),
        "multiclass": X[:, 0],
        "multilabel": numpy.hstack([X > 0, X < 0]).astype(int),
    }[targets]
    model = SoftF1Classifier().fit(X, y)
    log_probs = model.predict_log_proba(100 * X)
    assert numpy.isfinite(log_probs).all()
    numpy.testing.assert_allclose(numpy.exp(log_probs), model.predict_proba(100 * X), atol=1e-12)


X, Y = binary(20, weight=0.5)
BAD = [
    ({"loss": "tverski"}, Y, r"loss must be one of .* got 'tverski' \(did you mean 'tversky'"),
    ({"reduction": "mean"}, Y, "reduction must be one of 'example', 'batch', got 'mean'"),
    ({"C": 0}, Y, "C == 0, must be > 0"),
    ({"ce_weight": -1}, Y, "ce_weight == -1, must be >= 0"),
    ({"alpha": -0.5}, Y, r"alpha == -0\.5, must be >= 0"),
    ({"pos_label": 2}, Y, r"pos_label=2 is not a valid label.*\[0, 1\]"),
    ({"max_iter": 0}, Y, "max_iter == 0, must be >= 1"),
    ({"class_weight": [{0: 1}]}, numpy.stack([Y, 1 - Y], axis=1), "dict for each of 2 labels"),
    ({}, numpy.zeros(20), "only one class: 0"),
    ({}, numpy.linspace(0, 1, 20), "Unknown label type: continuous"),
    ({}, numpy.stack([Y, 2 * Y + 1], axis=1), "multiclass-multioutput"),
]


@pytest.mark.parametrize(("settings", "y", "message"), BAD)
def test_bad_settings_and_data_are_named(settings, y, message):
    with pytest.raises(ValueError, match=message):
        SoftF1Classifier(**settings).fit(X, y)


def test_bad_streams_are_named():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        SoftF1Classifier().partial_fit(X, Y)
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        SoftF1Classifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1])
    model = SoftF1Classifier().partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="labels that are not in classes '0', '1': '2'"):
        model.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="classes must be the same"):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="at least one non-zero"):
        model.fit(X, Y, sample_weight=numpy.zeros(20))
    labels = SoftF1Classifier().partial_fit(X, numpy.stack([Y, 1 - Y], axis=1))
    with pytest.raises(ValueError, match="indicator of 2 labels"):
        labels.partial_fit(X, numpy.stack([Y, Y, Y], axis=1))
