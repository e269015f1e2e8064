"""Time of one Adam epoch: ours beside bare loops, MLPRegressor and Keras, in one run.

    python benchmarks/epoch_overhead.py [--table epoch_overhead.md]
    python benchmarks/epoch_overhead.py --batch-size 1024

Milliseconds for an epoch. Methods alternate within each round, and the table shows medians over the
rounds, so that a busy machine slows all alike. The bare torch loop is the floor: fused Adam, no
callbacks, no history, no loss read, on one thread or torch's default number, whichever is faster.
The TensorFlow backend does without `keras.Model.fit`, the last column.
"""

import argparse
import time
import warnings
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from printed import write_timings
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import nn

from sk_pydelt import NeuralNetworkInterpolator

HIDDEN_LAYERS = (128, 64, 32)
SIZES = ((15, 1), (1000, 3))  # of full batches
MANY = ((32_768, 3),)  # of mini-batches


def bare_loop(X, y, epochs, batch_size, threads):
    """Seconds for an epoch of the shortest training loop torch allows."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    X, y = torch.tensor(X), torch.tensor(y[:, None])
    widths = (X.shape[1], *HIDDEN_LAYERS)
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.Tanh())]
    net = nn.Sequential(*layers, nn.Linear(widths[-1], 1)).to(X.dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    loss_function = nn.MSELoss()

    def batches():
        if batch_size is None:
            return [(X, y)]
        return ((X[rows], y[rows]) for rows in torch.randperm(len(X)).split(batch_size))

    def train(n):
        for _ in range(n):
            for places, targets in batches():
                optimizer.zero_grad()
                loss = loss_function(net(places), targets)
                loss.backward()
                optimizer.step()

    train(10 if batch_size is None else 1)
    start = time.perf_counter()
    train(epochs)
    seconds = (time.perf_counter() - start) / epochs
    torch.set_num_threads(before)
    return seconds


def _epoch_of_fit(make, X, y, epochs):
    """Seconds for an epoch, from the difference of a long and a short fit; the first warms up."""
    seconds, few = [], min(10, epochs)
    for n in (few, few, few + epochs):
        start = time.perf_counter()
        make(n).fit(X, y)
        seconds.append(time.perf_counter() - start)
    return (seconds[2] - seconds[1]) / epochs


def interpolator(X, y, epochs, batch_size, backend):
    options = {"dtype": X.dtype.name, "backend": backend, "random_state": 0}
    options["batch_size"] = batch_size
    if backend == "tensorflow" and batch_size is None:
        epochs *= 10  # compiled epochs are short beside the compiling
    return _epoch_of_fit(
        lambda n: NeuralNetworkInterpolator(HIDDEN_LAYERS, epochs=n, **options), X, y, epochs
    )


def mlp_regressor(X, y, epochs, batch_size):
    def make(n):
        forever = {"max_iter": n, "n_iter_no_change": 10 * n, "tol": 0}
        return MLPRegressor(
            hidden_layer_sizes=HIDDEN_LAYERS,
            activation="tanh",
            batch_size=batch_size or len(X),
            random_state=0,
            **forever,
        )

    return _epoch_of_fit(make, X, y, epochs)


def keras_fit(X, y, epochs, batch_size):
    """Seconds for an epoch of Keras' own loop."""
    from sk_pydelt.backends.tensorflow.framework import keras

    epochs = max(1, epochs // 10)
    layers = [keras.layers.Dense(k, activation="tanh", dtype=X.dtype.name) for k in HIDDEN_LAYERS]
    model = keras.Sequential([*layers, keras.layers.Dense(1, dtype=X.dtype.name)])
    model.compile(optimizer="adam", loss="mse")
    size = batch_size or len(X)
    model.fit(X, y, batch_size=size, epochs=3, verbose=0)
    start = time.perf_counter()
    model.fit(X, y, batch_size=size, epochs=epochs, verbose=0)
    return (time.perf_counter() - start) / epochs


def prediction(X, y, backend):
    """Seconds for a prediction of 15 rows, after the first."""
    net = NeuralNetworkInterpolator(HIDDEN_LAYERS, epochs=2, backend=backend).fit(X, y)
    net.predict(X[:15])
    seconds = []
    for _ in range(200):
        start = time.perf_counter()
        net.predict(X[:15])
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def bare(X, y, epochs, batch_size):
    """The faster of one thread and torch's default number."""
    numbers = {1, torch.get_num_threads()}
    return min(bare_loop(X, y, epochs, batch_size, threads) for threads in numbers)


def methods():
    found = {"bare torch loop": bare, "ours, pytorch": partial(interpolator, backend="pytorch")}
    if find_spec("tensorflow"):
        found["ours, tensorflow"] = partial(interpolator, backend="tensorflow")
    found["`MLPRegressor`"] = mlp_regressor
    if find_spec("tensorflow"):
        found["`keras.Model.fit`"] = keras_fit
    return found


def samples(n, d, dtype):
    X = np.random.default_rng(0).standard_normal((n, d)).astype(dtype)
    return X, np.sin(X.sum(axis=1))


def row(n, d, dtype, rounds, epochs, batch_size):
    X, y = samples(n, d, dtype)
    times = [
        [1e3 * method(X, y, epochs, batch_size) for method in methods().values()]
        for _ in range(rounds)
    ]
    cells = " | ".join(f"{value:.3g}" for value in np.median(times, axis=0))
    return f"| {n} × {d} | {dtype} | {cells} |"


def rows(sizes, *options):
    for n, d in sizes:
        for dtype in ("float64", "float32"):
            yield row(n, d, dtype, *options)
    X, y = samples(1000, 3, "float32")
    backends = [name.split()[-1] for name in methods() if name.startswith("ours")]
    of_each = (f"{1e3 * prediction(X, y, name):.2g} ms with {name}" for name in backends)
    yield f"\nA prediction of 15 rows takes {', '.join(of_each)}."


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--batch-size", type=int, default=None)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    size = arguments.batch_size
    epochs = arguments.epochs or (200 if size is None else 5)
    warnings.simplefilter("ignore", ConvergenceWarning)
    head = f"| samples × features | dtype | {' | '.join(methods())} |"
    found = rows(SIZES if size is None else MANY, arguments.rounds, epochs, size)
    write_timings(head, found, arguments.table)


if __name__ == "__main__":
    main()
