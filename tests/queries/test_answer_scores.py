"""Scores of answers against the evaluation of SQuAD, and a loop over DROP's alignment."""

from types import SimpleNamespace

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from spacy.tokens import SpanGroup
from spacy.training import Example

from spacy_dice.queries import make_query_doc
from spacy_dice.queries.scores import all_scores, any_scores
from spacy_dice.scorers import make_query_spans_scorer

WORDS = [
    "the",
    "a",
    "Denver",
    "Broncos",
    "broncos,",
    "1,000",
    "24",
    "24-10",
    "U.S.",
    "an",
    "!",
    "é",
]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=0, max_size=4).map(" ".join)


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_any_is_that_of_squad(predicted, gold):
    metrics = pytest.importorskip("transformers.data.metrics.squad_metrics")
    example = SimpleNamespace(
        qas_id="q", answers=[{"text": text} for text in gold], is_impossible=not gold
    )
    expected = metrics.squad_evaluate([example], {"q": predicted})
    exact, f = any_scores(predicted, gold)
    assert 100 * exact == expected["exact"]
    assert 100 * f == pytest.approx(expected["f1"])


def test_all_questions_together_are_those_of_squad():
    """The averages, too, with several annotators and without answers."""
    metrics = pytest.importorskip("transformers.data.metrics.squad_metrics")
    rng = numpy.random.default_rng(0)
    nlp = spacy.blank("en")
    examples, theirs, predictions = [], [], {}
    for i in range(200):
        words = rng.choice(["the", "Denver", "Broncos", ",", "1,000", "of", "U.S.", "a"], 12)
        query = nlp.make_doc("Who?")
        gold = make_query_doc(nlp.vocab, query, nlp.make_doc(" ".join(words)))
        found = gold.copy()
        places = [
            (k := int(rng.integers(3, len(gold))), int(rng.integers(k, len(gold))) + 1)
            for _ in range(4)
        ]
        spans = [gold[start:end] for start, end in places]
        has_answer = i % 3 > 0
        gold.spans["answer"] = spans[:1] if has_answer else []
        gold.spans["answer_alternatives"] = spans[1 : 1 + i % 2] if has_answer else []
        # Right, another, two of which the more probable one counts, or none.
        kind = i % 4
        chosen = [[0], [3], [3, 0], []][kind]
        found.spans["answer"] = SpanGroup(
            found,
            spans=[found[start:end] for start, end in (places[j] for j in chosen)],
            attrs={"scores": [0.2, 0.7][: len(chosen)]},
        )
        examples.append(Example(found, gold))
        texts = [span.text for key in ("answer", "answer_alternatives") for span in gold.spans[key]]
        theirs.append(
            SimpleNamespace(
                qas_id=str(i), answers=[{"text": t} for t in texts], is_impossible=not texts
            )
        )
        predictions[str(i)] = found[slice(*places[chosen[-1]])].text if chosen else ""
    expected = metrics.squad_evaluate(theirs, predictions)
    scores = make_query_spans_scorer()(examples, spans_key="answer", query_key="query")
    for ours, their in (
        ("answer_em", "exact"),
        ("answer_f", "f1"),
        ("has_answer_em", "HasAns_exact"),
        ("has_answer_f", "HasAns_f1"),
        ("no_answer_acc", "NoAns_exact"),
    ):
        assert 100 * scores[ours] == pytest.approx(expected[their]), ours
        assert 0 < scores[ours] < 1
    assert all(type(value) is float for key, value in scores.items() if "answer_" in key)
    # spaCy's own are kept.
    assert 0 < scores["spans_answer_f"] < 1


def words_of(text):
    """DROP's normalisation, word by word."""
    kept = []
    for word in text.lower().replace("-", " ").split(" "):
        if not is_number(word):
            word = "".join(c for c in word if c.isalnum() or c.isspace() or c == "é")
        if is_number(word):
            word = str(float(word))
        if word.split() and word not in ("a", "an", "the"):
            kept.append(word)
    return kept


