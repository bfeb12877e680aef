"""Soft F-scores of data that comes in parts."""

from fractions import Fraction
from typing import NamedTuple, TypedDict

import numpy
from numpy.typing import ArrayLike, NDArray

from .._types import Bools, Floats
from . import functions
from ._inputs import Columns, Label, Labels, Targets, check_inputs, class_labels, is_multilabel
from ._soft_counts import (
    SampleSums,
    Score,
    SoftCounts,
    ZeroDivision,
    average_samples,
    count,
    scores,
    sum_samples,
)

Fractions = NDArray[numpy.object_]

# Sums of fractions are exact: no order of updates and merges rounds differently.
_exact = numpy.frompyfunc(Fraction, 1, 1)


class _Settings(TypedDict):
    """Those of `functions.soft_fbeta_score`."""

    beta: float
    labels: list[Label] | None
    pos_label: Label
    average: str | None
    zero_division: ZeroDivision
    classes: list[Label] | None


class _Seen(NamedTuple):
    """What all rows so far come to.

    sums: exact, of each of `SoftCounts`, `(4, c)`, or of `SampleSums`, `(2, 3)`.
    present: `(c,)`, which columns count. columns: `(c,)`, their labels.
    """

    sums: Fractions
    present: Bools
    columns: Columns


class SoftF1Accumulator:
    """The soft F-score of rows that do not fit in memory, or are spread over workers.

    Takes the settings of `functions.soft_fbeta_score`. The sums are kept as exact fractions, so
    that the result is the same to the last bit in whatever order parts are added and merged. The
    sums of one part are rounded as those of `soft_fbeta_score` are: results for different
    partitions of the same rows agree up to rounding.

    classes: the labels of the columns of `y_prob`. None for multilabel targets and for the labels 0
        and 1; needed otherwise, since a part may lack a label.

    >>> left, right = SoftF1Accumulator(), SoftF1Accumulator()
    >>> left.update([0, 1], [0.25, 0.5]).merge(right.update([1], [0.75])).result()
    0.7142...
    >>> left
    SoftF1Accumulator(n_rows=3)
    """

    def __init__(
        self,
        *,
        beta: float = 1.0,
        labels: Labels | None = None,
        pos_label: Label = 1,
        average: str | None = "binary",
        zero_division: ZeroDivision = "warn",
        classes: Labels | None = None,
    ) -> None:
        functions.check_settings(average=average, beta=beta, zero_division=zero_division)
        self._settings: _Settings = {
            "beta": beta,
            "labels": None if labels is None else list(labels),
            "pos_label": pos_label,
            "average": average,
            "zero_division": zero_division,
            "classes": None if classes is None else list(classes),
        }
        self._seen: _Seen | None = None
        self.n_rows = 0

    def update(
        self, y_true: Targets, y_prob: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "SoftF1Accumulator":
        """Add rows; arguments and errors as for `functions.soft_fbeta_score`.

        RAISES: ValueError also if columns differ from those before.
        """
        get = self._settings
        classes = get["classes"]
        if classes is None:
            classes = _zero_and_one(y_true)
        cells = check_inputs(
            y_true,
            y_prob,
            classes=classes,
            pos_label=get["pos_label"] if get["average"] == "binary" else None,
            sample_weight=sample_weight,
        )
        functions.check_average(cells.kind, get["average"])
        labels = [get["pos_label"]] if get["average"] == "binary" else get["labels"]
        if labels is not None:
            cells = cells.select(labels)
        if get["average"] == "samples":
            part = sum_samples(
                cells, beta=get["beta"], zero_division=get["zero_division"], warn_for=("F-score",)
            )
            sums = numpy.stack([part.scores, part.weights])
            present = numpy.ones(len(cells.columns), dtype=bool)
        else:
            counts = count(cells)
            sums = numpy.stack([counts.tp, counts.fp, counts.fn, counts.support])
            present = counts.present
            if labels is not None or cells.kind == "multilabel-indicator":
                present = numpy.ones_like(present)
        self._add(_Seen(numpy.asarray(_exact(sums)), present, cells.columns), len(cells.probs))
        return self

    def merge(self, other: "SoftF1Accumulator") -> "SoftF1Accumulator":
        """Add what `other` has seen, which stays as it is.

        RAISES: ValueError if its settings or columns differ.
        """
        if str(other._settings) != str(self._settings):
            raise ValueError(
                f"other must have the same settings, {self._settings}, got {other._settings}"
            )
        if other._seen is not None:
            self._add(other._seen, other.n_rows)
        return self

    def _add(self, more: _Seen, n_rows: int) -> None:
        seen = self._seen
        if seen is None:
            self._seen = more
        elif more.columns.tolist() != seen.columns.tolist():
            raise ValueError(
                f"y_prob must have the same columns in each part: {seen.columns.tolist()}, "
                f"got {more.columns.tolist()}"
            )
        else:
            self._seen = _Seen(seen.sums + more.sums, seen.present | more.present, seen.columns)
        self.n_rows += n_rows

    def result(self) -> Score:
        """The F-score of all rows so far: a float, or an array if `average` is None.

        RAISES: ValueError if there are no rows.
        """
        return self._result(("F-score",))[2]

    def precision_recall_fscore_support(self) -> tuple[Score, Score, Score, Floats | None]:
        """All four, as `functions.soft_precision_recall_fscore_support` returns them."""
        return self._result(("precision", "recall", "F-score"))

    def _result(self, warn_for: tuple[str, ...]) -> tuple[Score, Score, Score, Floats | None]:
        if self._seen is None:
            raise ValueError("Found no rows while a minimum of 1 is required: call update first.")
        sums = self._seen.sums.astype(numpy.float64)
        zero_division = self._settings["zero_division"]
        if self._settings["average"] == "samples":
            return (*average_samples(SampleSums(*sums), zero_division), None)
        # Labels that were asked for keep their order.
        asked = self._settings["labels"] is not None or self._settings["average"] == "binary"
        order = numpy.arange(len(self._seen.columns)) if asked else self._seen.columns
        return scores(
            functions.present_only(SoftCounts._make((*sums, self._seen.present)), order),
            beta=self._settings["beta"],
            average=self._settings["average"],
            zero_division=zero_division,
            warn_for=warn_for,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_rows={self.n_rows})"


def _zero_and_one(y_true: Targets) -> list[Label] | None:
    if is_multilabel(y_true):
        return None
    found = class_labels(y_true)
    if not set(found.tolist()) <= {0, 1}:
        raise ValueError(
            f"classes must be given unless the labels are 0 and 1, as a part may lack one; "
            f"y_true has {found.tolist()}"
        )
    return [0, 1]
