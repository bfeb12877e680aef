"""From `(y_true, y_prob)` as users have them to blocks of targets and probabilities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_non_negative

from .._validation import listed, nearest

# Cells that are worked on at once: temporary arrays stay small however long the input is.
_BLOCK = 1 << 18

# How far the probabilities of a row may be from summing to 1.
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Cells:
    """Targets and probabilities of `n` rows, one column for each class.

    kind: `"binary"`, `"multiclass"` or `"multilabel-indicator"`.
    columns: `(c,)`, the class of each column; indices for multilabel.
    targets: `(n,)` labels, or an indicator `(n, c)`, dense or CSR.
    probs: `(n, c)`, or `(n,)`, the probability of the second of two columns.
    weights: `(n,)` or None.
    """

    kind: str
    columns: Any
    targets: Any
    probs: Any
    weights: Any

    def select(self, labels: Sequence[Any]) -> "Cells":
        """Keep the columns of `labels`, in that order; labels without a column have p = 0."""
        known = self.columns.tolist()
        if self.kind == "multilabel-indicator":
            columns = list(labels)
            for column in columns:
                if column not in known:
                    raise ValueError(
                        f"All labels must be in [0, n labels) for multilabel targets. "
                        f"Got {column!r}, n labels is {len(known)}"
                    )
            return Cells(
                self.kind, self.columns[columns], self.targets[:, columns],
                self.probs[:, columns], self.weights,
            )  # fmt: skip
        probs = self.probs
        places = [known.index(label) if label in known else -1 for label in labels]
        if probs.ndim == 2 and places != list(range(len(known))):
            probs = numpy.where(numpy.array(places) < 0, 0.0, probs[:, places])
        elif probs.ndim == 1 and places != [0, 1]:
            sides = (1.0 - probs, probs)
            if places == [1]:
                probs = probs[:, None]
            else:
                probs = numpy.stack(
                    [sides[place] if place >= 0 else numpy.zeros_like(probs) for place in places],
                    axis=1,
                )
        return Cells(self.kind, _as_labels(labels), self.targets, probs, self.weights)

    def blocks(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield float64 `targets (b, c)`, `probs (b, c)` and `weights (b,)`, some rows at once."""
        rows = max(1, _BLOCK // max(1, len(self.columns)))
        for start in range(0, self.probs.shape[0], rows):
            yield self._rows(slice(start, start + rows))

    def whole(self) -> tuple[Any, Any, Any]:
        """The same for all rows."""
        return self._rows(slice(None))

    def _rows(self, rows: slice) -> tuple[Any, Any, Any]:
        probs = self.probs[rows].astype(numpy.float64, copy=False)
        if probs.ndim == 1:
            probs = numpy.stack([1.0 - probs, probs], axis=1)
        targets = self.targets[rows]
        if sparse.issparse(targets):
            targets = targets.toarray()
        elif targets.ndim == 1:
            targets = targets[:, None] == self.columns
        weights = numpy.ones(len(probs)) if self.weights is None else self.weights[rows]
        return targets.astype(numpy.float64, copy=False), probs, weights


def check_inputs(
    y_true: Any, y_prob: Any, *, classes: Any, pos_label: Any, sample_weight: Any
) -> Cells:
    """Check `y_true` and `y_prob` and name the columns; see `functions` for the arguments.

    pos_label: the label that a 1-D `y_prob` is the probability of; None: the greater one.
    RAISES: ValueError in scikit-learn's words.
    """
    y_prob = check_array(
        y_prob, dtype=(numpy.float64, numpy.float32), ensure_2d=False, input_name="y_prob"
    )
    if y_prob.ndim == 2 and y_prob.shape[1] == 1:
        y_prob = y_prob[:, 0]
    if y_prob.min() < 0:
        raise ValueError(f"y_prob contains values lower than 0: {y_prob.min()}")
    if y_prob.max() > 1:
        raise ValueError(f"y_prob contains values greater than 1: {y_prob.max()}")
    weights = None if sample_weight is None else check_weights(sample_weight, y_prob.shape[0])
    if is_multilabel(y_true):
        cells = _check_multilabel(y_true, y_prob, classes, weights)
    else:
        cells = _check_labels(y_true, y_prob, classes, pos_label, weights)
    return cells


def class_labels(y_true: Any) -> Any:
    """The sorted labels of a 1-D `y_true`; `{0}` and `{1}` are completed to `{0, 1}`.

    RAISES: ValueError if these are not labels (NaN, fractions, mixed types).
    """
    y_true = numpy.asarray(y_true)
    if y_true.dtype.kind == "b":
        return numpy.array([False, True])
    assert_all_finite(y_true, input_name="y_true")
    try:
        parts = [numpy.unique(y_true[i : i + _BLOCK]) for i in range(0, len(y_true), _BLOCK)]
        found = parts[0] if len(parts) == 1 else numpy.unique(numpy.concatenate(parts))
    except TypeError as error:
        raise ValueError(
            f"y_true: labels must be of one type that can be sorted: {error}"
        ) from error
    kind = type_of_target(found, input_name="y_true")
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"y_true: {kind} targets are not supported")
    found = unique_labels(found)
    if len(found) == 1 and found[0] in (0, 1):
        return numpy.array([0, 1], dtype=found.dtype)
    if len(found) == 1 and found[0] == -1:
        return numpy.array([-1, 1], dtype=found.dtype)
    return found


