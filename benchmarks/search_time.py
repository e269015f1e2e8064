"""Seconds of a small search: in one process, in threads, and in processes that start for it.

    python benchmarks/search_time.py [--table search_time.md]

`GridSearchCV` over nets of eight units, 9 fits and the refit, 20 epochs each; the first search of
each kind, in which processes start and import, and the median of five more. One search in this
process went before.
"""

import argparse
import time
import warnings
from pathlib import Path
from statistics import median

import joblib
import numpy as np
from printed import write_timings
from sklearn.model_selection import GridSearchCV

from sk_pydelt import NeuralNetworkInterpolator

HEAD = "| | first search, s | those after it, s |"
KINDS = {
    "`n_jobs=None`": (None, "loky"),
    'two threads, `joblib.parallel_config("threading")`': (2, "threading"),
    "two processes, `n_jobs=2`": (2, "loky"),
}


def seconds(n_jobs, backend):
    X = np.linspace(0, 1, 60)[:, None]
    net = NeuralNetworkInterpolator((8,), epochs=20, random_state=0)
    search = GridSearchCV(net, {"alpha": [0.0, 1e-4, 1e-2]}, cv=3, n_jobs=n_jobs)
    start = time.perf_counter()
    with joblib.parallel_config(backend):
        search.fit(X, np.sin(3 * X[:, 0]))
    return time.perf_counter() - start


def rows():
    seconds(None, "loky")
    for label, kind in KINDS.items():
        first, *later = (seconds(*kind) for _ in range(6))
        yield f"| {label} | {first:.2f} | {median(later):.2f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    write_timings(HEAD, rows(), asked.table)


if __name__ == "__main__":
    main()
