"""One command from a config and a corpus to the loss, its settings and the decisions for them."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .._files import clear_unfinished, write_json, write_text
from .._locks import locked
from .._types import JSON
from .._validation import check_choice, refuse
from ..experiments.folder import read_object
from ..experiments.machine import check_gpu, check_models
from ..experiments.pools import dask_pool, local_pool
from ..experiments.runner import BACKENDS, CONNECT_TIMEOUT
from .budget import Budget
from .final import MODELS, finish
from .report import write_report
from .result import RESULT, TuneResult
from .space import read_search
from .study import read_trials
from .task import BASE, Task, first_runs, make_task
from .view import View, told
from .worker import STUDY, Slot, failed, fill, open_study

# What the folder belongs to.
INDEX = "tune.json"
# The files whose locks are held while a folder is begun, and while it is ended.
BEGIN, END = ".begin.lock", ".end.lock"
# So often is looked whether others have ended their trials.
WAIT_SECONDS = 0.5
# So many slots are filled before is looked what is left.
SLOTS = 20
SEEDS = 5


def tune(
    config: Path | str,
    train: Path | str,
    dev: Path | str,
    output: Path | str,
    *,
    test: Path | str | None = None,
    component: str | None = None,
    budget: str = "20 trials",
    seeds: int = SEEDS,
    metric: str | None = None,
    search: Path | Mapping[str, JSON] | None = None,
    jobs: int = 1,
    backend: str = "loky",
    scheduler: str | None = None,
    gpu_id: int = -1,
) -> TuneResult:
    """Find the loss, its settings and the decisions for a component on your data.

    The stock loss and what is recommended come first, then what Optuna's search suggests; trainings
    that fall behind end early. All get the same calibration, and are compared by their cross-fitted
    dev scores. The two best and the stock loss are trained again with fresh seeds; the stock loss
    is kept unless one of them is better on the dev set by more than chance.

    Killed at any moment and called again, it goes on; called with a larger budget, too. Several
    calls at the same time share the work.

    config: a config of spaCy; its component may be a stock one. train, dev, test: `.spacy` files.
        The test set is looked at once, at the end.
    output: a folder for `model-best`, calibrated; `config.cfg`, which trains it; the study and all
        records. A pipeline whose factory is stock loads where this package is not installed.
    component: its name; without it, the only one whose loss can be chosen. The others are trained
        or frozen as the config says.
    budget: `20 trials`, `90 minutes` of training or `50000 steps`, for the search.
    seeds: how many, for the final comparison.
    metric: the score that counts; without it the one that has most weight in the config.
    search: a YAML file, or its content: settings of the config by their dotted names; see
        `make_space`.
    jobs: processes on this machine. backend, scheduler, gpu_id: as in `compare`; the workers of a
        Dask cluster need the folder and the corpora at the same paths.
    RAISES: ValueError, OSError and ModuleNotFoundError, before anything is trained; ValueError if
        the stock loss cannot be trained.
    """
    output = Path(output)
    check_choice("tune", "backend", backend, BACKENDS)
    limit = Budget.parse(budget)
    if seeds < 2:
        refuse("tune", f"seeds must be at least 2 to tell chance from gain, got {seeds}")
    content = search if isinstance(search, Mapping) else read_search(search)
    task, base = make_task(
        Path(config),
        train=Path(train),
        dev=Path(dev),
        test=None if test is None else Path(test),
        output=output,
        component=component,
        metric=metric,
        search=content,
        owner="search" if isinstance(search, Mapping) or search is None else str(search),
        gpu_id=gpu_id,
    )
    limit.check(len(task.space.fixed), task.fewest_steps)
    with tempfile.TemporaryDirectory() as folder:
        # Nothing is written to the output before all is right.
        path = Path(folder) / BASE
        path.write_text(base, encoding="utf8")
        runs = first_runs(replace(task, dataset=replace(task.dataset, config=str(path))))
        if backend == "loky":
            # The workers of a cluster have GPUs and models of their own.
            check_gpu(gpu_id)
            check_models(runs)
    _begin(task, base)
    study = open_study(task)
    pool = (
        local_pool(fill, failed, jobs)
        if backend == "loky"
        else dask_pool(fill, failed, scheduler, CONNECT_TIMEOUT)
    )
    with pool as run_all, View(study, limit) as view:
        while not study.is_over(limit):
            slots = [_slot(task, limit) for _ in range(study.room(limit, SLOTS))]
            for _ in run_all(slots, view.running):
                view.show()
            if not study.is_over(limit):
                time.sleep(WAIT_SECONDS)
    with locked(output / END, wait=True):
        clear_unfinished(output, deep=False)
        where = {"jobs": jobs, "backend": backend, "scheduler": scheduler}
        result = finish(task, study, seeds=seeds, settings=where)
        write_report(result, study)
        write_json(output / RESULT, result.to_dict())
        shutil.rmtree(output / MODELS, ignore_errors=True)
    return result


def status(output: Path | str) -> str:
    """How far the search of a folder is, in a line."""
    return told(read_trials(Path(output) / STUDY))


def _slot(task: Task, budget: Budget) -> Slot:
    return Slot(name=secrets.token_hex(8), task=task, budget=budget)


def _begin(task: Task, base: str) -> None:
    """Begin the folder of a search, or refuse one that belongs to something else.

    RAISES: FileExistsError, ValueError.
    """
    output, index = task.output, task.output / INDEX
    if output.exists() and not output.is_dir():
        raise FileExistsError(f"{output}: is not a folder")
    if not index.is_file() and output.is_dir():
        others = [path.name for path in output.iterdir() if not path.name.startswith(".")]
        if set(others) - {BASE}:
            raise FileExistsError(
                f"{output}: is not empty and has no {INDEX}; take another output folder"
            )
    output.mkdir(parents=True, exist_ok=True)
    definition = task.definition()
    with locked(output / BEGIN, wait=True):
        if index.is_file():
            old = read_object(index, "take another output folder")
            changed = [key for key in definition if old.get(key) != definition[key]]
            if changed:
                refuse(
                    str(output),
                    f"holds another search; what differs: {', '.join(changed)}. Take another "
                    "output folder",
                )
            return
        write_text(output / BASE, base)
        write_json(index, definition)
