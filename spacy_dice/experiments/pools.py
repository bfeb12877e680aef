"""Where jobs run: on processes of this machine (joblib), or on the workers of a cluster (Dask).

A job is anything that can be pickled and has a name of its own, `str(job)`.
"""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import joblib

from .._validation import refuse
from .folder import Record

# So often a worker looks whether its parent is there.
PARENT_SECONDS = 0.5

# What is recorded of a job: something that JSON has.
Records = list[Record]
_Job = TypeVar("_Job")
# What a job comes to, and what is recorded of one that cannot say so itself, with the reason.
Work = Callable[[_Job], Records]
Failed = Callable[[_Job, str], Records]
# Yields the records of each job as it ends, in any order; tells how many are under way.
Pool = Callable[[Sequence[_Job], Callable[[int], None]], Iterator[Records]]


@contextmanager
def local_pool(work: Work[_Job], failed: Failed[_Job], n_jobs: int) -> Iterator[Pool[_Job]]:
    """Processes of this machine; a single one is this process itself.

    n_jobs: how many; -1 for one on each core.
    """

    def run(jobs: Sequence[_Job], running: Callable[[int], None]) -> Iterator[Records]:
        waiting = {str(job): job for job in jobs}
        while waiting:
            under_way: set[str] = set()
            try:
                for name, records in _parallel(work, waiting, n_jobs, under_way, running):
                    del waiting[name]
                    yield records
            except BrokenProcessPool:
                # A process that dies takes the others with it. Those that were under way run again
                # one at a time, and the one that dies again is what killed the process.
                for name in sorted(under_way):
                    yield _alone(work, failed, name, waiting.pop(name), running)

    yield run


def _alone(
    work: Work[_Job], failed: Failed[_Job], name: str, job: _Job, running: Callable[[int], None]
) -> Records:
    try:
        # Two processes, because one would be this one.
        return next(records for _, records in _parallel(work, {name: job}, 2, set(), running))
    except BrokenProcessPool:
        running(0)
        return failed(job, "the worker process died: killed, or out of memory")


def _parallel(
    work: Work[_Job],
    jobs: dict[str, _Job],
    n_jobs: int,
    under_way: set[str],
    running: Callable[[int], None],
) -> Iterator[tuple[str, Records]]:
    processes = joblib.effective_n_jobs(n_jobs)

    def tasks() -> Iterator[Any]:
        for name, job in list(jobs.items()):
            under_way.add(name)
            running(min(len(under_way), processes))
            yield joblib.delayed(_named)(work, name, job)

    parallel = joblib.Parallel(
        n_jobs=n_jobs,
        backend="loky",
        batch_size=1,
        pre_dispatch="n_jobs",
        return_as="generator_unordered",
        # Before it gets a job, too: there may be fewer jobs than workers.
        initializer=end_with,
        initargs=(os.getpid(),),
    )
    for name, records in parallel(tasks()):
        under_way.remove(name)
        running(min(len(under_way), processes))
        yield name, records


def _named(work: Work[_Job], name: str, job: _Job) -> tuple[str, Records]:
    return name, work(job)


@cache
def end_with(parent: int) -> None:
    """Let this process end as soon as its parent has, however that ended."""
    threading.Thread(target=_wait_for_the_end, args=(parent,), daemon=True).start()


def _wait_for_the_end(parent: int) -> None:
    if sys.platform == "win32":
        import ctypes

        synchronize, infinite = 0x00100000, 0xFFFFFFFF
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(synchronize, False, parent)
        if not handle:
            os._exit(1)
        kernel.WaitForSingleObject(handle, infinite)
    else:
        # A process whose parent has ended gets another one.
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
    os._exit(1)


@contextmanager
def dask_pool(
    work: Work[_Job], failed: Failed[_Job], scheduler: str | None, timeout: float
) -> Iterator[Pool[_Job]]:
    """The workers of the Dask cluster whose scheduler has this address.

    They need this package, and the corpora at the same paths. Each job has a process of its own
    there. Work of a worker that dies goes to another one; a job that workers die of more often than
    the scheduler allows is recorded as failed. (Dask's own client, not joblib's backend for it:
    that one waits forever for such a job.)

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

    def run(jobs: Sequence[_Job], running: Callable[[int], None]) -> Iterator[Records]:
        futures = {client.submit(in_own_process, work, job, pure=False): job for job in jobs}
        cores = sum(client.ncores().values())
        running(min(cores, len(futures)))
        for future in distributed.as_completed(list(futures), loop=client.loop):
            job = futures.pop(future)
            error = future.exception()
            records = future.result() if error is None else failed(job, str(error))
            # The result is kept here only, not in the cluster's memory.
            future.release()
            running(min(cores, len(futures)))
            yield records

    with client:
        yield run


def in_own_process(work: Work[_Job], job: _Job) -> Records:
    """`work(job)` in a new process.

    Workers of a cluster do other things beside a job, in threads that draw from the same random
    numbers: what a seed leads to would depend on them.

    RAISES: RuntimeError if the process dies.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(os.getpid())],
        input=pickle.dumps((work, job)),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(
            f"the process of the run died with status {done.returncode}: {''.join(lines[-1:])}"
        )
    return json.loads(done.stdout)


# What a library prints must not get between the records.
_CHILD = """
import json, os, pickle, sys
from spacy_dice.experiments.pools import end_with
end_with(int(sys.argv[1]))
output = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
work, job = pickle.load(sys.stdin.buffer)
json.dump(work(job), output)
output.close()
"""
