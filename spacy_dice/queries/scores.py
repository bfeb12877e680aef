"""Exact match and F1 of the words of answers, as the evaluations of SQuAD and of DROP have them."""

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy
from scipy.optimize import linear_sum_assignment

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = frozenset(string.punctuation)


def normalize_answer(text: str) -> str:
    """A text in lower case, without punctuation, articles and more than single blanks.

    As in SQuAD's evaluation (Rajpurkar et al. 2016).

    >>> normalize_answer("The  U.S. Army,")
    'us army'
    """
    text = "".join(char for char in text.lower() if char not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def any_scores(predicted: str, gold: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of the words of a text, with the gold text where they are best.

    predicted: empty for no answer.
    gold: what each annotator gave; none for no answer.
    RETURNS: both in [0, 1].

    >>> any_scores("the Broncos", ["Denver Broncos", "Broncos"])
    (1.0, 1.0)
    """
    golds = [text for text in gold if normalize_answer(text)] or [""]
    exact = max(normalize_answer(predicted) == normalize_answer(text) for text in golds)
    return float(exact), max(_f_of_words(predicted, text) for text in golds)


def _f_of_words(predicted: str, gold: str) -> float:
    found, right = normalize_answer(predicted).split(), normalize_answer(gold).split()
    if not found or not right:
        return float(found == right)
    common = sum((Counter(found) & Counter(right)).values())
    return 2 * common / (len(found) + len(right))


def all_scores(predicted: Sequence[str], gold: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of an answer that is several texts, each paired with at most one other.

    As in DROP's evaluation (Dua et al. 2019), which QuoRef takes over, but not rounded to two
    digits: texts are compared as sets of words; texts with numbers score only if they share one;
    the pairing is the best one.

    predicted, gold: none for no answer.
    RETURNS: both in [0, 1].

    >>> all_scores(["Ann", "Bob Lee"], ["Bob Lee", "Ann Ray"])
    (0.0, 0.833...)
    """
    if not predicted or not gold:
        nothing = float(len(predicted) == len(gold))
        return nothing, nothing
    found, right = (
        [" ".join(filter(None, map(_normalize_word, re.split(r"[ -]", text)))) for text in texts]
        for texts in (predicted, gold)
    )
    exact = float(len(found) == len(right) and set(found) == set(right))
    pairs = numpy.array([[_f_of_sets(p, g) for p in found] for g in right])
    rows, columns = linear_sum_assignment(-pairs)
    return exact, float(pairs[rows, columns].sum() / max(pairs.shape))


def _normalize_word(word: str) -> str:
    word = word.lower()
    if not _is_number(word):
        word = "".join(char for char in word if char not in _PUNCTUATION)
    if _is_number(word):
        word = str(float(word))
    return " ".join(_ARTICLES.sub(" ", word).split())


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _f_of_sets(predicted: str, gold: str) -> float:
    found, right = set(predicted.split()), set(gold.split())
    numbers = {word for word in right if _is_number(word)}
    if numbers and not numbers & found:
        return 0.0
    common = len(found & right)
    precision = common / len(found) if found else 1.0
    recall = common / len(right) if right else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
