"""What every component with a dice loss shares: the loss, its labels and its steps."""

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from math import isfinite
from typing import Any, Concatenate, ParamSpec, TypedDict, TypeVar

from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from thinc.api import Optimizer
from thinc.types import Floats2d
from thinc.util import get_array_module

from .._validation import listed, refuse
from ..losses import DSC, AnyLoss, Batch, Bound, Labels, bind, needs_label_counts, teachers_of
from .teachers import Teacher, Teachers

# What a gold document may be annotated with, beside categories and span groups.
_ANNOTATIONS = ("TAG", "POS", "MORPH", "LEMMA", "DEP", "SENT_START", "ENT_IOB")


# What gives the training data, as often as it is called.
GetExamples = Callable[[], Iterable[Example]]


class UpdateSettings(TypedDict, total=False):
    """What `update` of spaCy's components takes beside the examples."""

    drop: float
    sgd: Optimizer | None
    losses: dict[str, float] | None


class LossMixin:
    """Goes before a stock component class: holds the loss, binds it to the labels and calls it.

    loss: any registered loss; `dice.DSC.v1` if none is given.
    """

    loss: AnyLoss
    name: str
    cfg: dict[str, Any]
    annotation: tuple[str, ...] = ()
    _bound: Bound | None = None
    _bound_to: tuple[Labels, Mapping[str, float] | None] | None = None
    _n_updates: int = 0
    _teachers: Teachers

    def __init__(self, *args: Any, loss: AnyLoss | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.set_loss(DSC() if loss is None else loss)

    @classmethod
    def check_loss(cls, component: TrainablePipe, loss: AnyLoss) -> None:
        """Refuse what cannot be the loss of `component`, ours or stock. RAISES: ValueError."""
        if not callable(loss):
            refuse(
                f"[components.{component.name}.loss]", f"expected a registered loss, got {loss!r}"
            )

    def set_loss(self, loss: AnyLoss) -> None:
        """Use `loss` from now on. RAISES: ValueError if it is not a loss."""
        self.check_loss(self, loss)
        self.loss = loss
        self._bound, self._teachers = None, Teachers()

    @classmethod
    def name_columns(cls, component: TrainablePipe) -> Labels:
        """The names of the columns of the scores of `component`, ours or stock."""
        return component.labels

    @property
    def loss_labels(self) -> Labels:
        """The names of the columns of the scores, as a tuple."""
        return tuple(self.name_columns(self))

    def bind_loss(self) -> Bound:
        """The loss, bound to the labels that the component has now.

        RAISES: ValueError for labels that the loss names and the component does not have, if
            labels were not counted, but the loss needs that, and for teachers that cannot be.
        """
        # The counts are kept in cfg, so that training can go on from a saved pipeline.
        counts = self.cfg.get("label_counts") if needs_label_counts(self.loss) else None
        columns = (self.loss_labels, counts)
        if self._bound is None or self._bound_to != columns:
            if counts is None and needs_label_counts(self.loss):
                refuse(
                    f"[components.{self.name}.loss]",
                    "class_weights must be given: labels are only counted when a component is "
                    "initialized, not when its training is resumed",
                )
            # Before it is bound, so that a teacher that is refused is refused again.
            self._teachers = Teachers()
            for folder in teachers_of(self.loss):
                self.teacher(folder)
            self._bound, self._bound_to = bind(self.loss, *columns), columns
        return self._bound

    def teacher(self, folder: str) -> Teacher:
        """The teacher in a folder. RAISES: ValueError if it cannot teach this component."""
        return self._teachers.of(self, folder)

    def evaluate_loss(self, batch: Batch) -> tuple[float, Floats2d]:
        """Value and gradient of the loss; `bind_loss` was called once in this update.

        RAISES: ValueError if they are not finite; no weight has been changed by then.
        """
        value, gradient = (self._bound or self.bind_loss())(batch)
        if not isfinite(value) or not _all_finite(gradient):
            refuse(
                f"[components.{self.name}.loss]",
                f"the loss is {value}, and its gradient {gradient.min()} to {gradient.max()}, in "
                f"update {self._n_updates + 1} with {self.loss}: not finite, so that training "
                "stops before it changes the weights",
            )
        return value, gradient

    def count_gold(self, examples: Iterable[Example]) -> dict[str, float]:
        """How often each label is gold in `examples`."""
        raise NotImplementedError

    @classmethod
    def has_annotation(cls, component: TrainablePipe, doc: Doc) -> bool:
        """Whether `component`, ours or stock, has anything to learn from in the gold document."""
        return any(doc.has_annotation(attribute) for attribute in cls.annotation)

    def check_annotation(self, get_examples: GetExamples) -> None:
        """Warn of a corpus without anything to learn from, which spaCy takes as it is.

        WARNS: UserWarning.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        found: dict[str, None] = {}
        n_examples = n_words = 0
        for example in get_examples():
            if self.has_annotation(self, example.reference):
                return
            found.update(dict.fromkeys(annotation_of(example.reference)))
            n_examples += 1
            n_words += len(example.reference)
        if (n_examples, n_words) != _WITHOUT_DATA:
            warnings.warn(
                f"[components.{self.name}]: the training data has no annotation for this "
                f"component, so that it learns nothing; what it has is "
                f"{listed(found) or 'none at all'}",
                stacklevel=3,
            )

    def prepare_loss(self, get_examples: GetExamples | None = None) -> None:
        """Bind the loss anew, after the gold labels were counted if it needs that.

        RAISES: ValueError, see `bind_loss`.
        """
        if get_examples is not None and needs_label_counts(self.loss):
            self.cfg["label_counts"] = self.count_gold(get_examples())
        self._bound, self._n_updates = None, 0
        self.bind_loss()

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the weights, and take one step of the schedules of the loss."""
        super().finish_update(sgd)  # type: ignore[misc]
        self._n_updates += 1
        if self._bound is not None:
            self._bound.advance()


_C = TypeVar("_C", bound=LossMixin)
_P = ParamSpec("_P")

# `nlp.initialize()` without data passes one example of three words, to find out shapes.
_WITHOUT_DATA = (1, 3)


def initialize_with_loss(
    stock: Callable[Concatenate[_C, GetExamples, _P], None],
) -> Callable[Concatenate[_C, GetExamples, _P], None]:
    """The `initialize` of a stock class, then `prepare_loss`; spaCy sees the stock signature."""

    @wraps(stock)
    def initialize(
        self: _C, get_examples: GetExamples, *args: _P.args, **settings: _P.kwargs
    ) -> None:
        self.check_annotation(get_examples)
        stock(self, get_examples, *args, **settings)
        self.prepare_loss(get_examples)

    # `spacy init labels` looks at the arguments without following `wraps`.
    initialize.__signature__ = inspect.signature(stock)  # type: ignore[attr-defined]
    return initialize


def _all_finite(array: Floats2d) -> bool:
    xp = get_array_module(array)
    # The sum of squares is the quicker question, but it may be infinite where no number is.
    return bool(isfinite(xp.vdot(array, array)) or xp.isfinite(array).all())


def annotation_of(doc: Doc) -> list[str]:
    """What a gold document is annotated with, by name."""
    found = [name for name in _ANNOTATIONS if doc.has_annotation(name)]
    if doc.cats:
        found.append("cats")
    return found + [f"spans[{key!r}]" for key in doc.spans]
