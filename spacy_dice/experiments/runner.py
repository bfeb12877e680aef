"""Run a matrix: train what has no result yet, and record each run as it ends."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import NamedTuple

from .._files import write_json
from .._validation import check_choice
from .definition import Run, runs_of
from .folder import Head, open_folder, open_runs, own_folder
from .machine import check_gpu, check_models
from .matrix import Matrix
from .pools import Pool, dask_pool, local_pool
from .progress import Progress
from .scratch import scratch_folder
from .training import Job, failed_records, run_job

BACKENDS = ("loky", "dask")
# Seconds until a scheduler that does not answer counts as unreachable.
CONNECT_TIMEOUT = 10.0


class Summary(NamedTuple):
    """How many runs a call trained and found done, and which failed (with their errors)."""

    trained: int
    found: int
    failed: dict[str, str]


def compare(
    matrix: Matrix,
    output: Path,
    *,
    part: Matrix | None = None,
    jobs: int = 1,
    backend: str = "loky",
    scheduler: str | None = None,
    gpu_id: int = -1,
    replace: bool = False,
    models: Path | None = None,
    connect_timeout: float = CONNECT_TIMEOUT,
) -> Summary:
    """Train all runs of a matrix that have no result in `output`, and record each as it ends.

    Killed at any moment and called again, it trains what is missing. Runs that failed are tried
    again.

    part: what to train of the matrix (see `Matrix.select`); without it, all.
    jobs: processes on this machine; -1 for one on each core.
    backend, scheduler: "dask" runs on the cluster of the scheduler at this address.
    gpu_id: the CUDA device to train on; -1 for the CPU.
    replace: train again what was made by another definition of the same run.
    models: a folder that keeps the trained pipelines, each with its best checkpoint. Rows that
        are added to a matrix later and derive from them (`{calibrate: CE}`) need no training then,
        and teachers are kept when the call is killed.
    RAISES: ValueError, FileNotFoundError, FileExistsError, ModuleNotFoundError and
        ConnectionError, all before anything is trained.
    """
    check_choice("compare", "backend", backend, BACKENDS)
    runs = runs_of(matrix)
    if part is not None:
        runs = [
            run
            for run in runs
            if run.dataset.name in part.datasets
            and run.row.name in part.rows
            and run.seed in part.seeds
        ]
    if backend == "loky":
        # The workers of a cluster have GPUs and models of their own.
        check_gpu(gpu_id)
        check_models(runs)
    pool: AbstractContextManager[Pool[Job]] = (
        local_pool(run_job, failed_records, jobs)
        if backend == "loky"
        else dask_pool(run_job, failed_records, scheduler, connect_timeout)
    )
    with pool as run_all, own_folder(output), scratch_folder() as scratch:
        open_folder(output, matrix)
        todo = {run.path: run for run in open_runs(output, runs, replace=replace)}
        failed: dict[str, str] = {}
        # Workers of a cluster may not see the files of this machine.
        here = scratch if backend == "loky" else None
        sources = {s.trained: s for run in todo.values() for s in run.sources}
        if sources and here and models is None:
            models = here / "models"
        work = _jobs(todo.values(), gpu_id, models, here)
        if models:
            # First, so that rows that share them do not both train them; what fails here is
            # trained, and recorded, again by the run that needs it.
            missing = [run for place, run in sources.items() if not (models / place).exists()]
            first = [
                replace_fields(job, only_trains=True, progress=None)
                for job in _jobs(missing, gpu_id, models, here)
            ]
            for _ in run_all(first, lambda count: None):
                pass
        with Progress(len(runs), done=len(runs) - len(todo), jobs=work) as progress:
            for records in run_all(work, progress.running):
                ended = [todo[path_of(record)] for record in records]
                for run, record in zip(ended, records, strict=True):
                    write_json(output / run.path, record)
                    if "error" in record:
                        failed[str(run)] = record["error"]
                progress.finished(str(ended[0]), records)
    return Summary(len(todo) - len(failed), len(runs) - len(todo), failed)


def path_of(record: Head) -> Path:
    """Where a record belongs, in the folder of the matrix."""
    return Path(record["dataset"], record["loss"], f"{record['seed']}.json")


def _jobs(runs: Iterable[Run], gpu_id: int, models: Path | None, scratch: Path | None) -> list[Job]:
    """Runs that need the same training go together.

    scratch: the folder for what is not kept, and in which each job tells the step it is at.
    """
    together: dict[tuple[str, str, int], list[Run]] = {}
    for run in runs:
        trained = run.row.calibrate or run.row.name
        together.setdefault((run.dataset.name, trained, run.seed), []).append(run)
    return [
        Job(
            runs=tuple(group),
            gpu_id=gpu_id,
            progress=scratch / str(i) if scratch else None,
            scratch=scratch,
            models=models,
        )
        for i, group in enumerate(together.values())
    ]
