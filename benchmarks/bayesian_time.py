"""Seconds of a Bayesian fit, beside those of a Gaussian process on the same samples.

Both as they come: `BayesianNeuralNetworkInterpolator()`, and scikit-learn's process with a constant
times an RBF kernel and white noise, five starts of its optimiser, on standardised data. One thread
each; medians over the seeds of processor time. Above `--largest-process` samples only the
Bayesian nets are timed.

    python benchmarks/bayesian_time.py --sizes 100 200 500 --seeds 3 [--table bayesian_time.md]
    python benchmarks/bayesian_time.py --sizes 2000 20000 100000 --seeds 1 --problems lorenz flow
    python benchmarks/bayesian_time.py --jobs 2 --sizes 500 --problems lorenz
"""

import argparse
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from printed import write_timings
from scipy.integrate import solve_ivp
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sk_pydelt import BayesianNeuralNetworkInterpolator


def runge(n, rng):
    x = np.linspace(-1, 1, n)[:, None]
    return x, 1 / (1 + 25 * x[:, 0] ** 2)


def lorenz(n, rng):
    def rhs(t, u):
        return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    t = np.linspace(0, 20, n)
    x = solve_ivp(rhs, (0, 20), (1, 1, 1), t_eval=t, rtol=1e-10, atol=1e-10).y[0]
    return t[:, None], x + 0.5 * rng.standard_normal(n)


def flow(n, rng):
    P = rng.uniform(-2, 2, (3 * n, 2))
    x, y = (P[np.hypot(*P.T) > 0.6][:n]).T
    r4 = (x**2 + y**2) ** 2
    velocity = np.column_stack([1 - 0.25 * (x**2 - y**2) / r4, -0.5 * x * y / r4])
    return np.column_stack([x, y]), velocity + 0.05 * rng.standard_normal((n, 2))


def ten_features(n, rng):
    X = rng.uniform(0, 1, (n, 10))
    a, b, c, d, e = X.T[:5]
    y = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    return X, y + rng.standard_normal(n)


def signal(name):
    def samples(n, rng):
        from pynumdiff.utils import simulate

        noise = {"noise_type": "normal", "noise_parameters": (0, 0.1)}
        options = {"random_seed": int(rng.integers(2**31)), "simdt": 4 / n / 25}
        x = getattr(simulate, name)(duration=4, dt=4 / n, **noise, **options)[0][:n]
        return np.linspace(0, 4, n, endpoint=False)[:, None], x

    return samples


PROBLEMS = {
    "runge": runge,
    "lorenz": lorenz,
    "sine": signal("sine"),
    "pop_dyn": signal("pop_dyn"),
    "flow": flow,
    "ten features": ten_features,
}
HEAD = "| problem | samples | Bayesian nets, s | process, s | ratio |"
DEFAULT = [name for name in PROBLEMS if name != "ten features"]


def process(d, seed):
    kernel = ConstantKernel() * RBF(np.ones(d)) + WhiteKernel()
    options = {"n_restarts_optimizer": 4, "normalize_y": True, "random_state": seed}
    return make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, **options))


def seconds(model, X, y, clock=time.process_time):
    start = clock()
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        model.fit(X, y)
    return clock() - start


def measure(name, n, seeds, largest_process):
    """Medians of the seconds of both; those of the process are NaN where there are too many."""
    times = []
    for seed in range(seeds):
        X, y = PROBLEMS[name](n, np.random.default_rng(seed))
        ours = seconds(BayesianNeuralNetworkInterpolator(random_state=seed), X, y)
        small = n <= largest_process
        times.append((ours, seconds(process(X.shape[1], seed), X, y) if small else np.nan))
    return np.median(times, axis=0)


def together(name, n, seeds, n_jobs):
    """Median seconds by the clock of one process and of several, which are warm."""
    times = []
    for seed in range(seeds):
        X, y = PROBLEMS[name](n, np.random.default_rng(seed))
        models = [
            BayesianNeuralNetworkInterpolator(random_state=seed, n_jobs=k) for k in (n_jobs, 1)
        ]
        if not times:
            seconds(models[0], X[::5], y[::5])  # starts the workers
        times.append([seconds(model, X, y, time.perf_counter) for model in models])
    return np.median(times, axis=0)


def rows(sizes, problems, seeds, largest_process):
    """Seconds of both and their ratio, and geometric means of these where there are several."""
    everything = []
    for n in sizes:
        ratios = []
        for name in problems:
            ours, theirs = measure(name, n, seeds, largest_process)
            ratios.append(ours / theirs)
            yield f"| {name} | {n:,} | {_cells(ours, theirs, ratios[-1])} |"
        everything += ratios
        yield from _mean_row(f"{n:,}", ratios)
    if len(sizes) > 1:
        yield from _mean_row("all", everything)


def _mean_row(label, ratios):
    if len(ratios) > 1 and np.isfinite(ratios).all():
        mean = float(np.exp(np.mean(np.log(ratios))))
        yield f"| geometric mean | {label} | {_cells(np.nan, np.nan, mean)} |"


def rows_of_jobs(sizes, problems, seeds, n_jobs):
    """Seconds by the clock of one process and of several, and their ratio."""
    for n, name in product(sizes, problems):
        several, one = together(name, n, seeds, n_jobs)
        yield f"| {name} | {n:,} | {_cells(one, several, one / several)} |"


def _cells(*numbers):
    """Two digits after the point; nothing of what was not measured."""
    return " | ".join(f"{number:.2f}" if np.isfinite(number) else "" for number in numbers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 200, 500])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=DEFAULT)
    parser.add_argument("--jobs", type=int, help="processes to compare with one")
    parser.add_argument("--largest-process", type=int, default=2000)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    cases, seeds = (options.sizes, options.problems), options.seeds
    if options.jobs:
        head = f"| problem | samples | n_jobs=1, s | n_jobs={options.jobs}, s | ratio |"
        write_timings(head, rows_of_jobs(*cases, seeds, options.jobs), options.table)
    else:
        write_timings(HEAD, rows(*cases, seeds, options.largest_process), options.table)


if __name__ == "__main__":
    main()
