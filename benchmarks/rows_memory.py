"""Memory of a fit to a file that is read in rows, above the file itself.

    python benchmarks/rows_memory.py --rows 20000000

Writes a file of float32 rows, fits a net to it as a `numpy.memmap` for one epoch of mini-batches,
and prints by how much the process's own memory (RssAnon, without the pages of the file) grew at its
highest, beside what X takes in the file and in float64. Linux only.
"""

import argparse
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--features", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--backend", default="pytorch")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = {"batch_size": arguments.batch_size, "backend": arguments.backend}
    options |= {"dtype": "float32", "random_state": 0}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), arguments.rows, arguments.features)
        X, y = (np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in "Xy")
        net = NeuralNetworkInterpolator((16, 16), **options)
        net.set_params(epochs=1).fit(np.array(X[:4096]), np.array(y[:4096]))  # loads the framework
        before, start = own_memory(), time.perf_counter()
        with Peak() as peak:
            net.set_params(epochs=arguments.epochs).fit(X, y)
        seconds = time.perf_counter() - start
        n_bytes = X.size * 4
        print(
            f"{arguments.backend}: {arguments.rows:,} x {arguments.features} rows, "
            f"{arguments.epochs} epoch(s) of batches of {arguments.batch_size} in {seconds:.0f} s: "
            f"{(peak.bytes - before) / MB:.0f} MB above the file at most (X in the file "
            f"{n_bytes / MB:.0f} MB, in float64 {2 * n_bytes / MB:.0f} MB); R² = "
            f"{net.score(np.array(X[:4096]), np.array(y[:4096])):.4f}"
        )


if __name__ == "__main__":
    main()
