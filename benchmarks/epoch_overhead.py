"""Time of one full-batch Adam epoch: ours beside a bare torch loop and MLPRegressor, in one run.

    python benchmarks/epoch_overhead.py

Rows alternate within each round, and the table shows medians over the rounds, so that a busy
machine slows all rows alike. The bare loop is the floor: fused Adam, no callbacks, no history, no
loss read, on one thread or torch's default number, whichever is faster.
"""

import argparse
import time
import warnings
from itertools import pairwise
from statistics import median

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import nn

from sk_pydelt import NeuralNetworkInterpolator

HIDDEN_LAYERS = (128, 64, 32)
SIZES = ((15, 1), (1000, 3))


def bare_loop(X, y, epochs, threads):
    """Seconds for an epoch of the shortest training loop torch allows."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    X, y = torch.tensor(X), torch.tensor(y[:, None])
    widths = (X.shape[1], *HIDDEN_LAYERS)
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.Tanh())]
    net = nn.Sequential(*layers, nn.Linear(widths[-1], 1)).to(X.dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    loss_function = nn.MSELoss()

    def train(n):
        for _ in range(n):
            optimizer.zero_grad()
            loss = loss_function(net(X), y)
            loss.backward()
            optimizer.step()

    train(10)
    start = time.perf_counter()
    train(epochs)
    seconds = (time.perf_counter() - start) / epochs
    torch.set_num_threads(before)
    return seconds


def _epoch_of_fit(make, X, y, epochs):
    """Seconds for an epoch, from the difference of a long and a short fit."""
    seconds = []
    for n in (10, 10 + epochs):
        start = time.perf_counter()
        make(n).fit(X, y)
        seconds.append(time.perf_counter() - start)
    return (seconds[1] - seconds[0]) / epochs


def sk_pydelt(X, y, epochs):
    def make(n):
        dtype = X.dtype.name
        return NeuralNetworkInterpolator(HIDDEN_LAYERS, epochs=n, dtype=dtype, random_state=0)

    return _epoch_of_fit(make, X, y, epochs)


def mlp_regressor(X, y, epochs):
    def make(n):
        forever = {"max_iter": n, "n_iter_no_change": 10 * n, "tol": 0}
        return MLPRegressor(
            hidden_layer_sizes=HIDDEN_LAYERS,
            activation="tanh",
            batch_size=len(X),
            random_state=0,
            **forever,
        )

    return _epoch_of_fit(make, X, y, epochs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=200)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{torch.get_num_threads()} threads, layers {HIDDEN_LAYERS}, milliseconds for an epoch")
    print(f"{'samples':>9} {'dtype':>8} {'method':>28} {'ms':>8} {'of floor':>9}")
    for n, d in SIZES:
        for dtype in ("float64", "float32"):
            rng = np.random.default_rng(0)
            X = rng.standard_normal((n, d)).astype(dtype)
            y = np.sin(X.sum(axis=1))
            methods = {
                "bare loop, 1 thread": lambda X, y, e: bare_loop(X, y, e, 1),
                "bare loop, default threads": lambda X, y, e: bare_loop(
                    X, y, e, torch.get_num_threads()
                ),
                "NeuralNetworkInterpolator": sk_pydelt,
                "MLPRegressor": mlp_regressor,
            }
            times = {name: [] for name in methods}
            for _ in range(arguments.rounds):
                for name, method in methods.items():
                    times[name].append(1e3 * method(X, y, arguments.epochs))
            medians = {name: median(values) for name, values in times.items()}
            floor = min(value for name, value in medians.items() if name.startswith("bare"))
            for name, value in medians.items():
                print(f"{f'{n} x {d}':>9} {dtype:>8} {name:>28} {value:8.3f} {value / floor:9.2f}")


if __name__ == "__main__":
    main()
