"""The folder of a matrix: one JSON file for each run, written whole or not at all.

OUTPUT/matrix.json                     what the folder belongs to
OUTPUT/<data set>/<row>/<seed>.json    a run
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, cast

from typing_extensions import NotRequired

from .._files import clear_unfinished, write_json
from .._locks import locked
from .._types import JSON
from .._validation import refuse
from .definition import Run
from .matrix import Matrix
from .packing import Packed

INDEX = "matrix.json"
LOCK = ".lock"
# Scores by their keys; those of the labels are of each label precision, recall and F.
Scores = dict[str, float | dict[str, dict[str, float]]]


class Index(TypedDict):
    """What the folder belongs to: the names of the matrix, its data sets and its losses.

    title: what the report is headed, if it is not the name.
    """

    name: str
    title: NotRequired[str]
    baseline: str
    datasets: list[str]
    losses: list[str]


class Head(TypedDict):
    """What a record begins with: which run it is of, and what that trained."""

    dataset: str
    loss: str
    seed: int
    hash: str
    definition: dict[str, Any]


class Training(TypedDict, total=False):
    """What training showed; a run that was recorded long ago has not all of it.

    step_seconds: of a step, `wall` and `cpu`. curve: step and dev score of each evaluation, and
    curve_seconds when that was. sizes: the parameters of the pipeline, and the documents of each
    part of the data.
    """

    step_seconds: dict[str, float]
    best_step: float
    best_seconds: float
    last_step: int
    curve: list[list[float]]
    curve_seconds: list[float]
    train_counts: dict[str, int]
    sizes: dict[str, int]


class Outcome(TypedDict, total=False):
    """What a run came to, or its error.

    scores: the keys of the scores to show. dev, test: all scores. dev_tuned: those of the dev set
    that decisions were tuned on. dev_counts, test_counts: of the part that is reported. trainings:
    how many pipelines were trained for it, where it is more than one.
    """

    error: str
    error_at: str
    scores: list[str]
    offsets: dict[str, float]
    trainings: int
    dev: Scores
    test: Scores
    dev_tuned: Scores
    dev_counts: Packed
    test_counts: Packed


class Result(Training, Outcome, total=False):
    """What is recorded of a run beside its head and its circumstances."""


class Record(Head, Result, total=False):
    """The file of a run."""

    versions: dict[str, str]
    wall_seconds: float
    peak_memory_mb: float | None


@contextmanager
def own_folder(output: Path) -> Iterator[None]:
    """Make a folder, and write to it alone while the block runs.

    RAISES: FileExistsError, ValueError if another process writes to it.
    """
    if output.exists() and not output.is_dir():
        raise FileExistsError(f"{output}: is not a folder")
    output.mkdir(parents=True, exist_ok=True)
    with locked(output / LOCK) as ours:
        if not ours:
            refuse(
                str(output),
                "another `spacy dice compare` writes to it; wait until it has ended, or take "
                "another output folder",
            )
        yield


def open_folder(output: Path, matrix: Matrix) -> None:
    """Begin the folder of a matrix, or refuse one that belongs to something else.

    Rows, data sets and seeds may have been added to the matrix; the index keeps those that are
    there no longer.
    RAISES: ValueError.
    """
    index = output / INDEX
    old: Index | None = None
    if index.is_file():
        old = read_index(index)
        if old["name"] != matrix.name:
            refuse(
                str(output),
                f"holds the results of the matrix {old['name']!r}, not of {matrix.name!r}; "
                "take another output folder",
            )
    elif any(path.name != LOCK for path in output.iterdir()):
        refuse(str(output), f"is not empty and has no {INDEX}; take another output folder")
    clear_unfinished(output)
    datasets, losses = (old["datasets"], old["losses"]) if old else ([], [])
    content: Index = {
        "name": matrix.name,
        "baseline": matrix.baseline,
        "datasets": list(dict.fromkeys([*matrix.datasets, *datasets])),
        "losses": list(dict.fromkeys([*matrix.rows, *losses])),
    }
    if matrix.title:
        content["title"] = matrix.title
    if content != old:
        write_json(index, content)


def read_index(path: Path) -> Index:
    """The index of a folder: the names of its matrix, its data sets and its losses.

    RAISES: ValueError if it is something else.
    """
    index = read_object(path, _REMOVE_INDEX)
    _check(
        path, index, {"name": str, "baseline": str, "datasets": list, "losses": list}, _REMOVE_INDEX
    )
    if "title" in index:
        _check(path, index, {"title": str}, _REMOVE_INDEX)
    for key in ("datasets", "losses"):
        if not all(isinstance(name, str) for name in index[key]):
            refuse(str(path), f"{key} must be names, got {index[key]!r}; {_REMOVE_INDEX}")
    return cast(Index, index)


def read_record(path: Path) -> Record | None:
    """The record of a run, or None. RAISES: ValueError if the file is something else."""
    if not path.is_file():
        return None
    record = read_object(path, _REMOVE_RECORD)
    _check(path, record, {"dataset": str, "loss": str, "seed": int}, _REMOVE_RECORD)
    if "error" in record:
        _check(path, record, {"error": str}, _REMOVE_RECORD)
        record.setdefault("definition", {})
    else:
        _check(path, record, {"scores": list, "dev": dict}, _REMOVE_RECORD)
    _check(path, record, {"definition": dict}, _REMOVE_RECORD)
    return cast(Record, record)


_REMOVE_RECORD = "remove it, and `spacy dice compare` trains the run again"
_REMOVE_INDEX = "remove the folder, or put back the file"
_KINDS = {str: "a string", int: "an integer", list: "a list", dict: "an object"}


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """The content of a JSON file.

    remedy: what to do if it is no object. RAISES: ValueError for such a file.
    """
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON ({error}); {remedy}") from error
    if not isinstance(content, dict):
        refuse(str(path), f"must be an object, got {content!r}; {remedy}")
    return content


def _check(path: Path, content: Mapping[str, JSON], kinds: Mapping[str, type], remedy: str) -> None:
    for key, kind in kinds.items():
        if not isinstance(content.get(key), kind):
            got = repr(content[key]) if key in content else "nothing"
            refuse(str(path), f"{key} must be {_KINDS[kind]}, got {got}; {remedy}")


def open_runs(output: Path, runs: Iterable[Run], *, replace: bool = False) -> list[Run]:
    """The runs that have no result yet; those that failed are among them.

    replace: take a result that was made with another definition as none.
    RAISES: ValueError if there is such a result.
    """
    todo = []
    for run in runs:
        record = read_record(output / run.path)
        changes = []
        if record is not None and "error" not in record:
            changes = differences(record["definition"], run.definition, run.row.block or {})
        if changes and not replace:
            refuse(
                str(output / run.path),
                f"was made by another definition of this run; what differs: {', '.join(changes)}. "
                "Take another output folder or loss name, or have it made again with --replace",
            )
        if record is None or changes or "error" in record:
            todo.append(run)
    return todo


def read_records(output: Path) -> Iterator[Record]:
    """All records of a folder."""
    for path in sorted(output.glob("*/*/*.json")):
        record = read_record(path)
        if record is not None:
            yield record


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], given: Mapping[str, Any]
) -> list[str]:
    """What two definitions of a run differ in; nothing if both are of the same run.

    A setting that a loss did not have yet when `old` was recorded, and that is not `given` now, is
    no difference: new settings change nothing by default. A default that changed is one.
    """
    old_loss = old.get("loss") or {}
    found = [
        f"{key} ({old.get(key)!r}, now {new.get(key)!r})"
        for key in dict.fromkeys([*old, *new])
        if key != "loss" and old.get(key) != new.get(key)
    ]
    return found + [
        f"loss.{key} ({old_loss.get(key)!r}, now {value!r})"
        for key, value in new["loss"].items()
        if value != old_loss.get(key) and (key in old_loss or key in given)
    ]
