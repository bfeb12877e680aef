"""Locks that end with the process that holds them, however it ends."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# So often is looked whether a lock that is waited for is free.
WAIT_SECONDS = 0.02


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock of a file while the block runs; the file is made, and removed at the end.

    wait: until it is free.
    Yields whether this process has it: False at once where another one does.
    """
    while (file := _take(path)) is None and wait:
        time.sleep(WAIT_SECONDS)
    try:
        yield file is not None
    finally:
        if file is not None:
            # Removed while it is held: who waits for it sees that it is another file then.
            with suppress(OSError):
                path.unlink()
            file.close()


def _take(path: Path) -> IO[bytes] | None:
    while True:
        file = path.open("ab")
        if not _try_to_lock(file):
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        file.close()


def _try_to_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
