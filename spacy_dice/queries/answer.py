"""An answer to a query about a context, by a trained pipeline."""

from typing import NamedTuple

from spacy.language import Language
from spacy.tokens import Doc, Span

from .._validation import listed, refuse
from .documents import make_query_doc


class Answer(NamedTuple):
    """A span that answers a query.

    text: its text. start, end: its characters in the context. score: how probable it is.
    """

    text: str
    start: int
    end: int
    score: float


def answer(
    nlp: Language, query: str | Doc, context: str | Doc, *, component: str | None = None
) -> list[Answer]:
    """Ask a trained pipeline about a context.

    query, context: texts, or documents of the pipeline's vocabulary.
    component: the name of the one that answers; without it, the only one there is.
    RETURNS: the answers, the most probable first; none if the component finds that there is none.
    RAISES: ValueError for a blank query or context, and a pipeline without such a component.
    """
    pipe = nlp.get_pipe(_component(nlp, component))
    query, context = (nlp.make_doc(x) if isinstance(x, str) else x for x in (query, context))
    cfg = pipe.cfg
    doc = make_query_doc(
        nlp.vocab, query, context, cfg["separator"], query_key=cfg["query_key"] or "query"
    )
    doc = nlp(doc)
    return answers_of(doc, cfg["spans_key"], cfg["query_key"] or "query")


def answers_of(doc: Doc, spans_key: str, query_key: str) -> list[Answer]:
    """The answers in a query document, the most probable first."""
    before = _characters_before(doc.spans[query_key][0])
    group = doc.spans[spans_key]
    scores = group.attrs.get("scores") or [1.0] * len(group)
    found = [
        Answer(span.text, span.start_char - before, span.end_char - before, float(score))
        for span, score in zip(group, scores, strict=True)
    ]
    return sorted(found, key=lambda one: -one.score)


def _characters_before(query: Span) -> int:
    return len(query.text_with_ws)


def _component(nlp: Language, name: str | None) -> str:
    known = [key for key, pipe in nlp.pipeline if "query_key" in getattr(pipe, "cfg", {})]
    if name is None and len(known) == 1:
        return str(known[0])
    if name is None or name not in known:
        what = f"there is no {name!r} among" if name else "say which of them is to answer:"
        refuse(
            "answer",
            f"the pipeline has {listed(nlp.pipe_names) or 'no component'}; {what} the components "
            f"that find answers, {listed(known) or 'none at all'}",
        )
    return name
