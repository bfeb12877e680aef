"""The corpus that is part of the package."""

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_dice.corpora import read_harbour, write_docs


def test_every_split_is_annotated_and_no_text_is_there_twice():
    splits = read_harbour()
    assert {split: len(docs) for split, docs in splits.items()} == {
        "train": 640,
        "dev": 194,
        "test": 224,
    }
    texts = [doc.text for docs in splits.values() for doc in docs]
    assert len(set(texts)) == len(texts)
    for docs in splits.values():
        labels = {entity.label_ for doc in docs for entity in doc.ents}
        assert labels == {"HAZARD", "PERSON", "PLACE", "VESSEL"}
        # Those without entities, too: O is not missing.
        assert all(doc.has_annotation("ENT_IOB") for doc in docs)


def test_the_same_entities_as_spans():
    entities, spans = read_harbour(), read_harbour(spans_key="sc")
    for split, docs in spans.items():
        for doc, with_entities in zip(docs, entities[split], strict=True):
            assert not doc.has_annotation("ENT_IOB")
            assert [(s.start_char, s.end_char, s.label_) for s in doc.spans["sc"]] == [
                (e.start_char, e.end_char, e.label_) for e in with_entities.ents
            ]


def test_written_docs_are_those_that_were_read(tmp_path):
    splits = read_harbour()
    assert write_docs(splits, tmp_path / "new") == {"train": 640, "dev": 194, "test": 224}
    written = DocBin().from_disk(tmp_path / "new" / "dev.spacy").get_docs(spacy.blank("en").vocab)
    assert [(doc.text, doc.to_json()["ents"]) for doc in written] == [
        (doc.text, doc.to_json()["ents"]) for doc in splits["dev"]
    ]


def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "train.spacy").write_bytes(b"old")

    def to_disk(self, path):
        raise OSError("disk full")

    monkeypatch.setattr(DocBin, "to_disk", to_disk)
    with pytest.raises(OSError, match="disk full"):
        write_docs({"train": []}, tmp_path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("train.spacy", b"old")]
