"""What runs need of the machine, looked for before anything is written: GPUs and transformers."""

from collections.abc import Iterable, Iterator, Mapping

from spacy.util import load_config_from_str

from .._types import JSON
from .._validation import refuse
from .definition import Run

_TRANSFORMERS = "spacy-transformers."


def check_gpu(gpu_id: int) -> None:
    """Refuse a GPU that is not there; -1 is the CPU. RAISES: ValueError."""
    from thinc import compat

    if gpu_id < 0:
        return
    owner = f"--gpu-id {gpu_id}"
    if not compat.has_cupy:
        refuse(owner, "CuPy is not installed, which spaCy needs to use a GPU; -1 is the CPU")
    count = compat.cupy.cuda.runtime.getDeviceCount() if compat.has_cupy_gpu else 0
    if gpu_id >= count:
        refuse(owner, f"there is no such GPU, this machine has {count}; -1 is the CPU")


def check_models(runs: Iterable[Run]) -> None:
    """Refuse configs with a pretrained transformer that cannot be loaded here.

    Each model is loaded once, as `spacy train` would, so that one that has to be downloaded is.
    RAISES: ValueError; ModuleNotFoundError if spacy-transformers is not installed.
    """
    known = set()
    for run in runs:
        for place, block in _transformers(load_config_from_str(run.config, interpolate=True)):
            name = str(block["name"])
            if name not in known:
                owner = f"data set {run.dataset.name!r}: {run.dataset.config}: [{place}]"
                _load(owner, name, block)
                known.add(name)


def _transformers(block: JSON, place: str = "") -> Iterator[tuple[str, Mapping[str, JSON]]]:
    """The blocks of a config that make a pretrained transformer, and where they are."""
    if not isinstance(block, Mapping):
        return
    if str(block.get("@architectures", "")).startswith(_TRANSFORMERS) and "name" in block:
        yield place, block
    for key, value in block.items():
        yield from _transformers(value, f"{place}.{key}" if place else key)


def _load(owner: str, name: str, block: Mapping[str, JSON]) -> None:
    try:
        from spacy_transformers.layers.transformer_model import huggingface_from_pretrained
    except ModuleNotFoundError as error:
        message = f"{owner}: transformers need `pip install 'spacy-dice[transformers]'` ({error})"
        raise ModuleNotFoundError(message) from error
    try:
        huggingface_from_pretrained(
            name,
            _settings(block, "tokenizer_config"),
            _settings(block, "transformer_config"),
        )
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{owner}: name: the model {name!r} cannot be loaded: it must be a folder that holds "
            "one, or the name of one on the Hugging Face hub that can be downloaded or has been "
            f"before ({reason})"
        ) from error


def _settings(block: Mapping[str, JSON], key: str) -> dict[str, JSON]:
    found = block.get(key)
    return dict(found) if isinstance(found, Mapping) else {}
