"""A matrix that trains in a second: a few sentences, tiny models."""

import json
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin, Span

ROOT = Path(__file__).parent.parent
FRUIT = ("apple", "pear", "plum", "fig")
CITY = ("Rome", "Oslo", "Lima")
SMALL = {
    "components.tok2vec.model.encode.width": 16,
    "components.tok2vec.model.encode.depth": 1,
    "components.tok2vec.model.embed.rows": [50, 50, 50, 50],
    "training.eval_frequency": 3,
}


def make_docs(vocab: Any, start: int = 0, count: int = 24) -> list[Doc]:
    """Sentences with entities FRUIT and (rarer) CITY, and tags N, V, P."""
    docs = []
    for i in range(start, start + count):
        fruit, city = FRUIT[i % len(FRUIT)], CITY[i % len(CITY)]
        words = ["I", "eat", "a", fruit] + (["in", city] if i % 3 == 0 else ["now"])
        tags = ["P", "V", "P", "N"] + (["P", "N"] if i % 3 == 0 else ["V"])
        doc = Doc(vocab, words=words, tags=tags)
        ents = [Span(doc, 3, 4, "FRUIT")]
        if i % 3 == 0:
            ents.append(Span(doc, 5, 6, "CITY"))
        doc.set_ents(ents)
        docs.append(doc)
    return docs


def write_corpora(folder: Path) -> dict[str, str]:
    """Write train, dev and test sets; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    vocab = spacy.blank("en").vocab
    paths = {}
    for part, start in (("train", 0), ("dev", 5), ("test", 10)):
        path = folder / f"{part}.spacy"
        DocBin(docs=make_docs(vocab, start)).to_disk(path)
        paths[part] = str(path)
    return paths


def matrix_content(folder: Path, **changes: Any) -> dict[str, Any]:
    """The content of a matrix with NER and a tagger, two losses and two seeds."""
    corpora = write_corpora(folder / "corpus")
    content: dict[str, Any] = {
        "baseline": "CE",
        "seeds": [0, 1],
        "steps": 6,
        "datasets": {
            name: {
                **corpora,
                "config": str(ROOT / "configs" / f"{config}.cfg"),
                "component": config,
                "overrides": SMALL,
            }
            for name, config in (("entities", "ner"), ("tags", "tagger"))
        },
        "losses": {"CE": "dice.CE.v1", "DSC": {"@losses": "dice.DSC.v1", "ce_weight": 0.5}},
    }
    return {**content, **changes}


def write_matrix(folder: Path, **changes: Any) -> Path:
    """Write that matrix as YAML (of which JSON is a part); returns its path."""
    path = folder / "small.yml"
    path.write_text(json.dumps(matrix_content(folder, **changes)), encoding="utf8")
    return path
