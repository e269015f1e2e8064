"""What `SplineInterpolator(robust=True)` saves where readings are wild, and loses where none are.

A track, 300 positions at irregular times of which 5 % are 100 times as far off as the noise, and
the surfaces of `benchmarks/smoothing.py`: errors of slopes. A draw is bad where its error is above
five times the median of the plain fits of its cell.

    python benchmarks/robust_splines.py --draws 25
"""

import argparse
from itertools import product

import numpy as np
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=25)
    args = parser.parse_args()
    ratios = np.array([track_ratios(seed) for seed in range(args.draws)])
    names = "robust, none wild", "robust, 5 % wild", "plain, 5 % wild"
    for name, column in zip(names, ratios.T):
        print(f"track, {name}: median {np.median(column):.2f}, largest {column.max():.2f}")
    print("| noise | n | degree | median | worst | bad | robust median | worst | bad |")
    print("|---" * 9 + "|")
    for noise, n, degree in product(("normal, 0.1", "t, 2 d.o.f., 0.1"), (60, 120), DEGREES):
        print(surface_row(noise, n, degree, args.draws), flush=True)


if __name__ == "__main__":
    main()
