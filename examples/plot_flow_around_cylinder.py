"""
Flow around a cylinder from scattered particles
===============================================

Particle tracking gives noisy velocities at some two hundred places around a cylinder in a steady
stream. A net with two outputs is fitted to them; its exact derivatives are the vorticity, the
divergence and the strain rate, which are compared with those of the ideal flow on a grid.
"""

# %%
# The ideal flow of a stream of 1 m/s past a cylinder of radius 0.5 m is free of vorticity and
# divergence. Its velocity is known through the complex potential, and so is its Jacobian.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle
from sklearn.model_selection import GridSearchCV, KFold

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    curl,
    divergence,
    strain_rate,
)

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument(
    "--output", type=Path, default="plot_flow_around_cylinder.png", help="path of the figure"
)
parser.add_argument("--backend", choices=["pytorch", "tensorflow"], default="pytorch")
arguments = parser.parse_known_args()[0]
output, backend = arguments.output, arguments.backend

U, R, NOISE = 1.0, 0.5, 0.05  # m/s, m, m/s


def velocity(X):
    x, y = X.T
    r = np.hypot(x, y)
    u = U * (1 - R**2 * (x**2 - y**2) / r**4)
    v = -2 * U * R**2 * x * y / r**4
    return np.column_stack([u, v])


def exact_strain_rate(X):
    """The Jacobian, which is symmetric: u - iv = U (1 - R²/z²) is analytic in z = x + iy."""
    slope = 2 * U * R**2 / (X[:, 0] + 1j * X[:, 1]) ** 3
    rows = [[slope.real, -slope.imag], [-slope.imag, -slope.real]]
    return np.moveaxis(np.array(rows), 2, 0)


def measure(seed):
    """Places of the particles, m, and their velocities, m/s."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (200, 2))
    X = X[np.hypot(*X.T) >= 0.6]
    return X, velocity(X) + NOISE * rng.standard_normal(X.shape)


axis = np.linspace(-2, 2, 50)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
outside = np.hypot(*grid.T) >= 0.6
places = grid[outside]

# %%
# The net's activation and L2 penalty are chosen by cross-validation on one set of measurements.
X, Y = measure(seed=0)
net = NeuralNetworkInterpolator(
    (16, 16), solver="lbfgs", epochs=300, random_state=0, backend=backend
)
search = GridSearchCV(
    net,
    {"activation": ["tanh", "swish"], "alpha": [1e-5, 1e-4, 1e-3]},
    scoring="neg_root_mean_squared_error",
    cv=KFold(5, shuffle=True, random_state=0),
).fit(X, Y)
print(f"chosen: {search.best_params_}, cross-validation RMSE {-search.best_score_:.3f} m/s")

# %%
# Errors on the grid, as medians over five sets of measurements.


def fields(model, X):
    return {
        "velocity (m/s)": model.predict(X),
        "vorticity (1/s)": curl(model, X),
        "divergence (1/s)": divergence(model, X),
        "strain rate (1/s)": strain_rate(model, X),
    }


exact = {
    "velocity (m/s)": velocity(places),
    "vorticity (1/s)": np.zeros(len(places)),
    "divergence (1/s)": np.zeros(len(places)),
    "strain rate (1/s)": exact_strain_rate(places),
}
candidates = {
    "net": lambda seed: net.set_params(**search.best_params_, random_state=seed),
    "Bayesian nets": lambda seed: BayesianNeuralNetworkInterpolator(random_state=seed),
    "cubic spline": lambda seed: SplineInterpolator(degree=3),
    "quintic spline": lambda seed: SplineInterpolator(degree=5),
}
print(f"\n{'RMSE, median of 5':20}" + "".join(f"{name:>19}" for name in exact))
for label, make in candidates.items():
    rmse = []
    for seed in range(5):
        found = fields(make(seed).fit(*measure(seed)), places)
        rmse.append([np.sqrt(np.mean((found[name] - exact[name]) ** 2)) for name in exact])
    print(f"{label:20}" + "".join(f"{value:19.3f}" for value in np.median(rmse, axis=0)))
size = [np.sqrt(np.mean(values**2)) for values in exact.values()]
print(f"{'RMS of the exact':20}" + "".join(f"{value:19.3f}" for value in size))

# %%
# The fields of the net and of the cubic spline for the first set, above them the exact ones.


def scalars(fields):
    """What the figure shows: speed and the magnitude of the strain rate, √(2 S:S)."""
    speed = np.hypot(*fields["velocity (m/s)"].T)
    strain = np.sqrt(2 * np.sum(fields["strain rate (1/s)"] ** 2, axis=(1, 2)))
    return [speed, fields["vorticity (1/s)"], fields["divergence (1/s)"], strain]


rows = {
    "exact": scalars(exact),
    "net": scalars(fields(search.best_estimator_, places)),
    "cubic spline": scalars(fields(SplineInterpolator(degree=3).fit(X, Y), places)),
}
titles = [
    "speed (m/s), arrows: samples",
    "vorticity (1/s)",
    "divergence (1/s)",
    "strain rate, √(2 S:S) (1/s)",
]
scales = [(0, 2, "viridis"), (-1.5, 1.5, "RdBu"), (-1.5, 1.5, "RdBu"), (0, 4, "viridis")]
figure, panels = plt.subplots(
    3, 4, figsize=(10.5, 8.8), layout="constrained", sharex=True, sharey=True
)
for line, (label, values) in zip(panels, rows.items()):
    for axes, value, (low, high, colours) in zip(line, values, scales):
        image = np.full(len(grid), np.nan)
        image[outside] = value
        mesh = axes.pcolormesh(axis, axis, image.reshape(50, 50), vmin=low, vmax=high, cmap=colours)
        axes.add_patch(Circle((0, 0), R, color="0.5"))
        axes.set_aspect("equal")
    line[0].set_ylabel(f"{label}\ny (m)")
    line[0].quiver(*X.T, *Y.T, color="w", scale=25, width=0.004)
for column, title, (low, *_) in zip(panels.T, titles, scales):
    column[0].set_title(title, fontsize="medium")
    column[-1].set_xlabel("x (m)")
    mesh = column[0].collections[0]
    extend = "both" if low < 0 else "max"
    figure.colorbar(mesh, ax=column, location="bottom", shrink=0.8, extend=extend)
figure.savefig(output, dpi=100)
