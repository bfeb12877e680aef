"""Small pipelines whose decisions are off, and documents with every annotation."""

from typing import Any

import numpy
import spacy
from pipelines import BOW, LOGISTIC, SOFTMAX, ensemble, finder_model, spans_model
from pipelines import tagger_model as tokens_model
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, Config, fix_random_seed

from spacy_dice.calibration.bias import shift

FRUIT, CITY = ("apple", "pear", "plum", "fig"), ("Rome", "Oslo", "Lima")
MODELS: dict[str, dict[str, Any]] = {
    "tagger": {"model": tokens_model()},
    "morphologizer": {"model": tokens_model()},
    "senter": {"model": tokens_model()},
    "textcat": {"model": {**BOW, "exclusive_classes": True}},
    "textcat_multilabel": {"model": {**BOW, "exclusive_classes": False}},
    "textcat_multilabel-ensemble": {"model": ensemble(False)},
    "spancat": {"model": spans_model(LOGISTIC), "spans_key": "sc"},
    "spancat_singlelabel": {"model": spans_model(SOFTMAX), "spans_key": "sc"},
    "span_finder": {"model": finder_model(), "spans_key": "sc", "max_length": 3},
}


def make_doc(vocab: Any, i: int) -> Doc:
    """A document of two sentences, of which one has sometimes a city: every annotation, seldom."""
    rng = numpy.random.default_rng(i)
    fruit, city = FRUIT[i % 4], CITY[i % 3]
    has_city, is_rare = i % 3 == 0, i % 12 == 0
    words = ["I", "eat", "a", fruit, *(["in", city] if has_city else ["now"]), "."]
    words += ["You", "like", "New", "Rome" if is_rare else "York", "."]
    second = words.index("You")
    pos = {"eat": "VERB", "like": "VERB", ".": "PUNCT", "in": "ADP", "a": "DET", "now": "ADV"}
    tags = [pos.get(w, "PRON" if w in ("I", "You") else "NOUN") for w in words]
    doc = Doc(
        vocab,
        words=words,
        pos=tags,
        tags=[tag[:2] for tag in tags],
        morphs=["Number=Sing" if tag == "NOUN" else "" for tag in tags],
        sent_starts=[i in (0, second) for i in range(len(words))],
    )
    doc.spans["sc"] = [Span(doc, 3, 4, "FRUIT"), Span(doc, second + 2, second + 4, "CITY")]
    if has_city:
        doc.spans["sc"].append(Span(doc, 5, 6, "CITY"))
    # What nobody could know from the words.
    noise = bool(rng.uniform() < 0.1)
    doc.cats = {"city": float(has_city != noise), "rare": float(is_rare), "fig": float(i % 4 == 3)}
    return doc


def exclusive(doc: Doc) -> Doc:
    """The document with one category."""
    best = next((label for label in ("rare", "fig", "city") if doc.cats[label]), "none")
    doc.cats = {label: float(label == best) for label in ("rare", "fig", "city", "none")}
    return doc


def examples_of(nlp: Language, name: str, count: int = 60, start: int = 0) -> list[Example]:
    """Examples for the component of a case."""
    docs = [make_doc(nlp.vocab, i) for i in range(start, start + count)]
    if name == "textcat":
        docs = [exclusive(doc) for doc in docs]
    return [Example(nlp.make_doc(doc.text), doc) for doc in docs]


# So few steps that the labels of tokens are not known for sure.
STEPS = {"tagger": 6, "morphologizer": 6, "senter": 6, "span_finder": 12}


def trained(name: str, **settings: Any) -> Language:
    """A stock pipeline of one component of the table that has learned most of it."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(name.split("-")[0], config=Config({**MODELS[name], **settings}).copy())
    examples = examples_of(nlp, name)
    optimizer = nlp.initialize(lambda: examples, sgd=Adam(0.01))
    for _ in range(STEPS.get(name, 40)):
        nlp.update(examples, sgd=optimizer)
    return nlp


# By how much the decisions are put off, by column: labels are found too seldom, or too often.
OFF = {
    "tagger": {"NO": -2.0},
    "morphologizer": {"Number=Sing|POS=NOUN": -2.0},
    "senter": {"S": -3.0},
    "textcat": {"none": 3.5},
    "textcat_multilabel": {"city": -3.0, "fig": -2.0, "rare": -1.0},
    "textcat_multilabel-ensemble": {"city": -3.0, "fig": -2.0, "rare": -1.0},
    "spancat": {"CITY": -5.0, "FRUIT": -4.0},
    "spancat_singlelabel": {"CITY": -5.0, "FRUIT": -5.0},
    "span_finder": {"start": -8.0, "end": -8.0},
}


def off(name: str, **settings: Any) -> Language:
    """A trained pipeline whose decisions are off."""
    nlp = trained(name, **settings)
    shift(nlp.get_pipe(name.split("-")[0]), OFF[name])
    return nlp
