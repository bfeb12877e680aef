"""Deterministic splits for data sets that were published without them, and samples of them."""

import hashlib
from dataclasses import dataclass
from itertools import cycle, islice

from spacy.tokens import Doc, Span

from spacy_dice._validation import refuse

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Shares:
    """Distribute documents over train, dev and test by their text; the shares are percentages.

    A document goes where the SHA-256 of its text (UTF-8, white space collapsed) modulo 100 falls;
    one with a `doc.user_data["group"]` where that of its group does, so that groups stay together.
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
        bucket = _digest(doc.user_data.get("group", " ".join(doc.text.split()))) % 100
        if bucket < self.train:
            return "train"
        return "dev" if bucket < self.train + self.dev else "test"


# For data sets with a test set and no dev set.
DEV_FROM_TRAIN = Shares(train=85, dev=15)


@dataclass(frozen=True)
class Sample:
    """Keep so many documents, in their order: those whose identifier hashes lowest (see `ordered`).

    So what is kept depends neither on the order of the file nor on a seed, and a smaller sample is
    part of a larger one.
    """

    size: int

    def __call__(self, docs: list[Doc]) -> list[Doc]:
        """Return those of `docs` that are kept."""
        return [docs[i] for i in sorted(ordered(docs)[: self.size])]


def ordered(docs: list[Doc]) -> list[int]:
    """Return the places of `docs` in an order that depends on nothing but the documents.

    It is that of the SHA-256 of `doc.user_data["id"]`, or of the text where there is none.
    """
    hashes = [_digest(str(doc.user_data.get("id", doc.text))) for doc in docs]
    return sorted(range(len(docs)), key=lambda i: (hashes[i], i))


@dataclass(frozen=True)
class Negatives:
    """Keep the documents with a span under `key`, and for each of them so many of the others.

    Which ones depends on nothing but the documents (see `ordered`).
    """

    key: str
    for_each: float

    def __call__(self, docs: list[Doc]) -> list[Doc]:
        """Return those of `docs` that are kept, in their order."""
        others = [i for i in ordered(docs) if not _has(docs[i], self.key)]
        wanted = round(self.for_each * (len(docs) - len(others)))
        left_out = set(others[wanted:])
        return [doc for i, doc in enumerate(docs) if i not in left_out]


@dataclass(frozen=True)
class Missing:
    """Take so many percent of the entities away, as if nobody had annotated them.

    Which ones depends on nothing but seed, text and place (see `Shares`), so that what is missing
    of a smaller share is missing of a larger one. The share is met up to the chance of a fair draw.
    """

    percent: int
    seed: int = 0

    def __call__(self, docs: list[Doc]) -> list[Doc]:
        """Return copies of `docs`, the tokens of what is missing outside of entities."""
        copies = [doc.copy() for doc in docs]
        for doc in copies:
            doc.set_ents([ent for ent in doc.ents if self._is_kept(ent)], default="outside")
        return copies

    def _is_kept(self, ent: Span) -> bool:
        return _digest(f"{self.seed} {ent.start} {ent.doc.text}") % 100 >= self.percent


@dataclass(frozen=True)
class Imbalance:
    """Keep, or repeat, so many positive and so many other documents: another share of positives.

    What is kept is the beginning of an order that depends on nothing but the documents (see
    `ordered`), so that of two shares the smaller one's positives are among the larger one's. Where
    there are too few, and `repeat` says so, the order begins again. The order of the file stays,
    repetitions come after it.

    positive: the category, or the key of spans, that positive documents have.
    positives, others: how many documents.
    """

    positive: str
    positives: int
    others: int
    repeat: bool = False

    @classmethod
    def of_share(cls, positive: str, percent: float, size: int) -> "Imbalance":
        """Return the one that keeps `size` documents, so many percent of them positive."""
        positives = round(size * percent / 100)
        return cls(positive, positives, size - positives)

    def __call__(self, docs: list[Doc]) -> list[Doc]:
        """Return the documents of that share. RAISES: ValueError if there are too few."""
        is_positive = [_has(doc, self.positive) for doc in docs]
        # How often each document is there.
        times = [0] * len(docs)
        for wanted, count in ((True, self.positives), (False, self.others)):
            places = [i for i in ordered(docs) if is_positive[i] is wanted]
            if count > len(places) and not (self.repeat and places):
                kind = "positive" if wanted else "other"
                refuse("Imbalance", f"needs {count} {kind} documents, there are {len(places)}")
            for place in islice(cycle(places), count):
                times[place] += 1
        return [
            doc
            for repetition in range(max(times, default=0))
            for doc, n in zip(docs, times, strict=True)
            if n > repetition
        ]


def _has(doc: Doc, positive: str) -> bool:
    return bool(doc.cats.get(positive) or (positive in doc.spans and len(doc.spans[positive])))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest(), "big")
