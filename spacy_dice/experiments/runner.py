"""Run a matrix: train what has no result yet, and record each run as it ends."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from .._files import write_json
from .._validation import check_choice
from .definition import Run, runs_of
from .machine import check_gpu, check_models
from .matrix import Matrix
from .pools import Pool, dask_pool, local_pool
from .results import open_folder, open_runs
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
    pool: AbstractContextManager[Pool] = (
        local_pool(run_job, failed_records, jobs)
        if backend == "loky"
        else dask_pool(run_job, failed_records, scheduler, connect_timeout)
    )
    with pool as run_all:
        open_folder(output, matrix)
        todo = {run.path: run for run in open_runs(output, runs, replace=replace)}
        failed: dict[str, str] = {}
        with _Progress(len(runs), done=len(runs) - len(todo)) as progress:
            for records in run_all(_jobs(list(todo.values()), gpu_id), progress.running):
                for record in records:
                    path = Path(record["dataset"], record["loss"], f"{record['seed']}.json")
                    write_json(output / path, record)
                    if "error" in record:
                        failed[str(todo[path])] = record["error"]
                    progress.finished(record.get("error"))
    return Summary(len(todo) - len(failed), len(runs) - len(todo), failed)


def _jobs(runs: Sequence[Run], gpu_id: int) -> list[Job]:
    """Runs that need the same training go together."""
    together: dict[tuple[str, str, int], list[Run]] = {}
    for run in runs:
        trained = run.row.calibrate or run.row.name
        together.setdefault((run.dataset.name, trained, run.seed), []).append(run)
    return [Job(runs=tuple(group), gpu_id=gpu_id) for group in together.values()]


class _Progress:
    """A bar with the runs done, running and failed, and the time left; none without a terminal."""

    def __init__(self, total: int, *, done: int) -> None:
        self.bar = tqdm(total=total, initial=done, unit="run", disable=None, dynamic_ncols=True)
        self.failed = 0
        self.under_way = 0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def running(self, count: int) -> None:
        self.under_way = count
        self._show()

    def finished(self, error: str | None) -> None:
        self.failed += error is not None
        self.bar.update(1)
        self._show()

    def _show(self) -> None:
        self.bar.set_postfix(running=self.under_way, failed=self.failed)
