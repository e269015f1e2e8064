"""What laws of physics are worth: errors of derivatives with and without them.

Bayesian nets with their defaults, the same samples told the laws and not. The flow around a
cylinder and Taylor–Green vortices are given at some two hundred places with noise 0.05, and the
error is that of the Jacobian on a grid; the heat equation at 60 places with noise 0.05, and errors
are those of u_t and u_xx. The ratio is of the medians over the sets of samples.

    python benchmarks/laws.py --sets 3 --table laws.md
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from printed import write_table
from sklearn.exceptions import ConvergenceWarning

from sk_pydelt import BayesianNeuralNetworkInterpolator, LinearLaw

NOISE = 0.05
HEAD = "| problem | laws | error of | without | with | ratio |"
FLOW_LAWS = ["divergence-free", "curl-free"]
HEAT = LinearLaw({(0, 0): 1.0, (0, 1, 1): -0.1})


def in_the_flow(n, rng):
    """Places around the cylinder."""
    X = rng.uniform(-2, 2, (n, 2))
    return X[np.hypot(*X.T) >= 0.6]


def flow(X):
    """Velocity (n, 2) of the ideal flow past a cylinder of radius 0.5, and its Jacobian."""
    z = X[:, 0] + 1j * X[:, 1]
    w, slope = 1 - 0.25 / z**2, 0.5 / z**3
    rows = [[slope.real, -slope.imag], [-slope.imag, -slope.real]]
    return np.column_stack([w.real, -w.imag]), np.moveaxis(np.array(rows), 2, 0)


def vortices(X):
    """Velocity (n, 2) of Taylor–Green vortices, and its Jacobian."""
    (sx, sy), (cx, cy) = np.sin(X.T), np.cos(X.T)
    rows = [[-sx * sy, cx * cy], [-cx * cy, sx * sy]]
    return np.column_stack([cx * sy, -sx * cy]), np.moveaxis(np.array(rows), 2, 0)


def heat(X):
    """Temperature (n,) of two modes in a rod, by t and x; u_t and u_xx."""
    t, x = X.T
    modes = [a * np.exp(-0.1 * k**2 * t) * np.sin(k * x) for a, k in ((1.0, 1), (0.5, 2))]
    u_xx = -(modes[0] + 4 * modes[1])
    return sum(modes), (0.1 * u_xx, u_xx)


def jacobian_error(model, X, truth):
    return {"Jacobian": np.sqrt(np.mean((model.jacobian(X) - truth) ** 2))}


def heat_errors(model, X, truth):
    found = model.derivatives(X, [(1, 0), (0, 2)])
    return {
        name: np.sqrt(np.mean((a - b) ** 2)) for name, a, b in zip(("u_t", "u_xx"), found, truth)
    }


def box(low, high, n=40):
    """A grid (n², 2)."""
    axes = (np.linspace(*ends, n) for ends in zip(low, high))
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)


def cylinder(seed):
    rng = np.random.default_rng(seed)
    grid = box((-2, -2), (2, 2))
    options = {"laws": FLOW_LAWS, "law_places": in_the_flow(440, np.random.default_rng(100))}
    return in_the_flow(200, rng), grid[np.hypot(*grid.T) >= 0.6], flow, jacobian_error, options


def taylor_green(seed):
    X = np.random.default_rng(seed).uniform(0, 2 * np.pi, (200, 2))
    grid = box((0, 0), (2 * np.pi, 2 * np.pi))
    return X, grid, vortices, jacobian_error, {"laws": ["divergence-free"]}


def rod(seed):
    X = np.random.default_rng(seed).uniform((0, 0), (3, np.pi), (60, 2))
    return X, box((0, 0), (3, np.pi)), heat, heat_errors, {"laws": [HEAT]}


PROBLEMS = {
    "flow around a cylinder": cylinder,
    "Taylor–Green vortices": taylor_green,
    "heat in a rod": rod,
}


def errors(problem, seed):
    """Of each derivative, without the laws and with them."""
    X, grid, truth, measure, options = problem(seed)
    values, _ = truth(X)
    y = values + NOISE * np.random.default_rng(1000 + seed).standard_normal(values.shape)
    models = (
        BayesianNeuralNetworkInterpolator(random_state=seed, **given).fit(X, y)
        for given in ({}, options)
    )
    without, told = (measure(model, grid, truth(grid)[1]) for model in models)
    return {name: (without[name], told[name]) for name in without}


def rows(n_sets):
    for label, problem in PROBLEMS.items():
        found = [errors(problem, seed) for seed in range(n_sets)]
        laws = ", ".join(map(str, problem(0)[-1]["laws"]))
        for name in found[0]:
            without, told = np.median([each[name] for each in found], axis=0)
            numbers = f"{without:.3f} | {told:.3f} | {told / without:.2f}"
            yield f"| {label} | {laws} | {name} | {numbers} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    write_table(HEAD, rows(args.sets), args.table)


if __name__ == "__main__":
    main()
