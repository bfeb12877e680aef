"""Entities as answers: a query for each type, as in BERT-MRC (Li et al. 2020, arXiv 1910.11476)."""

from collections.abc import Iterator, Mapping

from spacy.tokens import Doc
from spacy.vocab import Vocab

from .documents import QUERY, SEPARATOR, make_query_doc


def entity_queries(
    vocab: Vocab,
    doc: Doc,
    queries: Mapping[str, Doc],
    *,
    separator: str = SEPARATOR,
    query_key: str = QUERY,
    spans_key: str = "answer",
    name: str = "",
) -> Iterator[tuple[str, Doc]]:
    """Yield a query document for each type of entity, its entities of that type as answers.

    vocab: of the documents that are made.
    doc: a text, with or without entities.
    queries: what is asked for, by type.
    name: of the text; the id of a query is that and the type.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> doc = nlp("Ann met Bob.")
    >>> doc.set_ents([doc.char_span(0, 3, label="PER")])
    >>> [(label, made)] = entity_queries(nlp.vocab, doc, {"PER": nlp("Which persons?")})
    >>> made.text, made.spans["answer"]
    ('Which persons? [SEP] Ann met Bob.', [Ann])
    """
    for label, query in queries.items():
        made = make_query_doc(vocab, query, doc, separator, query_key=query_key)
        shift = made.spans[query_key][0].end
        made.spans[spans_key] = [
            made[ent.start + shift : ent.end + shift] for ent in doc.ents if ent.label_ == label
        ]
        if name:
            made.spans[query_key].attrs["id"] = f"{name} {label}"
        yield label, made
