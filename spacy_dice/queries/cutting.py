"""Long contexts as windows of words: each is a query document of its own."""

from spacy.tokens import Doc

from .._validation import refuse
from .documents import QUERY


def windows(doc: Doc, size: int, stride: int, *, query_key: str = QUERY) -> list[Doc]:
    """Cut a query document into documents with the same query and parts of the context.

    The query of each has the attributes of that of `doc`, and in `"offset"` the character of the
    whole context that the window begins with. Scorers merge windows whose queries have the same
    `"id"`.

    size: tokens of a context, at most.
    stride: from the beginning of a window to that of the next one, in tokens. What is no longer
        than ``size - stride`` is in one window whole.
    RETURNS: documents with all span groups; a span that is not in a window whole is not in it. The
        document itself if its context is no longer than `size`.
    RAISES: ValueError unless 0 < stride <= size.
    """
    if not 0 < stride <= size:
        refuse("windows", f"stride must be above 0 and at most the size {size}, got {stride}")
    [query] = doc.spans[query_key]
    if len(doc) - query.end <= size:
        return [doc]
    attributes = doc.spans[query_key].attrs
    made = []
    for first in range(query.end, len(doc), stride):
        last = min(first + size, len(doc))
        tokens = [*range(query.end), *range(first, last)]
        blanks = None if doc.has_unknown_spaces else [bool(doc[i].whitespace_) for i in tokens]
        window = Doc(doc.vocab, words=[doc[i].text for i in tokens], spaces=blanks)
        window.spans[query_key] = [window[: query.end]]
        offset = int(attributes.get("offset", 0)) + doc[first].idx - doc[query.end].idx
        window.spans[query_key].attrs.update({**attributes, "offset": offset})
        shift = first - query.end
        for key in set(doc.spans) - {query_key}:
            window.spans[key] = [
                window[span.start - shift : span.end - shift]
                for span in doc.spans[key]
                if first <= span.start and span.end <= last
            ]
        window.user_data.update(doc.user_data)
        made.append(window)
        if last == len(doc):
            break
    return made
