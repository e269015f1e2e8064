"""Accuracy of values and derivatives, of error bars, and seconds: one table for all methods.

Every method gets the same samples and nothing of the truth. A method whose package is not
installed is named as missing. Each result is written to a JSON-lines file as it comes, so that a
run can be broken off and taken up again.

    python benchmarks/accuracy.py --seeds 5 --output accuracy.jsonl --table accuracy.md

The documentation draws its tables from `benchmarks/results/accuracy.jsonl`. No process is fitted to
"100 periods": of 2000 samples each would take minutes.
"""

import argparse
import json
import time
import warnings
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline, make_smoothing_spline
from sklearn.datasets import make_friedman1
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.neural_network import MLPRegressor

SIGNALS = (
    "pi_cruise_control",
    "sine",
    "triangle",
    "pop_dyn",
    "linear_autonomous",
    "lorenz_x",
)

JENN_PROBLEMS = ("sinusoid", "rastrigin", "rosenbrock")


@dataclass
class Problem:
    """Samples X (n, d), y (n, m), and the truth at X_test by order: (n_test, m, d, ...).

    Where derivatives of the samples are known, they are dy (n, m, d).
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    truth: dict
    top: int = 1  # highest order that is asked for
    step: float | None = None  # between samples, where they are equally spaced
    dy: np.ndarray | None = None
    jenn: dict = field(default_factory=dict)  # settings of JENN's own demonstration


@dataclass
class Answer:
    """Values by order, and standard deviations where there are any."""

    values: dict
    stds: dict = field(default_factory=dict)


def runge(seed):
    x, t = np.linspace(-1, 1, 15)[:, None], np.linspace(-1, 1, 200)[:, None]

    def f(x):
        return 1 / (1 + 25 * x**2)

    rate = -50 * t * f(t) ** 2
    second = 5000 * t**2 * f(t) ** 3 - 50 * f(t) ** 2
    return Problem(x, f(x), t, {0: f(t), 1: rate, 2: second}, 2, 2 / 14)


def lorenz(seed):
    def rhs(t, u):
        return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    t = np.linspace(0, 20, 2000)
    x, y, z = solve_ivp(rhs, (0, 20), (1, 1, 1), t_eval=t, rtol=1e-10, atol=1e-10).y
    noise = 0.5 * np.random.RandomState(seed).standard_normal(200)
    rate = 10 * (y - x)
    second = 10 * (x * (28 - z) - y - rate)
    inside = slice(0, 1991)
    truth = {k: v[inside, None] for k, v in enumerate((x, rate, second))}
    samples = (x[::10] + noise)[:, None]
    return Problem(t[::10, None], samples, t[inside, None], truth, 2, t[10])


def _velocity(P):
    x, y = P.T
    r4 = (x**2 + y**2) ** 2
    return np.column_stack([1 - 0.25 * (x**2 - y**2) / r4, -0.5 * x * y / r4])


def flow(seed):
    rng = np.random.RandomState(seed)
    P = rng.uniform(-2, 2, (200, 2))
    P = P[np.hypot(*P.T) > 0.6]
    axis = np.linspace(-2, 2, 50)
    grid = np.array(np.meshgrid(axis, axis)).reshape(2, -1).T
    grid = grid[np.hypot(*grid.T) > 0.6]
    steps = 1e-5 * np.eye(2)
    columns = [(_velocity(grid + h) - _velocity(grid - h)) / 2e-5 for h in steps]
    samples = _velocity(P) + 0.05 * rng.standard_normal(P.shape)
    return Problem(P, samples, grid, {0: _velocity(grid), 1: np.stack(columns, axis=2)})


def signal(name, seed):
    from pynumdiff.utils import simulate

    noise = {"noise_type": "normal", "noise_parameters": (0, 0.1), "random_seed": seed}
    x, truth, rate = getattr(simulate, name)(duration=4, dt=0.01, **noise)[:3]
    t = 0.01 * np.arange(len(x))
    found = {0: truth, 1: rate}
    if name not in ("pi_cruise_control", "triangle"):  # there the rate jumps
        found[2] = CubicSpline(t, rate).derivative()(t)
    truth = {k: np.asarray(v)[:, None] for k, v in found.items()}
    return Problem(t[:, None], x[:, None], t[:, None], truth, max(truth), 0.01)


def wave(seed):
    """sin(3x) + ½ cos(7x) exp(-x²), without noise; its derivatives by mpmath."""
    import mpmath

    x, t = np.linspace(-3, 3, 200)[:, None], np.linspace(-2.9, 2.9, 150)[:, None]

    def f(v, lib=np):
        return lib.sin(3 * v) + 0.5 * lib.cos(7 * v) * lib.exp(-(v**2))

    with mpmath.workdps(40):
        taylor = [mpmath.taylor(lambda v: f(v, mpmath), mpmath.mpf(float(v)), 3) for v in t[:, 0]]
    truth = {k: np.array([[float(c[k] * mpmath.factorial(k))] for c in taylor]) for k in range(4)}
    return Problem(x, f(x), t, truth, 3, 6 / 199)


def friedman(seed):
    X, y = make_friedman1(500, n_features=10, noise=1.0, random_state=seed)
    T = np.random.RandomState(1000 + seed).uniform(0.05, 0.95, (1000, 10))
    a, b, c, d, e = T.T[:5]
    value = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    gradient = np.zeros_like(T)
    gradient[:, 0] = 10 * np.pi * b * np.cos(np.pi * a * b)
    gradient[:, 1] = 10 * np.pi * a * np.cos(np.pi * a * b)
    gradient[:, 2], gradient[:, 3], gradient[:, 4] = 40 * (c - 0.5), 10, 5
    return Problem(X, y[:, None], T, {0: value[:, None], 1: gradient[:, None, :]})


def with_slopes(name, seed):
    """A test problem of JENN, sampled and with its net as in its own demonstrations."""
    from jenn import synthetic_data

    rng, library = np.random.RandomState(seed), getattr(synthetic_data, name)
    low, high = {"sinusoid": (-np.pi, np.pi), "rastrigin": (-1, 1.5), "rosenbrock": (-2, 2)}[name]
    if name == "sinusoid":
        X, T = np.linspace(low, high, 4)[:, None], np.linspace(low, high, 200)[:, None]
        settings = {"hidden": [12], "lambd": 0.1}
    else:
        X = rng.uniform(low, high, (100, 2))
        T = np.array(np.meshgrid(*[np.linspace(low, high, 50)] * 2)).reshape(2, -1).T
        settings = {"hidden": [24, 24], "max_iter": 10_000, "alpha": 0.001, "lambd": 0.0001}

    def value(X):
        return library.compute(X.T).T

    def jacobian(X):
        return library.compute_partials(X.T).transpose(2, 0, 1)

    truth = {0: value(T), 1: jacobian(T)}
    return Problem(X, value(X), T, truth, dy=jacobian(X), jenn=settings)


def _noisy(x, t, noise, seed, *functions):
    """Samples of the first function with noise at x (n,); the others are its derivatives."""
    y = functions[0](x) + noise * np.random.RandomState(seed).standard_normal(len(x))
    truth = {k: np.asarray(f(t))[:, None] for k, f in enumerate(functions)}
    return Problem(x[:, None], y[:, None], t[:, None], truth, len(functions) - 1)


def _uniform(low, high, n, seed):
    return np.sort(np.random.RandomState(1000 + seed).uniform(low, high, n))


def line(seed):
    x, t = _uniform(0, 1, 30, seed), np.linspace(0, 1, 200)
    return _noisy(x, t, 0.5, seed, lambda x: 2 * x + 1, lambda x: 2 + 0 * x, np.zeros_like)


def cubic(seed):
    x, t = _uniform(-1.5, 1.5, 60, seed), np.linspace(-1.5, 1.5, 200)
    return _noisy(x, t, 0.2, seed, lambda x: x**3 - x, lambda x: 3 * x**2 - 1, lambda x: 6 * x)


def constant(seed):
    x, t = _uniform(0, 1, 50, seed), np.linspace(0, 1, 200)
    return _noisy(x, t, 1.0, seed, np.ones_like, np.zeros_like, np.zeros_like)


def hundred_periods(seed):
    w = 200 * np.pi

    def f(x):
        return np.sin(w * x)

    x, t = np.linspace(0, 1, 2000), np.linspace(0, 1, 5003)[1:-1]
    rates = lambda x: w * np.cos(w * x), lambda x: -(w**2) * f(x)
    return _noisy(x, t, 0.1, seed, f, *rates)


def franke(seed):
    """Franke's function on the unit square, a sum of four Gaussians."""
    centres = np.array([[2, 2], [-1, -1], [7, 3], [4, 7]]) / 9
    heights, widths = (0.75, 0.75, 0.5, -0.2), ((4, 4), (49, 10), (4, 4), (1, 1))
    rates = 81 / np.array(widths)
    rates[1, 1] = 0.0
    X, T = (np.random.RandomState(s).uniform(0, 1, (n, 2)) for s, n in ((seed, 150), (99, 1000)))

    def parts(P):
        offsets = P[:, None] - centres
        flat = np.where(np.arange(4) == 1, 0.9 * (P[:, 1] + 1 / 9)[:, None], 0.0)
        return offsets, np.array(heights) * np.exp(-(rates * offsets**2).sum(axis=2) - flat)

    offsets, terms = parts(T)
    slopes = -2 * rates * offsets
    slopes[:, 1, 1] -= 0.9
    gradient = (terms[..., None] * slopes).sum(axis=1)
    y = parts(X)[1].sum(axis=1) + 0.03 * np.random.RandomState(seed).standard_normal(len(X))
    truth = {0: terms.sum(axis=1)[:, None], 1: gradient[:, None, :]}
    return Problem(X, y[:, None], T, truth)


