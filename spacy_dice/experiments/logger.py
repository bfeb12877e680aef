"""What is written down while a run trains: the dev curve, and the time of a training step."""

import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from statistics import median
from typing import IO, Any, TypedDict

import srsly
from spacy.language import Language
from spacy.util import registry


class Log(TypedDict):
    """What a `RunLog` writes."""

    curve: list[list[float]]
    curve_seconds: list[float]
    last_step: int
    step_seconds: dict[str, float]


class StopTraining(BaseException):
    """A watcher has seen enough: no error of the training, and nothing that catches those."""


# What is called in this process after each evaluation, with the step and the dev score. It may
# raise `StopTraining`.
Watch = Callable[[int, float], None]
WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)

LogStep = Callable[[dict[str, Any] | None], None]
NAME = "spacy_dice.run_log"
# So often is told at most which step training is at.
PROGRESS_SECONDS = 0.5


class RunLog:
    """A logger for `[training.logger]` that writes a JSON file when training ends.

    path: the file. It holds

        * `curve`: step and dev score of the evaluations; `curve_seconds`: the time of each since
          training began, evaluations included;
        * `last_step`: where training ended;
        * `step_seconds`: the time of a step, medians over the steps without an evaluation, `wall`
          and `cpu` (of the processor, over all threads; what else the machine does changes it
          less); empty if there is no such step.
    progress: a file that says at any time which step training is at.
    """

    def __init__(self, path: Path | str, progress: Path | str | None = None) -> None:
        self.path = Path(path)
        self.progress = Path(progress) if progress is not None else None
        self.curve: list[list[float]] = []
        self.curve_seconds: list[float] = []
        self.steps: list[tuple[float, float]] = []
        self.last_step = -1

    def __call__(
        self, nlp: Language, stdout: IO[str], stderr: IO[str]
    ) -> tuple[LogStep, Callable[[], None]]:
        """What spaCy calls before training; returns what it calls after each step and at last."""
        self.began = self.last = _now()
        self.told = float("-inf")
        return self.log_step, self.finalize

    def log_step(self, info: dict[str, Any] | None) -> None:
        """Take one step; `info` is None where nothing was evaluated."""
        now = _now()
        self.last_step += 1
        if info is None:
            self.steps.append((now[0] - self.last[0], now[1] - self.last[1]))
        else:
            self.curve.append([info["step"], float(info["score"])])
            self.curve_seconds.append(now[0] - self.began[0])
            if (watch := WATCH.get()) is not None:
                watch(int(info["step"]), float(info["score"]))
        if self.progress is not None and now[0] - self.told >= PROGRESS_SECONDS:
            # A bar that stands still is no reason to end the training.
            with suppress(OSError):
                self.progress.write_text(str(self.last_step), encoding="ascii")
            self.told = now[0]
        self.last = now

    def finalize(self) -> None:
        """Write the file."""
        wall_and_cpu = zip(*self.steps, strict=True)
        seconds = {
            name: round(median(times), 5)
            for name, times in zip(("wall", "cpu"), wall_and_cpu, strict=False)
        }
        content: Log = {
            "curve": self.curve,
            "curve_seconds": self.curve_seconds,
            "last_step": self.last_step,
            "step_seconds": seconds,
        }
        srsly.write_json(self.path, content)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


# Configs name it; it is there as soon as this module is imported.
registry.loggers.register(NAME, func=RunLog)
