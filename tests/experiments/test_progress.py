"""A bar that moves with the steps of the runs, and what a training tells of itself."""

import io
import json
import threading
from types import SimpleNamespace

import pytest

from spacy_dice.experiments import logger, progress
from spacy_dice.experiments.logger import RunLog
from spacy_dice.experiments.progress import Progress, read_step
from spacy_dice.experiments.training import CURVE_POINTS, Job, what_training_showed


def make_job(folder, name, n_runs=1, **definition):
    runs = [SimpleNamespace(definition=definition) for _ in range(n_runs)]
    return type("Named", (Job,), {"__str__": lambda self: name})(
        runs=tuple(runs), progress=folder / name
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_bar_moves_with_the_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 1e9)
    monkeypatch.setattr("sys.stderr", Terminal())
    jobs = [make_job(tmp_path, "a", 2, steps=100), make_job(tmp_path, "b", 1, max_steps=400)]
    with Progress(4, done=1, jobs=jobs) as bar:
        assert bar.bar.n == 1
        bar.running(2)
        (tmp_path / "a").write_text("50", encoding="ascii")
        (tmp_path / "b").write_text("100", encoding="ascii")
        bar.show()
        assert bar.bar.n == 1 + 2 * 0.5 + 0.25
        assert bar.bar.desc == "1/4 runs, 2 running (step 50/100, 100/400)"
        bar.finished("a", [{}, {"error": "E"}])
        bar.running(1)
        assert bar.bar.n == 3.25
        assert bar.bar.desc == "3/4 runs, 1 running (step 100/400), 1 failed"


def test_bar_of_a_terminal_is_watched_and_ends(tmp_path, monkeypatch):
    moved = threading.Event()

    class Watched(Progress):
        def show(self):
            super().show()
            if self.bar.n:
                moved.set()

    monkeypatch.setattr(progress, "INTERVAL", 0.001)
    monkeypatch.setattr("sys.stderr", Terminal())
    with Watched(1, done=0, jobs=[make_job(tmp_path, "a", steps=4)]) as bar:
        (tmp_path / "a").write_text("2", encoding="ascii")
        assert moved.wait(30)
        assert bar.bar.n == 0.5
    assert not bar.watch.is_alive()


def test_no_bar_without_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr", output := io.StringIO())
    with Progress(1, done=0, jobs=[make_job(tmp_path, "a", steps=4)]) as bar:
        bar.running(1)
        assert not bar.watch.is_alive()
    assert output.getvalue() == ""


def test_step_that_is_not_told(tmp_path):
    assert read_step(None) is None
    assert read_step(tmp_path / "no") is None
    # Read while it is written.
    (tmp_path / "empty").touch()
    assert read_step(tmp_path / "empty") is None


@pytest.fixture
def clock(monkeypatch):
    times = iter(range(10_000))
    monkeypatch.setattr(logger, "_now", lambda: (next(times) / 10, 0.0))


def test_log_of_a_training(tmp_path, clock):
    log = RunLog(tmp_path / "log.json", tmp_path / "step")
    log_step, finalize = log(None, io.StringIO(), io.StringIO())
    told = []
    for step in range(7):
        log_step({"step": step, "score": step / 10} if step % 3 == 0 else None)
        told.append(read_step(tmp_path / "step"))
    finalize()
    # Half a second, which is five steps here, must pass before it is told anew.
    assert told == [0, 0, 0, 0, 0, 5, 5]
    content = json.loads((tmp_path / "log.json").read_text(encoding="utf8"))
    assert content["curve"] == [[0, 0.0], [3, 0.3], [6, 0.6]]
    assert content["curve_seconds"] == pytest.approx([0.1, 0.4, 0.7])
    assert content["last_step"] == 6
    assert content["step_seconds"]["wall"] == pytest.approx(0.1)


def test_progress_that_cannot_be_told_does_not_stop_training(tmp_path, clock):
    log_step, _ = RunLog(tmp_path / "log.json", tmp_path / "no" / "step")(None, None, None)
    log_step(None)


@pytest.mark.parametrize("n_points", [1, CURVE_POINTS, CURVE_POINTS + 1, 3 * CURVE_POINTS, 5000])
def test_long_curves_are_thinned_but_for_the_best_and_the_last(n_points):
    best = n_points * 2 // 3
    curve = [[10 * i, 0.9 if i == best else 0.5] for i in range(n_points)]
    log = {
        "curve": curve,
        "curve_seconds": list(range(n_points)),
        "last_step": 10 * n_points,
        "step_seconds": {},
    }
    found = what_training_showed(log)
    assert len(found["curve"]) <= CURVE_POINTS
    assert len(found["curve"]) == min(n_points, len(found["curve"]))
    assert found["best_step"] == 10 * best
    assert found["best_seconds"] == best
    for point in (curve[0], curve[best], curve[-1]):
        assert point in found["curve"]
    assert [10 * s for s in found["curve_seconds"]] == [step for step, _ in found["curve"]]
    if n_points <= CURVE_POINTS:
        assert found["curve"] == curve


def test_best_checkpoint_of_equal_ones_is_the_last():
    log = {
        "curve": [[0, 0.5], [5, 0.7], [10, 0.7], [15, 0.6]],
        "curve_seconds": [1, 2, 3, 4],
        "last_step": 15,
        "step_seconds": {},
    }
    assert what_training_showed(log)["best_step"] == 10
