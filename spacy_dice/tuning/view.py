"""How far a search is: a line on the terminal, for all processes that share it."""

import threading
from collections.abc import Sequence
from types import TracebackType

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..experiments.wording import percent, signed
from .budget import Budget
from .space import STOCK
from .study import Study
from .worker import NAME

# So often is looked at the study.
INTERVAL = 1.0


class View:
    """Trials done, pruned and failed, the best so far, and the time left; none without a terminal.

    console: where to; without it, standard error.
    """

    def __init__(self, study: Study, budget: Budget, console: Console | None = None) -> None:
        self.study, self.budget = study, budget
        console = Console(stderr=True) if console is None else console
        self.quiet = not console.is_terminal
        self.progress = Progress(
            BarColumn(20),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            disable=self.quiet,
        )
        self.line = self.progress.add_task("", total=budget.amount)
        self.under_way = 0
        self.ended = threading.Event()
        self.watch = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "View":
        if not self.quiet:
            self.progress.start()
            self.show()
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
        if not self.quiet:
            self.show()
            self.progress.stop()

    def running(self, count: int) -> None:
        """Take notice of how many slots are filled."""
        self.under_way = count

    def show(self) -> None:
        """Bring the line up to date."""
        if not self.quiet:
            trials = self.study.trials()
            self.progress.update(
                self.line,
                description=told(trials),
                completed=min(self.budget.spent(trials), self.budget.amount),
            )

    def _watch(self) -> None:
        while not self.ended.wait(INTERVAL):
            self.show()


def told(trials: Sequence[FrozenTrial]) -> str:
    """How far a search is, in a line."""
    states = [trial.state for trial in trials]
    text = f"{states.count(TrialState.COMPLETE)} trials done"
    for state, name in ((TrialState.PRUNED, "pruned"), (TrialState.FAIL, "failed")):
        if count := states.count(state):
            text += f", {count} {name}"
    if count := states.count(TrialState.RUNNING):
        text += f", {count} running"
    done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if not done:
        return text
    best = max(done, key=lambda trial: (trial.value or 0.0, -trial.number))
    text += f"; best {best.user_attrs.get(NAME)} {percent(best.value)}"
    stock = next((t for t in done if t.user_attrs.get(NAME) == STOCK), None)
    if stock is not None and stock is not best:
        text += f" ({signed((best.value or 0.0) - (stock.value or 0.0))} against stock)"
    return text