def is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def aligned(predicted, gold):
    """Exact match and F1 of spans, by the loops of DROP's evaluation."""
    predicted, gold = ([words_of(text) for text in texts] for texts in (predicted, gold))
    exact = len(predicted) == len(gold) and {" ".join(p) for p in predicted} == {
        " ".join(g) for g in gold
    }
    table = numpy.zeros((len(gold), len(predicted)))
    for i, right in enumerate(map(set, gold)):
        for j, found in enumerate(map(set, predicted)):
            numbers = {w for w in right if is_number(w)}
            if numbers and not numbers & {w for w in found if is_number(w)}:
                continue
            precision = len(right & found) / len(found) if found else 1.0
            recall = len(right & found) / len(right) if right else 1.0
            if precision + recall:
                table[i, j] = 2 * precision * recall / (precision + recall)
    best = numpy.zeros(max(table.shape))
    for i, j in zip(*linear_sum_assignment(-table), strict=True):
        best[i] = table[i, j]
    return float(exact), best.mean()


@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(TEXTS, min_size=1, max_size=4))
def test_all_is_that_of_drop(predicted, gold):
    assert all_scores(predicted, gold) == pytest.approx(aligned(predicted, gold))


def test_all_without_answers():
    assert all_scores([], []) == (1.0, 1.0)
    assert all_scores(["a b"], []) == all_scores([], ["a b"]) == (0.0, 0.0)


def window(nlp, words, gold, found, **attrs):
    """A window of a question: gold places, and found places with scores, in its context."""
    docs = [make_query_doc(nlp.vocab, nlp.make_doc("Who?"), nlp.make_doc(words)) for _ in "ab"]
    reference, predicted = docs
    reference.spans["query"].attrs.update(attrs)
    start = len(reference.spans["query"][0])
    reference.spans["answer"] = [reference[start + i : start + j] for i, j in gold]
    spans = [predicted[start + i : start + j] for i, j, _ in found]
    attrs = {"scores": [score for *_, score in found]}
    predicted.spans["answer"] = SpanGroup(predicted, spans=spans, attrs=attrs)
    return Example(predicted, reference)


@pytest.mark.parametrize(
    ("gold", "decode", "expected"),
    [("any", "best", (1.0, 1.0)), ("all", "best", (0.0, 0.5)), ("all", "all", (1.0, 1.0))],
)
def test_windows_of_a_question_are_merged(gold, decode, expected):
    """The most probable answer counts; a span that two windows have is one."""
    nlp = spacy.blank("en")
    examples = [
        window(nlp, "Ann met Bob .", [(0, 1), (2, 3)], [(0, 1, 0.9)], id="q", offset=0),
        window(nlp, "met Bob . So", [(1, 2)], [(1, 2, 0.4)], id="q", offset=4),
        window(nlp, "Bob . So what", [(0, 1)], [(0, 1, 0.3)], id="q", offset=8),
        window(nlp, "no answer here", [], [], id="other", offset=0),
    ]
    score = make_query_spans_scorer(gold=gold)
    scores = score(examples, spans_key="answer", query_key="query", decode=decode)
    assert (scores["has_answer_em"], scores["has_answer_f"]) == expected
    assert scores["no_answer_acc"] == 1.0
    assert scores["answer_em"] == (1 + expected[0]) / 2


def test_no_scores_without_annotation():
    nlp = spacy.blank("en")
    doc = make_query_doc(nlp.vocab, ["Who", "?"], ["Ann"])
    scores = make_query_spans_scorer()([Example(doc, doc.copy())], spans_key="answer")
    assert scores["answer_f"] is scores["no_answer_acc"] is scores["answer_span_f"] is None
    with pytest.raises(ValueError, match=r"dice.query_spans_scorer.v1: gold must be one of 'any'"):
        make_query_spans_scorer(gold="some")
