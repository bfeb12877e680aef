"""What is written down while a run trains: the dev curve, and the time of a training step."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import IO, Any

import srsly
from spacy.language import Language
from spacy.util import registry

LogStep = Callable[[dict[str, Any] | None], None]
NAME = "spacy_dice.run_log"


class RunLog:
    """A logger for `[training.logger]` that writes a JSON file when training ends.

    path: the file. It holds `curve`, step and dev score of the evaluations, and `step_seconds`, the
        time of a step: medians over the steps without an evaluation, `wall` and `cpu` (of the
        processor, over all threads; what else the machine does changes it less); empty if there is
        no such step.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.curve: list[list[float]] = []
        self.steps: list[tuple[float, float]] = []

    def __call__(
        self, nlp: Language, stdout: IO[str], stderr: IO[str]
    ) -> tuple[LogStep, Callable[[], None]]:
        """What spaCy calls before training; returns what it calls after each step and at last."""
        self.last = _now()
        return self.log_step, self.finalize

    def log_step(self, info: dict[str, Any] | None) -> None:
        """Take one step; `info` is None where nothing was evaluated."""
        now = _now()
        if info is None:
            self.steps.append((now[0] - self.last[0], now[1] - self.last[1]))
        else:
            self.curve.append([info["step"], float(info["score"])])
        self.last = now

    def finalize(self) -> None:
        """Write the file."""
        wall_and_cpu = zip(*self.steps, strict=True)
        seconds = {
            name: round(median(times), 5)
            for name, times in zip(("wall", "cpu"), wall_and_cpu, strict=False)
        }
        srsly.write_json(self.path, {"curve": self.curve, "step_seconds": seconds})


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


# Configs name it; it is there as soon as this module is imported.
registry.loggers.register(NAME, func=RunLog)
