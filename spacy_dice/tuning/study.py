"""The study on disk: Optuna's journal, and who works on which trial.

A process that works on a trial holds the lock of that trial, and the lock ends with the process. So
a trial that runs and whose lock is free is one of a process that was killed. Whoever looks for work
next takes it over, with its number and its parameters: none is lost, and none counts twice.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import optuna
from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from .._locks import locked
from .budget import Budget
from .space import FIXED, Space

NAME = "spacy-dice"
JOURNAL = "journal.log"
# The user attribute of a trial that failed: why.
ERROR = "error"
# A trial goes on if it is in the better half of those that came as far.
HALVING = 2

# What it tells of each trial is in our own words elsewhere.
optuna.logging.set_verbosity(logging.WARNING)


class JournalLock:
    """A lock of the journal that ends with its process, and mends what a killed one left.

    Optuna's own locks stay when a process is killed, and the others wait for half a minute.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held = ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock."""
        self.held.enter_context(locked(self.path.with_suffix(".lock"), wait=True))
        _mend(self.path)
        return True

    def release(self) -> None:
        """Give it back."""
        self.held.close()


def _mend(path: Path) -> None:
    """Remove the end of the last line if it is not whole: nothing could be read behind it."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def read_trials(folder: Path) -> list[FrozenTrial]:
    """The trials of a folder, by number; none if there is no study in it."""
    journal = folder / JOURNAL
    if not journal.is_file():
        return []
    storage = JournalStorage(JournalFileBackend(str(journal)))
    if NAME not in optuna.get_all_study_names(storage):
        return []
    return optuna.load_study(study_name=NAME, storage=storage).get_trials(deepcopy=False)


class Study:
    """The study of a folder, opened by this process; made if there is none.

    folder: holds the journal and the locks. space: what is tried.
    rung: after how many steps trials are compared for the first time, and after twice as many
        again; None to end none before its time.
    """

    def __init__(self, folder: Path, space: Space, rung: int | None = None) -> None:
        self.folder, self.space = folder, space
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = folder / JOURNAL
        with self._alone():
            lock = JournalLock(self.journal)
            backend = JournalFileBackend(str(self.journal), lock_obj=lock)  # type: ignore[arg-type]
            self.storage = JournalStorage(backend)
            if NAME not in optuna.get_all_study_names(self.storage):
                optuna.create_study(storage=self.storage, study_name=NAME, direction="maximize")
            self.study = optuna.load_study(
                study_name=NAME, storage=self.storage, pruner=_pruner(rung)
            )

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number."""
        return self.study.get_trials(deepcopy=False)

    @contextmanager
    def claim(self, budget: Budget) -> Iterator[Trial | None]:
        """A trial that is this process's own while the block runs; None if there is none now.

        It has all its parameters. A trial of a process that was killed comes first, a new one only
        if the budget allows for it.
        """
        with ExitStack() as held:
            with self._alone():
                trial = self._next(budget, held)
                if trial is not None:
                    self.space.row(trial)
            yield trial

    def fail(self, number: int, error: str) -> None:
        """Tell that a trial failed, and why."""
        Trial(self.study, self._id(number)).set_user_attr(ERROR, error)
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def is_over(self, budget: Budget) -> bool:
        """Whether nothing is left to do, and nothing is under way."""
        trials = self.trials()
        return not self._is_open(trials, budget) and not any(
            trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in trials
        )

    def room(self, budget: Budget, most: int) -> int:
        """How many slots there is work for, from 1 to `most`."""
        left = budget.amount - budget.spent(self.trials())
        return min(max(int(left), 1), most) if budget.unit == "trials" else most

    def _is_open(self, trials: Sequence[FrozenTrial], budget: Budget) -> bool:
        """Whether there is to be another trial."""
        if trials and trials[0].state is TrialState.FAIL:
            # Without the stock loss there is nothing to compare with.
            return False
        return len(trials) < len(self.space.fixed) or budget.spent(trials) < budget.amount

    def _next(self, budget: Budget, held: ExitStack) -> Trial | None:
        trials = self.trials()
        # The same draws whenever there are so many trials, and others with each.
        self.study.sampler = _sampler(len(trials))
        for frozen in trials:
            if frozen.state is TrialState.RUNNING and self._take(frozen.number, held):
                return Trial(self.study, self._id(frozen.number))
        if not any(frozen.state is TrialState.WAITING for frozen in trials):
            if not self._is_open(trials, budget):
                return None
            if len(trials) < len(self.space.fixed):
                name = list(self.space.fixed)[len(trials)]
                self.study.enqueue_trial(self.space.params_of(name), user_attrs={FIXED: name})
        trial = self.study.ask()
        self._take(trial.number, held)
        return trial

    def _id(self, number: int) -> int:
        study = self.storage.get_study_id_from_name(NAME)
        return self.storage.get_trial_id_from_study_id_trial_number(study, number)

    def _take(self, number: int, held: ExitStack) -> bool:
        return held.enter_context(locked(self.folder / f"{number}.lock"))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self.folder / "ask.lock", wait=True):
            yield


def _sampler(seed: int) -> TPESampler:
    with warnings.catch_warnings():
        # Groups are what conditional parameters need, experimental or not.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed)


def _pruner(rung: int | None) -> BasePruner:
    if rung is None:
        return NopPruner()
    return SuccessiveHalvingPruner(min_resource=rung, reduction_factor=HALVING)
