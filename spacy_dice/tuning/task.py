"""What a search is about: all that a process needs to work on it, checked before any training."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import spacy
from confection import Config
from spacy import util
from spacy.language import DEFAULT_CONFIG_PATH, Language

from .._types import JSON
from .._validation import check_choice, listed, refuse
from ..calibration.pipeline import SEARCHES
from ..components import Component, row_of_factory, score_of
from ..configs import Way, set_loss
from ..experiments.definition import Run, runs_of
from ..experiments.matrix import Dataset, Matrix
from ..experiments.rows import Row
from ..experiments.single import only_component
from .space import STOCK, Space, flat, make_space

# Of all trials of the search; the final comparison has others.
SEED = 0
CALIBRATED = " calibrated"
# The config that all trainings begin with, in the folder of the search.
BASE = "base.cfg"
# Where nothing else says when a training ends, trials are compared after this part of it.
FIRST_RUNG = 4


@dataclass(frozen=True, kw_only=True)
class Task:
    """A search, as a worker needs it; can be pickled.

    output: its folder. dataset: with the config `BASE`, and the test set if there is one.
    metric: the score that counts. decisions: the row that calibrates, without a name; None where
        decisions cannot be calibrated.
    rung: see `Study`. fewest_steps: how long a training takes at least.
    text, way: the config as it was given, and how a loss gets into it.
    """

    output: Path
    dataset: Dataset
    space: Space
    metric: str
    decisions: Row | None
    rung: int | None
    fewest_steps: int
    text: str
    way: Way
    gpu_id: int = -1

    def counted(self, name: str) -> str:
        """The row whose score counts for a row that is trained: it, or with decisions tuned."""
        return name if self.decisions is None else name + CALIBRATED

    def matrix(self, rows: Iterable[Row], seeds: Sequence[int], *, test: bool) -> Matrix:
        """Rows, each also with its decisions tuned; the baseline is the stock loss.

        test: whether to look at the test set.
        """
        every: dict[str, Row] = {}
        for row in rows:
            every[row.name] = row
            if self.decisions is not None:
                name = self.counted(row.name)
                every[name] = replace(self.decisions, name=name, calibrate=row.name)
        dataset = self.dataset if test else replace(self.dataset, test="")
        return Matrix(
            name="tune",
            baseline=self.counted(STOCK),
            seeds=tuple(seeds),
            datasets={dataset.name: dataset},
            rows=every,
        )

    def definition(self) -> dict[str, JSON]:
        """What the trials of a folder belong to, for JSON."""
        parts = {name: getattr(self.dataset, name) for name in ("train", "dev", "test")}
        return {
            "component": self.dataset.component,
            "metric": self.metric,
            "config": _digest(self.text.encode()),
            **{name: _digest(Path(p).read_bytes()) if p else None for name, p in parts.items()},
            "search": self.space.to_dict(),
        }


def make_task(
    config: Path,
    *,
    train: Path,
    dev: Path,
    test: Path | None,
    output: Path,
    component: str | None,
    metric: str | None,
    search: Mapping[str, JSON],
    owner: str,
    gpu_id: int = -1,
) -> tuple[Task, str]:
    """A search, and the text of its base config; nothing is written.

    owner: what errors call the search file.
    RAISES: FileNotFoundError, ValueError.
    """
    for path in (config, train, dev, test):
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"{path}: there is no such file")
    name = component or only_component(config)
    text = config.read_text(encoding="utf8")
    base = Config().from_str(
        # Refuses what is no config, has no such component, or one whose loss cannot be chosen.
        set_loss(text, name, {"@losses": "dice.CE.v1"}, way="factory", owner=str(config)),
        interpolate=False,
    )
    given = Config().from_str(text, interpolate=False)["components"][name]
    way: Way = "factory" if str(given.get("factory", "")).startswith("dice_") else "callback"
    set_loss(text, name, {"@losses": "dice.CE.v1"}, way=way, owner=str(config))
    row = row_of_factory(base["components"][name]["factory"])
    assert row is not None
    base = Config(util.load_config(DEFAULT_CONFIG_PATH)).merge(base)
    if name in (base["training"].get("frozen_components") or ()):
        refuse(str(config), f"[training.frozen_components] has {name!r}: it is not trained")
    weights = _known_scores(base, name, row)
    if metric is None:
        metric = _main_score(base, weights)
    else:
        check_choice("tune", "metric", metric, weights)
        _train_for(base, metric, weights)
    values = flat(base.interpolate())
    values = {key: value for key, value in values.items() if not key.startswith(_loss_of(name))}
    space = make_space(row, values, search, owner)
    max_steps, patience, every = (
        int(base["training"].get(key) or 0) for key in ("max_steps", "patience", "eval_frequency")
    )
    rung = patience or max_steps // FIRST_RUNG
    task = Task(
        output=output,
        dataset=Dataset(
            name=re.sub(r"[^A-Za-z0-9_.-]+", "-", config.stem).lstrip("_.-") or "data",
            train=str(train),
            dev=str(dev),
            test=str(test or ""),
            config=str(output / BASE),
            component=name,
            scores=tuple(dict.fromkeys([metric, *row.averages(_key_of(base, name, row))])),
        ),
        space=space,
        metric=metric,
        decisions=_decisions(row, metric),
        rung=max(rung, every, 1) if rung else None,
        fewest_steps=min(filter(None, (patience, max_steps)), default=1),
        text=text,
        way=way,
        gpu_id=gpu_id,
    )
    return task, base.to_str(interpolate=False)


def first_runs(task: Task) -> list[Run]:
    """The runs of the fixed trials, checked as `compare` does. RAISES: ValueError."""
    return runs_of(task.matrix(task.space.fixed.values(), (SEED,), test=True))


def _loss_of(component: str) -> str:
    return f"components.{component}.loss."


def _key_of(config: Config, component: str, row: Component) -> str:
    defaults = _meta(row.factory).default_config
    return str(config["components"][component].get("spans_key", defaults.get("spans_key", "")))


def _meta(factory: str):  # type: ignore[no-untyped-def]
    # Factories are found once there is a pipeline.
    spacy.blank("en").has_factory(factory)
    return Language.get_factory_meta(factory)


def _known_scores(config: Config, component: str, row: Component) -> dict[str, float]:
    """The scores of the component, with the weights that training gives them; 0 for none."""
    key = _key_of(config, component, row)
    usual = _meta(row.factory).default_score_weights
    usual = {_with_key(name, key): value for name, value in usual.items()}
    given = config["training"].get("score_weights") or {}
    names = dict.fromkeys([*usual, *row.averages(key)])
    return {name: float(given.get(name, usual.get(name)) or 0.0) for name in names}


def _with_key(name: str, key: str) -> str:
    """The name of a score for a span group of another key than the usual one."""
    return re.sub(r"^spans_sc_", f"spans_{key}_", name) if key else name


def _main_score(config: Config, weights: Mapping[str, float]) -> str:
    best = max(weights, key=lambda name: weights[name])
    if not weights[best]:
        refuse(
            "tune",
            f"[training.score_weights] has no score of the component; say --metric, one of "
            f"{listed(weights)}",
        )
    return best


def _train_for(config: Config, metric: str, weights: Mapping[str, float]) -> None:
    """Let checkpoints be chosen by a metric, where the component's own scorer tells it."""
    every: dict[str, float] = {}
    for block in config["components"].values():
        factory = str(block.get("factory", ""))
        if Language.has_factory(factory):
            every |= dict.fromkeys(Language.get_factory_meta(factory).default_score_weights, 0.0)
    given = config["training"].get("score_weights") or {}
    if metric in every or metric in given:
        config["training"]["score_weights"] = {**every, **dict.fromkeys(given, 0.0), metric: 1.0}


def _decisions(row: Component, metric: str) -> Row | None:
    if not any(cls in SEARCHES for cls in row.cls.__mro__):
        return None
    score = score_of(metric)
    average = score.average if score is not None else None
    is_accuracy = row.output == "softmax" and metric.endswith("_acc")
    wanted = "accuracy" if is_accuracy else average
    types = "--types" in (row.recipe.calibrate or ())
    return Row(name="", metric=wanted, types=types)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
