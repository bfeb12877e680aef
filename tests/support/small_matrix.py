"""A matrix that trains in a second: a few sentences, tiny models."""

import json
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import load_config

ROOT = Path(__file__).parents[2]
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


# What differs from time to time.
TIMES = (
    "wall_seconds",
    "step_seconds",
    "curve_seconds",
    "best_seconds",
    "peak_memory_mb",
    "versions",
)


def read_all(output: Path) -> dict[str, Any]:
    """All records of a folder by their paths, without what differs from time to time."""
    records = {}
    for path in sorted(output.glob("*/*/*.json")):
        record = json.loads(path.read_text(encoding="utf8"))
        for key in TIMES:
            # An ensemble is not trained by itself.
            assert record.pop(key, None) or "ensemble" in record["definition"]
        records[str(path.relative_to(output))] = record
    return records


# Too few steps for a tagger to know all tags; NER knows its entities, see `saved`.
_STEPS = {"ner": 10, "tagger": 3}


def train(
    name: str, steps: int | None = None, *, factory: str | None = None, **overrides: Any
) -> Language:
    """A small pipeline with a stock component unless another factory is named."""
    config = load_config(ROOT / "configs" / f"{name}.cfg", overrides={**SMALL, **overrides})
    component = config["components"][name]
    component["factory"] = factory or name
    del component["loss"]
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in make_docs(nlp.vocab)]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps or _STEPS[name]):
        nlp.update(examples, sgd=optimizer)
    return nlp
