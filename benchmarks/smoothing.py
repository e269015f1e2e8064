"""How well the automatic smoothing of splines does: errors of slopes over many draws of noise.

Beside `SplineInterpolator()` stand plain generalised cross-validation (the same splines, its
global minimum taken) and scipy's `make_smoothing_spline`, which is cubic. A draw is bad where its
error is above five times the median of its cell and above twice scipy's worst draw. The table has
a line for each noise and way of sampling, medians being geometric means over sizes and degrees and
"highest" the largest ratio of a median to plain cross-validation's, and then all cells.

    python benchmarks/smoothing.py --problems sine --draws 200 --table sine.md
    python benchmarks/smoothing.py --problems others --draws 20 --table others.md
"""

import argparse
from contextlib import contextmanager
from functools import partial
from itertools import groupby, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.interpolate import make_smoothing_spline

from sk_pydelt import SplineInterpolator
from sk_pydelt.solvers import smoothing_curves, smoothing_surfaces

SIZES, DEGREES = (30, 60, 120, 250), (3, 5, 7)
HEAD = "| noise | places | n | degree | bad | median | worst | plain GCV | worst | scipy | worst |"
SUMMARY = "| noise | places | bad | highest | median | worst | plain | worst | scipy | worst |"


def _rounded(step, f, t, rng):
    return np.round(f(t) / step) * step


NOISE = {
    "normal, 0.1": lambda f, t, rng: f(t) + 0.1 * rng.standard_normal(len(t)),
    "rounded to 0.02": partial(_rounded, 0.02),
    "rounded to 0.1": partial(_rounded, 0.1),
    "t, 2 d.o.f., 0.1": lambda f, t, rng: f(t) + 0.1 * rng.standard_t(2, len(t)),
}

# Curves on [0, 1] and their slopes: the choice of the criterion was made on these.
OTHERS = {
    "damped": (
        lambda t: np.exp(-2 * t) * np.cos(14 * t),
        lambda t: -np.exp(-2 * t) * (2 * np.cos(14 * t) + 14 * np.sin(14 * t)),
    ),
    "step": (lambda t: np.tanh(8 * (t - 0.5)), lambda t: 8 / np.cosh(8 * (t - 0.5)) ** 2),
    "bump": (
        lambda t: np.exp(-((t - 0.4) ** 2) / 0.02),
        lambda t: -(t - 0.4) / 0.01 * np.exp(-((t - 0.4) ** 2) / 0.02),
    ),
    "arc": (lambda t: np.sin(3 * t), lambda t: 3 * np.cos(3 * t)),
    "two": (
        lambda t: np.sin(6 * t) + 0.3 * np.sin(21 * t),
        lambda t: 6 * np.cos(6 * t) + 6.3 * np.cos(21 * t),
    ),
    "wiggle": (lambda t: np.cos(25 * t), lambda t: -25 * np.sin(25 * t)),
    "cubic": (
        lambda t: 10 * t * (t - 0.4) * (t - 1),
        lambda t: 10 * (3 * t**2 - 2.8 * t + 0.4),
    ),
}


def draw(problem, noise, even, n, seed):
    """Places, samples and true slopes of one draw."""
    rng = np.random.default_rng(seed)
    end = 10 if problem == "sine" else 1
    t = np.linspace(0, end, n) if even else np.sort(rng.uniform(0, end, n))
    if problem == "sine":
        phase = rng.uniform(0, 2 * np.pi) if even and "rounded" in noise else 0.0
        f, slope = (lambda t: np.sin(t + phase)), np.cos(t + phase)
    else:
        f, slope = OTHERS[problem][0], OTHERS[problem][1](t)
    return t[:, None], NOISE[noise](f, t, rng), slope[:, None]