def ishigami(seed):
    """Ishigami & Homma's sin a + 7 sin² b + 0.1 c⁴ sin a on [-π, π]³."""
    rng = np.random.RandomState(seed)
    X, T = rng.uniform(-np.pi, np.pi, (300, 3)), np.random.RandomState(99).uniform(-3, 3, (1000, 3))

    def f(P):
        a, b, c = P.T
        return np.sin(a) * (1 + 0.1 * c**4) + 7 * np.sin(b) ** 2

    a, b, c = T.T
    rates = np.cos(a) * (1 + 0.1 * c**4), 7 * np.sin(2 * b), 0.4 * c**3 * np.sin(a)
    y = f(X) + 0.3 * rng.standard_normal(len(X))
    return Problem(X, y[:, None], T, {0: f(T)[:, None], 1: np.column_stack(rates)[:, None, :]})


PROBLEMS = {
    "runge": runge,
    "lorenz": lorenz,
    "flow": flow,
    **{name: partial(signal, name) for name in SIGNALS},
    "wave": wave,
    "friedman1": friedman,
    "line": line,
    "cubic": cubic,
    "constant": constant,
    "100 periods": hundred_periods,
    "franke": franke,
    "ishigami": ishigami,
    **{f"{name}, slopes known": partial(with_slopes, name) for name in JENN_PROBLEMS},
}


