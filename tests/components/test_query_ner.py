"""Entities by queries: what a reader finds for each type becomes the entities of a text."""

import re

import pytest
import spacy
from questions import READER
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from thinc.api import Adam, Config, fix_random_seed

from spacy_dice.components import QueryNER
from spacy_dice.queries import entity_queries

QUERIES = {"PER": "Which persons are named?", "LOC": "Which places are named?"}
TEXTS = [
    ("Ann met Bob in Rome .", [("PER", 0, 1), ("PER", 2, 3), ("LOC", 4, 5)]),
    ("Bob likes New York .", [("PER", 0, 1), ("LOC", 2, 4)]),
    ("Nobody was here .", []),
]


def gold(nlp):
    docs = []
    for text, entities in TEXTS:
        doc = Doc(nlp.vocab, words=text.split())
        doc.set_ents([doc[i:j] for _, i, j in entities], default="outside")
        doc.ents = [spacy.tokens.Span(doc, i, j, label=label) for label, i, j in entities]
        docs.append(doc)
    return docs


def entities(doc):
    return [(ent.label_, ent.start, ent.end) for ent in doc.ents]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A trained reader, in a folder."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    settings = {"model": READER, "decode": "all", "max_length": 3}
    nlp.add_pipe("dice_query_spans", config=Config(settings).copy())
    asked = {label: nlp.make_doc(query) for label, query in QUERIES.items()}
    docs = [made for doc in gold(nlp) for _, made in entity_queries(nlp.vocab, doc, asked)]

    def examples():
        words = [[t.text for t in doc] for doc in docs]
        return [Example(Doc(nlp.vocab, words=w), d) for w, d in zip(words, docs, strict=True)]

    optimizer = nlp.initialize(examples, sgd=Adam(0.01))
    for _ in range(60):
        nlp.update(examples(), sgd=optimizer)
    path = tmp_path_factory.mktemp("reader") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture
def nlp(reader):
    nlp = spacy.blank("en")
    nlp.add_pipe("query_ner", config={"queries": QUERIES})
    nlp.config["initialize"]["components"] = {"query_ner": {"reader": str(reader)}}
    nlp.initialize()
    return nlp


def test_finds_entities(nlp, tmp_path):
    expected = [entities for _, entities in TEXTS]
    assert [entities(nlp(doc.text)) for doc in gold(nlp)] == expected
    assert nlp.evaluate([Example(nlp.make_doc(d.text), d) for d in gold(nlp)])["ents_f"] == 1.0
    assert nlp("").ents == nlp(" ").ents == ()
    nlp.to_disk(tmp_path)
    # The reader is saved with it: another one's folder need not be there.
    copies = [
        spacy.load(tmp_path),
        spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes()),
    ]
    texts = [doc.text for doc in gold(nlp)]
    for copy in copies:
        assert [entities(doc) for doc in copy.pipe(texts)] == expected
        assert copy.get_pipe("query_ner").labels == ("PER", "LOC")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_two_processes(nlp):
    texts = [doc.text for doc in gold(nlp)]
    found = [entities(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=1)]
    assert found == [entities for _, entities in TEXTS]


def test_entities_do_not_overlap(nlp, monkeypatch):
    """The most probable one stays."""
    pipe = nlp.get_pipe("query_ner")
    scores = {"PER": [0.7, 0.6], "LOC": [0.9, 0.2]}
    places = {"PER": [(0, 2), (3, 4)], "LOC": [(1, 3), (4, 5)]}

    def answers(docs):
        for doc, label in zip(docs, scores, strict=True):
            start = doc.spans["query"][0].end
            spans = [doc[start + i : start + j] for i, j in places[label]]
            doc.spans["answer"] = SpanGroup(doc, spans=spans, attrs={"scores": scores[label]})
            yield doc

    monkeypatch.setattr(pipe.reader, "pipe", answers)
    assert entities(nlp("a b c d e")) == [("LOC", 1, 3), ("PER", 3, 4), ("LOC", 4, 5)]


@pytest.mark.parametrize(
    ("queries", "message"),
    [({}, "queries must have a query for each type"), ({"PER": " "}, "that for 'PER' is blank")],
)
def test_queries_that_are_none(queries, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        QueryNER(spacy.blank("en"), queries=queries)


def test_readers_that_are_none():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("query_ner", config={"queries": QUERIES})
    with pytest.raises(ValueError, match=r"there is no reader: give one in \[initialize\.comp"):
        nlp("Ann met Bob.")
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    with pytest.raises(ValueError, match=r"must have one component .* got the pipeline 'sent"):
        pipe.set_reader(other)
