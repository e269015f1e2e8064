"""Seconds of `SplineInterpolator()` as it comes: curves to a million samples, and surfaces.

    python benchmarks/spline_time.py curves [--table spline_curves.md]
    python benchmarks/spline_time.py surfaces [--table spline_surfaces.md]

Noise of 0.1 on sin(t) at random times of [0, 10], and on sin(u) cos(v) at random places of a
square, or on a grid of it, where "fine" is sin(20u) cos(20v). λ is chosen, and then given as it was
chosen; `return_std` is `predict` with error bars of 100 rows, after the first call. Surfaces are
compared with `RBFInterpolator` of SciPy: quintic, given a smoothing, without error bars, up to
`--largest-rbf` places. The error is that of the gradient at the places, root mean square, over that
of the true gradient. Medians over rounds; of surfaces of more than 10,000 places, one round.
"""

import argparse
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from printed import write_timings
from scipy.interpolate import RBFInterpolator

from sk_pydelt import SplineInterpolator

SIZES = (10_000, 100_000, 300_000, 1_000_000)
SURFACES = {
    "1500": (1500, 1),
    "2500": (2500, 1),
    "grid": (1_000_000, 1),
    "fine grid": (1_000_000, 20),
}
CURVE_HEAD = "| samples | λ chosen, s | λ given, s | `return_std` of 100 rows, s |"
SURFACE_HEAD = (
    "| places | λ chosen, s | λ given, s | `RBFInterpolator`, s | error of the gradient |"
)


def seconds(function, *arguments, **options):
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start


def fits(X, y, rounds):
    """The spline with λ chosen, and median seconds with λ chosen and given."""
    chosen, times = SplineInterpolator(), []
    for _ in range(rounds):
        first = seconds(chosen.fit, X, y)
        given = SplineInterpolator(smoothing=chosen.smoothing_)
        times.append((first, seconds(given.fit, X, y)))
    return chosen, *np.median(times, axis=0)


def curves(rounds, largest_rbf):
    for n in SIZES:
        rng = np.random.default_rng(0)
        X = rng.uniform(0, 10, (n, 1))
        spline, chosen, given = fits(X, np.sin(X[:, 0]) + 0.1 * rng.standard_normal(n), rounds)
        at = np.linspace(0, 10, 100)[:, None]
        spline.predict(at, return_std=True)
        std = median(seconds(spline.predict, at, return_std=True) for _ in range(rounds))
        yield f"| {n:,} | {chosen:.2f} | {given:.2f} | {std:.3f} |"


def square(n, is_grid, rng):
    """Random places of a square, or a grid of it: (n, 2)."""
    if not is_grid:
        return rng.uniform(-1, 1, (n, 2))
    axis = np.linspace(-1, 1, round(n**0.5))
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def surfaces(rounds, largest_rbf):
    for label, (n, k) in SURFACES.items():
        rng = np.random.default_rng(0)
        X = square(n, label.endswith("grid"), rng)
        u, v = k * X.T
        y = np.sin(u) * np.cos(v) + 0.1 * rng.standard_normal(n)
        truth = k * np.stack([np.cos(u) * np.cos(v), -np.sin(u) * np.sin(v)], axis=1)
        spline, chosen, given = fits(X, y, rounds if n <= 10_000 else 1)
        rbf = ""
        if n <= largest_rbf:
            options = {"kernel": "quintic", "smoothing": 1.0}
            rbf = f"{median(seconds(RBFInterpolator, X, y, **options) for _ in range(rounds)):.2f}"
        some = slice(None, None, max(1, n // 10_000))
        error = spline.gradient(X[some]) - truth[some]
        share = (np.mean(error**2) / np.mean(truth[some] ** 2)) ** 0.5
        name = f"{n:,}, {label}" if label.endswith("grid") else f"{n:,}"
        yield f"| {name} | {chosen:.2f} | {given:.2f} | {rbf} | {100 * share:.1f} % |"


TABLES = {"curves": (CURVE_HEAD, curves), "surfaces": (SURFACE_HEAD, surfaces)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("of", choices=TABLES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--largest-rbf", type=int, default=2500)
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # that 1500 kernels are too few for the fine one
    head, rows = TABLES[asked.of]
    write_timings(head, rows(asked.rounds, asked.largest_rbf), asked.table)


if __name__ == "__main__":
    main()
