"""What exactly a run trains: its config, its loss with all settings, its data; and their hash."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import spacy
from confection import Config
from spacy.language import Language
from spacy.util import load_config, registry

from .._types import JSON
from .._validation import listed, nearest, refuse
from ..components import Score, row_of_factory
from .matrix import Dataset, Matrix
from .rows import Row


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what it is called, and what it trains.

    config: the config as a string, without the loss block's and the corpora's places.
    definition: what the result depends on; its hash tells whether a recorded result is of this run.
    sources: the runs whose pipelines this one is made of, its teachers for example.
    """

    dataset: Dataset
    row: Row
    seed: int
    config: str
    definition: Mapping[str, Any]
    sources: tuple["Run", ...] = ()

    @property
    def is_trained(self) -> bool:
        """Whether it has a pipeline of its own, and not only those of its sources."""
        return not {"ensemble", "best_of"} & self.definition.keys()

    @property
    def trainings(self) -> int:
        """How many pipelines have to be trained for it."""
        return len(self.sources) + self.is_trained

    @property
    def hash(self) -> str:
        """A hash of the definition."""
        return _hash(self.definition)

    @property
    def trained(self) -> Path:
        """A folder name for the pipeline that is trained: the same for rows derived from it."""
        of_calibration = ("calibrated", "metric", "labels", "prior")
        definition = {k: v for k, v in self.definition.items() if k not in of_calibration}
        row = self.row.calibrate or self.row.name
        return Path(self.dataset.name) / row / f"{self.seed}-{_hash(definition)}"

    @property
    def path(self) -> Path:
        """Where the result belongs, in the folder of the matrix."""
        return Path(self.dataset.name) / self.row.name / f"{self.seed}.json"

    def __str__(self) -> str:
        return f"{self.dataset.name} / {self.row.name} / seed {self.seed}"


