"""
A Gaussian process, its derivatives and what is known of them
=============================================================

A Gaussian process knows how sure it is, and so it knows it of its derivatives: they are Gaussian
too, with covariances that are derivatives of the kernel. The data are 40 noisy samples of
:math:`f(x) = \\sin(x) + x / 4` with a gap in the middle.
"""

# %%
# The samples; the kernel's length and the noise are found by maximum likelihood.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_pydelt import differentiate

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument(
    "--output", type=Path, default="plot_gaussian_process_derivative.png", help="path of the figure"
)
output = parser.parse_known_args()[0].output

rng = np.random.default_rng(3)
x = np.sort(np.concatenate([rng.uniform(0, 4, 22), rng.uniform(6, 10, 18)])).reshape(-1, 1)
y = np.sin(x[:, 0]) + x[:, 0] / 4 + 0.1 * rng.standard_normal(40)
grid = np.linspace(0, 10, 201).reshape(-1, 1)
exact = {
    0: np.sin(grid[:, 0]) + grid[:, 0] / 4,
    1: np.cos(grid[:, 0]) + 1 / 4,
    2: -np.sin(grid[:, 0]),
}

print(f"{len(x)} samples with noise 0.1")

process = GaussianProcessRegressor(
    ConstantKernel() * RBF() + WhiteKernel(),
    normalize_y=True,
    n_restarts_optimizer=3,
    random_state=0,
)
model = make_pipeline(StandardScaler(), process).fit(x, y)
print(model[-1].kernel_)

# %%
# The noise-free value and derivatives of order 1 and 2, each with its standard deviation.
noise = model[-1].kernel_.k2.noise_level * y.var()
value, spread = model.predict(grid, return_std=True)
found = {0: (value, np.sqrt(np.maximum(spread**2 - noise, 0)))}
for order in (1, 2):
    found[order] = differentiate(model, order)(grid, return_std=True)

print(f"\n{'':12}{'RMSE':>10}{'mean std':>10}{'within 2 std':>14}")
for order, (mean, std) in found.items():
    error = mean - exact[order]
    inside = np.mean(abs(error) < 2 * std)
    print(f"order {order:<6}{np.sqrt(np.mean(error**2)):10.3f}{std.mean():10.3f}{inside:14.0%}")

# %%
# The bands widen in the gap, and at the ends the more the higher the order.
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
for order, axes in enumerate(panels):
    mean, std = found[order]
    axes.fill_between(
        grid[:, 0], mean - 2 * std, mean + 2 * std, color="C0", alpha=0.25, lw=0, label="± 2 std"
    )
    axes.plot(grid, mean, "C0", label="Gaussian process")
    axes.plot(grid, exact[order], "k--", lw=1, label="exact")
    axes.set(xlabel="x", ylabel=("f(x)", "df/dx", "d²f/dx²")[order])
panels[0].plot(x, y, "k.", ms=4, label="samples")
panels[0].legend(fontsize="small")
figure.savefig(output, dpi=100)
