"""Write a file or a folder whole or not at all.

What is written first has a name of its own beside the target, and takes the target's name when it
is complete. An error, a full disk among them, leaves nothing behind; only a process that is killed
leaves its unfinished file, which `clear_unfinished` removes.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished"


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, or replace it, so that at any moment there is a whole file or none.

    Folders that are missing are made.
    RAISES: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Short, because what is added to a long name may be too long for the file system.
    part = path.with_name(f".{os.getpid()}-{os.urandom(4).hex()}{UNFINISHED}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for text: UTF-8, and line ends as they are."""
    write_bytes(path, content.encode("utf8"))


# Not a mapping of `JSON`, which typed dicts are none of.
def write_json(path: Path, content: Mapping[str, object]) -> None:
    """`write_bytes` for JSON, see `to_json`. RAISES: TypeError for what JSON does not have."""
    write_text(path, to_json(content))


def to_json(content: Mapping[str, object]) -> str:
    """JSON with a line for each key of the outermost object: small, and a diff can be read.

    >>> print(to_json({"a": 1, "b": {"c": [2]}}), end="")
    {
    "a": 1,
    "b": {"c": [2]}
    }
    """
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` when the block ends without an error.

    RAISES: FileExistsError if there is something at `path`, before the block and after it.
    """
    if path.exists():
        raise FileExistsError(f"{path}: exists already")
    with _folder_for(path) as folder:
        yield folder
        if path.exists():
            raise FileExistsError(f"{path}: exists already")
        folder.rename(path)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` when the block ends without an error."""
    with _folder_for(path) as folder:
        yield folder
        # Who is killed between the two renames leaves no folder, but never half of one.
        if path.exists():
            path.rename(folder.with_name("old"))
        folder.rename(path)


@contextmanager
def _folder_for(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` that can take its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(path.parent) as scratch:
        # The scratch folder can be read by its owner only, one inside it as the umask says.
        folder = scratch / "new"
        folder.mkdir()
        yield folder


@contextmanager
def filled_folder(path: Path, last: str = "") -> Iterator[Path]:
    """A folder to write files into, which all move to the folder `path` when the block ends.

    They move one by one, each whole, and replace files of the same name; with an error in the
    block none does.

    last: the name of the file that moves last, such as an index of the others.
    """
    path.mkdir(parents=True, exist_ok=True)
    with _scratch(path) as scratch:
        yield scratch
        for file in sorted(scratch.iterdir(), key=lambda file: (file.name == last, file.name)):
            file.replace(path / file.name)


def clear_unfinished(folder: Path, *, deep: bool = True) -> None:
    """Remove what killed processes left in a folder that nobody else writes to.

    deep: in the folders in it, too.
    """
    for part in sorted(folder.glob(f"{'**/' * deep}*{UNFINISHED}")):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    # Inside the parent, so that the renames do not leave the file system.
    with tempfile.TemporaryDirectory(prefix=".", suffix=UNFINISHED, dir=parent) as folder:
        yield Path(folder)
