"""Readers for one token a line, in columns: two or more (CoNLL style), and CoNLL 2012.

Files that do not say where blanks were become docs with unknown spaces, `Doc(vocab, words)`.
spaCy then trains and evaluates on the tokens of the file (`Doc.has_unknown_spaces`); with made-up
blanks it would tokenise the text again and lose annotations wherever the two disagree.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import biluo_tags_to_spans, iob_to_biluo

from spacy_dice._validation import refuse

from .lines import blocks, malformed

# What CoNLL 2012 says about entities: `(ORG*`, `*`, `*)`, `(GPE)`.
BRACKETS = re.compile(r"(?:\((?P<label>\w+))?(?:\*|(?=\)))(?P<end>\))?")


def read_entities(
    path: Path,
    nlp: Language,
    *,
    columns: int = 2,
    strip_position: bool = False,
    spans_key: str = "",
) -> Iterator[Doc]:
    """Yield docs with `ents` or `spans` from a file of `TOKEN<tab or space>BIO-TAG` lines.

    An `I-` tag that continues nothing opens an entity (see `repair_bio`). Every token is
    annotated: what is no entity is O, not missing. The marks between the documents of CoNLL 2003,
    `-DOCSTART-`, are no docs.

    columns: how many a line has; the token is in the first, its tag in the last.
    strip_position: drop the last character of every token, a digit that counts the characters of
        its word in segmented Chinese.
    spans_key: the key of `doc.spans` to fill; empty: `doc.ents`.

    Raises `ValueError` with file, number and content of a line that is not of that form.
    """
    for block in blocks(path):
        words, tags = [], []
        for number, line in block:
            word, tag = _ends(path, number, line, columns)
            if tag != "O" and (tag[:2] not in ("B-", "I-") or len(tag) == 2):
                malformed(path, number, line, "a tag O, B-LABEL or I-LABEL")
            if strip_position:
                if len(word) < 2 or not word[-1].isdigit():
                    malformed(path, number, line, "a token that ends in its position digit")
                word = word[:-1]
            words.append(word)
            tags.append(tag)
        if words == ["-DOCSTART-"]:
            continue
        doc = Doc(nlp.vocab, words=words)
        if spans_key:
            doc.spans[spans_key] = spans_of(doc, tags)
        else:
            doc.set_ents(spans_of(doc, tags), default="outside")
        yield doc


def read_conll2012(path: Path, nlp: Language) -> Iterator[Doc]:
    """Yield a doc with `ents` for each sentence of the `*gold_conll` files below a folder.

    The token is in column 4, its entity in column 11: `(LABEL*` opens one, `*)` closes it. Files
    are read in the order of their paths.

    Raises `ValueError` for a folder without such files, and with file, number and content of a line
    that is not of that form.
    """
    files = sorted(path.rglob("*gold_conll"))
    if not files:
        refuse(str(path), "there are no *gold_conll files below it")
    for file in files:
        for block in blocks(file):
            words, tags = [], []
            inside = ""
            for number, line in block:
                if line.startswith(("#begin", "#end")):
                    continue
                columns = line.split()
                found = BRACKETS.fullmatch(columns[10]) if len(columns) > 10 else None
                begins, ends = (found["label"], found["end"]) if found else (None, None)
                if found is None or (begins and inside) or (ends and not begins and not inside):
                    malformed(file, number, line, "a token in column 4, an entity in column 11")
                inside = begins or inside
                words.append(columns[3])
                tags.append(f"{'B' if begins else 'I'}-{inside}" if inside else "O")
                inside = "" if ends else inside
            if words:
                doc = Doc(nlp.vocab, words=words)
                doc.set_ents(spans_of(doc, tags), default="outside")
                yield doc


def read_tags(
    path: Path, nlp: Language, *, renamed: Mapping[str, str] | None = None
) -> Iterator[Doc]:
    """Yield docs with fine-grained tags from a file of `TOKEN<tab or space>TAG` lines.

    renamed: tag in the file -> tag in the docs, where they differ. spaCy's tagger reads a leading
        `!` as "not this tag" (its `neg_prefix`) and fails on a tag that is just `!`.

    Raises `ValueError` with file, number and content of a line that is not of that form.
    """
    renamed = renamed or {}
    for block in blocks(path):
        pairs = [_ends(path, number, line, 2) for number, line in block]
        tags = [renamed.get(tag, tag) for _, tag in pairs]
        yield Doc(nlp.vocab, words=[word for word, _ in pairs], tags=tags)


def repair_bio(tags: list[str]) -> list[str]:
    """Turn every `I-X` that continues no X into `B-X`, as the CoNLL evaluation reads it.

    >>> repair_bio(["I-LOC", "I-LOC", "I-PER", "O", "B-PER", "I-PER"])
    ['B-LOC', 'I-LOC', 'B-PER', 'O', 'B-PER', 'I-PER']
    """
    previous = ["O", *tags[:-1]]
    return [
        f"B-{tag[2:]}" if tag[:2] == "I-" and tag[2:] != before[2:] else tag
        for before, tag in zip(previous, tags, strict=True)
    ]


def spans_of(doc: Doc, tags: list[str]) -> list[Span]:
    """Return the spans that the BIO `tags` of the tokens of `doc` stand for (see `repair_bio`)."""
    return biluo_tags_to_spans(doc, iob_to_biluo(repair_bio(tags)))


def _ends(path: Path, number: int, line: str, count: int) -> tuple[str, str]:
    """Return the first and the last of so many columns."""
    # A token may hold (or be) a no-break space: split at the one separator, not at white space.
    columns = line.split("\t" if "\t" in line else " ")
    if len(columns) != count or not all(columns):
        expected = "a token and a tag" if count == 2 else f"{count} columns, from token to tag"
        malformed(path, number, line, expected)
    return columns[0], columns[-1]
