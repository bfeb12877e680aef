"""Deterministic splits for data sets that were published without them, and samples."""

import hashlib
from dataclasses import dataclass

from spacy.tokens import Doc

from spacy_dice._validation import refuse

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Shares:
    """Distribute documents over train, dev and test by their text; the shares are percentages.

    A document goes where the SHA-256 of its text (UTF-8, white space collapsed) modulo 100 falls.
    So the split depends on nothing but the text: not on the order of the file, a seed or the
    Python version; a text that occurs twice is never on both sides; and a document added to the
    data moves no other. The shares are met up to the chance of a fair draw.
    """

    train: int
    dev: int
    test: int = 0

    def __post_init__(self) -> None:
        """Refuse shares that do not cover all documents."""
        if self.train + self.dev + self.test != 100:
            refuse("Shares", f"train, dev and test must sum to 100, got {self}")

    def __call__(self, doc: Doc) -> str:
        """Return the name of the split that `doc` belongs to."""
        bucket = _digest(" ".join(doc.text.split())) % 100
        if bucket < self.train:
            return "train"
        return "dev" if bucket < self.train + self.dev else "test"


@dataclass(frozen=True)
class Sample:
    """Keep so many documents of a file, in its order: those whose identifier hashes lowest.

    The hash is the SHA-256 of `doc.user_data["id"]`, which the reader has to set. So what is kept
    depends neither on the order of the file nor on a seed, and a smaller sample is part of a larger
    one.
    """

    size: int

    def __call__(self, docs: list[Doc]) -> list[Doc]:
        """Return those of `docs` that are kept."""
        hashes = [_digest(str(doc.user_data["id"])) for doc in docs]
        kept = set(sorted(hashes)[: self.size])
        return [doc for doc, value in zip(docs, hashes, strict=True) if value in kept]


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest(), "big")
