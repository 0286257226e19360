"""``python -m tests.hist.cluster_job``: two worker processes, one of which is killed meanwhile."""

from __future__ import annotations

import sys
import time

import dask_awkward as dak
from distributed import Client, LocalCluster

import dualak.dask
import dualak.hist
from tests.hist.test_clusters import AT, analysis, events, same


def slow(p, events):
    time.sleep(0.2)
    return analysis(p, events)


def main() -> None:
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        collection = dak.from_awkward(events(400), 20)
        future = client.compute(dualak.dask.differentiate(slow, AT, collection))
        before = {worker.process.process.pid for worker in cluster.workers.values()}
        time.sleep(4.0)
        assert future.status == "pending", "the work was done before a worker died"
        next(iter(cluster.workers.values())).process.process.kill()
        found = future.result(timeout=120)
        after = {worker.process.process.pid for worker in cluster.workers.values()}
    assert before != after
    same(found, dualak.hist.differentiate(analysis, AT, events(400)))
    sys.stdout.write("the same\n")


if __name__ == "__main__":
    main()
