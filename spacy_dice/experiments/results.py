"""The folder of a matrix: one JSON file for each run, written whole or not at all.

OUTPUT/matrix.json                     what the folder belongs to
OUTPUT/<data set>/<loss>/<seed>.json   a run
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .._files import clear_unfinished, write_json
from .._validation import refuse
from .definition import Run
from .matrix import Matrix

INDEX = "matrix.json"


def open_folder(output: Path, matrix: Matrix) -> None:
    """Make the folder of a matrix, or refuse one that belongs to something else.

    Rows, data sets and seeds may have been added to the matrix; the index keeps those that are
    there no longer.
    RAISES: ValueError, FileExistsError.
    """
    index = output / INDEX
    if output.exists() and not output.is_dir():
        raise FileExistsError(f"{output}: is not a folder")
    old: dict[str, Any] = {}
    if index.is_file():
        old = json.loads(index.read_text(encoding="utf8"))
        if old["name"] != matrix.name:
            refuse(
                str(output),
                f"holds the results of the matrix {old['name']!r}, not of {matrix.name!r}; "
                "take another output folder",
            )
    elif output.is_dir() and any(output.iterdir()):
        refuse(str(output), f"is not empty and has no {INDEX}; take another output folder")
    clear_unfinished(output)
    content = {
        "name": matrix.name,
        "baseline": matrix.baseline,
        "datasets": list(dict.fromkeys([*matrix.datasets, *old.get("datasets", [])])),
        "losses": list(dict.fromkeys([*matrix.rows, *old.get("losses", [])])),
    }
    if content != old:
        write_json(index, content)


def read_record(path: Path) -> dict[str, Any] | None:
    """The record of a run, or None."""
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path}: is not a record of a run: {error}") from error


def open_runs(output: Path, runs: Iterable[Run], *, replace: bool = False) -> list[Run]:
    """The runs that have no result yet; those that failed are among them.

    replace: take a result that was made with another definition as none.
    RAISES: ValueError if there is such a result.
    """
    todo = []
    for run in runs:
        record = read_record(output / run.path)
        changes = []
        if record is not None:
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


def read_records(output: Path) -> Iterator[dict[str, Any]]:
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
    found = [
        f"{key} ({old.get(key)!r}, now {new.get(key)!r})"
        for key in dict.fromkeys([*old, *new])
        if key != "loss" and old.get(key) != new.get(key)
    ]
    return found + [
        f"loss.{key} ({old['loss'].get(key)!r}, now {value!r})"
        for key, value in new["loss"].items()
        if value != old["loss"].get(key) and (key in old["loss"] or key in given)
    ]
