"""The offsets of a tagger: all that is needed of the documents are the scores of their tokens."""

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example

from .bias import Offsets, output_layer
from .search import Metric, ascend

# What is tried of a tag; of offsets that are equally good the one nearest to no change wins.
GRID = numpy.arange(-3.0, 3.5, 0.25)
# How often all tags are gone through, one at a time.
ROUNDS = 3


class TagSearch:
    """An offset on each tag, for the macro F1 of tags."""

    metric = "tag_macro_f"

    def __init__(self, component: Any, examples: Sequence[Example]) -> None:
        self.component = component
        layer, self.labels = output_layer(component)
        index = {label: i for i, label in enumerate(self.labels)}
        logits, gold, docs = [], [], []
        for i, example in enumerate(examples):
            rows = component.model.ops.to_numpy(component.model.predict([example.predicted])[0])
            tags = example.get_aligned("TAG", as_string=True)
            # A tag that training did not have is never predicted: an error whatever the offsets.
            known = [j for j, tag in enumerate(tags) if tag]
            logits.append(rows[known])
            gold += [index.get(tags[j], len(self.labels)) for j in known]
            docs += [i] * len(known)
        self.logits = numpy.concatenate(logits).astype("float64")
        if layer.attrs.get("softmax_normalize", True):
            tiny = numpy.finfo("float32").tiny
            temperature = layer.attrs.get("softmax_temperature", 1.0)
            self.logits = numpy.log(numpy.maximum(self.logits, tiny)) * temperature
        self.gold = numpy.asarray(gold)
        self.docs = numpy.asarray(docs)

    def best(self, chosen: NDArray[Any]) -> Offsets:
        """See `Search`."""
        rows = chosen[self.docs]
        metric = Metric("macro", only_there=True)
        offsets = ascend(self.gold[rows], self.logits[rows], metric, values=GRID, max_rounds=ROUNDS)
        return {self.labels[i]: float(value) for i, value in enumerate(offsets) if value}

    def predict(self, docs: Sequence[Doc]) -> None:
        """See `Search`."""
        for doc in docs:
            for token in doc:
                token.tag_ = ""
        if docs:
            self.component.set_annotations(docs, self.component.predict(docs))
