"""Reader for pairs of texts with one category: whether both say, or are, the same."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from .categories import with_category
from .lines import malformed, numbered_lines

# One token to spaCy's tokenisers, and in none of the texts.
PAIR_SEPARATOR = "|||"


def read_pairs(
    path: Path,
    nlp: Language,
    *,
    labels: Mapping[str, str],
    left: str,
    right: str,
    label: str,
    quoted: bool = False,
    identifiers: tuple[str, ...] = (),
    separator: str = PAIR_SEPARATOR,
) -> Iterator[Doc]:
    """Yield docs with `cats` for pairs of texts in a file with a header.

    The two texts are joined by a token (see `join`). `doc.user_data["group"]` is the same for pairs
    that share a text, or that other pairs connect: on two sides of a split they would leak.

    labels: label in the file -> category.
    left, right, label: names of the columns of the two texts and of the label.
    quoted: whether columns are separated by commas and may be in quotes, line breaks included;
        otherwise by tabs, and quotes are part of the texts.
    identifiers: names of the columns that, joined by tabs, become `doc.user_data["id"]`.
    separator: the token between the texts. A transformer has one that it was trained with:
        `[SEP]` (BERT), `<sep>` (XLNet).

    Raises `ValueError` with file, number and content of a line that does not fit the header,
    lacks a text, or has a label that `labels` does not have.
    """
    header: list[str] = []
    rows: list[dict[str, str]] = []
    for number, columns in _commas(path) if quoted else _tabs(path):
        shown = "\t".join(columns)
        if not header:
            header = columns
            if not {left, right, label, *identifiers} <= set(header):
                malformed(path, number, shown, f"a header with {left}, {right} and {label}")
            continue
        if not shown.strip():
            continue
        if len(columns) != len(header):
            malformed(path, number, shown, f"{len(header)} columns")
        row = dict(zip(header, columns, strict=True))
        if row[label] not in labels or not row[left].strip() or not row[right].strip():
            malformed(path, number, shown, f"two texts and one of {', '.join(labels)}")
        rows.append(row)
    groups = connected([(_plain(row[left]), _plain(row[right])) for row in rows])
    for row, group in zip(rows, groups, strict=True):
        doc = join(nlp, row[left], row[right], separator)
        doc.user_data["group"] = group
        if identifiers:
            doc.user_data["id"] = "\t".join(row[name] for name in identifiers)
        yield with_category(doc, labels, row[label])


def join(nlp: Language, left: str, right: str, separator: str) -> Doc:
    """Return the doc of two texts with a token between them.

    Where the tokenizer cuts the separator, as it does `[SEP]`, the doc is made of the words of both
    sides and its blanks are unknown: then spaCy trains and evaluates on these words. A pipeline has
    to be given such a doc, too, and not a text.

    >>> import spacy
    >>> doc = join(spacy.blank("en"), "It's red.", "Is it red?", "[SEP]")
    >>> print(*(token.text for token in doc), sep=" / ")
    It / 's / red / . / [SEP] / Is / it / red / ?
    >>> doc.has_unknown_spaces
    True
    """
    doc = nlp.make_doc(f"{left} {separator} {right}")
    if any(token.text == separator for token in doc):
        return doc
    sides = [[t.text for t in nlp.make_doc(text) if not t.is_space] for text in (left, right)]
    return Doc(nlp.vocab, words=[*sides[0], separator, *sides[1]])


def connected(pairs: list[tuple[str, str]]) -> list[str]:
    """Return a name for each pair: the same for those that share a text, directly or over others.

    The name is the first text in the order of the alphabet, so that it does not depend on the order
    of the pairs.

    >>> connected([("a", "b"), ("d", "e"), ("c", "b")])
    ['a', 'd', 'a']
    """
    parents: dict[str, str] = {}

    def root(text: str) -> str:
        while (parent := parents.setdefault(text, text)) != text:
            parents[text] = parents[parent]
            text = parent
        return text

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parents[second] = first
    return [root(one) for one, _ in pairs]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _tabs(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in numbered_lines(path):
        yield number, line.split("\t")


def _commas(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        for columns in lines:
            yield lines.line_num, columns