def draw_surface(noise, n, seed):
    """A wave over a square: places, samples and true gradients."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    u, v = X.T
    y = NOISE[noise](lambda _: np.sin(u) * np.cos(v), u, rng)
    return X, y, np.column_stack([np.cos(u) * np.cos(v), -np.sin(u) * np.sin(v)])


@contextmanager
def plain_cross_validation():
    """For the while: no bound by the marginal likelihood."""
    modules = smoothing_curves, smoothing_surfaces
    ours = smoothing_curves.choose_smoothing

    def plain(smooth, bounds, n, n_free, halving, floor, noise):
        return ours(smooth, bounds, n, n_free, np.inf, floor, noise)

    for module in modules:
        module.choose_smoothing = plain
    yield
    for module in modules:
        module.choose_smoothing = ours


def error(model, X, y, slope):
    return np.sqrt(np.mean((model.fit(X, y).jacobian(X)[:, 0] - slope) ** 2))


def scipy_error(X, y, slope):
    found = make_smoothing_spline(X[:, 0], y).derivative()(X[:, 0])
    return np.sqrt(np.mean((found - slope[:, 0]) ** 2))


def cell(draws, degree):
    """Errors over the draws: ours, of plain cross-validation, and scipy's."""
    draws = list(draws)
    ours = [error(SplineInterpolator(degree=degree), *one) for one in draws]
    with plain_cross_validation():
        plain = [error(SplineInterpolator(degree=degree), *one) for one in draws]
    curve = draws[0][0].shape[1] == 1
    return np.array([ours, plain, [scipy_error(*one) if curve else np.nan for one in draws]])


class Cell(NamedTuple):
    """Errors (methods, problems, draws) of one noise, way of sampling, size and degree."""

    noise: str
    places: str
    n: int
    degree: int
    errors: np.ndarray

    @property
    def bad(self):
        bound = np.fmax(5 * np.median(self.errors[0], axis=-1), 2 * self.errors[2].max(axis=-1))
        return int(np.sum(self.errors[0] > bound[:, None]))

    @property
    def medians(self):
        """Geometric means of the medians over the problems: (methods,)."""
        return np.exp(np.log(np.median(self.errors, axis=2)).mean(axis=1))

    def row(self):
        labels = f"{self.noise} | {self.places} | {self.n} | {self.degree}"
        worst = self.errors.max(axis=(1, 2))
        return f"| {labels} | {self.bad} of {self.errors[0].size} | {_pairs(self.medians, worst)} |"


def _pairs(medians, worst):
    shown = [f"{m:.3g} | {w:.3g}" if np.isfinite(m) else " | " for m, w in zip(medians, worst)]
    return " | ".join(shown)


def summary(cells):
    """One line for all sizes and degrees of a noise and a way of sampling."""
    bad, drawn = sum(c.bad for c in cells), sum(c.errors[0].size for c in cells)
    medians = np.stack([c.medians for c in cells])
    worst = np.max([c.errors.max(axis=(1, 2)) for c in cells], axis=0)
    above = f"{np.max(medians[:, 0] / medians[:, 1]):.2f}"
    numbers = _pairs(np.exp(np.log(medians).mean(axis=0)), worst)
    return f"| {cells[0].noise} | {cells[0].places} | {bad} of {drawn} | {above} | {numbers} |"


def curve_cells(problems, n_draws, noises):
    seeds = range(n_draws) if problems == ["sine"] else range(50_000, 50_000 + n_draws)
    for noise, even, n, degree in product(noises, (False, True), SIZES, DEGREES):
        use = [name for name in problems if n > 30 or name != "wiggle"]
        found = [cell((draw(name, noise, even, n, s) for s in seeds), degree) for name in use]
        places = "even" if even else "irregular"
        yield Cell(noise, places, n, degree, np.stack(found, axis=1))


def surface_cells(n_draws, noises):
    for noise, n, degree in product(noises, (60, 120), DEGREES):
        found = cell((draw_surface(noise, n, s) for s in range(n_draws)), degree)
        yield Cell(noise, "in a square", n, degree, found[:, None])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", choices=["sine", "others", "surface"], default="sine")
    parser.add_argument("--noise", choices=list(NOISE), nargs="+", default=list(NOISE))
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    problems = ["sine"] if args.problems == "sine" else list(OTHERS)
    found = curve_cells(problems, args.draws, args.noise)
    if args.problems == "surface":
        found = surface_cells(args.draws, args.noise)
    lines, cells = [HEAD, "|---" * 11 + "|"], []
    print(*lines, sep="\n")
    for one in found:
        cells.append(one)
        lines.append(one.row())
        print(lines[-1], flush=True)
    groups = groupby(cells, lambda one: (one.noise, one.places))
    lines = [SUMMARY, "|---" * 10 + "|", *(summary(list(group)) for _, group in groups), "", *lines]
    print(*lines[: lines.index("")], sep="\n")
    if args.table:
        args.table.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