def _target(problem):
    return problem.y[:, 0] if problem.y.shape[1] == 1 else problem.y


def _shape(problem, order, array):
    return np.asarray(array).reshape(problem.truth[order].shape)


def ours(make, problem, seed, slopes=False):
    known = {"dy": problem.dy} if slopes else {}
    model = make(seed).fit(problem.X, _target(problem), **known)
    values, stds = {}, {}
    for k in problem.truth:
        bands = hasattr(model, "noise_std_") and 2 * k < getattr(model, "degree", np.inf)
        function = model.differentiate(k) if k else model.predict
        found = function(problem.X_test, return_std=True) if bands else function(problem.X_test)
        found = found if bands else (found,)
        for store, array in zip((values, stds), found):
            store[k] = _shape(problem, k, array)
    return Answer(values, stds)


def _net(**options):
    def make(seed):
        from sk_pydelt import NeuralNetworkInterpolator

        return NeuralNetworkInterpolator(**options, random_state=seed)

    return make


def _bayesian(seed):
    from sk_pydelt import BayesianNeuralNetworkInterpolator

    return BayesianNeuralNetworkInterpolator(random_state=seed)


def _spline(seed):
    from sk_pydelt import SplineInterpolator

    return SplineInterpolator(degree=5)


def scipy_spline(make, problem, seed):
    spline = make(problem.X[:, 0], problem.y[:, 0])
    x = problem.X_test[:, 0]
    orders = [k for k in problem.truth if k <= 3]
    return Answer({k: _shape(problem, k, spline(x, k)) for k in orders})


def _by_differences(predict, problem):
    """Values and first derivatives by central differences of a thousandth of the range."""
    T = problem.X_test
    steps = 1e-3 * np.diag(np.ptp(problem.X, axis=0))
    columns = [(predict(T + h) - predict(T - h)) / (2 * h.sum()) for h in steps]
    columns = [c.reshape(len(T), -1) for c in columns]
    values = {0: predict(T), 1: np.stack(columns, axis=2)}
    return {k: _shape(problem, k, v) for k, v in values.items()}


