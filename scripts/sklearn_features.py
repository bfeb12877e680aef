"""Features for linear classifiers: words of a text, and how much two texts have in common."""

import re
from typing import Any

import numpy
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer

from corpora.pairs import PAIR_SEPARATOR

SEPARATOR = f" {PAIR_SEPARATOR} "
# Words, and words with digits: model numbers say most about whether two products are one.
_TOKENS = tuple(re.compile(pattern) for pattern in (r"\w+", r"\d+", r"\w*\d\w*"))


class PairFeatures(TransformerMixin, BaseEstimator):
    """Products of the TF-IDF vectors of two texts, their similarities, and shared tokens.

    The texts are joined by `corpora.pairs.PAIR_SEPARATOR`.

    >>> features = PairFeatures().fit(["red shoe ||| shoe", "blue hat ||| red hat"])
    >>> features.transform(["red hat ||| hat"]).toarray().round(2)
    array([[0.71, 0.71, 0.5 , 1.  , 1.  , 0.  , 0.71, 0.  , 0.  ]])
    """

    def fit(self, X: Any, y: Any = None) -> "PairFeatures":
        """Learn the words of both sides."""
        sides = [side for text in X for side in text.split(SEPARATOR)]
        self.words_ = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit(sides)
        self.characters_ = TfidfVectorizer(
            sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 4)
        ).fit(sides)
        return self

    def transform(self, X: Any) -> Any:
        """Return CSR features `(n, 5 + words)`."""
        left, right = zip(*(text.split(SEPARATOR) for text in X), strict=True)
        dense, products = [], []
        for vectorizer in (self.words_, self.characters_):
            product = vectorizer.transform(left).multiply(vectorizer.transform(right)).tocsr()
            dense.append(numpy.asarray(product.sum(axis=1)).ravel())
            products.append(product)
        for pattern in _TOKENS:
            pairs = zip(left, right, strict=True)
            dense.append(numpy.array([_overlap(pattern, a, b) for a, b in pairs]))
        return sparse.hstack([sparse.csr_matrix(numpy.stack(dense, axis=1)), products[0]]).tocsr()


def _overlap(pattern: re.Pattern[str], left: str, right: str) -> float:
    """Jaccard's coefficient of the tokens; 1 if there are none."""
    a, b = set(pattern.findall(left.lower())), set(pattern.findall(right.lower()))
    return len(a & b) / len(a | b) if a | b else 1.0


_WORDS = TfidfVectorizer(
    ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"
)

# The features of each data set, not fitted.
FEATURES: dict[str, Any] = {
    "sms_spam": _WORDS,
    "em_walmart_amazon": PairFeatures(),
    "trec_questions": _WORDS,
    "trec_questions_fine": _WORDS,
}
