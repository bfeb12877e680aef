"""The end of a component's model, where the bias of a layer shifts the logits of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy
from spacy.pipeline import EntityRecognizer, TrainablePipe
from thinc.api import Model
from thinc.types import Floats2d

from .._types import Floats
from .._validation import refuse

# No probability is taken for less, none for more: their logits are finite.
LEAST = float(numpy.finfo("float32").tiny)
MOST = 1 - float(numpy.finfo("float32").epsneg) / 2

# Layers that pass on what the single layer inside them gives.
_WRAPPERS = ("with_", "resizable(")
# Layers whose output is a product and the bias.
_LINEAR = ("linear", "sparse_linear")
# What does not change the numbers, only how they are cut into arrays: the end of a span finder.
_SHAPES = ("Flattener",)


@dataclass(frozen=True)
class Output:
    """The end of a component's model.

    layer: the one whose bias `b` shifts the logits of the labels by as much.
    labels: what the bias and the columns of the outputs are for.
    kind: what is made of the logits: "logistic" for a probability of each label by itself,
        "softmax" for probabilities of labels that exclude each other, "none" for the logits.
    temperature: what a softmax divides the logits by.
    """

    layer: Model
    labels: list[str]
    kind: Literal["logistic", "softmax", "none"]
    temperature: float = 1.0

    def logits_of(self, outputs: Floats2d) -> Floats:
        """The logits `(n, c)` of outputs; of a softmax up to a constant of each row."""
        outputs = numpy.asarray(outputs, dtype="float64")
        if self.kind == "logistic":
            outputs = outputs.clip(LEAST, MOST)
            return numpy.log(outputs) - numpy.log1p(-outputs)
        if self.kind == "softmax":
            return numpy.log(numpy.maximum(outputs, LEAST)) * self.temperature
        return outputs

    def outputs_of(self, logits: Floats) -> Floats2d:
        """The inverse of `logits_of`, in the precision of the model."""
        if self.kind == "logistic":
            # Not 1 / (1 + exp(-z)), which overflows far below 0.
            logits = numpy.exp(-numpy.logaddexp(0, -logits))
        elif self.kind == "softmax":
            logits = logits / self.temperature
            logits = numpy.exp(logits - logits.max(axis=1, keepdims=True))
            logits = logits / logits.sum(axis=1, keepdims=True)
        return logits.astype("float32")

    def vector_of(self, offsets: Mapping[str, float]) -> Floats:
        """Offsets by label as `(c,)`."""
        return numpy.array([offsets.get(label, 0.0) for label in self.labels])


def output_of(owner: str, component: TrainablePipe, labels: Sequence[str]) -> Output:
    """The end of a component's model.

    owner: what error messages begin with. labels: of the columns.
    RAISES: ValueError for a model without a bias that shifts what is decided by.
    """
    model, labels = component.model, list(labels)
    if isinstance(component, EntityRecognizer):
        layer = model.get_ref("upper" if model.attrs["has_upper"] else "lower")
        return Output(layer, labels, "none")
    *before, last = [n for n in _ends(model) if n.name not in _SHAPES]
    if last.name == "softmax" and last.has_param("b"):
        normalized = last.attrs.get("softmax_normalize", True)
        temperature = last.attrs.get("softmax_temperature", 1.0)
        return Output(last, labels, "softmax" if normalized else "none", temperature)
    activations: dict[str, Literal["logistic", "softmax"]]
    activations = {"logistic": "logistic", "softmax_activation": "softmax"}
    kind = activations.get(last.name)
    if kind and before and before[-1].name in _LINEAR:
        return Output(before[-1], labels, kind)
    names = " >> ".join(node.name for node in [*before[-1:], last])
    refuse(
        owner,
        f"the model of the component {component.name!r} ends with {names!r}: no bias there shifts "
        "its probabilities; what can be shifted is a softmax layer, or a linear one before a "
        "logistic or softmax activation (of spacy.TextCatBOW.v3 with no_output_layer = false)",
    )


def _ends(model: Model) -> list[Model]:
    """The layers of a chain, each the innermost of what wraps it, of which the last two count."""
    if len(model.layers) == 1 and model.name.startswith(_WRAPPERS):
        return _ends(model.layers[0])
    if model.layers and model.name == ">>".join(layer.name for layer in model.layers):
        return [end for layer in model.layers[-3:] for end in _ends(layer)]
    return [model]
