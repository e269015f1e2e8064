"""Ten million rows through `sk_pydelt.dask`: seconds of one and two processes, memory of each.

Seconds on the clock are told only where the processors are free. Processor seconds are those of the
worker that had most to do: where several share the rows evenly and nothing is done twice, they fall
as the number of workers rises, on a busy machine too.

    python benchmarks/dask_rows.py [--rows 10000000] [--chunk 250000] [--table dask_rows.md]

Values and slopes of a net of two features, drawn and averaged chunk by chunk, on clusters of
processes of one thread that have imported everything. Memory is the largest that any worker held
(its peak resident set), beside that of before; it is bounded where a tenth of the rows takes the
same. One process and several take turns; the table shows medians.
"""

import argparse
import resource
import time
from pathlib import Path
from statistics import median

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from printed import write_timings

from sk_pydelt import NeuralNetworkInterpolator
from sk_pydelt.dask import gradient, predict

HEAD = "| processes | rows | seconds | of the processor | MB before | MB at most |"
LOOPBACK = {"host": "127.0.0.1", "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}


def fitted():
    """A net of 16-16 units on two features."""
    X = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    net = NeuralNetworkInterpolator((16, 16), solver="lm", epochs=50, random_state=0)
    return net.fit(X, np.sin(3 * X[:, 0]) * X[:, 1])


def means(model, rows, chunk):
    """Averages of the values and of the slopes, lazily."""
    X = da.random.default_rng(0).uniform(-1, 1, (rows, 2), chunks=(chunk, 2))
    return predict(model, X).mean(), gradient(model, X).mean(axis=0)


def used():
    """Processor seconds of this process so far, and the megabytes that it held at most."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def run(model, processes, rows, chunk):
    """Seconds, those of the busiest processor, megabytes of the largest worker, and averages."""
    options = {"n_workers": processes, "threads_per_worker": 1}
    with LocalCluster(**options, **LOOPBACK) as cluster, Client(cluster) as client:
        dask.compute(*means(model, 2 * processes * 1000, 1000))
        client.run(means, model, 1000, 1000)
        before = np.array(list(client.run(used).values()))
        start = time.perf_counter()
        found = dask.compute(*means(model, rows, chunk))
        seconds = time.perf_counter() - start
        after = np.array(list(client.run(used).values()))
        busiest = (after - before)[:, 0].max()
        return seconds, busiest, before[:, 1].max(), after[:, 1].max(), np.hstack(found)


def measured(rows, chunk, processes, rounds):
    """All runs by the number of processes and of rows; one process and several take turns."""
    model, found = fitted(), {}
    for _ in range(rounds):
        for p in (1, processes):
            for n in (rows // 10, rows):
                found.setdefault((p, n), []).append(run(model, p, n, chunk))
    return found


def table(rows, chunk, processes, rounds):
    """Medians of each, and a sentence that compares."""
    found = measured(rows, chunk, processes, rounds)
    medians = {
        key: [median(run[i] for run in runs) for i in range(4)] for key, runs in found.items()
    }
    for (p, n), (clock, busiest, before, after) in medians.items():
        yield f"| {p} | {n:,} | {clock:.1f} | {busiest:.1f} | {before:.0f} | {after:.0f} |"
    one, several = medians[1, rows], medians[processes, rows]
    apart = np.abs(found[1, rows][0][4] - found[processes, rows][0][4]).max()
    yield (
        f"\n{processes} processes are {one[0] / several[0]:.2f} times as fast as one by the clock "
        f"and {one[1] / several[1]:.2f} by the processor; averages differ by {apart:.0e}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10**7)
    parser.add_argument("--chunk", type=int, default=250_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    rows = table(asked.rows, asked.chunk, asked.processes, asked.rounds)
    write_timings(HEAD, rows, asked.table)


if __name__ == "__main__":
    main()
