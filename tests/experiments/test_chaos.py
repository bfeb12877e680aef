"""`spacy dice compare` killed at random times, again and again, and resumed."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from small_matrix import ROOT, SMALL, read_all

from spacy_dice.corpora import read_harbour, write_docs

pytestmark = [pytest.mark.chaos]
KILLS = 30
# Until the workers of a runner that was killed have ended.
PATIENCE = 30


def write_long_matrix(folder):
    """Four runs of some seconds each, and two derived from them, on the corpus of the package."""
    write_docs(read_harbour(), folder / "corpus")
    parts = ("train", "dev", "test")
    dataset = {
        **{part: str(folder / "corpus" / f"{part}.spacy") for part in parts},
        "config": str(ROOT / "configs" / "ner.cfg"),
        "component": "ner",
        "overrides": {**SMALL, "training.eval_frequency": 6},
    }
    content = {
        "baseline": "CE",
        "seeds": [0, 1],
        "steps": 12,
        "datasets": {"harbour": dataset},
        "losses": {
            "CE": "dice.CE.v1",
            "DSC": "dice.DSC.v1",
            "CE + offset": {"calibrate": "CE"},
        },
    }
    path = folder / "long.yml"
    path.write_text(json.dumps(content), encoding="utf8")
    return path


class Runs:
    """Starts of one matrix in processes of their own, whose temporary files are kept apart."""

    def __init__(self, folder):
        self.matrix = write_long_matrix(folder)
        self.temporary = folder / "temporary"
        self.temporary.mkdir()

    def start(self, output, seconds=None):
        """Whether the matrix ran to its end, in place of being killed after so many seconds.

        All workers have ended when this returns.
        """
        command = [sys.executable, "-m", "spacy_dice", "compare", str(self.matrix)]
        with subprocess.Popen(
            [*command, "--output", str(output), "--jobs", "2"],
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                shown, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                try:
                    # The pipe ends when the last process that may write to it has ended.
                    process.communicate(timeout=PATIENCE)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    pytest.fail(f"children live {PATIENCE} s after their parent was killed")
                return False
        assert process.returncode == 0, shown
        return True

    def left_over(self):
        return sorted(path.name for path in self.temporary.iterdir())


def test_killed_at_random_times_and_resumed(tmp_path, cases):
    """30 kills; each matrix is started until it ends, and is then what it is undisturbed."""
    runs, rng = Runs(tmp_path), random.Random(0)
    began = time.monotonic()
    assert runs.start(tmp_path / "undisturbed")
    whole = time.monotonic() - began
    expected = read_all(tmp_path / "undisturbed")
    assert len(expected) == 6
    assert runs.left_over() == []
    kills = held = with_records = matrices = 0
    while kills < KILLS:
        matrices += 1
        output = tmp_path / str(matrices)
        before = kills
        # The last kill is followed by a start that is left alone.
        while not runs.start(output, rng.uniform(0, whole) if kills < KILLS else None):
            kills += 1
            found = read_all(output)
            # Each is whole, or not there.
            assert found.items() <= expected.items()
            with_records += bool(found)
        assert read_all(output) == expected
        assert not list(output.rglob("*unfinished"))
        assert runs.left_over() == []
        held += kills - before
    cases(kills, held)
    assert with_records >= KILLS / 3