def check_weights(sample_weight: Any, n_rows: int) -> Any:
    """Return `sample_weight` as floats `(n_rows,)`, all 1 for None. RAISES: ValueError."""
    if sample_weight is None:
        return numpy.ones(n_rows)
    weights = check_array(
        sample_weight, dtype=numpy.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must be 1D array with one weight for each of {n_rows} samples, got "
            f"the shape {weights.shape}"
        )
    check_non_negative(weights, "`sample_weight`")
    return weights


def is_multilabel(y_true: Any) -> bool:
    """Tell whether `y_true` is a table: sparse, or of more than one column."""
    if sparse.issparse(y_true):
        return True
    shape = getattr(y_true, "shape", None)
    if shape is None:
        y_true = numpy.asarray(y_true)
        shape = y_true.shape
    return len(shape) == 2 and shape[1] > 1


def _check_multilabel(y_true: Any, y_prob: Any, classes: Any, weights: Any) -> Cells:
    kind = type_of_target(y_true, input_name="y_true")
    if kind != "multilabel-indicator":
        raise ValueError(f"y_true: {kind} targets are not supported")
    if classes is not None:
        raise ValueError(
            f"classes must be None for multilabel targets, whose labels are the indices of the "
            f"columns, got {listed(classes)}"
        )
    y_true = y_true.tocsr() if sparse.issparse(y_true) else numpy.asarray(y_true)
    check_consistent_length(y_true, y_prob, weights)
    if y_prob.shape != y_true.shape:
        raise ValueError(
            f"y_prob must have a column for each label of a multilabel y_true: y_true has the "
            f"shape {y_true.shape}, y_prob {y_prob.shape}"
        )
    return Cells(kind, numpy.arange(y_true.shape[1]), y_true, y_prob, weights)


def _check_labels(y_true: Any, y_prob: Any, classes: Any, pos_label: Any, weights: Any) -> Cells:
    y_true = column_or_1d(y_true)
    check_consistent_length(y_true, y_prob, weights)
    found = class_labels(y_true)
    n_columns = 2 if y_prob.ndim == 1 else y_prob.shape[1]
    if classes is not None:
        columns = _as_labels(classes)
        if len(set(columns.tolist())) < len(columns):
            raise ValueError(f"classes must be unique, got {listed(columns)}")
        unknown = [label for label in found.tolist() if label not in columns.tolist()]
        # Labels that were only added to complete {0, 1} need no column.
        unknown = [label for label in unknown if (y_true == label).any()]
        if unknown:
            raise ValueError(
                f"y_true contains labels that are not in classes {listed(columns)}: "
                f"{listed(unknown)}{nearest(unknown[0], map(str, columns.tolist()))}"
            )
    else:
        columns = found
    if len(columns) == 1 and y_prob.ndim == 1 and pos_label is not None:
        return _one_class(columns, y_true, y_prob, pos_label, weights)
    if len(columns) != n_columns:
        hint = "" if classes is not None else ", or give the labels of its columns as classes"
        raise ValueError(
            f"y_prob has {n_columns} columns (a 1-D y_prob counts as two), but there are "
            f"{len(columns)} classes: {listed(columns)}. Give y_prob one column for each "
            f"class{hint}"
        )
    if y_prob.ndim == 2:
        sums = y_prob.sum(axis=1, dtype=numpy.float64)
        wrong = numpy.abs(sums - 1) > _SUM_TOLERANCE
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"y_prob must sum to 1 over the classes, but row {row} sums to {sums[row]:.6g}"
            )
    elif pos_label is not None and columns[0] == pos_label:
        columns = columns[::-1]
    if y_true.dtype.kind not in "biuf":
        y_true = y_true.astype(object)
    n_present = len(columns)
    if n_present > 2 and len(found) <= 2:
        # As in scikit-learn, where a label counts that is a target or a prediction.
        n_present = int((numpy.isin(columns, found) | (y_prob > 0).any(axis=0)).sum())
    kind = "binary" if n_present <= 2 else "multiclass"
    return Cells(kind, columns, y_true, y_prob, weights)


def _one_class(columns: Any, y_true: Any, y_prob: Any, pos_label: Any, weights: Any) -> Cells:
    """All of `y_true` is one label: the other column has no name that could be found in it."""
    other = object()
    names = numpy.empty(2, dtype=object)
    names[:] = [other, pos_label] if columns[0] == pos_label else [columns[0], pos_label]
    return Cells("binary", names, y_true.astype(object), y_prob, weights)


def _as_labels(labels: Any) -> Any:
    labels = labels if isinstance(labels, numpy.ndarray) else list(labels)
    array = numpy.asarray(labels)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"labels and classes must be 1-D and not empty, got {labels!r}")
    return array.astype(object) if array.dtype.kind not in "biuf" else array
