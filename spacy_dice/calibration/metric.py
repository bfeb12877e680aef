"""The score that decisions are tuned to, on counts."""

from dataclasses import dataclass

import numpy

from .._types import Floats, Ints, Numbers
from .._validation import check_choice, check_positive
from ..counts import f_score

AVERAGES = ("micro", "macro", "accuracy")

# Standard errors that a gain has to be: 5 %, one-sided.
CRITICAL = 1.645


@dataclass(frozen=True)
class Metric:
    """A score of decisions, by how often each label is decided for, rightly, and gold.

    average: `"micro"` for the F-score of all labels together, which is accuracy if they exclude
        each other; `"macro"` for the mean of the labels' F-scores; `"accuracy"` for the share of
        `cells` that are decided rightly.
    beta: how many times as important as precision recall is.
    label: the column of the only label that counts; None if all do.
    only_there: whether a macro average is over the labels that are gold or decided for, and not
        over all of them. Where 0/0 counts, it is 0.
    ignored: a column that does not count, that of having no label.
    cells: how many decisions there are, for the accuracy. With labels that exclude each other each
        is two: a wrong one is a false positive and a false negative.
    RAISES: ValueError.
    """

    average: str = "macro"
    beta: float = 1.0
    label: int | None = None
    only_there: bool = False
    ignored: int | None = None
    cells: float = 1.0

    def __post_init__(self) -> None:
        check_choice("metric", "average", self.average, AVERAGES)
        check_positive("metric", "beta", self.beta)

    def __call__(self, tp: Numbers, predicted: Numbers, support: Numbers) -> Floats:
        """Scores over the last axis, that of the labels.

        tp, predicted, support: `(…, c)`: how much is decided for rightly, decided for, and gold.
        """
        if self.ignored is not None:
            tp, predicted, support = (
                numpy.delete(x, self.ignored, axis=-1) for x in (tp, predicted, support)
            )
        if self.label is not None:
            tp, predicted, support = (x[..., self.label] for x in (tp, predicted, support))
        elif self.average == "accuracy":
            return 1 - (predicted + support - 2 * tp).sum(axis=-1) / self.cells
        elif self.average == "micro":
            tp, predicted, support = (x.sum(axis=-1) for x in (tp, predicted, support))
        scores = f_score(tp, predicted - tp, support - tp, beta=self.beta)
        if self.label is not None or self.average == "micro":
            return scores
        if not self.only_there:
            return scores.mean(axis=-1)
        there = predicted + support > 0
        return scores.sum(axis=-1) / numpy.maximum(there.sum(axis=-1), 1)

    def of(self, counts: Ints) -> float:
        """The score of counts of documents, `(documents, c, 3)` of tp, fp, fn."""
        tp, fp, fn = numpy.moveaxis(counts.sum(axis=0), -1, 0)
        return float(self(tp, tp + fp, tp + fn))

    def standard_error(self, ours: Ints, theirs: Ints) -> float:
        """Of the difference of two scores on the same documents, by the delta method.

        ours, theirs: `(documents, c, 3)` of tp, fp, fn.
        """
        difference = self._influence(ours) - self._influence(theirs)
        return float(numpy.sqrt((difference**2).sum()))

    def is_gain(self, ours: Ints, theirs: Ints) -> bool:
        """Whether ours are better by more than may be chance."""
        gain = self.of(ours) - self.of(theirs)
        return gain > CRITICAL * self.standard_error(ours, theirs)

    def _influence(self, counts: Ints) -> Floats:
        """By how much each document moves the score, `(documents,)`."""
        if self.label is not None:
            counts = counts[:, self.label : self.label + 1]
        elif self.average == "accuracy":
            errors = counts[..., 1:].sum(axis=(1, 2))
            return (errors.mean() - errors) / self.cells
        elif self.average == "micro":
            counts = counts.sum(axis=1, keepdims=True)
        tp, fp, fn = numpy.moveaxis(counts, -1, 0)
        double = (1 + self.beta**2) * tp
        total = double + self.beta**2 * fn + fp
        score = f_score(*(x.sum(axis=0) for x in (tp, fp, fn)), beta=self.beta)
        # Of a label that is not there the score is 0, and no document moves it.
        moved = (double - score * total) / numpy.where(total.any(axis=0), total.sum(axis=0), 1)
        n_labels = total.any(axis=0).sum() if self.only_there else total.shape[1]
        return moved.sum(axis=1) / max(n_labels, 1)
