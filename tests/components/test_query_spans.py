"""What is special about the component that answers queries."""

import pickle
import re
from functools import cache

import numpy
import pytest
import spacy
from pipelines import CASES, annotations, complete, examples, finder_model, pipeline, train, weights
from questions import LINEAR, QUESTIONS, question, questions, reader, softmax, trained_reader
from spacy.tokens import DocBin
from spacy.training import Corpus, Example
from thinc.api import Adam

from spacy_dice.losses import CE, Compound
from spacy_dice.queries import answer, make_query_doc

both = pytest.mark.parametrize("normalize", ["token", "document"])
ready = cache(trained_reader)


@pytest.mark.parametrize(("ours", "theirs"), [("dice.SE.v1", None), ("dice.CE.v1", "dice.CE.v1")])
def test_without_queries_it_is_a_span_finder(ours, theirs):
    """Bit-identical to the stock component, and to its twin with another loss."""
    settings = {"decode": "all", "query_key": None, "spans_key": "sc"}
    case = CASES["span_finder"]._replace(
        factory="query_spans", config={**CASES["span_finder"].config, **settings}
    )
    nlp = pipeline(case, ours, name="span_finder")
    other = pipeline("span_finder", theirs, stock=theirs is None)
    for each in (nlp, other):
        train(each)
    assert weights(nlp) == weights(other)


@both
def test_cross_entropy_is_that_of_the_stock_twin(normalize):
    """By document the stock twin trains on cross entropy, by token on the squared error."""
    loss = {"token": "dice.SE.v1", "document": "dice.CE.v1"}[normalize]
    pipelines = [
        trained_reader(normalize, updates=3, factory="query_spans"),
        trained_reader(normalize, updates=3, loss={"@losses": loss}),
        trained_reader(normalize, updates=3),
    ]
    stock, ours, other = map(weights, pipelines)
    assert stock == ours != other


@both
def test_learns_by_heart(normalize):
    nlp = ready(normalize)
    scores = nlp.evaluate(questions(nlp))
    assert scores["answer_em"] == scores["answer_span_f"] == scores["no_answer_acc"] == 1.0
    for query, context, expected in QUESTIONS:
        found = answer(nlp, query, context)
        assert [context[one.start : one.end] for one in found] == ([expected] if expected else [])
        assert all(one.text == expected and 0.5 <= one.score <= 1 for one in found)


@both
def test_answers_are_found_in_contexts_alone(normalize):
    nlp = trained_reader(normalize, updates=1, threshold=0.0)
    for decode in ("best", "all"):
        nlp.get_pipe("reader").cfg["decode"] = decode
        for i in range(len(QUESTIONS)):
            doc = nlp(question(nlp, i))
            assert len(doc.spans["answer"])
            assert all(s.start >= doc.spans["query"][0].end for s in doc.spans["answer"])


@both
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_saved_and_loaded(normalize, tmp_path):
    nlp = ready(normalize)
    nlp.to_disk(tmp_path)
    copies = [spacy.load(tmp_path), spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())]
    expected = [annotations(nlp(question(nlp, i))) for i in range(len(QUESTIONS))]
    for copy in copies:
        got = [annotations(doc) for doc in copy.pipe([question(copy, i) for i in range(4)])]
        assert got == expected
        assert [annotations(copy(question(copy, i).text)) for i in range(4)] == expected
        again = copy.pipe([question(copy, i) for i in range(4)], n_process=2, batch_size=2)
        assert [annotations(doc) for doc in again] == expected


@both
def test_scores_of_answers_are_kept(normalize, tmp_path):
    nlp = ready(normalize)
    doc = nlp(question(nlp, 0))
    DocBin(docs=[doc]).to_disk(tmp_path / "found.spacy")
    [again] = DocBin().from_disk(tmp_path / "found.spacy").get_docs(nlp.vocab)
    [score] = again.spans["answer"].attrs["scores"]
    assert 0.5 < score < 1
    assert again.spans["query"].attrs == {"id": "q0"}
    assert again.spans["answer"][0].text == "Denver"


def test_probabilities_by_token():
    """The score is the product of those of the ends; the threshold is one on it."""
    nlp = ready("token")
    pipe, doc = nlp.get_pipe("reader"), question(nlp, 0)
    probs = pipe.predict([doc]).astype("float64")
    start = doc.spans["query"][0].end
    pairs = {
        (i, j + 1): probs[i, 0] * probs[j, 1]
        for i in range(start, len(doc))
        for j in range(i, len(doc))
    }
    place = max(pairs, key=pairs.get)
    [(found, score)] = pipe.decode(probs, start)
    assert found == place
    assert score == pytest.approx(pairs[place])


