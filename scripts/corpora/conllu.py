"""Reader for CoNLL-U, the format of Universal Dependencies: words, tags, features, lemmas."""

import re
from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.parts_of_speech import IDS as UPOS
from spacy.tokens import Doc

from .lines import Line, blocks, malformed

COLUMNS = 10
ID, FORM, LEMMA, TAG_UNIVERSAL, TAG, FEATURES, MISC = 0, 1, 2, 3, 4, 5, 9
RANGE = re.compile(r"\d+-\d+")
EMPTY_NODE = re.compile(r"\d+\.\d+")


def read_treebank(path: Path, nlp: Language, *, has_spaces: bool = True) -> Iterator[Doc]:
    """Yield a doc for each sentence, with `tag_`, `pos_`, `morph` and `lemma_`.

    Tokens are the syntactic words: the line of a multiword token (`3-4`) gives only the white
    space, empty nodes (`3.1`) nothing. Words of a multiword token are written without a blank
    between them where they spell it (`do` `n't`), with blanks where they do not (`de` `les` for
    `des`), so that the text stays readable. `_` is missing for a tag or a lemma; for the features
    it means that there are none.

    has_spaces: False for a treebank without `SpaceAfter=No`, whose blanks are unknown.

    Raises `ValueError` with file, number and content of a line that is not CoNLL-U.
    """
    for block in blocks(path):
        rows, surface = _words(path, block)
        if not rows:
            continue
        words = [row[FORM] for row in rows]
        yield Doc(
            nlp.vocab,
            words=words,
            spaces=_spaces(rows, surface) if has_spaces else None,
            tags=[_known(row[TAG]) for row in rows],
            pos=[_known(row[TAG_UNIVERSAL]) for row in rows],
            morphs=[_known(row[FEATURES]) for row in rows],
            # The word `_` has the lemma `_`.
            lemmas=[_known(row[LEMMA]) if row[FORM] != "_" else "_" for row in rows],
        )


def _words(path: Path, block: list[Line]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows of the words and those of the multiword tokens of one sentence."""
    rows: list[list[str]] = []
    surface: list[list[str]] = []
    for number, line in block:
        columns = line.split("\t")
        if line.startswith("#") and len(columns) != COLUMNS:
            continue
        if len(columns) != COLUMNS or not all(columns):
            malformed(path, number, line, f"{COLUMNS} columns separated by tabs")
        if columns[ID].isdecimal():
            if int(columns[ID]) != len(rows) + 1:
                malformed(path, number, line, f"word number {len(rows) + 1}")
            if _known(columns[TAG_UNIVERSAL]) not in UPOS:
                malformed(path, number, line, "a universal part of speech in column 4")
            if not all(
                "=" in feature for feature in _known(columns[FEATURES]).split("|") if feature
            ):
                malformed(path, number, line, "features NAME=VALUE|… or _ in column 6")
            rows.append(columns)
        elif RANGE.fullmatch(columns[ID]):
            if int(columns[ID].split("-")[0]) != len(rows) + 1:
                malformed(path, number, line, f"a range that starts at word {len(rows) + 1}")
            surface.append(columns)
        elif not EMPTY_NODE.fullmatch(columns[ID]):
            malformed(path, number, line, "a word number, a range or an empty node in column 1")
    for columns in surface:
        if int(columns[ID].split("-")[1]) > len(rows):
            number, line = block[-1]
            malformed(path, number, line, f"all words of the multiword token {columns[ID]} before")
    return rows, surface


def _spaces(rows: list[list[str]], surface: list[list[str]]) -> list[bool]:
    spaces = [_space_after(row) for row in rows]
    for token in surface:
        first, last = (int(part) for part in token[ID].split("-"))
        glued = "".join(row[FORM] for row in rows[first - 1 : last]) == token[FORM]
        spaces[first - 1 : last - 1] = [not glued] * (last - first)
        spaces[last - 1] = _space_after(token)
    return spaces


def _space_after(row: list[str]) -> bool:
    return "SpaceAfter=No" not in row[MISC].split("|")


def _known(value: str) -> str:
    return "" if value == "_" else value
