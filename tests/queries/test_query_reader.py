"""The model that lets the tokens of a context see the query."""

import copy
import pickle

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from pipelines import TOK2VEC, annotations
from questions import QUESTIONS, READER, question
from spacy.training import Example
from spacy.util import registry
from thinc.api import Adam, Config, fix_random_seed

from spacy_dice.queries import answer, make_query_doc
from spacy_dice.queries.reader import N_FEATURES, fuse_query, matches, query_fusion

LINEAR = {**READER, "scorer": {"@layers": "Linear.v1", "nO": 2}}
NORMALIZE = {"token": READER, "document": LINEAR}
both = pytest.mark.parametrize("normalize", NORMALIZE)
# One context, in which only the query tells what is right.
CONTEXT = "In May Denver won the cup, and in June Boston lost it to Dallas."
ASKED = {
    "Who won the cup?": "Denver",
    "Who lost it?": "Boston",
    "When was it lost?": "June",
    "When did Denver win?": "May",
}


def asked(nlp):
    examples = []
    for query, text in ASKED.items():
        doc = make_query_doc(nlp.vocab, nlp.make_doc(query), nlp.make_doc(CONTEXT))
        start = len(doc.text) - len(CONTEXT) + CONTEXT.index(text)
        doc.spans["answer"] = [doc.char_span(start, start + len(text))]
        examples.append(Example(nlp.make_doc(doc.text), doc))
    return examples


@pytest.fixture(scope="module", params=NORMALIZE)
def trained(request):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = Config({"model": NORMALIZE[request.param], "normalize": request.param}).copy()
    nlp.add_pipe("dice_query_spans", config=config)
    optimizer = nlp.initialize(lambda: asked(nlp), sgd=Adam(0.01))
    for _ in range(80):
        nlp.update(asked(nlp), sgd=optimizer)
    return nlp


def test_the_query_decides(trained):
    """Four answers in one context, which a convolution could not tell apart."""
    for query, expected in ASKED.items():
        [found] = answer(trained, query, CONTEXT)
        assert found.text == expected


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_saved_loaded_and_pickled(trained, tmp_path):
    trained.to_disk(tmp_path)
    copies = [
        spacy.load(tmp_path),
        spacy.blank("en", config=trained.config).from_bytes(trained.to_bytes()),
        pickle.loads(pickle.dumps(trained)),
    ]
    docs = [eg.reference for eg in asked(trained)]
    expected = [annotations(doc)["spans"] for doc in trained.pipe(doc.copy() for doc in docs)]
    for nlp in copies:
        found = nlp.pipe([nlp.make_doc(doc.text) for doc in docs])
        assert [annotations(doc)["spans"] for doc in found] == expected
    found = trained.pipe([trained.make_doc(doc.text) for doc in docs], n_process=2, batch_size=2)
    assert [annotations(doc)["spans"] for doc in found] == expected


@pytest.mark.parametrize(("m", "n"), [(7, 3), (4, 4), (1, 1)])
def test_gradient_is_that_of_torch(m, n):
    torch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(m)
    h, W, d = rng.normal(size=(m, 5)), rng.normal(size=(5, 5)), rng.normal(size=(m, 20))
    out, backprop = fuse_query(h, n, W)
    d_h, d_W = backprop(d)
    th, tW = (torch.tensor(x, requires_grad=True) for x in (h, W))
    q = th[:n]
    attention = torch.softmax(th @ tW.T @ q.T / 5**0.5, dim=1)
    seen = attention @ q
    expected = torch.cat([th, seen, th * seen, th * q.mean(dim=0, keepdim=True)], dim=1)
    expected.backward(torch.tensor(d))
    assert_allclose(out, expected.detach().numpy(), atol=1e-12)
    assert_allclose(d_h, th.grad.numpy(), atol=1e-12)
    assert_allclose(d_W, tW.grad.numpy(), atol=1e-12)


def test_without_a_query_there_is_nothing_to_see():
    h, d = numpy.ones((3, 2)), numpy.ones((3, 8))
    out, backprop = fuse_query(h, 0, numpy.eye(2))
    assert_allclose(out[:, :2], h)
    assert not out[:, 2:].any()
    d_h, d_W = backprop(d)
    assert_allclose(d_h, 1)
    assert not d_W.any()
    assert fuse_query(h[:0], 0, numpy.eye(2))[0].shape == (0, 8)


def test_gradient_of_the_layer():
    """Finite differences of its parameter, over documents of a batch."""
    nlp = spacy.blank("en")
    tok2vec = registry.resolve({"model": copy.deepcopy(TOK2VEC)})["model"]
    layer = query_fusion(tok2vec)
    docs = [question(nlp, i) for i in range(len(QUESTIONS))] + [nlp.make_doc("all context")]
    layer.initialize(X=docs)
    outputs, backprop = layer(docs, True)
    assert [out.shape for out in outputs] == [(len(doc), 4 * 16 + N_FEATURES) for doc in docs]
    rng = numpy.random.default_rng(0)
    d = [rng.normal(size=out.shape).astype("f") for out in outputs]
    backprop(d)
    gradient, W = layer.get_grad("W"), layer.get_param("W").copy()
    direction = rng.normal(size=W.shape).astype("f")

    def along(step):
        layer.set_param("W", W + step * direction)
        total = zip(layer.predict(docs), d, strict=True)
        return sum(float((out.astype("float64") * own).sum()) for out, own in total)

    slope = (along(1e-2) - along(-1e-2)) / 2e-2
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=0.01)


def test_words_in_common():
    nlp = spacy.blank("en")
    doc = make_query_doc(
        nlp.vocab,
        ["Who", "wins", "Denver", "'s", "cup", "?"],
        ["denver", "winning", *"x" * 12, "Denver", "cup", "wins", "who"],
    )
    n = doc.spans["query"][0].end
    features = matches(doc, n)
    orth, lower, norm, lemma, stem, near, context = features[n:].T
    assert [orth[0], lower[0], norm[0], stem[0]] == [0, 1, 1, 1]
    assert orth[-4:].tolist() == [1, 1, 1, 0]
    assert not lemma.any()
    assert stem.tolist() == [1, 0, *[0] * 12, 1, 1, 1, 0]
    # Of Denver, cup and wins: the first is near at the beginning, all are at the end.
    assert_allclose(near[[0, 8, 9, -1]], [1 / 3, 1, 2 / 3 + 1 / 3, 1])
    assert context.all()
    assert not features[:n, -1].any()
    assert not matches(doc, 0)[:, :-1].any()


def test_lemmas_in_common():
    nlp = spacy.blank("en")
    doc = make_query_doc(nlp.vocab, ["Who", "won", "?"], ["They", "win", "it"])
    doc[1].lemma_ = doc[5].lemma_ = "win"
    assert matches(doc, 4)[4:, 3].tolist() == [0, 1, 0]
