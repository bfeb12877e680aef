"""A temporary folder for all that a runner and its workers do not keep."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._locks import locked

PREFIX, LOCK = "spacy-dice-", ".lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is removed at the end; those of runners that were killed are removed first.

    A lock beside the folder tells that its runner lives.
    """
    parent = Path(tempfile.gettempdir())
    clear_dead(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with locked(folder.with_name(folder.name + LOCK)) as ours:
            # Another start may have taken the lock first, and the folder for one of the dead.
            if ours:
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


def clear_dead(parent: Path) -> None:
    """Remove the folders whose runners are dead."""
    for lock in parent.glob(f"{PREFIX}*{LOCK}"):
        with locked(lock) as dead:
            if dead:
                shutil.rmtree(lock.with_name(lock.name.removesuffix(LOCK)), ignore_errors=True)
