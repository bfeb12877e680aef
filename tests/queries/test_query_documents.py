"""Documents of a query and a context: how they are made, stored, read again, and refused."""

import re

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus

from spacy_dice.queries import make_query_doc
from spacy_dice.queries.decoding import best_span, nearest_ends
from spacy_dice.queries.documents import context_start, keep_whole


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    keep_whole(nlp, "[SEP]")
    return nlp


def test_words_and_blanks(nlp):
    query, context = nlp.make_doc("Who won it? "), nlp.make_doc("  It was Denver's 1,000th.")
    doc = make_query_doc(nlp.vocab, query, context)
    assert [t.text for t in doc] == [*(t.text for t in query), "[SEP]", *(t.text for t in context)]
    assert doc.text == "Who won it? [SEP]   It was Denver's 1,000th."
    assert [span.text for span in doc.spans["query"]] == ["Who won it? [SEP]"]
    assert not doc.has_unknown_spaces
    words = make_query_doc(nlp.vocab, ["Who", "?"], context, "|", query_key="q")
    assert words.has_unknown_spaces
    assert words.spans["q"][0].text == "Who ? |"


def test_a_corpus_gives_the_same_tokens(nlp, tmp_path):
    """Where blanks are known spaCy splits the text again, but for the separator."""
    context = nlp.make_doc("\nDenver's  won [by] 24-10 (U.S.).")
    doc = make_query_doc(nlp.vocab, nlp.make_doc("Who's won?"), context)
    doc.spans["query"].attrs["id"] = "q1"
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    [example] = Corpus(tmp_path / "dev.spacy")(nlp)
    assert [t.text for t in example.predicted] == [t.text for t in doc]
    assert "query" not in example.predicted.spans
    start = context_start("here", example.predicted, "query", "[SEP]")
    assert start == len(doc) - len(context) == context_start("here", doc, "query", "[SEP]")
    assert example.predicted.spans["query"][0].text == doc.spans["query"][0].text
    assert example.reference.spans["query"].attrs == {"id": "q1"}


@pytest.mark.parametrize(
    ("query", "context", "separator", "message"),
    [
        ([" ", ""], ["a"], "[SEP]", "query must have words, got [' ', '']"),
        (["a"], [], "[SEP]", "context must have words, got []"),
        ("Who?", ["a"], "[SEP]", "query must be words or nlp.make_doc(text), got the text 'Who?'"),
        (["a", "[SEP]"], ["a"], "[SEP]", "the query has the separator '[SEP]' among its words"),
        (["a"], ["a"], "", "separator must be a token without white space, got ''"),
        (["a"], ["a"], "| |", "separator must be a token without white space, got '| |'"),
    ],
)
def test_what_is_no_query_document(nlp, query, context, separator, message):
    with pytest.raises(ValueError, match=f"^make_query_doc: {re.escape(message)}"):
        make_query_doc(nlp.vocab, query, context, separator)


def test_a_document_without_a_query(nlp):
    doc = nlp.make_doc("It was Denver.")
    with pytest.raises(ValueError, match=r"has neither spans\['query'\] nor .*: 'It was Denver.'"):
        context_start("here", doc, "query", "[SEP]")
    assert context_start("here", doc, None, "[SEP]") == 0
    assert context_start("here", Doc(nlp.vocab), "query", "[SEP]") == 0
    with pytest.raises(ValueError, match="has neither"):
        context_start("here", nlp.make_doc("[SEP] It was"), "query", "[SEP]")
    for spans in ([doc[1:3]], [doc[:1]], [doc[:2], doc[:3]]):
        doc.spans["query"] = spans
        with pytest.raises(ValueError, match=r"here: spans\['query'\] must be one span"):
            context_start("here", doc, "query", "[SEP]")


SCORES = st.lists(st.tuples(*[st.integers(-4, 4).map(float)] * 2), min_size=1, max_size=9).map(
    lambda rows: numpy.array(rows).T
)


@given(SCORES, st.none() | st.integers(1, 5))
def test_best_span_is_that_of_all_pairs(scores, longest):
    start, end = scores
    place = best_span(start, end, longest)
    pairs = [
        (i, j)
        for i in range(len(start))
        for j in range(i + 1, len(start) + 1)
        if longest is None or j - i <= longest
    ]
    best = max(start[i] + end[j - 1] for i, j in pairs)
    assert place in pairs
    assert start[place[0]] + end[place[1] - 1] == best


def test_there_is_no_best_span_of_nothing():
    assert best_span(numpy.zeros(0), numpy.zeros(0)) is None


@given(SCORES, st.none() | st.integers(1, 5))
def test_nearest_ends_are_those_of_a_loop(scores, longest):
    start, end = scores > 0
    expected = []
    for i in numpy.flatnonzero(start):
        for j in range(i, min(len(end), i + (longest or len(end)))):
            if end[j]:
                expected.append((i, j + 1))
                break
    assert nearest_ends(start, end, longest) == expected
