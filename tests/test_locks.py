"""A lock that a dead process does not hold."""

import os
import signal
import subprocess
import sys
import threading

from spacy_dice._locks import locked

HOLD = """
import os, sys
from pathlib import Path
from spacy_dice._locks import locked
with locked(Path(sys.argv[1])) as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


def test_one_holds_it_until_its_end(tmp_path):
    path = tmp_path / "lock"
    with locked(path) as first, locked(path) as second:
        assert (first, second) == (True, False)
    assert not path.exists()
    with locked(path) as third:
        assert third


def test_who_waits_gets_it_when_it_is_free(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "True\n"
        # The other process ends, and its lock with it, while this one waits.
        threading.Timer(0.1, process.stdin.close).start()
        with locked(path, wait=True) as ours:
            assert ours
            process.wait()
    assert not path.exists()


def test_who_is_killed_does_not_hold_it(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "True\n"
        with locked(path) as ours:
            assert not ours
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert path.exists()
    with locked(path) as ours:
        assert ours
    assert not path.exists()
