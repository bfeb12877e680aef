"""How large what was trained is, and what it was trained on."""

from spacy.language import Language
from spacy.tokens import DocBin
from thinc.api import Model

from .definition import parts_of
from .matrix import Dataset


def count_parameters(nlp: Language) -> int:
    """The parameters of all components, those of PyTorch models in them included."""
    models = [
        pipe.model for _, pipe in nlp.pipeline if isinstance(getattr(pipe, "model", 0), Model)
    ]
    # A node that two components share counts once.
    nodes = {node.id: node for model in models for node in model.walk()}
    count = 0
    for node in nodes.values():
        count += sum(node.get_param(n).size for n in node.param_names if node.has_param(n))
        for shim in node.shims:
            parameters = getattr(shim._model, "parameters", tuple)
            count += sum(parameter.numel() for parameter in parameters())
    return int(count)


def count_docs(dataset: Dataset) -> dict[str, int]:
    """The documents of each part of a data set."""
    return {part: len(DocBin().from_disk(getattr(dataset, part))) for part in parts_of(dataset)}
