"""Work on a study: claim a trial, train and calibrate it, and tell what came of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import Trial, TrialState

from .._files import write_json
from .._validation import is_number
from ..experiments.definition import runs_of
from ..experiments.folder import Record
from ..experiments.logger import WATCH, StopTraining
from ..experiments.runner import path_of
from ..experiments.training import Job, run_job
from .budget import SECONDS, STEPS, Budget
from .space import FIXED
from .study import Study
from .task import SEED, Task

# The user attributes of a trial: what it is called, its dev score without tuned decisions, and the
# slot that works on it.
NAME, PLAIN, SLOT = "name", "plain", "slot"
# In the folder of the search: the study, and the records of its trials.
STUDY, TRIALS = "study", "trials"


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Room for a trial. name: no other slot has it, in whichever process."""

    name: str
    task: Task
    budget: Budget

    def __str__(self) -> str:
        return self.name


def open_study(task: Task) -> Study:
    """The study of a search."""
    return Study(task.output / STUDY, task.space, task.rung)


def fill(slot: Slot) -> list[Record]:
    """Work on a trial, if there is one; its records are in the folder of the search."""
    study = open_study(slot.task)
    with study.claim(slot.budget) as trial:
        if trial is not None:
            trial.set_user_attr(SLOT, slot.name)
            _work(slot.task, study, trial)
    return []


def failed(slot: Slot, error: str) -> list[Record]:
    """Tell that the process of a slot died, again and again, with the trial that it had."""
    study = open_study(slot.task)
    for frozen in study.trials():
        if frozen.state is TrialState.RUNNING and frozen.user_attrs.get(SLOT) == slot.name:
            study.fail(frozen.number, error)
    return []


class Watcher:
    """Tells the study the best dev score so far, and ends a training that is not worth its time.

    ends: whether it may; all trials are compared with fixed ones, which never end early.
    """

    def __init__(self, trial: Trial, told: int, *, ends: bool, max_steps: int) -> None:
        self.trial, self.told, self.ends, self.max_steps = trial, told, ends, max_steps
        self.step, self.best = 0, float("-inf")

    def __call__(self, step: int, score: float) -> None:
        """Take notice of an evaluation."""
        self.step, self.best = step, max(self.best, score)
        # A process that was killed has told the first ones already; they are the same again.
        if step > self.told:
            self.trial.report(self.best, step)
            end = self.trial.should_prune()
            # What has come to its end is evaluated.
            if end and self.ends and not 0 < self.max_steps <= step:
                raise StopTraining


def _work(task: Task, study: Study, trial: Trial) -> None:
    row = task.space.row(trial)
    fixed = FIXED in trial.user_attrs
    trial.set_user_attr(NAME, row.name)
    told = max(study.trials()[trial.number].intermediate_values, default=-1)
    job = Job(
        runs=tuple(runs_of(task.matrix([row], (SEED,), test=False))),
        gpu_id=task.gpu_id,
    )
    watcher = Watcher(trial, told, ends=not fixed, max_steps=job.max_steps)
    began = time.perf_counter()
    token = WATCH.set(watcher)
    records: Sequence[Record] | None = None
    try:
        records = run_job(job)
    except StopTraining:
        pass
    finally:
        WATCH.reset(token)
    trial.set_user_attr(SECONDS, round(time.perf_counter() - began, 2))
    if records is None:
        trial.set_user_attr(STEPS, watcher.step)
        study.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        return
    for record in records:
        write_json(task.output / TRIALS / path_of(record), record)
    errors = [record["error"] for record in records if "error" in record]
    trial.set_user_attr(STEPS, records[0].get("last_step", watcher.step))
    found = (record.get("dev", {}).get(task.metric) for record in records)
    scores = [float(score) for score in found if is_number(score)]
    if not errors and len(scores) < len(records):
        errors = [f"the dev set has no score {task.metric!r}"]
    if errors:
        study.fail(trial.number, errors[0])
        return
    trial.set_user_attr(PLAIN, scores[0])
    study.study.tell(trial, scores[-1], skip_if_finished=True)
