"""`dice.QueryReader.v1`: a model for CPUs that lets the tokens of a context see the query.

A convolution sees a few tokens on both sides; the query of a context of 150 words it does not. Here
each token looks at the query by attention, and knows which words they have in common, as in DrQA
(Chen et al. 2017, arXiv 1704.00051).
"""

from collections.abc import Callable
from typing import Any

import numpy
from spacy.attrs import LEMMA, LOWER, NORM, ORTH
from spacy.tokens import Doc
from thinc.api import Maxout, Model, chain, list2array, with_array
from thinc.types import Floats2d
from thinc.util import get_array_module

from .documents import QUERY

# The word itself, in lower case, its norm and, where a component before it says so, its lemma.
_MATCHED = (ORTH, LOWER, NORM, LEMMA)
# Words of one stem have so many first letters in common, most of the time.
_STEM = 5
# How many tokens on both sides count for the share of the query that is near.
_NEAR = 8
N_FEATURES = len(_MATCHED) + 3


def build_query_reader(
    tok2vec: Model[list[Doc], list[Floats2d]],
    encoder: Model[list[Floats2d], list[Floats2d]],
    scorer: Model[Floats2d, Floats2d],
    width: int,
    query_key: str = QUERY,
) -> Model[list[Doc], Floats2d]:
    """`dice.QueryReader.v1`: scores of tokens as the first and last ones of answers.

    tok2vec: vectors of the tokens of query and context.
    encoder: of the fused vectors, `width` wide: a context around each token.
    scorer: the end, from `width` to 2 columns: `spacy.LinearLogistic.v1` for probabilities,
        `Linear.v1` for logits.
    width: of the vectors of the encoder.
    query_key: the span group of the query; without it, or its span, there is nothing to look at.
    RETURNS: a model from documents to `(n_tokens, 2)`.
    """
    fuse = Maxout(nO=width, nP=3, normalize=True, dropout=0.0)
    model: Model[list[Doc], Floats2d] = chain(
        query_fusion(tok2vec, query_key),
        with_array(fuse),
        encoder,
        with_array(scorer),
        list2array(),
    )
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("scorer", scorer)
    return model


def query_fusion(
    tok2vec: Model[list[Doc], list[Floats2d]], query_key: str = QUERY
) -> Model[list[Doc], list[Floats2d]]:
    """Vectors of tokens, beside them what they see of the query.

    With h the vector of a token and q_j those of the query: h, the attention Σ_j a_j q_j with
    a = softmax_j(h · W q_j / √w), their product, h ∗ q̄ with q̄ the mean of the query, and features
    (`matches`).

    RETURNS: a model whose outputs are 4 w + N_FEATURES wide.
    """
    return Model(
        "query_fusion",
        _forward,
        init=_init,
        layers=[tok2vec],
        params={"W": None},
        dims={"nO": None, "nI": None},
        attrs={"query_key": query_key},
    )


def _init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:
    [tok2vec] = model.layers
    tok2vec.initialize(X=X)
    width = tok2vec.maybe_get_dim("nO")
    if width is None and X is not None:
        width = tok2vec.predict(X)[0].shape[1]
    if width is None:
        return
    model.set_dim("nI", width)
    model.set_dim("nO", 4 * width + N_FEATURES)
    # At first, words attend to words like them.
    model.set_param("W", model.ops.asarray2f(numpy.eye(width, dtype="f")))


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    [tok2vec] = model.layers
    vectors, backprop_tok2vec = tok2vec(docs, is_train)
    W = model.get_param("W")
    lengths = [query_length(doc, model.attrs["query_key"]) for doc in docs]
    fused, steps = [], []
    for doc, h, n in zip(docs, vectors, lengths, strict=True):
        features = model.ops.asarray2f(matches(doc, n))
        out, step = fuse_query(h, n, W)
        fused.append(get_array_module(h).hstack([out, features]))
        steps.append(step)

    def backprop(d_fused: list[Floats2d]) -> list[Doc]:
        d_vectors = []
        for step, d_out in zip(steps, d_fused, strict=True):
            d_h, d_W = step(d_out[:, :-N_FEATURES])
            d_vectors.append(d_h)
            model.inc_grad("W", d_W)
        return backprop_tok2vec(d_vectors)

    return fused, backprop


def query_length(doc: Doc, query_key: str) -> int:
    """How many tokens of a document are query and separator; 0 if it does not say."""
    group = doc.spans.get(query_key, ())
    return int(group[0].end) if len(group) else 0


def fuse_query(
    h: Floats2d, n: int, W: Floats2d
) -> tuple[Floats2d, Callable[[Floats2d], tuple[Floats2d, Floats2d]]]:
    """The vectors of a document, and what they see of its first n ones; see `query_fusion`.

    h: `(m, w)`. W: `(w, w)`.
    RETURNS: `(m, 4 w)`, and the function from its gradient to those by h and W.
    """
    xp = get_array_module(h)
    width = h.shape[1]
    if not n or not len(h):
        nothing = xp.zeros((len(h), 3 * width), dtype=h.dtype)
        return xp.hstack([h, nothing]), lambda d: (d[:, :width].copy(), xp.zeros_like(W))
    q = h[:n]
    scale = 1 / width**0.5
    keys = q @ W
    logits = (h @ keys.T) * scale
    weights = xp.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    seen = weights @ q
    mean = q.mean(axis=0, keepdims=True)

    def backprop(d: Floats2d) -> tuple[Floats2d, Floats2d]:
        d_own, d_seen, d_product, d_mean = (d[:, i * width : (i + 1) * width] for i in range(4))
        d_seen = d_seen + d_product * h
        d_h = d_own + d_product * seen + d_mean * mean
        d_q = weights.T @ d_seen + (d_mean * h).sum(axis=0, keepdims=True) / n
        d_weights = d_seen @ q.T
        d_logits = weights * (d_weights - (d_weights * weights).sum(axis=1, keepdims=True))
        d_logits *= scale
        d_h += d_logits @ keys
        d_keys = d_logits.T @ h
        d_q += d_keys @ W.T
        d_h[:n] += d_q
        return d_h, q.T @ d_keys

    return xp.hstack([h, seen, h * seen, h * mean]), backprop


def matches(doc: Doc, n: int) -> Floats2d:
    """Which tokens are words of the query, and how much of it is near.

    n: how many tokens are query and separator.
    RETURNS: `(len(doc), N_FEATURES)`: whether the word, its lower case, norm and lemma are in the
        query, and its first letters; the share of the words of the query, but for stop words and
        punctuation, that stand within 8 tokens; whether the token is in the context.
    """
    features = numpy.zeros((len(doc), N_FEATURES), dtype="f")
    features[n:, -1] = 1
    if n < 2 or n == len(doc):
        return features
    attributes = doc.to_array(list(_MATCHED))
    for column in range(len(_MATCHED)):
        own = attributes[:, column]
        features[:, column] = numpy.isin(own, own[: n - 1]) & (own != 0)
    stems = numpy.array([token.lower_[:_STEM] for token in doc])
    content = [t.i for t in doc[: n - 1] if not (t.is_stop or t.is_punct or t.is_space)]
    features[:, len(_MATCHED)] = numpy.isin(stems, stems[content])
    asked = set(stems[content].tolist())
    for stem in asked:
        is_near = numpy.convolve(stems[n:] == stem, numpy.ones(2 * _NEAR + 1), "full") > 0
        features[n:, -2] += is_near[_NEAR : _NEAR + len(doc) - n] / len(asked)
    return features
