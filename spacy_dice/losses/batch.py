"""What a loss is evaluated on, and the names of its columns."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from thinc.types import Floats1d, Floats2d
from thinc.util import get_array_module

from .._validation import listed, nearest, refuse
from ..functional import Wrt

# A column answers to its own name, and may answer to others: `("B-PER", "PER")`.
Labels = Sequence[str | tuple[str, ...]]


class Batch(NamedTuple):
    """All that a loss needs to know of a batch; see `functional` for the arrays.

    probs: `(n, c)`, what is predicted.
    targets: `(n, c)`, numbers in [0, 1].
    weights: `(n, 1)` of rows or `(n, c)` of cells; None where all are 1.
    exclusive: whether the labels of a row exclude each other: a softmax, not logistic cells.
    wrt: what the gradient is with respect to, `"logits"` or `"probs"`.
    class_weights: `(c,)`, filled in by a bound loss that has any.
    stock_gradient: that of plain cross entropy for the same batch, without `weights`, where the
        caller has it already to the last bit; used in its place.
    ask: what gives the predictions `(n, c)` for these rows of a trained pipeline, by its folder;
        None where there are none to be had.
    """

    probs: Floats2d
    targets: Floats2d
    weights: Floats2d | None = None
    exclusive: bool = True
    wrt: Wrt = "logits"
    class_weights: Floats1d | None = None
    stock_gradient: Floats2d | None = None
    ask: Callable[[str], Floats2d] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What the functions of `functional` take by name."""
        return {
            "weights": self.weights,
            "class_weights": self.class_weights,
            "exclusive": self.exclusive,
            "wrt": self.wrt,
        }

    def in_single_precision(self) -> "Batch":
        """The same in float32, for arrays in float16, whose sums soon end."""
        arrays = {
            name: array.astype("float32")
            for name, array in self._asdict().items()
            if hasattr(array, "astype")
        }
        return self._replace(**arrays)

    def check(self, owner: str) -> None:
        """Refuse shapes that differ, and numbers outside [0, 1]. RAISES: ValueError."""
        if self.probs.shape != self.targets.shape:
            refuse(
                owner,
                f"guesses have the shape {self.probs.shape}, truths {self.targets.shape}",
            )
        check_probabilities(owner, "guesses", self.probs)
        check_probabilities(owner, "truths", self.targets)

    def smoothed(self, owner: str, amount: float) -> "Batch":
        """Move `amount` of each row of 0 and 1 from its labels to the others, evenly.

        RAISES: ValueError for targets that are soft already.
        """
        targets = self.targets
        xp = get_array_module(targets)
        if not ((targets == 0) | (targets == 1)).all():
            refuse(
                owner, "label_smoothing needs targets that are 0 or 1, but they are soft already"
            )
        gold = targets.sum(axis=1, keepdims=True)
        others = targets.shape[1] - gold
        # Rows without a label, and rows that are all labels, have nothing to move.
        movable = (gold > 0) & (others > 0)
        low = amount / xp.maximum(others, 1)
        soft = xp.where(movable, targets * (1 - amount) + (1 - targets) * low, targets)
        return self._replace(targets=soft.astype(targets.dtype), stock_gradient=None)


def check_probabilities(owner: str, what: str, array: Floats2d) -> None:
    """Refuse an array that is not all in [0, 1]. RAISES: ValueError."""
    # Written so that NaN fails it too.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        wrong = array[~((array >= 0) & (array <= 1))]
        refuse(owner, f"{what} must be probabilities in [0, 1], got {float(wrong[0])}")


def columns(owner: str, setting: str, label: str, labels: Labels | None) -> list[int]:
    """The columns that answer to `label`. RAISES: ValueError if none does."""
    if labels is None:
        refuse(
            owner, f"{setting} names the label {label!r}, but the names of the columns are unknown"
        )
    found = columns_of(label, labels)
    if not found:
        # What several columns answer to comes first: entity types before moves.
        names = [(own,) if isinstance(own, str) else own for own in labels]
        known = dict.fromkeys([n for own in names for n in own[1:]] + [own[0] for own in names])
        refuse(
            owner,
            f"{setting} names the label {label!r}, which is not among the labels {listed(known)}"
            f"{nearest(label, known)}",
        )
    return found


def columns_of(label: str, labels: Labels) -> list[int]:
    """The columns that answer to `label`; there may be none."""
    return [
        i
        for i, own in enumerate(labels)
        if label == own or (label in own and not isinstance(own, str))
    ]


def main_names(labels: Labels) -> list[str]:
    """The own name of each column."""
    return [label if isinstance(label, str) else label[0] for label in labels]