def _scaled(problem):
    low, high = problem.X.min(axis=0), problem.X.max(axis=0)
    mean, scale = problem.y.mean(axis=0), problem.y.std(axis=0)

    def to_unit(X):
        return 2 * (X - low) / (high - low) - 1

    return to_unit, (problem.y - mean) / scale, mean, scale


def gaussian_process(kernel, problem, seed):
    to_unit, y, mean, scale = _scaled(problem)
    d = problem.X.shape[1]
    kernel = kernel(np.full(d, 0.3), (1e-3, 1e2))
    kernel = ConstantKernel() * kernel + WhiteKernel(1e-2, (1e-12, 1e1))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=4, random_state=seed)
    process.fit(to_unit(problem.X), y)

    def predict(X):
        return process.predict(to_unit(X)).reshape(len(X), -1) * scale + mean

    noise = process.kernel_.k2.noise_level
    _, std = process.predict(to_unit(problem.X_test), return_std=True)
    std = np.sqrt(np.maximum(std.reshape(len(std), -1) ** 2 - noise, 0)) * scale
    return Answer(_by_differences(predict, problem), {0: std})


def mlp(problem, seed):
    to_unit, y, mean, scale = _scaled(problem)
    net = MLPRegressor(hidden_layer_sizes=(64, 32), max_iter=2000, random_state=seed)
    net.fit(to_unit(problem.X), y[:, 0] if y.shape[1] == 1 else y)

    def predict(X):
        return net.predict(to_unit(X)).reshape(len(X), -1) * scale + mean

    return Answer(_by_differences(predict, problem))


def _bandlimit(problem):
    """Peaks per unit of time of the GCV spline through the samples (no truth is used)."""
    t = problem.X[:, 0]
    curve = make_smoothing_spline(t, problem.y[:, 0])(t)
    peaks = np.sum((curve[1:-1] > curve[:-2]) & (curve[1:-1] > curve[2:]))
    return max(peaks, 1) / np.ptp(t)


def pynumdiff(name, problem, seed):
    import pynumdiff as package
    from pynumdiff.optimize import optimize

    method = getattr(package, name)
    x = problem.y[:, 0]
    options = {"bandlimit": _bandlimit(problem), "parallel": False}
    best, _ = optimize(method, x, problem.step, **options)
    value, rate = method(x, problem.step, **best)
    return Answer({k: _shape(problem, k, v) for k, v in enumerate((value, rate))})


def jenn(problem, seed, slopes=False):
    import jenn as package

    options = {"hidden": [12, 12], "max_iter": 1000} | problem.jenn
    net = package.NeuralNet([problem.X.shape[1], *options.pop("hidden"), problem.y.shape[1]])
    dydx = problem.dy.transpose(1, 2, 0) if slopes else None
    options |= {"is_normalize": True, "random_state": seed}
    net.fit(problem.X.T, problem.y.T, dydx, **options)
    found = {0: net.predict(problem.X_test.T).T}
    found[1] = net.predict_partials(problem.X_test.T).transpose(2, 0, 1)
    return Answer({k: _shape(problem, k, v) for k, v in found.items()})


def pydelt(problem, seed):
    import torch
    from pydelt.interpolation import NeuralNetworkInterpolator

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - it draws from the global generator
    net = NeuralNetworkInterpolator(framework="pytorch", hidden_layers=[64, 32], epochs=1000)
    net.fit(problem.X[:, 0], problem.y[:, 0])
    x = problem.X_test[:, 0]
    values = {0: net.predict(x), 1: net.differentiate(order=1)(x)}
    return Answer({k: _shape(problem, k, v) for k, v in values.items()})


LM = _net(solver="lm", hidden_layers=(16, 16), epochs=200)
METHODS = {
    "Bayesian nets": partial(ours, _bayesian),
    "net, lm": partial(ours, LM),
    "net, lbfgs": partial(ours, _net(solver="lbfgs")),
    "net, adam": partial(ours, _net()),
    "our spline": partial(ours, _spline),
    "scipy GCV spline": partial(scipy_spline, make_smoothing_spline),
    "CubicSpline": partial(scipy_spline, CubicSpline),
    "GP, RBF": partial(gaussian_process, RBF),
    "GP, Matern 5/2": partial(gaussian_process, partial(Matern, nu=2.5)),
    "MLPRegressor": mlp,
    "PyNumDiff splinediff": partial(pynumdiff, "splinediff"),
    "PyNumDiff rtsdiff": partial(pynumdiff, "rtsdiff"),
    "PyNumDiff savgoldiff": partial(pynumdiff, "savgoldiff"),
    "PyNumDiff butterdiff": partial(pynumdiff, "butterdiff"),
    "JENN": jenn,
    "pydelt": pydelt,
    "Bayesian nets, with slopes": partial(ours, _bayesian, slopes=True),
    "net, lm, with slopes": partial(ours, LM, slopes=True),
    "net, lbfgs, with slopes": partial(ours, _net(solver="lbfgs"), slopes=True),
    "net, adam, with slopes": partial(ours, _net(), slopes=True),
    "JENN, with slopes": partial(jenn, slopes=True),
}
ONE_FEATURE = {"scipy GCV spline", "CubicSpline", "pydelt"}


