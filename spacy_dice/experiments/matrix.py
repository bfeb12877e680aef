"""A matrix of experiments: data sets x losses x seeds, declared in one YAML file.

    title: Which loss for tweets?
    baseline: CE
    seeds: [0, 1, 2]
    steps: 600
    datasets:
      wnut17:
        train: corpus/wnut17/train.spacy
        dev: corpus/wnut17/dev.spacy
        test: corpus/wnut17/test.spacy
        config: configs/ner.cfg
        component: ner
    losses:
      CE: dice.CE.v1
      DSC: {"@losses": dice.DSC.v1, ce_weight: 0.3}
      CE + offset: {calibrate: CE}
      distilled: {distill: CE, teachers: 3}

Rows of several trainings take pipelines of other rows, `CE` or `[CE, DSC]`, with seeds of their
own: `{distill: …, teachers: 3, mix: 0.5, loss: …}` trains a student of so many of each, `{ensemble:
…, teachers: 3}` predicts by the mean of their probabilities, and `{best_of: CE, runs: 5}` is the
one of five that is best on the dev set.

How long is trained is one of these, for all data sets, or in a data set for that one:

    steps: 600        # so many steps
    patience: 800     # until the dev score has not risen for so many steps, ...
    max_steps: 5000   # ... or after so many, 20000 by default

A fixed number of steps compares how quickly losses train, `patience` what they end at. Both times
the checkpoint with the best dev score is evaluated. As in `spacy train`, steps count from the first
of equally good scores: a score that is 0 for `patience` steps from the start ends the training.

Paths are relative to the folder that the command runs in, as in spaCy's own configs. The file is
checked as a whole before anything is trained. `title` heads the report; without it, that is `name`,
and without that the name of the file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import srsly

from .._types import JSON
from .._validation import listed, refuse
from .blocks import is_count, mapping, overrides, text, texts, unknown
from .rows import Row, check_references, parse_row

# Names become folders.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.,+=()-]*")
# A file system takes 255 bytes, of which names of figures need some.
LONGEST_NAME = 200
# The keys that say how long is trained.
LENGTH = ("steps", "patience", "max_steps")
# As in the configs of `spacy init config`.
MAX_STEPS = 20_000


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set and the component that is trained on it.

    train, dev, test: `.spacy` files. Without a test set none is looked at, and the report shows the
        dev set: for choosing between losses.
    config: a spaCy config with that component, whose factory is one of this package.
    scores: what the report shows, the main score first; without any, what the config's
        `[training.score_weights]` count.
    steps: `training.max_steps`; without any and without `patience`, that of the config.
    patience, max_steps: those of `[training]`, for training until the dev score stops rising.
    overrides: other settings of the config by their dotted names.
    losses: the names of the losses to train; without any, all.
    """

    name: str
    train: str
    dev: str
    config: str
    component: str
    test: str = ""
    scores: tuple[str, ...] = ()
    steps: int | None = None
    patience: int | None = None
    max_steps: int | None = None
    overrides: Mapping[str, JSON] | None = None
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """All of a matrix; see the head of this module.

    title: what the report is headed; without any, the name.
    """

    name: str
    baseline: str
    seeds: tuple[int, ...]
    datasets: Mapping[str, Dataset]
    rows: Mapping[str, Row]
    title: str = ""

    def rows_of(self, dataset: str) -> list[Row]:
        """The rows that a data set takes part in."""
        wanted = self.datasets[dataset].losses or tuple(self.rows)
        return [row for row in self.rows.values() if row.name in wanted]

    def select(
        self, datasets: Iterable[str] = (), losses: Iterable[str] = (), seeds: Iterable[int] = ()
    ) -> "Matrix":
        """The part of the matrix that is named; what is left empty stays whole."""
        datasets, losses, seeds = list(datasets), list(losses), list(seeds)
        owner = f"matrix {self.name!r}"
        for what, names, known in (
            ("data set", datasets, self.datasets),
            ("loss", losses, self.rows),
        ):
            for name in names:
                if name not in known:
                    unknown(owner, what, name, known)
        for seed in seeds:
            if seed not in self.seeds:
                refuse(owner, f"has no seed {seed}, its seeds are {listed(self.seeds)}")
        return replace(
            self,
            seeds=tuple(seeds) or self.seeds,
            datasets={n: d for n, d in self.datasets.items() if not datasets or n in datasets},
            rows={n: row for n, row in self.rows.items() if not losses or n in losses},
        )


def read_matrix(path: Path) -> Matrix:
    """Read and check a matrix.

    RAISES: FileNotFoundError, and ValueError that says what is wrong and names the nearest valid
        name.
    """
    return parse_matrix(read_yaml(path), name=path.stem, owner=str(path))


