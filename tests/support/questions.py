"""Small documents of a query and a context, and pipelines that answer them."""

from typing import Any

import numpy
import spacy
from pipelines import TOK2VEC, finder_model
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, Config, fix_random_seed

from spacy_dice.queries import make_query_doc

_ENCODER = {
    "@architectures": "spacy.MaxoutWindowEncoder.v2",
    "width": 16,
    "depth": 1,
    "window_size": 1,
    "maxout_pieces": 2,
}
READER = {
    "@architectures": "dice.QueryReader.v1",
    "tok2vec": TOK2VEC,
    "encoder": _ENCODER,
    "scorer": {"@layers": "spacy.LinearLogistic.v1", "nO": 2},
    "width": 16,
}
LINEAR = {**finder_model(), "scorer": {"@layers": "Linear.v1", "nO": 2}}
NORMALIZE: dict[str, dict[str, Any]] = {
    "token": {"model": finder_model()},
    "document": {"model": LINEAR, "normalize": "document"},
}
# query, context, answer: its text, or None.
QUESTIONS = [
    ("Who won it?", "In May Denver won the cup.", "Denver"),
    ("When was it?", "The cup was won by Denver in May.", "in May"),
    ("Who lost it?", "In June nobody lost a cup.", None),
    ("Where is it?", "It is kept in New York.", "New York"),
]


def question(nlp: Language, index: int) -> Doc:
    """A document of the table, with its answer."""
    query, context, text = QUESTIONS[index]
    doc = make_query_doc(nlp.vocab, nlp.make_doc(query), nlp.make_doc(context))
    doc.spans["query"].attrs["id"] = f"q{index}"
    start = doc.text.rindex(text) if text else 0
    doc.spans["answer"] = [doc.char_span(start, start + len(text))] if text else []
    return doc


def questions(nlp: Language) -> list[Example]:
    """All of them; the predicted documents are made of the text, as a corpus makes them."""
    docs = [question(nlp, i) for i in range(len(QUESTIONS))]
    return [Example(nlp.make_doc(doc.text), doc) for doc in docs]


def reader(normalize: str = "token", *, factory: str = "dice_query_spans", **settings) -> Language:
    """A pipeline that is not trained."""
    nlp = spacy.blank("en")
    config = Config({**NORMALIZE[normalize], **settings}).copy()
    nlp.add_pipe(factory, name="reader", config=config)
    return nlp


def trained_reader(normalize: str = "token", *, updates: int = 60, **settings) -> Language:
    """One that knows the answers."""
    fix_random_seed(0)
    nlp = reader(normalize, **settings)
    optimizer = nlp.initialize(lambda: questions(nlp), sgd=Adam(0.02))
    for _ in range(updates):
        nlp.update(questions(nlp), sgd=optimizer)
    return nlp


def softmax(logits: Any) -> Any:
    """Of a vector."""
    odds = numpy.exp(logits - logits.max())
    return odds / odds.sum()
