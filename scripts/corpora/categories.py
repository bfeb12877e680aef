"""Readers for classified texts: one category a text, or several, out of those of the data set.

Every doc names all categories, 1.0 for its own and 0.0 for the others: to spaCy a category that
a doc does not name is missing, not wrong.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from .lines import malformed, numbered_lines


def read_labelled(
    path: Path,
    nlp: Language,
    *,
    labels: Mapping[str, str],
    separator: str = " ",
    encoding: str = "utf-8",
) -> Iterator[Doc]:
    """Yield docs with `cats` from lines of `LABEL<separator>TEXT`, without quoting.

    labels: label in the file -> category.

    Raises `ValueError` with file, number and content of a line without a text or with a label
    that `labels` does not have.
    """
    for number, line in numbered_lines(path, encoding):
        label, _, text = line.partition(separator)
        if not line.strip():
            continue
        if label not in labels or not text.strip():
            malformed(path, number, line, f"one of {', '.join(labels)}, {separator!r} and a text")
        yield with_category(nlp.make_doc(text), labels, label)


def read_multilabel(path: Path, nlp: Language, *, labels: Sequence[str]) -> Iterator[Doc]:
    """Yield docs with `cats` from lines of `TEXT<tab>NUMBERS<tab>IDENTIFIER`, without quoting.

    NUMBERS are the places of the text's categories in `labels`, from 0, joined by commas: one or
    more. The identifier is kept as `doc.user_data["id"]`.

    Raises `ValueError` with file, number and content of a line that is not of that form.
    """
    known = {str(place): label for place, label in enumerate(labels)}
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        columns = line.split("\t")
        own = columns[1].split(",") if len(columns) == 3 else []
        if not own or not set(own) <= set(known) or not columns[0].strip():
            expected = f"a text, numbers from 0 to {len(labels) - 1} and an identifier"
            malformed(path, number, line, expected)
        doc = with_category(nlp.make_doc(columns[0]), known, *own)
        doc.user_data["id"] = columns[2]
        yield doc


def with_category(doc: Doc, labels: Mapping[str, str], *own: str) -> Doc:
    """Give a doc its categories: those that `labels` has for `own`, labels of the file."""
    doc.cats = {category: float(key in own) for key, category in labels.items()}
    return doc
