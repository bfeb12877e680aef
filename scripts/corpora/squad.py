"""Reader for JSON of SQuAD's form, with questions about paragraphs of articles."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_dice._validation import refuse
from spacy_dice.items import ALTERNATIVES
from spacy_dice.queries import entity_queries, make_query_doc
from spacy_dice.queries.documents import SEPARATOR

from .jsonl import cut_tokens, doc_of_tokens

SPANS_KEY = "answer"
QUERY_KEY = "query"


def read_squad(
    path: Path,
    nlp: Language,
    *,
    all_parts: bool = False,
    separator: str = SEPARATOR,
    skipped: list[str] | None = None,
) -> Iterator[Doc]:
    """Yield a query document for each question, its id as an attribute of the query.

    `spans["answer"]` has the first answer, `spans["answer_alternatives"]` the other ones that
    annotators gave. Answers that begin or end inside a token cut it, so that the spans are what the
    file says. The id and, as the group that a split keeps together, the title of the article are
    in the user data.

    all_parts: whether all answers to a question are one answer, all in `spans["answer"]`.
    separator: between question and paragraph.
    skipped: takes what is wrong with records that are left out; without it they are refused.

    Raises `ValueError` with file, id and what to do for a file that is not of that form, and a
    record with a blank question, without an answer where there is said to be one or the other way
    round, or with an answer whose offset does not match its text.
    """
    for title, context, record in _questions(path):
        try:
            doc = _question(nlp, context, record, all_parts, separator)
        except ValueError as error:
            problem = f"the question {record.get('id')!r} of {title!r}: {error}"
            if skipped is None:
                refuse(str(path), f"{problem}. Correct it, or leave such records out: --skip-bad")
            skipped.append(problem)
            continue
        doc.user_data["group"] = title
        yield doc


def _questions(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    try:
        articles = json.loads(path.read_text(encoding="utf8"))["data"]
        for article in articles:
            for paragraph in article["paragraphs"]:
                for record in paragraph["qas"]:
                    yield str(article["title"]), str(paragraph["context"]), dict(record)
    except (KeyError, TypeError, ValueError) as error:
        refuse(str(path), f"expected JSON of SQuAD's form, with data and paragraphs ({error!r})")


def _question(
    nlp: Language, context: str, record: dict[str, Any], all_parts: bool, separator: str
) -> Doc:
    question = str(record.get("question", "")).strip()
    if not question:
        raise ValueError("the question is blank")
    answers = record.get("answers") or []
    if record.get("is_impossible") and answers:
        raise ValueError(f"it is_impossible, but has {len(answers)} answers")
    if not answers and not record.get("is_impossible"):
        raise ValueError("it has no answers, and is not said to be impossible (is_impossible)")
    places = list(dict.fromkeys(_place(context, answer) for answer in answers))
    tokens = [(token.idx, token.idx + len(token)) for token in nlp.make_doc(context)]
    edges = {edge for place in places for edge in place}
    text = doc_of_tokens(nlp, context, cut_tokens(tokens, edges))
    doc = make_query_doc(nlp.vocab, nlp.make_doc(question), text, separator, query_key=QUERY_KEY)
    before = len(doc.spans[QUERY_KEY][0].text_with_ws)
    spans: list[Span] = [doc.char_span(before + start, before + end) for start, end in places]
    doc.spans[SPANS_KEY] = spans if all_parts else spans[:1]
    if not all_parts and len(spans) > 1:
        doc.spans[ALTERNATIVES.format(key=SPANS_KEY)] = spans[1:]
    doc.spans[QUERY_KEY].attrs["id"] = doc.user_data["id"] = str(record["id"])
    return doc


def _place(context: str, answer: dict[str, Any]) -> tuple[int, int]:
    """The characters of an answer, blanks around it left out."""
    text, start = str(answer["text"]), int(answer["answer_start"])
    if not text.strip():
        raise ValueError(f"an answer is blank: {text!r}")
    found = context[start : start + len(text)] if start >= 0 else ""
    if found != text:
        raise ValueError(f"the answer {text!r} is not at its offset {start}, where {found!r} is")
    start += len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def read_queries(
    path: Path,
    nlp: Language,
    *,
    reader: Callable[[Path, Language], Iterator[Doc]],
    queries: Mapping[str, str],
    separator: str = SEPARATOR,
    skipped: list[str] | None = None,
) -> Iterator[Doc]:
    """Yield a query document for each text of another reader and each type of entity.

    The group that a split keeps together are those of a text.

    queries: what is asked for, by type.
    """
    asked = {label: nlp.make_doc(query) for label, query in queries.items()}
    for number, doc in enumerate(reader(path, nlp), start=1):
        name = f"{path.name} {number}"
        for label, made in entity_queries(nlp.vocab, doc, asked, separator=separator, name=name):
            made.user_data["id"] = f"{name} {label}"
            made.user_data["group"] = name
            yield made


class ByTitle:
    """Put the articles that are named into train, or nowhere, and the others where `rest` says."""

    def __init__(self, titles: Collection[str], *, split: str, rest: Any) -> None:
        self.titles, self.split, self.rest = frozenset(titles), split, rest

    def __call__(self, doc: Doc) -> str:
        """Return the name of the split that `doc` belongs to; empty for none."""
        if doc.user_data["group"] in self.titles:
            return self.split
        return str(self.rest(doc)) if callable(self.rest) else str(self.rest)
