"""Targets that trained pipelines soften: knowledge distillation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thinc.types import Floats2d
from thinc.util import get_array_module
from typing_extensions import override

from .._validation import is_number, refuse
from .base import AnyLoss, Bound, NestedLoss, WrappedLoss, bind, teachers_of
from .batch import Batch, Labels
from .likelihood import CE


@dataclass(kw_only=True)
class Distill(WrappedLoss):
    """Any loss, with targets that lie between the gold standard and what teachers predict.

    The target is ``(1 - mix) y + mix mean_k t_k``, ``t_k`` being the probabilities that the k-th
    teacher gives the same tokens, spans, documents or parser states (Hinton, Vinyals, Dean 2015,
    arXiv 1503.02531, at the temperature 1; the mean of several: section 1 there, and Fukuda et al.
    2017, Interspeech). In NER and the parser the states are those that the student gets into (Liu
    et al. 2018, "Distilling Knowledge for Search-based Structured Prediction", ACL). What is
    missing in the gold standard is not learned from the teachers either.

    teachers: folders of trained pipelines, or names of installed ones. They are loaded when
        training begins, and no part of what is saved: nobody needs them later.
    mix: in (0, 1], the share of the teachers in the target.
    loss: the loss of these targets, any registered one; `CE` if none is given.

    >>> Distill(teachers=["training/first", "training/second"]).loss
    CE(names=None, missing_value=None, neg_prefix=None, label_smoothing=0.0)
    """

    teachers: Sequence[str]
    mix: float = 0.5

    @override
    def default(self) -> AnyLoss:
        return CE()

    @override
    def validate(self) -> None:
        super().validate()
        # What resolves a config passes lists; a string would be a list of letters.
        wrong = not isinstance(self.teachers, (list, tuple)) or not self.teachers
        if wrong or not all(isinstance(folder, str) and folder for folder in self.teachers):
            refuse(
                self.owner,
                "teachers must be a list of the folders of trained pipelines, got "
                f"{self.teachers!r}",
            )
        if not is_number(self.mix) or not 0 < self.mix <= 1:
            refuse(self.owner, f"mix must be in (0, 1], got {self.mix!r}")
        if teachers_of(self.loss):
            refuse(self.owner, f"loss has teachers already: name them all here, got {self.loss!r}")
        for loss in _with_parts(self.loss):
            if getattr(loss, "label_smoothing", 0):
                refuse(
                    self.owner,
                    "loss must be without label_smoothing, since it gets soft targets; set that "
                    f"of {self.owner} for the gold standard, got {loss!r}",
                )

    @property
    @override
    def teachers_to_ask(self) -> tuple[str, ...]:
        """Its teachers."""
        return tuple(self.teachers)

    @override
    def bind(
        self, labels: Labels | None = None, counts: Mapping[str, float] | None = None
    ) -> "BoundDistill":
        """Bind the loss of the softened targets."""
        return BoundDistill(self, bind(self.loss, labels, counts))


class BoundDistill(Bound):
    """A `Distill` whose loss is bound."""

    loss: Distill

    def __init__(self, loss: Distill, inner: Bound) -> None:
        super().__init__(loss)
        self.inner = inner

    @override
    def evaluate(self, batch: Batch, learn: bool) -> tuple[float, Floats2d]:
        """The loss of the softened targets. RAISES: ValueError where there is nobody to ask."""
        if batch.ask is None:
            refuse(
                self.loss.owner, "teachers can be asked by a component of spaCy only, not by arrays"
            )
        targets, mix = batch.targets, self.loss.mix
        xp = get_array_module(targets)
        answers = [xp.asarray(batch.ask(folder)) for folder in self.loss.teachers]
        taught = (sum(answers) / len(answers)).astype(targets.dtype, copy=False)
        mixed = (1 - mix) * targets + mix * taught
        return self.inner(batch._replace(targets=mixed, stock_gradient=None), learn=learn)

    @override
    def advance(self) -> None:
        self.inner.advance()


def _with_parts(loss: AnyLoss) -> Iterator[AnyLoss]:
    """A loss, and all that it is made of."""
    yield loss
    if isinstance(loss, NestedLoss):
        for part in loss.children():
            yield from _with_parts(part)
