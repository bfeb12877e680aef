"""From probabilities of first and last tokens to spans, on arrays."""

import numpy

from .._types import Bools, Floats

Place = tuple[int, int]


def best_span(start: Floats, end: Floats, max_length: int | None = None) -> Place | None:
    """The place with the highest sum of the scores of its first and last token.

    start, end: `(n,)`; with logarithms of probabilities the sum is that of a product.
    max_length: of a span, in tokens; None for any.
    RETURNS: first token and the one after the last, the first such place of equals; None if n = 0.

    >>> best_span(numpy.array([0.1, 0.7, 0.2]), numpy.array([0.8, 0.3, 0.4]))
    (1, 3)
    >>> best_span(numpy.array([0.1, 0.7, 0.2]), numpy.array([0.8, 0.3, 0.4]), max_length=1)
    (1, 2)
    """
    n = len(start)
    best, place = -numpy.inf, None
    for width in range(1, min(n, max_length or n) + 1):
        sums = start[: n - width + 1] + end[width - 1 :]
        i = int(sums.argmax())
        if place is None or sums[i] > best:
            best, place = float(sums[i]), (i, i + width)
    return place


def nearest_ends(is_start: Bools, is_end: Bools, max_length: int | None = None) -> list[Place]:
    """For each first token the span up to the nearest last one, if that is near enough.

    is_start, is_end: `(n,)`.

    >>> nearest_ends(numpy.array([True, False, True]), numpy.array([False, True, True]))
    [(0, 2), (2, 3)]
    """
    (starts,), (ends,) = is_start.nonzero(), is_end.nonzero()
    places = []
    for start, i in zip(starts, numpy.searchsorted(ends, starts), strict=True):
        if i < len(ends) and ends[i] - start < (max_length or len(is_start)):
            places.append((int(start), int(ends[i]) + 1))
    return places
