"""What the estimators cost on a GPU beside bare torch on the same card, in one run.

    python benchmarks/gpu.py [--rounds 7] [--device cuda] [--table gpu.md]

Values, first and fourth derivatives of a 64-64 tanh net at 1,000,000 places; Jacobians and
Hessians of a 128-128 tanh net of ten features at 200,000; an epoch of mini-batches of 1024. Once
with arrays of NumPy, which go to the card and back on either side, and once with tensors that are
there and stay there. Bare torch is the module itself on scaled places, `torch.autograd.grad` of the
sum, nested for higher orders, and `torch.func.vmap(torch.func.hessian)`.

Where torch finds no GPU it says so, and compares on the processor, at a fiftieth of the places:
those ratios are not what the targets are of.

Times are medians over rounds in which everything takes its turn; "target" is what their ratio is
not to exceed, "apart" the largest difference of the results over their largest value.
"""

import argparse
import time
import warnings
from itertools import chain, pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from printed import write_timings
from torch import nn

from sk_pydelt import NeuralNetworkInterpolator

CURVE, FIELD = (1_000_000, 1, (64, 64)), (200_000, 10, (128, 128))
SAMPLES, BATCH = 65_536, 1024
HEAD = "| | ours, ms | bare torch, ms | ratio | target | apart |"


def fitted(n, d, hidden, device):
    """A net, and places for it: an array (n, d)."""
    X = np.random.default_rng(0).uniform(-1, 1, (n, d))
    net = NeuralNetworkInterpolator(hidden, epochs=3, random_state=0, device=device)
    return net.fit(X[:2000], np.sin(3 * X[:2000].sum(axis=1))), X


class Bare:
    """The same numbers by torch alone: its module on scaled places (n, d)."""

    def __init__(self, net):
        self.module = net.net_.module_
        scaler = net.x_scaler_
        device = next(self.module.parameters()).device
        constants = scaler.min_, scaler.scale_
        self.shift, self.scale = (torch.tensor(part, device=device) for part in constants)
        self.unit, self.mean = float(net.y_scaler_.scale_[0]), float(net.y_scaler_.mean_[0])

    def scaled(self, x):
        return x * self.scale + self.shift

    def predict(self, x):
        with torch.no_grad():
            return self.module(self.scaled(x))[:, 0] * self.unit + self.mean

    def derivative(self, x, order):
        """All derivatives by the sum of rows, order after order: (n, d)."""
        x = x.detach().requires_grad_()
        y = self.module(self.scaled(x))[:, 0] * self.unit
        for k in range(order):
            (y,) = torch.autograd.grad(y.sum(), x, create_graph=k + 1 < order)
        return y

    def hessian(self, x):
        """Forward over reverse, row by row: (n, d, d)."""

        def value(row):
            return self.module(self.scaled(row)[None])[0, 0] * self.unit

        with torch.no_grad():
            return torch.func.vmap(torch.func.hessian(value))(x)


def alternate(functions, rounds):
    """Median seconds of each function, called in turn after one call that is not counted."""
    times = {name: [] for name in functions}
    for counted in [False] + [True] * rounds:
        for name, function in functions.items():
            seconds = timed(function)
            if counted:
                times[name].append(seconds)
    return {name: median(values) for name, values in times.items()}


def timed(function):
    """Seconds that a function takes, until the device is idle again."""
    synchronise()
    start = time.perf_counter()
    function()
    synchronise()
    return time.perf_counter() - start


def synchronise():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def apart(ours, bare):
    ours, bare = (np.asarray(torch.as_tensor(part).detach().cpu()) for part in (ours, bare))
    bare = bare.reshape(ours.shape)
    return np.abs(ours - bare).max() / np.abs(bare).max()


def compared(name, ours, bare, target, rounds):
    """One row: milliseconds of both, their ratio, the most that it is to be, and how far apart."""
    times = alternate({"ours": ours, "bare": bare}, rounds)
    return row(name, times["ours"], times["bare"], target, f"{apart(ours(), bare()):.0e}")


