"""From `(y_true, y_prob)` as users have them to blocks of targets and probabilities."""

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_non_negative

from .._types import Floats
from .._validation import listed, nearest

Label = Hashable
Labels = Collection[Label]
# Labels of rows or the names of columns, of whatever type labels have.
Columns = NDArray[numpy.generic]
# What can be a `y_true`: labels `(n,)`, or an indicator `(n, c)`, dense or sparse.
Targets: TypeAlias = ArrayLike | sparse.sparray | sparse.spmatrix
# What an estimator predicts from: features, dense or sparse, texts, a data frame.
Rows: TypeAlias = ArrayLike | sparse.sparray | sparse.spmatrix
# Targets `(b, c)`, probabilities `(b, c)` and weights `(b,)` of some rows.
Block = tuple[Floats, Floats, Floats]

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
    columns: Columns
    targets: Columns | sparse.csr_array
    probs: Floats
    weights: Floats | None

    def select(self, labels: Sequence[Label]) -> "Cells":
        """Keep the columns of `labels`, in that order; labels without a column have p = 0."""
        known = self.columns.tolist()
        if self.kind == "multilabel-indicator":
            for column in labels:
                if column not in known:
                    raise ValueError(
                        f"All labels must be in [0, n labels) for multilabel targets. "
                        f"Got {column!r}, n labels is {len(known)}"
                    )
            columns = numpy.array(labels, dtype=int)
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

    def blocks(self) -> Iterator[Block]:
        """Yield float64 `targets (b, c)`, `probs (b, c)` and `weights (b,)`, some rows at once."""
        rows = max(1, _BLOCK // max(1, len(self.columns)))
        for start in range(0, self.probs.shape[0], rows):
            yield self._rows(slice(start, start + rows))

    def whole(self) -> Block:
        """The same for all rows."""
        return self._rows(slice(None))

    def _rows(self, rows: slice) -> Block:
        probs = self.probs[rows].astype(numpy.float64, copy=False)
        if probs.ndim == 1:
            probs = numpy.stack([1.0 - probs, probs], axis=1)
        targets = self.targets[rows]
        if targets.ndim == 1:
            targets = targets[:, None] == self.columns
        weights = numpy.ones(len(probs)) if self.weights is None else self.weights[rows]
        return as_array(targets).astype(numpy.float64, copy=False), probs, weights


def check_inputs(
    y_true: Targets,
    y_prob: ArrayLike,
    *,
    classes: Labels | None,
    pos_label: Label,
    sample_weight: ArrayLike | None,
) -> Cells:
    """Check `y_true` and `y_prob` and name the columns; see `functions` for the arguments.

    pos_label: the label that a 1-D `y_prob` is the probability of; None: the greater one.
    RAISES: ValueError in scikit-learn's words.
    """
    probs: Floats = check_array(
        y_prob, dtype=(numpy.float64, numpy.float32), ensure_2d=False, input_name="y_prob"
    )
    if probs.ndim == 2 and probs.shape[1] == 1:
        probs = probs[:, 0]
    if probs.min() < 0:
        raise ValueError(f"y_prob contains values lower than 0: {probs.min()}")
    if probs.max() > 1:
        raise ValueError(f"y_prob contains values greater than 1: {probs.max()}")
    weights = None if sample_weight is None else check_weights(sample_weight, probs.shape[0])
    if is_multilabel(y_true):
        return _check_multilabel(y_true, probs, classes, weights)
    return _check_labels(y_true, probs, classes, pos_label, weights)


def class_labels(y_true: ArrayLike) -> Columns:
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


def check_weights(sample_weight: ArrayLike | None, n_rows: int) -> Floats:
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


def as_array(table: Targets) -> Columns:
    """Labels or an indicator, dense or sparse, as an array."""
    return sparse.csr_array(table).toarray() if sparse.issparse(table) else numpy.asarray(table)


def is_multilabel(y_true: Targets) -> bool:
    """Tell whether `y_true` is a table: sparse, or of more than one column."""
    if sparse.issparse(y_true):
        return True
    shape = getattr(y_true, "shape", None)
    if shape is None:
        y_true = numpy.asarray(y_true)
        shape = y_true.shape
    return len(shape) == 2 and shape[1] > 1


def _check_multilabel(
    y_true: Targets, y_prob: Floats, classes: Labels | None, weights: Floats | None
) -> Cells:
    kind = type_of_target(y_true, input_name="y_true")
    if kind != "multilabel-indicator":
        raise ValueError(f"y_true: {kind} targets are not supported")
    if classes is not None:
        raise ValueError(
            f"classes must be None for multilabel targets, whose labels are the indices of the "
            f"columns, got {listed(classes)}"
        )
    targets = sparse.csr_array(y_true) if sparse.issparse(y_true) else numpy.asarray(y_true)
    check_consistent_length(targets, y_prob, weights)
    if y_prob.shape != targets.shape:
        raise ValueError(
            f"y_prob must have a column for each label of a multilabel y_true: y_true has the "
            f"shape {targets.shape}, y_prob {y_prob.shape}"
        )
    return Cells(kind, numpy.arange(targets.shape[1]), targets, y_prob, weights)


def _check_labels(
    y_true: ArrayLike,
    y_prob: Floats,
    classes: Labels | None,
    pos_label: Label,
    weights: Floats | None,
) -> Cells:
    targets: Columns = column_or_1d(y_true)
    check_consistent_length(targets, y_prob, weights)
    found = class_labels(targets)
    n_columns = 2 if y_prob.ndim == 1 else y_prob.shape[1]
    if classes is not None:
        columns = _as_labels(classes)
        if len(set(columns.tolist())) < len(columns):
            raise ValueError(f"classes must be unique, got {listed(columns)}")
        unknown = [label for label in found.tolist() if label not in columns.tolist()]
        # Labels that were only added to complete {0, 1} need no column.
        unknown = [label for label in unknown if (targets == label).any()]
        if unknown:
            raise ValueError(
                f"y_true contains labels that are not in classes {listed(columns)}: "
                f"{listed(unknown)}{nearest(unknown[0], map(str, columns.tolist()))}"
            )
    else:
        columns = found
    if len(columns) == 1 and y_prob.ndim == 1 and pos_label is not None:
        return _one_class(columns, targets, y_prob, pos_label, weights)
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
    if targets.dtype.kind not in "biuf":
        targets = targets.astype(object)
    n_present = len(columns)
    if n_present > 2 and len(found) <= 2:
        # As in scikit-learn, where a label counts that is a target or a prediction.
        n_present = int((numpy.isin(columns, found) | (y_prob > 0).any(axis=0)).sum())
    kind = "binary" if n_present <= 2 else "multiclass"
    return Cells(kind, columns, targets, y_prob, weights)


def _one_class(
    columns: Columns, y_true: Columns, y_prob: Floats, pos_label: Label, weights: Floats | None
) -> Cells:
    """All of `y_true` is one label: the other column has no name that could be found in it."""
    other = object()
    names = numpy.empty(2, dtype=object)
    names[:] = [other, pos_label] if columns[0] == pos_label else [columns[0], pos_label]
    return Cells("binary", names, y_true.astype(object), y_prob, weights)


def _as_labels(labels: Labels) -> Columns:
    labels = labels if isinstance(labels, numpy.ndarray) else list(labels)
    array = numpy.asarray(labels)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"labels and classes must be 1-D and not empty, got {labels!r}")
    return array.astype(object) if array.dtype.kind not in "biuf" else array
