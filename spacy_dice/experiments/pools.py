"""Where jobs run: on processes of this machine (joblib), or on the workers of a cluster (Dask)."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import joblib

from .._validation import refuse
from .training import Job, Record, failed_records, run_job

# Yields the records of each job as it ends, in any order; tells how many are under way.
Pool = Callable[[Sequence[Job], Callable[[int], None]], Iterator[list[Record]]]


@contextmanager
def local_pool(n_jobs: int) -> Iterator[Pool]:
    """Processes of this machine; a single one is this process itself.

    n_jobs: how many; -1 for one on each core.
    """

    def run(jobs: Sequence[Job], running: Callable[[int], None]) -> Iterator[list[Record]]:
        waiting = {str(job): job for job in jobs}
        while waiting:
            under_way: dict[str, Job] = {}
            try:
                for name, records in _parallel(list(waiting.values()), n_jobs, under_way, running):
                    del waiting[name]
                    yield records
            except BrokenProcessPool:
                # A process that dies takes the others with it. Those that were under way run again
                # one at a time, and the one that dies again is what killed the process.
                for name in under_way:
                    yield _alone(waiting.pop(name), running)

    yield run


def _alone(job: Job, running: Callable[[int], None]) -> list[Record]:
    try:
        # Two processes, because one would be this one.
        return next(records for _, records in _parallel([job], 2, {}, running))
    except BrokenProcessPool:
        return failed_records(job, "the worker process died: killed, or out of memory")


def _parallel(
    jobs: list[Job], n_jobs: int, under_way: dict[str, Job], running: Callable[[int], None]
) -> Iterator[tuple[str, list[Record]]]:
    def tasks() -> Iterator[Any]:
        for job in jobs:
            under_way[str(job)] = job
            running(len(under_way))
            yield joblib.delayed(_named)(job)

    parallel = joblib.Parallel(
        n_jobs=n_jobs,
        backend="loky",
        batch_size=1,
        pre_dispatch="n_jobs",
        return_as="generator_unordered",
    )
    for name, records in parallel(tasks()):
        del under_way[name]
        running(len(under_way))
        yield name, records


def _named(job: Job) -> tuple[str, list[Record]]:
    return str(job), run_job(job)


@contextmanager
def dask_pool(scheduler: str | None, timeout: float) -> Iterator[Pool]:
    """The workers of the Dask cluster whose scheduler has this address.

    They need this package, and the corpora at the same paths. Work of a worker that dies goes to
    another one; a job that workers die of more often than the scheduler allows is recorded as
    failed. (Dask's own client, not joblib's backend for it: that one waits forever for such a job.)

    timeout: seconds to wait for the scheduler.
    RAISES: ModuleNotFoundError, ValueError without an address, ConnectionError.
    """
    if not scheduler:
        refuse("compare", "the backend 'dask' needs --scheduler, such as tcp://127.0.0.1:8786")
    try:
        import distributed
    except ModuleNotFoundError as error:
        message = "the backend 'dask' needs `pip install 'spacy-dice[dask]'`"
        raise ModuleNotFoundError(message) from error
    try:
        client = distributed.Client(scheduler, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ConnectionError(f"no Dask scheduler answers at {scheduler!r}: {error}") from error

    def run(jobs: Sequence[Job], running: Callable[[int], None]) -> Iterator[list[Record]]:
        futures = {client.submit(run_job, job, pure=False): job for job in jobs}
        cores = sum(client.ncores().values())
        running(min(cores, len(futures)))
        for future in distributed.as_completed(list(futures)):
            job = futures.pop(future)
            error = future.exception()
            # The result is kept here only, not in the cluster's memory.
            records = future.result() if error is None else failed_records(job, str(error))
            future.release()
            running(min(cores, len(futures)))
            yield records

    with client:
        yield run
