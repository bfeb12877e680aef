"""A matrix for one data set, from options in place of a YAML file."""

import re
from collections.abc import Sequence
from pathlib import Path

from spacy.util import load_config

from .._types import JSON
from .._validation import listed, refuse
from ..components import row_of_factory
from .matrix import Matrix, parse_matrix


def single_matrix(
    config: Path,
    *,
    train: Path,
    dev: Path,
    test: Path | None = None,
    component: str | None = None,
    losses: Sequence[str],
    seeds: int = 3,
    steps: int | None = None,
    patience: int | None = None,
    max_steps: int | None = None,
) -> Matrix:
    """A matrix of losses and seeds for one config and its corpora.

    component: without it, the only one of the config that can have a loss.
    losses: registered names, or short ones such as `CE`; the first is the baseline.
    seeds: how many.
    steps, patience, max_steps: as in a matrix; without any, those of the config.
    RAISES: FileNotFoundError, ValueError.
    """
    owner = str(config)
    if not config.is_file():
        raise FileNotFoundError(f"{owner}: there is no such file")
    if not losses:
        refuse(owner, "name the losses to compare, the baseline first: --loss CE --loss DSC")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", config.stem).lstrip("_.-") or "data"
    dataset: dict[str, JSON] = {
        "train": str(train),
        "dev": str(dev),
        "config": owner,
        "component": component or only_component(config),
    }
    if test is not None:
        dataset["test"] = str(test)
    length = {"steps": steps, "patience": patience, "max_steps": max_steps}
    content: dict[str, JSON] = {
        "seeds": list(range(seeds)),
        "datasets": {name: dataset},
        "losses": {loss: loss if "." in loss else f"dice.{loss}.v1" for loss in losses},
        **{key: value for key, value in length.items() if value is not None},
    }
    return parse_matrix(content, name=name, owner=owner)


def only_component(config: Path) -> str:
    """The only component of a config that can have a loss. RAISES: ValueError for none, several."""
    try:
        components = load_config(config).get("components", {})
    except ValueError as error:
        raise ValueError(f"{config}: {error}") from error
    known = [name for name, block in components.items() if row_of_factory(block.get("factory", ""))]
    if len(known) != 1:
        what = (
            f"say --component, one of {listed(known)}" if known else "no component can have a loss"
        )
        refuse(str(config), what)
    return known[0]
