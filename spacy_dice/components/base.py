"""What every component with a dice loss shares: the loss, its labels and its steps."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from spacy.training import Example

from .._validation import refuse
from ..functional import Activation, Array
from ..losses import DSC, AnyLoss, Labels, RegisteredLoss, evaluate


class LossMixin:
    """Goes before a stock component class: holds the loss and calls it.

    loss: any registered loss; `dice.DSC.v1` if none is given.
    """

    loss: AnyLoss
    name: str
    cfg: dict[str, Any]
    labels: Any

    def __init__(self, *args: Any, loss: AnyLoss | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.set_loss(DSC() if loss is None else loss)

    def set_loss(self, loss: AnyLoss) -> None:
        """Use `loss` from now on. RAISES: ValueError if it is not a loss."""
        if not callable(loss):
            refuse(f"[components.{self.name}.loss]", f"expected a registered loss, got {loss!r}")
        self.loss = loss

    @property
    def loss_labels(self) -> Labels:
        """The names of the columns of the scores."""
        return self.labels

    def evaluate_loss(
        self,
        probs: Array,
        targets: Array,
        weights: Array | None,
        *,
        activation: Activation = "softmax",
        ce_grad: Array | None = None,
    ) -> tuple[float, Array]:
        """Value and gradient of the loss, for recovered targets."""
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
        )

    def count_gold(self, examples: Iterable[Example]) -> dict[str, float]:
        """How often each label is gold in `examples`."""
        raise NotImplementedError

    def prepare_loss(self, get_examples: Callable[[], Iterable[Example]]) -> None:
        """Check the labels that the loss names, and count the gold labels if it needs that."""
        if isinstance(self.loss, RegisteredLoss):
            self.loss.check_labels(self.loss_labels)
            if self.loss.needs_label_counts:
                self.cfg["label_counts"] = self.count_gold(get_examples())

    def finish_update(self, sgd: Any) -> None:
        """Update the weights, and take one step of the schedules of the loss."""
        super().finish_update(sgd)  # type: ignore[misc]
        if isinstance(self.loss, RegisteredLoss):
            self.loss.advance()


def initialize_with_loss(stock: Callable[..., None]) -> Callable[..., None]:
    """The `initialize` of a stock class, then `prepare_loss`; spaCy sees the stock signature."""

    @wraps(stock)
    def initialize(
        self: Any, get_examples: Callable[[], Iterable[Example]], *args: Any, **settings: Any
    ) -> None:
        stock(self, get_examples, *args, **settings)
        self.prepare_loss(get_examples)

    return initialize
