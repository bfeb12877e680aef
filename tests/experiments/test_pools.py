"""Pools: what happens when a worker process dies. Light jobs, so that workers start quickly."""

import os
import signal
import subprocess
import sys

import pytest

from spacy_dice.experiments.pools import dask_pool, in_own_process, local_pool

PARENT = os.getpid()


def work(job):
    """Kill the process for the job `deadly`, unless it is this one."""
    name, parent = job
    if name == "deadly":
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"job": name, "pid": os.getpid()}]


def failed(job, error):
    return [{"job": job[0], "error": error}]


def test_dying_process_takes_one_job_with_it():
    names = ["a", "deadly", "b", "c", "d"]
    under_way = []
    with local_pool(work, failed, 2) as run_all:
        records = [r for rs in run_all([(n, PARENT) for n in names], under_way.append) for r in rs]
    assert sorted(record["job"] for record in records) == sorted(names)
    errors = {record["job"]: record["error"] for record in records if "error" in record}
    assert errors == {"deadly": "the worker process died: killed, or out of memory"}
    assert PARENT not in {record.get("pid") for record in records}
    assert max(under_way) == 2
    assert under_way[-1] == 0


def test_one_job_at_a_time_is_this_process():
    with local_pool(work, failed, 1) as run_all:
        records = list(run_all([("a", PARENT), ("b", PARENT)], lambda count: None))
    assert records == [[{"job": "a", "pid": PARENT}], [{"job": "b", "pid": PARENT}]]


ORPHANS = """
import os, sys, time
from spacy_dice.experiments import pools

def work(job):
    print(os.getpid(), flush=True)
    time.sleep(600)

def failed(job, error):
    return []

with pools.local_pool(work, failed, 2) as run_all:
    list(run_all(sys.argv[1:], lambda count: None))
"""


@pytest.mark.parametrize("jobs", [["a", "b"], ["a"]], ids=["", "one that has no job"])
@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(signal_, jobs):
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANS, *jobs],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        workers = [int(process.stdout.readline()) for _ in jobs]
        process.send_signal(signal_)
        try:
            # The pipe ends when the last process that may write to it has ended.
            assert process.communicate(timeout=60)[0] == ""
        except subprocess.TimeoutExpired:
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            raise


def work_that_kills_the_worker(job):
    """Kill the Dask worker that this process belongs to, for the job `deadly`."""
    if job[0] == "deadly":
        os.kill(os.getppid(), signal.SIGKILL)
    return work(("a", PARENT))


def test_own_process():
    assert in_own_process(work, ("a", PARENT))[0]["pid"] != PARENT
    with pytest.raises(RuntimeError, match="died with status -9"):
        in_own_process(work, ("deadly", PARENT))
    with pytest.raises(RuntimeError, match="status 1: TypeError: cannot unpack"):
        in_own_process(work, None)


def test_dask_gives_up_a_job_that_workers_die_of():
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        dask_pool(work_that_kills_the_worker, failed, cluster.scheduler_address, 10) as run_all,
    ):
        records = [r for rs in run_all([("deadly", PARENT)], lambda count: None) for r in rs]
    assert [record["job"] for record in records] == ["deadly"]
    assert "died" in records[0]["error"]
