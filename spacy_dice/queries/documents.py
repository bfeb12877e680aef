"""Documents that begin with a query and a separator; what comes after them is the context."""

from collections.abc import Sequence

import numpy
from spacy.attrs import ORTH
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from .._validation import refuse

QUERY = "query"
# The separator of BERT: a transformer takes a token of this text for its own.
SEPARATOR = "[SEP]"

# So much of a document is shown in messages.
_SHOWN = 60


def make_query_doc(
    vocab: Vocab,
    query: Doc | Sequence[str],
    context: Doc | Sequence[str],
    separator: str = SEPARATOR,
    *,
    query_key: str = QUERY,
) -> Doc:
    """Make a document of a query, a separator and a context.

    vocab: that of the pipeline.
    query, context: words, or documents, which are taken with their blanks. Where neither says where
        blanks are, the document does not know it either.
    separator: one token between them.
    query_key: the key of the span group that says where the query and the separator are.
    RETURNS: a document; `doc.spans[query_key]` has one span, up to and with the separator.
    RAISES: ValueError for a query or a context without words, a string in place of words, and a
        separator that is empty, has white space, or is a word of the query.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> doc = make_query_doc(nlp.vocab, nlp.make_doc("Who won?"), nlp.make_doc("Denver did."))
    >>> doc.text
    'Who won? [SEP] Denver did.'
    >>> doc.spans["query"]
    [Who won? [SEP]]
    """
    owner = "make_query_doc"
    if not separator or separator != "".join(separator.split()):
        refuse(owner, f"separator must be a token without white space, got {separator!r}")
    parts = []
    for what, words in (("query", query), ("context", context)):
        if isinstance(words, str):
            refuse(owner, f"{what} must be words or nlp.make_doc(text), got the text {words!r}")
        if isinstance(words, Doc):
            texts = [token.text for token in words]
            blanks = None
            if not words.has_unknown_spaces:
                blanks = [bool(token.whitespace_) for token in words]
        else:
            texts, blanks = list(words), None
        if not any(text.strip() for text in texts):
            refuse(owner, f"{what} must have words, got {texts!r}")
        parts.append((texts, blanks))
    (query_words, query_blanks), (context_words, context_blanks) = parts
    if separator in query_words:
        refuse(owner, f"the query has the separator {separator!r} among its words {query_words!r}")
    spaces = None
    if query_blanks is not None and context_blanks is not None:
        spaces = [*query_blanks[:-1], True, True, *context_blanks]
    doc = Doc(vocab, words=[*query_words, separator, *context_words], spaces=spaces)
    doc.spans[query_key] = [doc[: len(query_words) + 1]]
    return doc


def context_start(owner: str, doc: Doc, query_key: str | None, separator: str) -> int:
    """Where the context of a document begins: the number of tokens of query and separator.

    Where `doc.spans` has no such group, the query ends with the first token that is the separator,
    and the group is made: documents that are read from a corpus come without it.

    query_key: None for documents that are all context.
    RETURNS: a number in [0, len(doc)]; it is 0 without a query only.
    RAISES: ValueError for a document with tokens, but without a query, or with one that does not
        begin the document.
    """
    if query_key is None or not len(doc):
        return 0
    if query_key in doc.spans and len(doc.spans[query_key]):
        group = doc.spans[query_key]
        if len(group) != 1 or group[0].start != 0 or group[0].end < 2:
            places = [(span.start, span.end) for span in group]
            refuse(
                owner,
                f"spans[{query_key!r}] must be one span, the query and the separator at the "
                f"beginning of the document, got {places} in {name_of(doc, query_key)}",
            )
        return int(group[0].end)
    (found,) = numpy.nonzero(doc.to_array(ORTH) == doc.vocab.strings[separator])
    if not len(found) or not found[0]:
        refuse(
            owner,
            f"the document has neither spans[{query_key!r}] nor a query before a token "
            f"{separator!r}: {name_of(doc, query_key)}. Make it by "
            "spacy_dice.queries.make_query_doc",
        )
    end = int(found[0]) + 1
    doc.spans[query_key] = [doc[:end]]
    return end


def name_of(doc: Doc, query_key: str | None) -> str:
    """What messages call a document: its id, which is an attribute of the query, or its text."""
    group = doc.spans.get(query_key, None)
    name = group.attrs.get("id") if group is not None else None
    text = doc.text if len(doc.text) <= _SHOWN else doc.text[:_SHOWN] + "…"
    return repr(text) if name is None else f"{name} ({text!r})"


def keep_whole(nlp: Language, separator: str) -> None:
    """Let the tokenizer of a pipeline leave the separator whole, where it can be told to.

    So the text of a query document is split as the document was made, in `spacy evaluate` too.
    """
    tokenizer = nlp.tokenizer
    if hasattr(tokenizer, "add_special_case") and separator not in tokenizer.rules:
        tokenizer.add_special_case(separator, [{ORTH: separator}])