def test_probabilities_by_document():
    """Of the best span against no answer, which the separator stands for."""
    nlp = ready("document")
    pipe, doc = nlp.get_pipe("reader"), question(nlp, 0)
    logits = pipe.predict([doc]).astype("float64")
    start = doc.spans["query"][0].end
    probs = numpy.stack([softmax(column) for column in logits[start - 1 :].T])
    pairs = {
        (i, j + 1): probs[0, i] * probs[1, j]
        for i in range(1, probs.shape[1])
        for j in range(i, probs.shape[1])
    }
    (first, end), none = max(pairs, key=pairs.get), probs[0, 0] * probs[1, 0]
    [(found, score)] = pipe.decode(logits, start)
    assert found == (start - 1 + first, start - 1 + end)
    assert score == pytest.approx(pairs[first, end] / (pairs[first, end] + none))


@both
def test_gradient_of_the_query(normalize):
    """There is none by token; by document the separator has one, as it stands for no answer."""
    nlp = trained_reader(normalize, updates=1)
    pipe, batch = nlp.get_pipe("reader"), questions(nlp)
    scores = pipe.predict([eg.predicted for eg in batch])
    _, gradient = pipe.get_loss(batch, scores)
    offset = 0
    for eg in batch:
        rows = gradient[offset : offset + len(eg.predicted)]
        offset += len(rows)
        start = eg.predicted.spans["query"][0].end
        assert not rows[: start - 1].any()
        assert rows[start - 1].any() == (normalize == "document")
        assert rows[start:].any(axis=0).all()


def test_gradient_by_document_is_that_of_a_loop():
    """Softmax minus target, gold tokens sharing it; nothing for what is not known."""
    nlp = reader("document", decode="all", loss={"@losses": "dice.CE.v1"})
    gold = question(nlp, 0)
    start = gold.spans["query"][0].end
    gold.spans["answer"] = [gold[start : start + 1], gold[start + 2 : start + 3]]
    # The answer begins in a token of the predicted document.
    cut = question(nlp, 3)
    words = [t.text for t in cut]
    split = [*words[:-3], "New", "Yo", "rk", "."]
    blanks = [bool(t.whitespace_) for t in cut]
    spaces = [*blanks[:-3], True, False, False, False]
    other = make_query_doc(nlp.vocab, ["x"], ["y"]).__class__(nlp.vocab, words=split, spaces=spaces)
    other.spans["query"] = [other[: cut.spans["query"][0].end]]
    other.spans["answer"] = [other[len(split) - 2 : len(split) - 1]]
    none = question(nlp, 2)
    batch = [Example(nlp.make_doc(doc.text), doc) for doc in (gold, other, none)]
    pipe = nlp.get_pipe("reader")
    rng = numpy.random.default_rng(0)
    scores = rng.normal(size=(sum(len(eg.predicted) for eg in batch), 2)).astype("f")
    value, gradient = pipe.get_loss(batch, scores)
    expected, total, offset = numpy.zeros_like(scores), 0.0, 0
    for eg, places in zip(batch, [[(1, 3), (1, 3)], [(), "end"], [(0,), (0,)]], strict=True):
        first = offset + eg.predicted.spans["query"][0].end - 1
        offset += len(eg.predicted)
        for edge in (0, 1):
            p = softmax(scores[first:offset, edge].astype("float64"))
            right = places[edge]
            if right == "end":  # "York" is a token of which "rk" is gold: its start is unknown.
                right = (len(p) - 2,)
            if not right:
                continue
            y = numpy.zeros_like(p)
            y[list(right)] = 1 / len(right)
            expected[first:offset, edge] = p - y
            total -= (y * numpy.log(p)).sum()
    numpy.testing.assert_allclose(gradient, expected, atol=1e-6)
    assert value == pytest.approx(total, rel=1e-5)


NAMED = [
    {"@losses": "dice.WCE.v1"},
    {"@losses": "dice.F1.v1"},
    {"@losses": "dice.DSC.v1", "reduction": "batch"},
    {"@losses": "dice.DSC.v1", "exclude": ["start"]},
    {"@losses": "dice.FL.v1", "class_weights": {"start": 2.0}},
    {"@losses": "dice.Compound.v1", "losses": {"a": {"@losses": "dice.MacroF1.v1"}}},
]


@pytest.mark.parametrize("loss", NAMED)
def test_losses_of_labels_are_not_for_documents(loss):
    with pytest.raises(ValueError, match=r'reader\.loss\]: with normalize = "document" a loss'):
        reader("document", loss=loss)
    trained_reader("token", updates=1, loss=loss)


