"""
Choosing a model
================

No truth is needed to choose: predict samples that were left out of the fit. All estimators here are
scikit-learn's kind, so its tools compare them, and a Gaussian process of its own takes part.
"""

# %%
# 120 noisy samples of a chirp.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.model_selection import KFold, cross_val_score

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
)
from sk_pydelt.display import DerivativeDisplay, LossCurveDisplay


def chirp(t):
    return np.sin(t**2 / 2)


rng = np.random.default_rng(0)
t = np.sort(rng.uniform(0, 6, 120)).reshape(-1, 1)
y = chirp(t[:, 0]) + 0.1 * rng.standard_normal(120)

# %%
# Five folds for each. The last column, the error of the rate, is what is wanted, and only to be had
# here because the truth is known: what predicts samples badly is bad at the rate, too.
kernel = ConstantKernel() * RBF() + WhiteKernel()
models = {
    "spline": SplineInterpolator(),
    "Bayesian nets": BayesianNeuralNetworkInterpolator(random_state=0),
    "one net": NeuralNetworkInterpolator(
        (32, 32), activation="sine", early_stopping=True, random_state=0
    ),
    "Gaussian process": GaussianProcessRegressor(kernel, normalize_y=True),
}
folds = KFold(5, shuffle=True, random_state=0)
grid = np.linspace(0.1, 5.9, 300).reshape(-1, 1)
print(f"{'':18}{'samples left out':>18}{'rate':>8}")
for name, model in models.items():
    scores = cross_val_score(model, t, y, cv=folds, scoring="neg_root_mean_squared_error")
    rate = differentiate(model.fit(t, y))(grid)
    error = np.sqrt(np.mean((rate - grid[:, 0] * np.cos(grid[:, 0] ** 2 / 2)) ** 2))
    print(f"{name:18}{-scores.mean():18.3f}{error:8.2f}")

# %%
# The Bayesian nets with their bands, and the truth beside them.
best = models["Bayesian nets"]
display = DerivativeDisplay.from_estimator(best, t, y)
display.axes_[0].plot(grid, chirp(grid), "k--", lw=1)
display.axes_[1].plot(grid, grid * np.cos(grid**2 / 2), "k--", lw=1)
plt.show()

# %%
# What the Bayesian nets tried is a table: which nets, how well they predicted, and their weights.
for row in best.candidates_[:4]:
    print(row["activation"], row["hidden_layers"], f"{row['weight']:.2f}")

# %%
# A net that is trained by epochs should be watched: did the loss come to rest, and where was it
# stopped?
LossCurveDisplay.from_estimator(models["one net"])
plt.show()