def row(name, ours, bare, target, apart=""):
    numbers = f"{1e3 * ours:.1f} | {1e3 * bare:.1f} | {ours / bare:.2f} | {target:.2f}"
    return f"| {name} | {numbers} | {apart} |"


def derivative_rows(net, X, device, cases, rounds):
    """Each case with arrays, and with tensors on the device."""
    places = torch.tensor(X, device=device)
    size = f"{len(X):,} × {X.shape[1]}, {'-'.join(map(str, net.hidden_layers))}"
    for name, ours, bare, of_arrays, of_tensors in cases:

        def with_copies(bare=bare):
            return bare(torch.tensor(X, device=device)).cpu().numpy()

        label, on_arrays = f"{size}: {name}", lambda ours=ours: ours(X)
        yield compared(f"{label}, arrays", on_arrays, with_copies, of_arrays, rounds)
        on_device = lambda ours=ours: ours(places), lambda bare=bare: bare(places)
        yield compared(f"{label}, tensors", *on_device, of_tensors, rounds)


def curve(n, device, rounds):
    net, X = fitted(n, *CURVE[1:], device)
    bare, first, fourth = Bare(net), net.differentiate(1), net.differentiate(4)
    cases = [
        ("predict", net.predict, bare.predict, 3, 1.3),
        ("order 1", first, lambda x: bare.derivative(x, 1), 3, 1.5),
        ("order 4", fourth, lambda x: bare.derivative(x, 4), 0.5, 0.25),
    ]
    yield from derivative_rows(net, X, device, cases, rounds)


def field(n, device, rounds):
    net, X = fitted(n, *FIELD[1:], device)
    bare = Bare(net)
    cases = [
        ("Jacobian", net.gradient, lambda x: bare.derivative(x, 1), 3, 3),
        ("Hessian", net.hessian, bare.hessian, 1.5, 1.5),
    ]
    yield from derivative_rows(net, X, device, cases, rounds)


def batches(n, device, rounds):
    """An epoch of mini-batches: the difference of a long and a short fit, beside a bare loop."""
    X = np.random.default_rng(0).uniform(-1, 1, (n, 1))
    y = np.sin(3 * X[:, 0])

    def fit(epochs):
        options = {"batch_size": BATCH, "random_state": 0, "device": device}
        net = NeuralNetworkInterpolator((64, 64), epochs=epochs, **options)
        return timed(lambda: net.fit(X, y))

    def loop(epochs):
        return timed(lambda: bare_loop(X, y, epochs, device))

    fit(1), loop(1)
    seconds = [[(run(6) - run(1)) / 5 for run in (fit, loop)] for _ in range(rounds)]
    ours, bare = map(median, zip(*seconds))
    yield row(f"an epoch of {n:,} in batches of {BATCH}", ours, bare, 1.2)


def bare_loop(X, y, epochs, device):
    """The shortest loop over shuffled mini-batches that torch allows."""
    X, y = (torch.tensor(part, device=device) for part in (X, y[:, None]))
    widths = (X.shape[1], 64, 64)
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.Tanh())]
    net = nn.Sequential(*layers, nn.Linear(64, 1)).to(device, X.dtype)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    loss_function = nn.MSELoss()
    for _ in range(epochs):
        for rows in torch.randperm(len(X), device=device).split(BATCH):
            optimizer.zero_grad()
            loss_function(net(X[rows]), y[rows]).backward()
            optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--table", "--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    device, rounds = arguments.device, arguments.rounds
    share, on = (50, None) if device == "cpu" else (1, torch.cuda.get_device_name(device))
    if on is None:
        print(f"No GPU: ratios on the processor, at a {share}th of the places.\n")
    rows = chain(
        curve(CURVE[0] // share, device, rounds),
        field(FIELD[0] // share, device, rounds),
        batches(SAMPLES, device, min(3, rounds)),
    )
    write_timings(HEAD, rows, arguments.table, on and f"{on}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
