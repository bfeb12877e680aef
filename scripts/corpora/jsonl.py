"""Readers for JSON lines.

With character offsets: Prodigy's export; with layers of tags: tokens whose spans may overlap.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span

from .columns import spans_of
from .lines import malformed, numbered_lines

Offsets = tuple[int, int, str]


def read_prodigy(path: Path, nlp: Language, *, spans_key: str = "") -> Iterator[Doc]:
    """Yield the accepted records of a Prodigy file, with its tokens where it has them.

    Rejected and ignored records are left out, and so are blank texts. A text without `spans` is
    annotated: it has none. An annotation that begins or ends inside a token cuts this token, so
    that the gold docs say exactly what the file says; spaCy aligns them with its own tokens.

    spans_key: the key of `doc.spans` to fill; empty: `doc.ents`.

    Raises `ValueError` with file, number and content of a line that is not such a record, whose
    offsets lie outside the text or at white space, or whose entities overlap.
    """
    for number, line, record in _texts(path):
        if record.get("answer", "accept") != "accept" or not record["text"].strip():
            continue
        try:
            spans = [(s["start"], s["end"], s["label"]) for s in record.get("spans") or []]
            tokens = [(token["start"], token["end"]) for token in record.get("tokens") or []]
            doc = _annotated(nlp, record["text"], spans, tokens, spans_key)
        except (KeyError, TypeError, ValueError) as error:
            malformed(path, number, line, f"a Prodigy record ({error!r})")
        yield doc


def read_layers(
    path: Path, nlp: Language, *, layers: Mapping[str, str], spans_key: str
) -> Iterator[Doc]:
    """Yield docs with `spans` from lines of `{"tokens": […], LAYER: [tags B, I, O], …}`.

    Spans of one layer do not overlap each other; those of different layers may.

    layers: name of the layer in the file -> label of its spans.
    spans_key: the key of `doc.spans` that takes the spans of all layers.

    Raises `ValueError` with file, number and content of a line that is not such a record.
    """
    for number, line, record in _json_lines(path):
        words = record.get("tokens")
        if not isinstance(words, list) or not words or not all(map(_is_token, words)):
            malformed(path, number, line, "a JSON object with tokens")
        doc = Doc(nlp.vocab, words=words)
        spans: list[Span] = []
        for layer, label in layers.items():
            tags = record.get(layer)
            if not isinstance(tags, list) or len(tags) != len(words) or set(tags) - set("BIO"):
                malformed(path, number, line, f"as many tags B, I or O in {layer} as tokens")
            spans += spans_of(doc, [tag if tag == "O" else f"{tag}-{label}" for tag in tags])
        doc.spans[spans_key] = spans
        yield doc


def _is_token(word: Any) -> bool:
    return isinstance(word, str) and bool(word)


def _json_lines(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        try:
            record = srsly.json_loads(line)
        except ValueError as error:
            malformed(path, number, line, f"JSON ({error})")
        if not isinstance(record, dict):
            malformed(path, number, line, "a JSON object")
        yield number, line, record


def _texts(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for number, line, record in _json_lines(path):
        if not isinstance(record.get("text"), str):
            malformed(path, number, line, "a JSON object with a text")
        yield number, line, record


def _annotated(
    nlp: Language,
    text: str,
    spans: list[Offsets],
    tokens: list[tuple[int, int]] | None = None,
    spans_key: str = "",
) -> Doc:
    """Return `text` as a doc with `spans`; raise `ValueError` saying what does not fit."""
    if not tokens:
        tokens = [(token.idx, token.idx + len(token)) for token in nlp.make_doc(text)]
    doc = doc_of_tokens(
        nlp, text, cut_tokens(tokens, {offset for span in spans for offset in span[:2]})
    )
    found = [_span(doc, *span) for span in spans]
    if spans_key:
        doc.spans[spans_key] = found
    else:
        doc.set_ents(found, default="outside")
    return doc


def cut_tokens(tokens: list[tuple[int, int]], offsets: set[int]) -> list[tuple[int, int]]:
    """Return `tokens` cut at those of `offsets` that lie inside one."""
    pieces: list[tuple[int, int]] = []
    for start, end in tokens:
        edges = [start, *sorted(offset for offset in offsets if start < offset < end), end]
        pieces += pairwise(edges)
    return pieces


def doc_of_tokens(nlp: Language, text: str, tokens: list[tuple[int, int]]) -> Doc:
    """Return `text` as a doc with these tokens. Raises `ValueError` if they do not spell it."""
    words = [text[start:end] for start, end in tokens]
    starts = [start for start, _ in tokens[1:]] + [len(text)]
    gaps = [text[end:start] for (_, end), start in zip(tokens, starts, strict=True)]
    if tokens[0][0] != 0 or not set(gaps) <= {"", " "} or not all(words):
        raise ValueError("the tokens and single blanks between them do not spell the text")
    return Doc(nlp.vocab, words=words, spaces=[gap == " " for gap in gaps])


def _span(doc: Doc, start: int, end: int, label: str) -> Span:
    covered = doc.text[start:end] if 0 <= start < end <= len(doc.text) else ""
    # spaCy learns no entity that begins or ends with white space.
    if not covered or covered != covered.strip():
        raise ValueError(f"offsets {start}:{end} must begin and end at non-blank characters")
    return doc.char_span(start, end, label=label)
