"""How often error bars of splines hold: shares of the truth inside 95 % bands, over many draws.

Curves and noise are those of `benchmarks/smoothing.py`, the shares those of 200 places across the
samples' range (of a surface, 200 random ones in its square) and of all draws, by order of the
derivative, of a surface by the first feature. Orders that a degree has no standard deviation of
are empty; "lowest" is the least share of any curve and size.

    python benchmarks/bands.py --draws 200 --table bands.md
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from printed import write_table
from smoothing import DEGREES, OTHERS, draw, draw_surface

from sk_pydelt import SplineInterpolator

SIZES = (60, 120, 250)
HEAD = "| problems | noise | degree | order 0 | lowest | order 1 | lowest | order 2 | lowest |"


def truth(problem, t, order):
    """Derivatives of a curve; the second by complex steps of the first."""
    if problem == "sine":
        return np.sin(t + order * np.pi / 2)
    f, slope = OTHERS[problem]
    return (f(t), slope(t), slope(t + 1e-30j).imag / 1e-30)[order]


def held(model, at, truths):
    """Share of each order's truth inside the band; NaN where there is none."""
    shares = np.full(len(truths), np.nan)
    for k, exact in enumerate(truths):
        if 2 * k < model.degree:
            index = (k, *(0,) * (at.shape[1] - 1))
            values, std = (model.differentiate(index) if k else model.predict)(at, return_std=True)
            shares[k] = np.mean(abs(values - exact) < 1.96 * std)
    return shares


def of_curve(problem, noise, n, degree, seed):
    X, y, _ = draw(problem, noise, False, n, seed)
    at = np.linspace(X.min(), X.max(), 200)
    model = SplineInterpolator(degree=degree).fit(X, y)
    return held(model, at[:, None], [truth(problem, at, k) for k in range(3)])


def of_surface(noise, n, degree, seed):
    X, y, _ = draw_surface(noise, n, seed)
    at = np.random.default_rng(seed).uniform(-2, 2, (200, 2))
    u, v = at.T
    truths = [wave(u) * np.cos(v) for wave in (np.sin, np.cos, lambda u: -np.sin(u))]
    return held(SplineInterpolator(degree=degree).fit(X, y), at, truths)


def row(label, noise, degree, shares):
    """A line: means over cells (cells, orders), and the lowest."""
    pairs = zip(shares.mean(axis=0), shares.min(axis=0))
    numbers = (f"{100 * m:.1f} % | {100 * w:.1f} %" if np.isfinite(m) else " | " for m, w in pairs)
    return f"| {label} | {noise} | {degree} | {' | '.join(numbers)} |"


def rows(n_draws):
    seeds = range(n_draws)
    for noise, degree in product(("normal, 0.1", "t, 2 d.o.f., 0.1"), DEGREES):
        for label, curves in (("sine", ("sine",)), ("seven other curves", tuple(OTHERS))):
            cells = [
                np.mean([of_curve(curve, noise, n, degree, s) for s in seeds], axis=0)
                for curve, n in product(curves, SIZES)
            ]
            yield row(label, noise, degree, np.array(cells))
        cells = [
            np.mean([of_surface(noise, n, degree, s) for s in seeds], axis=0) for n in (60, 120)
        ]
        yield row("surface", noise, degree, np.array(cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    write_table(HEAD, rows(args.draws), args.table)


if __name__ == "__main__":
    main()