def applies(method, name):
    """Whether a method is made for a problem."""
    if method.startswith("PyNumDiff"):
        return name in SIGNALS
    if method.endswith("with slopes"):
        return name.endswith("slopes known")
    if method.startswith("GP") and name == "100 periods":
        return False
    surfaces = "flow", "friedman1", "franke", "ishigami"
    several = {*surfaces, *(f"{name}, slopes known" for name in JENN_PROBLEMS[1:])}
    return method not in ONE_FEATURE or name not in several


def measure(name, method, seed):
    """One fit: RMSE and coverage by order, and seconds."""
    problem = PROBLEMS[name](seed)
    row = {"problem": name, "method": method, "seed": seed}
    row |= {"day": date.today().isoformat(), "version": version("sk-pydelt")}
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = METHODS[method](problem, seed)
    except ImportError as error:
        return row | {"missing": str(error)}
    except Exception as error:
        return row | {"failed": f"{type(error).__name__}: {error}"[:200]}
    row["seconds"] = time.perf_counter() - start
    for k, truth in problem.truth.items():
        if k in answer.values:
            row[f"rmse{k}"] = float(np.sqrt(np.mean((answer.values[k] - truth) ** 2)))
        if k in answer.stds:
            inside = np.abs(answer.values[k] - truth) <= 1.96 * answer.stds[k]
            row[f"cover{k}"] = float(np.mean(inside))
    return row


def table(rows):
    """Medians over the seeds, as Markdown, one part for each problem."""
    lines = [_made(rows)]
    for name in PROBLEMS:
        here = [row for row in rows if row["problem"] == name]
        if not here:
            continue
        orders = [k for k in range(4) if any(f"rmse{k}" in row for row in here)]
        errors = [f"RMSE, order {k}" for k in orders]
        heads = ["method", *errors, "95 % bands hold", "seconds", "runs"]
        lines += [f"\n### {name}\n", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for method in METHODS:
            runs = [row for row in here if row["method"] == method]
            if runs:
                lines.append("| " + " | ".join(_cells(method, runs, orders)) + " |")
    return "\n".join(lines) + "\n"


def _made(rows):
    """When the results were measured, and with which version of the package."""
    days = sorted({row["day"] for row in rows if "day" in row})
    versions = sorted({row["version"] for row in rows if "version" in row})
    if not days:
        return ""
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Measured {when} with sk-pydelt {', '.join(versions)}."


def _cells(method, runs, orders):
    good = [run for run in runs if "seconds" in run]
    if not good:
        why = "not installed" if "missing" in runs[0] else runs[0].get("failed", "")[:60]
        return [method, *("" for _ in orders), "", why, "0"]

    def median(key, form):
        found = [run[key] for run in good if np.isfinite(run.get(key, np.nan))]
        return format(np.median(found), form) if found else ""

    cover = " / ".join(filter(None, (median(f"cover{k}", ".0%") for k in orders)))
    errors = [median(f"rmse{k}", ".3g") for k in orders]
    return [method, *errors, cover, median("seconds", ".1f"), str(len(good))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="runs of each method")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--output", type=Path, default="accuracy.jsonl", help="every result")
    parser.add_argument("--table", type=Path, default="accuracy.md", help="the medians")
    options = parser.parse_args()
    lines = options.output.read_text().splitlines() if options.output.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["problem"], row["method"], row["seed"]) for row in rows}
    for seed in range(options.seeds):
        for name in options.problems:
            for method in options.methods:
                if (name, method, seed) in done or not applies(method, name):
                    continue
                rows.append(measure(name, method, seed))
                with options.output.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
                print(rows[-1], flush=True)
    options.table.write_text(table(rows))


if __name__ == "__main__":
    main()
