"""Time of Levenberg–Marquardt to 1e-12 beside Adam's to 1e-5 on Runge's samples, in one run.

    python benchmarks/levenberg_marquardt.py [--table levenberg_marquardt.md]

For each seed, both solvers are fitted once to find how many epochs they need to bring the training
loss (the mean squared error of the scaled targets) that low. Then fits of just so many epochs are
timed in turns, from the call of `fit` to its return, on one thread, and the medians are shown, with
the least and the greatest ratio of a seed.

The floor of a step is a bare loop in NumPy and LAPACK that computes the same: two passes forward,
one backward, two solutions of the small system and their two products with the Jacobian; it makes
no decisions, and keeps no history.
"""

import argparse
import time
from itertools import chain, pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from printed import write_timings
from scipy.linalg.lapack import dpotrf, dpotrs

from sk_pydelt import NeuralNetworkInterpolator

HIDDEN_LAYERS = (128, 64, 32)
TARGETS = {"adam": 1e-5, "lm": 1e-12}
ENOUGH = {"adam": 5000, "lm": 500}  # epochs
X = np.linspace(-1, 1, 15).reshape(-1, 1)
Y = 1 / (1 + 25 * X.ravel() ** 2)
HEAD = "| activation | epochs, adam | epochs, lm | ms, adam | ms, lm | ratio | of single seeds |"


def interpolator(solver, epochs, **options):
    return NeuralNetworkInterpolator(HIDDEN_LAYERS, solver=solver, epochs=epochs, **options)


def epochs_needed(solver, **options):
    curve = np.array(interpolator(solver, ENOUGH[solver], **options).fit(X, Y).loss_curve_)
    if curve.min() > TARGETS[solver]:
        raise RuntimeError(f"{solver} did not reach {TARGETS[solver]} with {options}")
    return int(np.argmax(curve <= TARGETS[solver])) + 1


def seconds(function, *arguments, **options):
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start


def of_seed(activation, seed, rounds):
    """Epochs and milliseconds of Adam and of Levenberg–Marquardt."""
    options = {"activation": activation, "random_state": seed}
    epochs = [epochs_needed(solver, **options) for solver in TARGETS]
    times = [
        [1e3 * seconds(interpolator(*case, **options).fit, X, Y) for case in zip(TARGETS, epochs)]
        for _ in range(rounds)
    ]
    return [*epochs, *np.median(times, axis=0)]


def row(activation, n_seeds, rounds):
    """Medians over the seeds."""
    found = np.array([of_seed(activation, seed, rounds) for seed in range(n_seeds)])
    ratios = found[:, 3] / found[:, 2]
    n_adam, n_lm, adam, lm = np.median(found, axis=0)
    range_of = f"{ratios.min():.2f} to {ratios.max():.2f}"
    numbers = f"{n_adam:.0f} | {n_lm:.0f} | {adam:.0f} | {lm:.0f} | {lm / adam:.2f} | {range_of}"
    return f"| {activation} | {numbers} |"


def bare_loop(steps):
    """The arithmetic of accepted steps of a net of tanh units, and nothing else; the loss."""
    rng = np.random.default_rng(0)
    shapes = list(pairwise((1, *HIDDEN_LAYERS, 1)))
    layers = [(rng.uniform(-1, 1, (b, a)) / a**0.5, np.zeros(b)) for a, b in shapes]
    y = ((Y - Y.mean()) / Y.std())[:, None]
    ones, damping = np.eye(len(X)), 0.1

    def forward(layers):
        inputs = [X]
        for W, b in layers[:-1]:
            inputs.append(np.tanh(inputs[-1] @ W.T + b))
        return inputs, inputs[-1] @ layers[-1][0].T + layers[-1][1] - y

    def moved(factor, step):
        return [(W + factor * P, b + factor * p) for (W, b), (P, p) in zip(layers, step)]

    def back(factor, u, deltas, inputs):
        u = dpotrs(factor, u)[0] / -damping
        weighted = [(d * u).T for d in deltas]
        return u, [(d @ h, d.sum(1)) for d, h in zip(weighted, inputs)]

    inputs, residuals = forward(layers)
    for _ in range(steps):
        deltas = [np.ones((len(X), 1))]
        for (W, _), h in zip(layers[:0:-1], inputs[:0:-1]):
            deltas.append((deltas[-1] @ W) * (1 - h * h))
        deltas.reverse()
        gram = sum((d @ d.T) * (h @ h.T + 1) for d, h in zip(deltas, inputs))
        factor, _ = dpotrf(gram / damping + ones)

        u, step = back(factor, residuals, deltas, inputs)
        nearby = forward(moved(0.1, step))[1]
        _, bend = back(factor, ((nearby - residuals) / 0.1 - gram @ u) / 0.1, deltas, inputs)
        step = [(W + B, b + c) for (W, b), (B, c) in zip(step, bend)]
        layers, damping = moved(1, step), max(damping / 3, 1e-6)
        inputs, residuals = forward(layers)
    return (residuals**2).mean()


def beside_the_floor(rounds, steps=20):
    """A sentence: the time of a step, from the difference of fits, beside that of the bare loop."""
    ours, floor = [], []
    for _ in range(rounds):
        short, long = (interpolator("lm", n, random_state=0) for n in (1, 1 + steps))
        ours.append((seconds(long.fit, X, Y) - seconds(short.fit, X, Y)) / steps)
        floor.append(seconds(bare_loop, steps) / steps)
    ours, floor = 1e3 * median(ours), 1e3 * median(floor)
    times = f"{ours:.2f} ms, {ours / floor:.1f} times the {floor:.2f} ms"
    yield f"\nA step takes {times} of a bare loop of the same arithmetic in NumPy and LAPACK."


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    n_seeds, rounds = arguments.seeds, arguments.rounds
    compared = (row(activation, n_seeds, rounds) for activation in ("tanh", "swish"))
    write_timings(HEAD, chain(compared, beside_the_floor(5 * rounds)), arguments.table)


if __name__ == "__main__":
    main()