@pytest.mark.parametrize("loss", ["FL", "DL", "TL", "DSC", "ASL"])
@both
def test_other_losses_learn_by_heart(normalize, loss):
    if (normalize, loss) == ("document", "ASL"):
        pytest.skip("for logistic outputs")
    nlp = trained_reader(normalize, loss={"@losses": f"dice.{loss}.v1"})
    assert nlp.evaluate(questions(nlp))["answer_em"] == 1.0


def test_other_losses_need_no_columns():
    assert not CE().needs_columns
    assert not Compound(losses={"a": CE()}).needs_columns


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decode": "some"}, "decode must be one of 'best', 'all', got 'some'"),
        ({"normalize": "tokens"}, "normalize must be one of 'token', .* got 'tokens'"),
        (
            {"normalize": "document", "model": finder_model()},
            r'a linear layer: set \[components.reader.model.scorer\] to @layers = "Linear.v1"',
        ),
        (
            {"normalize": "document", "model": LINEAR, "query_key": None},
            'query_key must be given with normalize = "document"',
        ),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    from spacy_dice.components import DiceQuerySpans

    nlp = spacy.blank("en")
    settings = dict(settings)
    block = settings.pop("model", finder_model())
    model = spacy.util.registry.resolve({"model": block})["model"]
    with pytest.raises(ValueError, match=rf"^\[components\.reader\]: .*{message}"):
        DiceQuerySpans(nlp, model, "reader", **settings)


def test_a_model_that_gives_no_probabilities():
    nlp = reader("token", model=LINEAR)
    with pytest.raises(ValueError, match="scores must be probabilities"):
        trained_reader("token", model=LINEAR, updates=20)
    nlp.initialize(lambda: questions(nlp))


def in_query(doc):
    doc.spans["answer"] = [doc[:1]]


def two_answers(doc):
    start = doc.spans["query"][0].end
    doc.spans["answer"] = [doc[start : start + 1], doc[start + 1 : start + 2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (in_query, r"the answer 'Who' is not in the context, but in the query of q0 \('Who won"),
        (two_answers, r'2 answers to one query, which decode = "best" cannot find.* q0'),
    ],
)
def test_gold_that_makes_no_sense(change, message):
    nlp = reader()
    data = questions(nlp)
    change(data[0].reference)
    with pytest.raises(ValueError, match=rf"^\[components\.reader\]: {message}"):
        nlp.initialize(lambda: data)
    nlp.initialize(lambda: questions(nlp))
    with pytest.raises(ValueError, match=message):
        nlp.update(data, sgd=Adam(0.01))


def test_documents_without_a_query():
    nlp = ready("token")
    message = re.escape("[components.reader]: the document has neither spans['query'] nor a query")
    with pytest.raises(ValueError, match=message):
        nlp("Denver won it.")
    data = complete(nlp.vocab)
    data[0].reference.spans["answer"] = []
    with pytest.raises(ValueError, match=message):
        nlp.update(data, sgd=Adam(0.01))
    doc = nlp("")
    assert not len(doc.spans["answer"])


def test_asking_a_pipeline():
    nlp = ready("token")
    by_name = answer(nlp, "Who won it?", "In May Denver won the cup.", component="reader")
    assert by_name == answer(nlp, nlp.make_doc("Who won it?"), "In May Denver won the cup.")
    with pytest.raises(ValueError, match="query must have words"):
        answer(nlp, " ", "Denver won.")
    with pytest.raises(ValueError, match="there is no 'readr' among the components"):
        answer(nlp, "Who?", "Denver.", component="readr")
    with pytest.raises(ValueError, match="that find answers, none at all"):
        answer(pipeline("tagger"), "Who?", "Denver.")


def test_trained_from_a_corpus(tmp_path):
    """What `spacy train` and `spacy evaluate` read has no span groups in the predicted docs."""
    nlp = ready("document")
    docs = [question(nlp, i) for i in range(len(QUESTIONS))]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    read = list(Corpus(tmp_path / "dev.spacy")(nlp))
    assert nlp.evaluate(read)["answer_em"] == 1.0


def test_pickled_settings():
    """The model of a span finder cannot be pickled; the scorer can."""
    pipe = reader().get_pipe("reader")
    copy = pickle.loads(pickle.dumps(pipe.scorer))
    assert copy.more.keywords == {"gold": "any"}


def test_examples_of_other_tokens_are_aligned():
    nlp = pipeline("query_spans")
    train(nlp, data=examples)
