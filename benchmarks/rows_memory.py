"""Memory of a fit to a file that is read in rows, and of values and slopes at as many places.

    python benchmarks/rows_memory.py --rows 20000000 [--table rows_memory.md]

Writes a file of float32 rows, fits a net to it as a `numpy.memmap` for one epoch of mini-batches,
and tells by how much the process's own memory (RssAnon, without the pages of the file) grew at its
highest; then the same of `predict` and `gradient` with X in memory, less their results. Linux only.
"""

import argparse
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from printed import write_timings
from sklearn.exceptions import ConvergenceWarning

from sk_pydelt import NeuralNetworkInterpolator

MB = 1e6


def own_memory():
    """Bytes of this process that are not pages of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024


class Peak:
    """The highest memory of the process while it is open."""

    def __enter__(self):
        self.bytes, self.open = own_memory(), True
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while self.open:
            self.bytes = max(self.bytes, own_memory())
            time.sleep(0.01)

    def __exit__(self, *error):
        self.open = False
        self.thread.join()


def write(folder, rows, features):
    """Files of places in a cube, and of the sum of their sines."""
    shapes = {"X": (rows, features), "y": (rows,)}
    X, y = (
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, shape)
        for name, shape in shapes.items()
    )
    rng = np.random.default_rng(0)
    for start in range(0, rows, 1_000_000):
        part = slice(start, start + 1_000_000)
        X[part] = rng.uniform(-1, 1, X[part].shape)
        y[part] = np.sin(3 * X[part]).sum(axis=1)


class Measured(NamedTuple):
    seconds: float
    bytes: int  # how far the process's own memory grew at its highest


def measured(function):
    before, start = own_memory(), time.perf_counter()
    with Peak() as peak:
        result = function()
    return Measured(time.perf_counter() - start, peak.bytes - before), result


def rows(asked):
    """A fit to a file, and values and slopes at as many places in memory, above the results."""
    net = NeuralNetworkInterpolator((16, 16), dtype="float32", random_state=0, epochs=1)
    net.set_params(batch_size=asked.batch_size, backend=asked.backend)
    places = np.random.default_rng(0).uniform(-1, 1, (asked.rows, asked.features))
    net.fit(places[:4096], np.sin(3 * places[:4096]).sum(axis=1))  # loads the framework
    for name, function in (("predict", net.predict), ("gradient", net.gradient)):
        function(places[:100])
        took, found = measured(lambda function=function: function(places))
        yield row(f"`{name}` of X in memory", took._replace(bytes=took.bytes - found.nbytes))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), asked.rows, asked.features)
        X, y = (np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in "Xy")
        took, _ = measured(lambda: net.set_params(epochs=asked.epochs).fit(X, y))
        yield row(f"`fit` of a file, {asked.epochs} epoch in batches of {asked.batch_size:,}", took)
    yield f"\nX of {asked.rows:,} × {asked.features} float64 takes {X.size * 8 / MB:.0f} MB."


def row(label, took):
    return f"| {label} | {took.seconds:.0f} | {took.bytes / MB:.0f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--features", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--backend", default="pytorch")
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    write_timings("| | seconds | MB beside X and the result |", rows(asked), asked.table)


if __name__ == "__main__":
    main()
