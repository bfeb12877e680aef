"""The recorded runs of a matrix, gathered by data set and row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy

from .._types import Ints
from .._validation import check_choice, is_number, refuse
from ..items import DocumentCounts
from .folder import INDEX, Record, read_index, read_records
from .packing import Packed, unpack

Part = Literal["dev", "test"]
# With fewer seeds there is a caution.
ENOUGH_SEEDS = 5


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs of a row of the matrix on a data set, by seed."""

    by_seed: Mapping[int, Record]

    def scores(self, key: str, part: Part | None = None) -> dict[int, float]:
        """A score of each seed, where it is recorded; of the test set if there is one."""
        found = {seed: run[part or part_of(run)].get(key) for seed, run in self.by_seed.items()}
        return {seed: float(value) for seed, value in found.items() if is_number(value)}

    def counts(self, types: list[str]) -> dict[int, Ints]:
        """The counts `(n_docs, n_types, 3)` of each seed, its columns being `types`."""
        arrays = {}
        for seed, run in self.by_seed.items():
            counts = counts_of(run)
            if counts is not None:
                own: DocumentCounts = unpack(counts)
                array = numpy.zeros((len(own.array), len(types), 3), dtype="int64")
                for i, label in enumerate(own.types):
                    array[:, types.index(label)] = own.array[:, i]
                arrays[seed] = array
        return arrays


@dataclass(frozen=True, kw_only=True)
class Table:
    """All runs on one data set.

    part: what is reported, `test`, or `dev` where no test set was looked at.
    scores: the keys of the scores to show, the main one first.
    trained: how long, in words; empty if that is not recorded.
    types: the labels, those that are most frequent in the training data first.
    train_counts: how often each is gold there.
    rows: the runs of each row, by its name.
    """

    dataset: str
    part: Part
    baseline: str
    scores: list[str]
    trained: str
    types: list[str]
    train_counts: Mapping[str, int]
    rows: Mapping[str, Runs]

    @property
    def has_baseline(self) -> bool:
        """Whether there are runs of the baseline."""
        return self.baseline in self.rows

    @property
    def few_seeds(self) -> bool:
        """Whether a row has so few seeds that a difference may well be chance."""
        return any(len(runs.by_seed) < ENOUGH_SEEDS for runs in self.rows.values())

    def rare_types(self) -> list[str]:
        """The half of the types with fewer training examples."""
        known = [label for label in self.types if self.train_counts.get(label)]
        return known[(len(known) + 1) // 2 :]


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that a folder of results holds, in the order of the matrix.

    title: what a report of it is headed.
    """

    name: str
    title: str = ""
    baseline: str
    tables: Mapping[str, Table]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def trained(self) -> str:
        """How long, in words, over all data sets."""
        return how_long(
            run
            for table in self.tables.values()
            for runs in table.rows.values()
            for run in runs.by_seed.values()
        )

    @property
    def few_seeds(self) -> bool:
        """Whether that is so of a data set."""
        return any(table.few_seeds for table in self.tables.values())

    @property
    def part(self) -> str:
        """What is reported, `test` or `dev`, or `test or dev` if that differs."""
        return " or ".join(sorted({t.part for t in self.tables.values()}, reverse=True))


def part_of(run: Record) -> Part:
    """The part of the data whose scores count: `test`, or `dev` where there is none."""
    return "test" if "test" in run else "dev"


def counts_of(run: Record) -> Packed | None:
    """The counts of the documents of that part; None if they are not recorded."""
    return run.get("test_counts") if part_of(run) == "test" else run.get("dev_counts")


def how_long(runs: Iterable[Record]) -> str:
    """How long runs were trained, in words.

    >>> how_long([{"definition": {"steps": 600}}, {"definition": {"steps": 1200}}])
    'after 600 to 1,200 steps'
    >>> how_long([{"definition": {"patience": 800, "max_steps": 5000}}])
    'trained until dev stops rising'
    """
    definitions = [run.get("definition", {}) for run in runs]
    steps = {definition["steps"] for definition in definitions if definition.get("steps")}
    parts = []
    if steps:
        ends = sorted({min(steps), max(steps)})
        parts.append(f"after {' to '.join(f'{n:,}' for n in ends)} steps")
    if any("patience" in definition for definition in definitions):
        parts.append("trained until dev stops rising")
    return " or ".join(parts)


def read_folder(folder: Path, baseline: str | None = None, *, part: Part | None = None) -> Results:
    """Read a folder of results.

    baseline: the row that the others are compared with; without it, that of the matrix.
    part: `dev`, to look at no test score where there is one.
    RAISES: FileNotFoundError, ValueError.
    """
    index = folder / INDEX
    if not index.is_file():
        raise FileNotFoundError(f"{folder}: has no {INDEX}: no results of `spacy dice compare`")
    matrix = read_index(index)
    failed: dict[str, str] = {}
    runs: dict[str, dict[str, dict[int, Record]]] = {name: {} for name in matrix["datasets"]}
    for record in read_records(folder):
        if part == "dev":
            record.pop("test", None)
            record.pop("test_counts", None)
        dataset, row, seed = record["dataset"], record["loss"], record["seed"]
        if "error" in record:
            failed[f"{dataset} / {row} / seed {seed}"] = record["error"]
        else:
            runs.setdefault(dataset, {}).setdefault(row, {})[seed] = record
    names = list(dict.fromkeys(row for by_row in runs.values() for row in by_row))
    baseline = matrix["baseline"] if baseline is None else baseline
    if baseline != matrix["baseline"]:
        check_choice(str(folder), "baseline", baseline, names)
    tables = {
        dataset: _table(dataset, baseline, matrix["losses"], by_row)
        for dataset, by_row in runs.items()
        if by_row
    }
    if not tables and not failed:
        refuse(str(folder), "holds no runs yet")
    return Results(
        name=matrix["name"],
        title=matrix.get("title", matrix["name"]),
        baseline=baseline,
        tables=tables,
        failed=failed,
    )


def _table(
    dataset: str, baseline: str, order: list[str], by_row: Mapping[str, dict[int, Record]]
) -> Table:
    names = [name for name in order if name in by_row]
    names += sorted(set(by_row) - set(names))
    every = [run for row in names for run in by_row[row].values()]
    train = every[0].get("train_counts", {})
    part = part_of(every[0])
    types = {label for run in every if (counts := counts_of(run)) for label in counts["types"]}
    return Table(
        dataset=dataset,
        part=part,
        baseline=baseline,
        scores=list(every[0]["scores"]),
        trained=how_long(every),
        types=sorted(types, key=lambda label: (-train.get(label, 0), label)),
        train_counts=train,
        rows={row: Runs(by_seed=dict(sorted(by_row[row].items()))) for row in names},
    )
