"""Offsets on the scores of a component live in the bias of its output layer.

So the component stays an ordinary one, and nothing has to be there when it is loaded.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy
from spacy.pipeline import EntityRecognizer

from .._validation import refuse

Offsets = dict[str, float]


def is_stock(component: Any, cls: type) -> bool:
    """Whether a component is of a stock class, and not of one that spaCy derives from it."""
    stock = [c for c in type(component).__mro__ if c.__module__.startswith("spacy.")]
    return bool(stock) and stock[0] is cls


def output_layer(component: Any) -> tuple[Any, list[str]]:
    """The layer whose bias shifts the scores, and the labels that its outputs are for.

    RAISES: ValueError for a model that has no such layer.
    """
    model = component.model
    if is_stock(component, EntityRecognizer):
        moves = component.moves
        layer = model.get_ref("upper" if model.attrs["has_upper"] else "lower")
        return layer, [moves.get_class_name(i) for i in range(moves.n_moves)]
    layers = [node for node in model.walk() if node.name == "softmax" and node.has_param("b")]
    if len(layers) != 1:
        refuse("calibrate", f"the model of {component.name!r} has {len(layers)} softmax layers")
    return layers[0], list(component.labels)


def shift(component: Any, offsets: Mapping[str, float]) -> None:
    """Add offsets, by label, to the bias of the output layer."""
    if not offsets:
        return
    layer, labels = output_layer(component)
    bias = layer.get_param("b")
    change = numpy.zeros(len(labels), dtype=bias.dtype)
    for label, offset in offsets.items():
        change[labels.index(label)] = offset
    # A parser model without an upper layer has one bias for each label and maxout piece.
    change = change.reshape((-1, *(1 for _ in bias.shape[1:])))
    layer.set_param("b", bias + layer.ops.asarray(change))


@contextmanager
def shifted(component: Any, offsets: Mapping[str, float]) -> Iterator[None]:
    """`shift` for a while; then the bias is the very same again."""
    layer, _ = output_layer(component)
    bias = layer.get_param("b").copy()
    shift(component, offsets)
    try:
        yield
    finally:
        layer.set_param("b", bias)
