"""How far the runs of a matrix are: a bar on the terminal that moves with their training steps."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from .folder import Record
from .training import Job

# So often is looked at the steps of the runs under way.
INTERVAL = 0.5
# Of so many jobs the step is shown.
SHOWN = 4


class Progress:
    """A bar with the runs done, running and failed, and the time left; none without a terminal.

    Jobs tell which step they are at in files, because they may be in other processes. Those on
    other machines tell nothing; the bar moves when they end.

    total, done: how many runs there are, and how many of them were there before.
    jobs: those that are still to be done.
    """

    def __init__(self, total: int, *, done: int, jobs: Iterable[Job]) -> None:
        self.total, self.done, self.failed, self.under_way = total, done, 0, 0
        self.jobs = {str(job): job for job in jobs}
        self.bar = tqdm(
            total=total,
            initial=done,
            # Nobody looks at what is no terminal.
            disable=None,
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}%|{bar}| {desc} [{elapsed}<{remaining}]",
        )
        self.ended = threading.Event()
        self.watch = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Progress":
        self.show()
        if not self.bar.disable:
            self.watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended.set()
        if self.watch.is_alive():
            self.watch.join()
        self.bar.close()

    def running(self, count: int) -> None:
        """Take notice of how many jobs are under way."""
        self.under_way = count
        self.show()

    def finished(self, job: str, records: Sequence[Record]) -> None:
        """Take notice of a job that ended, by its name, and of what became of its runs."""
        self.jobs.pop(job, None)
        self.done += len(records)
        self.failed += sum("error" in record for record in records)
        self.show()

    def show(self) -> None:
        """Bring the bar up to date."""
        steps, part = [], 0.0
        for job in list(self.jobs.values()):
            step = read_step(job.progress)
            if step is not None:
                steps.append(f"{step}/{job.max_steps}" if job.max_steps else str(step))
                part += len(job.runs) * min(step / job.max_steps, 1.0) if job.max_steps else 0.0
        more = ", …" if len(steps) > SHOWN else ""
        text = f"{self.done}/{self.total} runs, {self.under_way} running"
        text += f" (step {', '.join(steps[:SHOWN])}{more})" if steps else ""
        text += f", {self.failed} failed" if self.failed else ""
        self.bar.n = min(self.done + part, self.total)
        self.bar.set_description_str(text)

    def _watch(self) -> None:
        while not self.ended.wait(INTERVAL):
            self.show()


def read_step(path: Path | None) -> int | None:
    """The step that a job is at; None if it has not told one."""
    if path is None:
        return None
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
