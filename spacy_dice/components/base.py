"""What every component with a dice loss shares: the loss, its labels and its steps."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples

from .._validation import listed, refuse
from ..functional import Activation, Array
from ..losses import DSC, AnyLoss, Labels, RegisteredLoss, evaluate

# What a gold document may be annotated with, beside categories and span groups.
_ANNOTATIONS = ("TAG", "POS", "MORPH", "LEMMA", "DEP", "SENT_START", "ENT_IOB")


class LossMixin:
    """Goes before a stock component class: holds the loss and calls it.

    loss: any registered loss; `dice.DSC.v1` if none is given.
    """

    loss: AnyLoss
    name: str
    cfg: dict[str, Any]
    labels: Any
    annotation: tuple[str, ...] = ()
    _loss_labels: Labels | None = None
    _is_prepared: bool = False

    def __init__(self, *args: Any, loss: AnyLoss | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.set_loss(DSC() if loss is None else loss)

    @classmethod
    def check_loss(cls, component: Any, loss: AnyLoss) -> None:
        """Refuse what cannot be the loss of `component`, ours or stock. RAISES: ValueError."""
        if not callable(loss):
            refuse(
                f"[components.{component.name}.loss]", f"expected a registered loss, got {loss!r}"
            )

    def set_loss(self, loss: AnyLoss) -> None:
        """Use `loss` from now on. RAISES: ValueError if it is not a loss."""
        self.check_loss(self, loss)
        self.loss = loss
        self._is_prepared = False

    @classmethod
    def name_columns(cls, component: Any) -> Labels:
        """The names of the columns of the scores of `component`, ours or stock."""
        return component.labels

    @property
    def loss_labels(self) -> Labels:
        """The names of the columns of the scores, looked up once for each update."""
        if self._loss_labels is None:
            self._loss_labels = tuple(self.name_columns(self))
        return self._loss_labels

    def update(self, examples: Iterable[Example], **settings: Any) -> dict[str, float]:
        """Learn from a batch of examples, as the stock component does."""
        self._loss_labels = None
        if not self._is_prepared:
            # Training goes on from a saved pipeline, without `initialize`.
            self.prepare_loss()
        return super().update(examples, **settings)  # type: ignore[misc]

    def evaluate_loss(
        self,
        probs: Array,
        targets: Array,
        weights: Array | None,
        *,
        activation: Activation = "softmax",
        ce_grad: Array | None = None,
        check: bool = True,
    ) -> tuple[float, Array]:
        """Value and gradient of the loss, for recovered targets; arguments as in `evaluate`."""
        loss = self.loss
        if isinstance(loss, RegisteredLoss) and loss.needs_label_counts:
            # Kept in cfg, so that training can go on from a saved pipeline.
            counts = self.cfg.get("label_counts")
            if counts is not None:
                loss.count_labels(counts)
        return evaluate(
            loss,
            probs,
            targets,
            weights=weights,
            labels=self.loss_labels,
            activation=activation,
            ce_grad=ce_grad,
            check=check,
        )

    def count_gold(self, examples: Iterable[Example]) -> dict[str, float]:
        """How often each label is gold in `examples`."""
        raise NotImplementedError

    @classmethod
    def has_annotation(cls, component: Any, doc: Doc) -> bool:
        """Whether `component`, ours or stock, has anything to learn from in the gold document."""
        return any(doc.has_annotation(attribute) for attribute in cls.annotation)

    def check_annotation(self, get_examples: Callable[[], Iterable[Example]]) -> None:
        """Refuse a corpus without anything to learn from. RAISES: ValueError."""
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
            refuse(
                f"[components.{self.name}]",
                "the training data has no annotation for this component; what it has is "
                f"{listed(found) or 'none at all'}",
            )

    def prepare_loss(self, get_examples: Callable[[], Iterable[Example]] | None = None) -> None:
        """Check the labels that the loss names, and count the gold labels if it needs that.

        RAISES: ValueError for labels that the component does not have, and if labels were not
            counted and there are no examples now.
        """
        self._loss_labels = None
        if isinstance(self.loss, RegisteredLoss):
            self.loss.reset()
            self.loss.check_labels(self.loss_labels)
            if self.loss.needs_label_counts:
                if get_examples is not None:
                    self.cfg["label_counts"] = self.count_gold(get_examples())
                elif "label_counts" not in self.cfg:
                    refuse(
                        f"[components.{self.name}.loss]",
                        "class_weights must be given: labels are only counted when a component is "
                        "initialized, not when its training is resumed",
                    )
        self._is_prepared = True

    def finish_update(self, sgd: Any) -> None:
        """Update the weights, and take one step of the schedules of the loss."""
        super().finish_update(sgd)  # type: ignore[misc]
        if isinstance(self.loss, RegisteredLoss):
            self.loss.advance()


# `nlp.initialize()` without data passes one example of three words, to find out shapes.
_WITHOUT_DATA = (1, 3)


def initialize_with_loss(stock: Callable[..., None]) -> Callable[..., None]:
    """The `initialize` of a stock class, then `prepare_loss`; spaCy sees the stock signature."""

    @wraps(stock)
    def initialize(
        self: Any, get_examples: Callable[[], Iterable[Example]], *args: Any, **settings: Any
    ) -> None:
        self.check_annotation(get_examples)
        stock(self, get_examples, *args, **settings)
        self.prepare_loss(get_examples)

    # `spacy init labels` looks at the arguments without following `wraps`.
    initialize.__signature__ = inspect.signature(stock)  # type: ignore[attr-defined]
    return initialize


def annotation_of(doc: Doc) -> list[str]:
    """What a gold document is annotated with, by name."""
    found = [name for name in _ANNOTATIONS if doc.has_annotation(name)]
    if doc.cats:
        found.append("cats")
    return found + [f"spans[{key!r}]" for key in doc.spans]