def read_yaml(path: Path) -> JSON:
    """The content of a YAML file. RAISES: FileNotFoundError; ValueError if it is no YAML."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        return srsly.read_yaml(path)
    except Exception as error:
        raise ValueError(f"{path}: is not valid YAML: {error}") from error


def parse_matrix(content: JSON, *, name: str, owner: str) -> Matrix:
    """Make a `Matrix` from what the YAML file says.

    name: used if the file has none; owner: what error messages begin with.
    """
    known = ("name", "title", "baseline", "seeds", *LENGTH, "datasets", "losses")
    content = mapping(owner, content, known, required=("seeds", "datasets", "losses"))
    seeds = _seeds(owner, content["seeds"])
    rows = {
        name: parse_row(f"{owner}: losses: {name}", name, block)
        for name, block in _named(f"{owner}: losses", content["losses"])
    }
    check_references(owner, rows)
    baseline = text(owner, content, "baseline", next(iter(rows)))
    if baseline not in rows:
        unknown(f"{owner}: baseline", "loss", baseline, rows)
    length = _length(owner, content, {})
    datasets = {
        key: _dataset(f"{owner}: datasets: {key}", key, block, length, rows)
        for key, block in _named(f"{owner}: datasets", content["datasets"])
    }
    matrix_name = str(content.get("name", name))
    if not NAME.fullmatch(matrix_name):
        refuse(owner, f"name: {_NAME_RULE}, got {matrix_name!r}")
    return Matrix(
        name=matrix_name,
        title=text(owner, content, "title"),
        baseline=baseline,
        seeds=seeds,
        datasets=datasets,
        rows=rows,
    )


def _dataset(
    owner: str, name: str, block: JSON, length: Mapping[str, int], rows: Mapping[str, Row]
) -> Dataset:
    keys = [field.name for field in fields(Dataset) if field.name != "name"]
    required = ("train", "dev", "config", "component")
    block = mapping(owner, block, keys, required=required)
    losses = texts(owner, block, "losses")
    for row in losses:
        if row not in rows:
            unknown(f"{owner}: losses", "loss", row, rows)
    length = _length(owner, block, length)
    return Dataset(
        name=name,
        steps=length.get("steps"),
        patience=length.get("patience"),
        max_steps=length.get("max_steps"),
        scores=texts(owner, block, "scores"),
        losses=losses,
        train=text(owner, block, "train"),
        dev=text(owner, block, "dev"),
        test=text(owner, block, "test"),
        config=text(owner, block, "config"),
        component=text(owner, block, "component"),
        overrides=overrides(owner, block),
    )


def _seeds(owner: str, value: JSON) -> tuple[int, ...]:
    seeds = [seed for seed in value if is_count(seed)] if isinstance(value, list) else []
    if not seeds or seeds != value:
        refuse(owner, f"seeds must be a list of integers >= 0, got {value!r}")
    if len(set(seeds)) != len(seeds):
        refuse(owner, f"seeds must differ from each other, got {value!r}")
    return tuple(seeds)


def _length(owner: str, block: Mapping[str, JSON], outer: Mapping[str, int]) -> dict[str, int]:
    """How long is trained: what a block says, or what is said outside of it."""
    own: dict[str, int] = {}
    for key in LENGTH:
        value = block.get(key)
        if value is None:
            continue
        if not is_count(value) or not value:
            refuse(owner, f"{key} must be an integer > 0, got {value!r}")
        own[key] = value
    if "steps" in own:
        if len(own) > 1:
            refuse(owner, "steps is a fixed number of steps, without patience and max_steps")
        return own
    found = {**outer, **own}
    if own:
        found.pop("steps", None)
        if "patience" not in found:
            refuse(owner, "max_steps goes with patience; for a fixed number of steps say steps")
        found.setdefault("max_steps", MAX_STEPS)
    return found


_NAME_RULE = "must be letters, digits, spaces and any of _.,+=()-, and begin with a letter or digit"


def _named(owner: str, block: JSON) -> list[tuple[str, JSON]]:
    if not isinstance(block, Mapping) or not block:
        refuse(owner, f"expected a mapping from names, got {block!r}")
    for key in block:
        if not NAME.fullmatch(str(key)):
            refuse(owner, f"a name {_NAME_RULE}, got {key!r}")
        if (length := len(str(key))) > LONGEST_NAME:
            begin = f"{str(key)[:20]}…"
            refuse(owner, f"a name has at most {LONGEST_NAME} characters, {begin!r} has {length}")
        if str(key).casefold() == "matrix.json":
            refuse(owner, f"the name {key!r} is that of a file of the results; take another one")
    folded = [str(key).casefold() for key in block]
    for key in block:
        if folded.count(str(key).casefold()) > 1:
            refuse(owner, f"the name {key!r} is there twice (letter case does not count)")
    return [(str(key), inner) for key, inner in block.items()]
