"""A search that trains in seconds: spans that another loss than the stock one finds sooner."""

import json
from pathlib import Path
from typing import Any

import spacy
from small_dev import make_doc
from small_matrix import ROOT, SMALL
from spacy.tokens import DocBin
from spacy.util import load_config

from spacy_dice.components import COMPONENTS
from spacy_dice.tuning.space import Space, make_space

# The settings of `tune` that belong to the data set.
Data = dict[str, Path]


def space() -> Space:
    """Losses of a span categorizer, and a setting of the config."""
    values = {"training.dropout": 0.1}
    search = {"training.dropout": {"low": 0.0, "high": 0.5}}
    return make_space(COMPONENTS["dice_spancat"], values, search, "search")


def write_data(folder: Path, steps: int = 12, **overrides: Any) -> Data:
    """Write corpora, and the config of a stock span categorizer; returns where they are."""
    vocab = spacy.blank("en").vocab
    paths = {}
    for part, start in (("train", 0), ("dev", 30), ("test", 60)):
        paths[part] = folder / f"{part}.spacy"
        DocBin(docs=[make_doc(vocab, i) for i in range(start, start + 30)]).to_disk(paths[part])
    settings = {
        **SMALL,
        "training.optimizer.learn_rate": 0.01,
        "training.max_steps": steps,
        "training.patience": 0,
        # Without the many exceptions of the English tokenizer, which take long to load.
        "nlp.lang": "xx",
        **overrides,
    }
    config = load_config(ROOT / "configs" / "spancat.cfg", overrides=settings)
    component = config["components"]["spancat"]
    component["factory"] = "spancat"
    for name in ("loss", "prior_bias", "overlap_weight"):
        component.pop(name, None)
    paths["config"] = folder / "config.cfg"
    config.to_disk(paths["config"])
    return paths


def trials_of(output: Path) -> list[dict[str, Any]]:
    """The trials of a folder, without what differs from time to time."""
    from spacy_dice.tuning.study import read_trials

    found = []
    for trial in read_trials(output / "study"):
        attributes = {k: v for k, v in trial.user_attrs.items() if k not in ("seconds", "slot")}
        found.append(
            {
                "number": trial.number,
                "state": trial.state.name,
                "value": trial.value,
                "params": trial.params,
                "curve": trial.intermediate_values,
                "attributes": attributes,
            }
        )
    return found


def read_json(path: Path) -> Any:
    """The content of a file."""
    return json.loads(path.read_text(encoding="utf8"))