def _hash(definition: Mapping[str, Any]) -> str:
    text = json.dumps(definition, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def runs_of(matrix: Matrix) -> list[Run]:
    """All runs of a matrix, checked: nothing that can be known beforehand fails while training.

    RAISES: FileNotFoundError for corpora and configs, ValueError for settings.
    """
    # By seed first: a matrix that was stopped half-way can be compared already.
    makers = [_Maker(matrix, dataset) for dataset in matrix.datasets.values()]
    return [
        maker.run(row, seed)
        for seed in matrix.seeds
        for maker in makers
        for row in matrix.rows_of(maker.dataset.name)
    ]


class _Maker:
    """Makes the runs of a data set."""

    def __init__(self, matrix: Matrix, dataset: Dataset) -> None:
        owner = f"data set {dataset.name!r}"
        corpora = {name: getattr(dataset, name) for name in parts_of(dataset)}
        self.matrix, self.dataset = matrix, dataset
        self.digests = {name: _digest(owner, path) for name, path in corpora.items()}
        self.configs: dict[str, tuple[str, dict[str, Any]]] = {}

    def run(self, row: Row, seed: int) -> Run:
        """A run, and those that it is made of."""
        rows = self.matrix.rows
        trained = rows[row.calibrate] if row.calibrate else row
        sources = tuple(
            self.run(rows[name], source_seed)
            for name in trained.sources
            for source_seed in trained.source_seeds(seed)
        )
        # The hash of a definition is in the name.
        names = [source.trained.name for source in sources]
        of_loss = trained if trained.block is not None else rows[trained.sources[0]]
        block = dict(of_loss.block or {})
        if trained.use == "distill":
            block["teachers"] = names
        config, definition = self._config(of_loss)
        definition = {
            **definition,
            "loss": settings_of_loss(f"loss {of_loss.name!r}", block),
            **self.digests,
        }
        if trained.use and trained.block is None:
            definition[trained.use] = names
        if row.calibrate:
            definition["calibrated"] = "types" if row.types else True
            if row.metric:
                definition["metric"] = row.metric
            if not row.labels:
                definition["labels"] = False
            if row.prior:
                definition["prior"] = True
        return Run(
            dataset=self.dataset,
            row=row,
            seed=seed,
            config=config,
            definition={**definition, "seed": seed},
            sources=sources,
        )

    def _config(self, row: Row) -> tuple[str, dict[str, Any]]:
        """The config of a row that is trained, and what a definition says of it."""
        if row.name not in self.configs:
            config = make_config(self.dataset, row)
            about = {
                "config": _digest_of_config(config, self.dataset),
                **length_of(config, self.dataset),
            }
            self.configs[row.name] = config.to_str(interpolate=False), about
        return self.configs[row.name]


def parts_of(dataset: Dataset) -> tuple[str, ...]:
    """Train, dev, and test where there is one."""
    return ("train", "dev", "test") if dataset.test else ("train", "dev")


def make_config(dataset: Dataset, row: Row) -> Config:
    """The config of a data set with the loss block of a row, without seed."""
    owner = f"data set {dataset.name!r}"
    path = Path(dataset.config)
    if not path.is_file():
        raise FileNotFoundError(f"{owner}: config: {path}: there is no such file")
    overrides: dict[str, JSON] = dict(dataset.overrides or {})
    if dataset.steps is not None:
        overrides["training.max_steps"] = dataset.steps
    if dataset.patience is not None:
        overrides["training.max_steps"] = dataset.max_steps
        overrides["training.patience"] = dataset.patience
    overrides.update(row.overrides or {})
    try:
        config = load_config(path, overrides=overrides)
    except Exception as error:
        raise ValueError(f"{owner}: {path}: {error}") from error
    _check_patience(owner, config)
    components = config.get("components", {})
    name = dataset.component
    if name not in components:
        refuse(
            owner,
            f"the config {path} has no component {name!r}{nearest(name, components)}; it has "
            f"{listed(components)}",
        )
    factory = components[name].get("factory", "")
    known_row = row_of_factory(factory)
    if known_row is not None:
        # A stock component trains as the same one with a loss, and that one only here.
        factory = components[name]["factory"] = known_row.factory
    # Factories are found once there is a pipeline.
    nlp = spacy.blank(config["nlp"]["lang"])
    if not nlp.has_factory(factory) or "loss" not in nlp.get_factory_meta(factory).default_config:
        installed = entry_points(group="spacy_factories").names
        known = [name for name in installed if name.startswith("dice_")]
        refuse(
            owner,
            f"the factory of the component {name!r} in {path} must be one with a loss "
            f"({listed(sorted(known))}), got {factory!r}{nearest(f'dice_{factory}', known)}",
        )
    components[name]["loss"] = dict(row.block or {})
    known_scores = _known_scores(config, dataset)
    for score in dataset.scores:
        if score not in known_scores:
            refuse(
                owner,
                f"scores: there is no score {score!r}{nearest(score, known_scores)}; known are "
                f"{listed(known_scores)}",
            )
    return config


def _check_patience(owner: str, config: Config) -> None:
    patience = config["training"].get("patience") or 0
    every = config["training"].get("eval_frequency") or 1
    if 0 < patience < every:
        refuse(
            owner,
            f"patience must be at least training.eval_frequency, which is {every}, got {patience}: "
            "training would end before the second evaluation",
        )


def length_of(config: Config, dataset: Dataset) -> dict[str, JSON]:
    """What a definition says about how long is trained, and what is evaluated then.

    A run of a fixed number of steps says no more than it did before there were others, so that its
    hash is what it was.
    """
    training = config["training"]
    if not _converges(config, dataset):
        return {"steps": training["max_steps"]}
    return {
        "patience": training["patience"],
        "max_steps": training["max_steps"],
        "checkpoint": "best",
    }


def _converges(config: Config, dataset: Dataset) -> bool:
    """Whether training goes on until dev stops rising, by the matrix or by the config itself."""
    if dataset.patience is not None:
        return True
    return dataset.steps is None and bool(config["training"].get("patience"))


def main_scores(config: Config, dataset: Dataset) -> list[str]:
    """The scores that the report shows, the main one first.

    Where a data set names none, they are those that the config gives a weight; beside a micro
    average, which frequent labels decide, the macro average.
    """
    if dataset.scores:
        return list(dataset.scores)
    weights = config["training"].get("score_weights", {})
    scores = sorted((key for key in weights if weights[key]), key=lambda key: -weights[key])
    averages = _averages(config, dataset)
    if any(key in averages and averages[key].average == "micro" for key in scores):
        scores += [key for key, score in averages.items() if score.average == "macro"]
    return list(dict.fromkeys(scores))


def settings_of_loss(owner: str, block: Mapping[str, JSON]) -> dict[str, JSON]:
    """All settings of a loss, defaults included. RAISES: ValueError if there is no such loss."""
    name = block.get("@losses")
    names = sorted(registry.losses.get_all())
    if name not in names:
        known = [n for n in names if n.startswith("dice.")]
        refuse(
            owner,
            f"no registered loss {name!r} exists{nearest(name, names)}; there are {listed(known)}",
        )
    settings = list(inspect.signature(registry.losses.get(name)).parameters)
    for key in block:
        if key not in ("@losses", *settings):
            refuse(
                owner,
                f"{name} has no setting {key!r}{nearest(key, settings)}; it has {listed(settings)}",
            )
    try:
        loss = registry.resolve({"loss": dict(block)})["loss"]
    except ValueError as error:
        refuse(owner, str(error))
    found = _settings(loss, block)
    assert isinstance(found, Mapping)
    return {"@losses": name, **found}


def _settings(value: object, given: JSON) -> JSON:
    """A setting as plain data: defaults are filled in, schedules stay as the block gives them."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
    if isinstance(value, Mapping):
        given = given if isinstance(given, Mapping) else {}
        filled = {str(key): _settings(item, given.get(key)) for key, item in value.items()}
        return {**{key: given[key] for key in given if str(key).startswith("@")}, **filled}
    if isinstance(value, (list, tuple)):
        return [_settings(item, None) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else given


def _averages(config: Config, dataset: Dataset) -> dict[str, Score]:
    """The scores of the component of a data set that are averages of F1, by their keys."""
    block = config["components"][dataset.component]
    row = row_of_factory(block["factory"])
    if row is None:
        return {}
    defaults = Language.get_factory_meta(row.factory).default_config
    return row.averages(block.get("spans_key", defaults.get("spans_key", "")))


def _known_scores(config: Config, dataset: Dataset) -> list[str]:
    known = dict.fromkeys(config["training"].get("score_weights", {}))
    for component in config["components"].values():
        factory = component.get("factory")
        if Language.has_factory(factory):
            known.update(dict.fromkeys(Language.get_factory_meta(factory).default_score_weights))
    return list({**known, **_averages(config, dataset)})


def _digest_of_config(config: Config, dataset: Dataset) -> str:
    """A hash of all that a config says, but the loss and what differs between machines."""
    rest = json.loads(json.dumps(config))
    rest["components"][dataset.component].pop("loss", None)
    rest["paths"] = {k: v for k, v in rest.get("paths", {}).items() if k not in ("train", "dev")}
    rest["system"].pop("seed", None)
    rest["training"].pop("seed", None)
    rest["training"].pop("logger", None)
    rest["training"].pop("max_steps", None)
    if _converges(config, dataset):
        rest["training"].pop("patience")
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def _digest(owner: str, path: str) -> str:
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{owner}: there is no corpus {path}; paths are relative to the folder that the "
            "command runs in"
        )
    return _digest_of_file(path, Path(path).stat().st_mtime_ns)


@cache
def _digest_of_file(path: str, _modified: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
