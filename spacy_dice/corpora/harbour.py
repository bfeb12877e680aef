"""Notes of a harbour office, written for this package: English, with entities (CC0 1.0)."""

import json
from importlib import resources

import spacy
from spacy.tokens import Doc

SPLITS = ("train", "dev", "test")


def read_harbour(*, spans_key: str = "") -> dict[str, list[Doc]]:
    """Read the corpus into docs; every token is annotated.

    spans_key: the key of `doc.spans` to fill, for `spancat` and `span_finder`; empty: `doc.ents`.
    RETURNS: train, dev and test -> docs.

    >>> docs = read_harbour()["train"]
    >>> docs[0].ents
    (Maren Kvist, Skarv Point)
    >>> sorted({entity.label_ for doc in docs for entity in doc.ents})
    ['HAZARD', 'PERSON', 'PLACE', 'VESSEL']
    """
    nlp = spacy.blank("en")
    splits: dict[str, list[Doc]] = {split: [] for split in SPLITS}
    text = resources.files(__package__).joinpath("harbour.jsonl").read_text(encoding="utf8")
    for record in map(json.loads, text.splitlines()):
        doc = nlp.make_doc(record["text"])
        entities = [doc.char_span(*entity) for entity in record["entities"]]
        if spans_key:
            doc.spans[spans_key] = entities
        else:
            doc.set_ents(entities, default="outside")
        splits[record["split"]].append(doc)
    return splits
