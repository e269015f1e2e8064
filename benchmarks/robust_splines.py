"""What `SplineInterpolator(robust=True)` saves where readings are wild, and loses where none are.

Errors of slopes. A track: 300 positions at irregular times of which 5 % are 100 times as far off as
the noise, over the error of a plain fit to the track without these. The surfaces of
`benchmarks/smoothing.py`: a draw is bad where its error is above five times the median of the plain
fits of its cell.

    python benchmarks/robust_splines.py track --draws 50 [--table robust_track.md]
    python benchmarks/robust_splines.py surfaces --draws 50 [--table robust_splines.md]
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from printed import write_table
from smoothing import DEGREES, draw_surface, error

from sk_pydelt import SplineInterpolator

SIGMA, WILD = 0.1, 100.0


def track(seed, n=300):
    """Times, positions read with and without wild ones, and the true speed."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 10, n))
    clean = 3 * np.sin(t) + np.sin(2.3 * t + 1) + 0.5 * t + SIGMA * rng.standard_normal(n)
    speed = 3 * np.cos(t) + 2.3 * np.cos(2.3 * t + 1) + 0.5
    read, wild = clean.copy(), rng.choice(n, n // 20, replace=False)
    read[wild] += WILD * SIGMA * rng.standard_normal(len(wild))
    return t[:, None], clean, read, speed[:, None]


def track_ratios(seed):
    """Errors over that of a plain fit without wild readings: robust, robust with them, plain."""
    X, clean, read, speed = track(seed)
    bare = error(SplineInterpolator(), X, clean, speed)
    robust = SplineInterpolator(robust=True)
    found = [error(robust, X, y, speed) for y in (clean, read)]
    return np.array([*found, error(SplineInterpolator(), X, read, speed)]) / bare


def surface_row(noise, n, degree, n_draws):
    errors = np.array(
        [
            [
                error(SplineInterpolator(degree=degree, robust=robust), *draw_surface(noise, n, s))
                for robust in (False, True)
            ]
            for s in range(n_draws)
        ]
    )
    medians, bad = np.median(errors, axis=0), (errors > 5 * np.median(errors[:, 0])).sum(axis=0)
    columns = zip(medians, errors.max(axis=0), bad)
    cells = [f"{median:.3g} | {worst:.3g} | {count}" for median, worst, count in columns]
    return f"| {noise} | {n} | {degree} | {' | '.join(cells)} |"


def track_rows(n_draws):
    ratios = np.array([track_ratios(seed) for seed in range(n_draws)])
    names = "`robust=True`, none wild", "`robust=True`, 5 % wild", "plain, 5 % wild"
    for name, column in zip(names, ratios.T):
        yield f"| {name} | {np.median(column):.2f} | {column.max():.2f} |"


def surface_rows(n_draws):
    for case in product(("normal, 0.1", "t, 2 d.o.f., 0.1"), (60, 120), DEGREES):
        yield surface_row(*case, n_draws)


TABLES = {
    "track": ("| | median | largest |", track_rows),
    "surfaces": (
        "| noise | n | degree | median | worst | bad | robust median | worst | bad |",
        surface_rows,
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("of", choices=TABLES)
    parser.add_argument("--draws", type=int, default=25)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    head, rows = TABLES[args.of]
    write_table(head, rows(args.draws), args.table)


if __name__ == "__main__":
    main()
