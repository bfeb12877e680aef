"""Losses for Hugging Face's `Trainer`: token, sequence and question classification."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from .._validation import listed, refuse
from .base import Loss

if TYPE_CHECKING:
    from transformers.utils import ModelOutput

# What a model returns: a mapping of tensors, or an object that has them.
Outputs: TypeAlias = "ModelOutput | Mapping[str, Tensor]"
# An example as a tokenizer gives it, and what makes a batch of such.
Features = Mapping[str, Tensor | Sequence[int] | int]
Collate = Callable[[Sequence[Features]], Mapping[str, Tensor]]

_POSITIONS = ("start_positions", "end_positions")


def as_compute_loss_func(loss: Loss) -> "ComputeLoss":
    """Make a loss what `Trainer(compute_loss_func=...)` takes.

        trainer = Trainer(model, args, compute_loss_func=as_compute_loss_func(DSCLoss()), ...)

    For models with `logits` and `labels`: class ids (token and sequence classification, -100 is
    ignored), or numbers of the shape of the logits (several labels, with
    ``activation="sigmoid"``). For question answering, whose models have `start_logits` and
    `end_logits`, see `QuestionAnsweringCollator`.

    The loss is the sum over what is not ignored divided by the `num_items_in_batch` of the Trainer,
    which counts over all batches of an update: 4 batches of 8 have the gradient of 1 batch of 32,
    for losses in which no row depends on the others of its batch (not with ``over="batch"``, and
    nearly so with `F1Loss`, `MacroF1Loss` and a `WCELoss` that counts itself).

    The loss has state if it is an `F1Loss` or a `MacroF1Loss`. The Trainer does not save that;
    ``model.dice_loss = loss`` makes it part of the model's state and moves it with the model.
    """
    return ComputeLoss(loss)


class ComputeLoss:
    """What `as_compute_loss_func` returns; it can be pickled."""

    def __init__(self, loss: Loss) -> None:
        if not isinstance(loss, Loss):
            refuse("as_compute_loss_func", f"loss must be one of spacy_dice.torch, got {loss!r}")
        self.loss = loss

    def __call__(
        self, outputs: Outputs, labels: Tensor, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        """Return the loss of a batch.

        outputs: of the model, with `logits`, or `start_logits` and `end_logits`.
        labels: see `as_compute_loss_func`; for question answering `(n, 2)`, start and end.
        num_items_in_batch: how many labels all batches of the update have; None, as in evaluation,
            for those of this one.
        """
        start, end = _get(outputs, "start_logits"), _get(outputs, "end_logits")
        if start is not None and end is not None:
            if labels.shape != (len(start), 2):
                refuse(
                    self.loss.owner,
                    f"question answering needs labels of the shape ({len(start)}, 2), start and "
                    f"end, got {tuple(labels.shape)}: use QuestionAnsweringCollator",
                )
            # Rows of starts and of ends are rows alike, so that running counts see both at once.
            logits, labels = torch.cat([start, end]), torch.cat([labels[:, 0], labels[:, 1]])
        else:
            found = _get(outputs, "logits")
            if found is None:
                names = listed(outputs) if isinstance(outputs, Mapping) else type(outputs).__name__
                refuse(
                    self.loss.owner,
                    "the model's outputs must have logits, or start_logits and end_logits, got "
                    f"{names}",
                )
            logits = found
        total, count = self.loss.sum_and_count(logits, labels)
        if num_items_in_batch is not None:
            count = torch.as_tensor(num_items_in_batch, device=total.device)
            if self.loss.exclusive and labels.shape == logits.shape:
                count = count / logits.shape[-1]  # The Trainer counts numbers, not rows.
        return total / (count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1))


class QuestionAnsweringCollator:
    """Put the positions of answers where the `Trainer` finds them: `labels`, `(n, 2)`.

    The Trainer calls a `compute_loss_func`, and counts `num_items_in_batch`, only for batches with
    `labels`; question answering has `start_positions` and `end_positions`. Positions outside the
    window, as models clip them away, become -100.

        Trainer(
            model,
            TrainingArguments(..., label_names=["labels"]),  # so that evaluation has a loss too
            data_collator=QuestionAnsweringCollator(),
            compute_loss_func=as_compute_loss_func(DSCLoss()),
        )

    collate: what makes the batch, `transformers.default_data_collator` if nothing is given.
    """

    def __init__(self, collate: Collate | None = None) -> None:
        self.collate = collate

    def __call__(self, features: Sequence[Features]) -> dict[str, Tensor]:
        """Return the batch."""
        if self.collate is None:
            from transformers import default_data_collator

            # It takes mappings, but gives them a type that nothing else has.
            batch = default_data_collator(list(features))  # type: ignore[arg-type]
        else:
            batch = dict(self.collate(features))
        missing = [name for name in _POSITIONS if name not in batch]
        if len(missing) == 1:
            refuse(
                type(self).__name__,
                f"a batch has {listed(set(_POSITIONS) - set(missing))} but "
                f"not {listed(missing)}: give both or neither",
            )
        if not missing:
            labels = torch.stack([torch.as_tensor(batch.pop(name)) for name in _POSITIONS], dim=1)
            length = batch["input_ids"].shape[1]
            batch["labels"] = torch.where((labels >= 0) & (labels < length), labels, -100)
        return batch


def _get(outputs: Outputs, name: str) -> Tensor | None:
    if isinstance(outputs, Mapping):
        return outputs.get(name)
    return getattr(outputs, name, None)
