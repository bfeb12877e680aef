"""Offsets on the scores of a component live in the bias of its output layer.

So the component stays an ordinary one, and nothing has to be there when it is loaded.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from spacy.pipeline import TrainablePipe

from ..components import outputs, row_of
from ..components.outputs import Output

Offsets = dict[str, float]


def output_of(component: TrainablePipe) -> Output:
    """The end of a component's model.

    RAISES: ValueError for a model without a bias that shifts what is decided by.
    """
    row = row_of(component)
    assert row is not None
    return outputs.output_of("calibrate", component, row.columns_of(component))


def shift(component: TrainablePipe, offsets: Mapping[str, float]) -> None:
    """Add offsets, by label, to the bias of the output layer."""
    if not offsets:
        return
    output = output_of(component)
    bias = output.layer.get_param("b")
    change = output.vector_of(offsets).astype(bias.dtype)
    # A parser model without an upper layer has one bias for each label and maxout piece.
    change = change.reshape((-1, *(1 for _ in bias.shape[1:])))
    output.layer.set_param("b", bias + output.layer.ops.asarray(change))


@contextmanager
def shifted(component: TrainablePipe, offsets: Mapping[str, float]) -> Iterator[None]:
    """`shift` for a while; then the bias is the very same again."""
    layer = output_of(component).layer
    bias = layer.get_param("b").copy()
    shift(component, offsets)
    try:
        yield
    finally:
        layer.set_param("b", bias)
