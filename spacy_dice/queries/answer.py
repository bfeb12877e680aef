"""An answer to a query about a context, by a trained pipeline."""

from operator import attrgetter
from typing import NamedTuple

from spacy.language import Language
from spacy.tokens import Doc

from .._validation import listed, refuse
from .cutting import windows
from .documents import QUERY, make_query_doc


class Answer(NamedTuple):
    """A span that answers a query.

    text: its text. start, end: its characters in the whole context. score: how probable it is.
    """

    text: str
    start: int
    end: int
    score: float


def answer(
    nlp: Language,
    query: str | Doc,
    context: str | Doc,
    *,
    component: str | None = None,
    window: int = 0,
    stride: int = 0,
) -> list[Answer]:
    """Ask a trained pipeline about a context.

    query, context: texts, or documents of the pipeline's vocabulary.
    component: the name of the one that answers; without it, the only one there is.
    window, stride: of contexts that are longer than a transformer takes, in tokens: each window is
        asked, and what they find is merged; see `windows`. 0 for the whole context.
    RETURNS: the answers, the most probable first; none if the component finds that there is none.
    RAISES: ValueError for a blank query or context, and a pipeline without such a component.
    """
    pipe = nlp.get_pipe(_component(nlp, component))
    query, context = (nlp.make_doc(x) if isinstance(x, str) else x for x in (query, context))
    cfg = pipe.cfg
    key = cfg["query_key"] or QUERY
    doc = make_query_doc(nlp.vocab, query, context, cfg["separator"], query_key=key)
    docs = windows(doc, window, stride, query_key=key) if window else [doc]
    best: dict[tuple[int, int], Answer] = {}
    for found in nlp.pipe(docs):
        for one in answers_of(found, cfg["spans_key"], key):
            place = (one.start, one.end)
            best[place] = max(one, best.get(place, one), key=attrgetter("score"))
    ranked = sorted(best.values(), key=lambda one: -one.score)
    return ranked[:1] if cfg["decode"] == "best" else ranked


def answers_of(doc: Doc, spans_key: str, query_key: str) -> list[Answer]:
    """The answers in a query document, the most probable first."""
    query = doc.spans[query_key]
    # Characters before the context, and of the context before this window.
    before = len(query[0].text_with_ws) - int(query.attrs.get("offset", 0))
    group = doc.spans[spans_key]
    scores = group.attrs.get("scores") or [1.0] * len(group)
    found = [
        Answer(span.text, span.start_char - before, span.end_char - before, float(score))
        for span, score in zip(group, scores, strict=True)
    ]
    return sorted(found, key=lambda one: -one.score)


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
