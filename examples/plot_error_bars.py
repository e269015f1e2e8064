"""
Error bars of a derivative
==========================

A noisy series, and no setting: `BayesianNeuralNetworkInterpolator` finds the noise, and gives the
function, its rate and its curvature each with a standard deviation.
"""

# %%
# A damped oscillation, 80 samples with noise 0.1.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sk_pydelt import BayesianNeuralNetworkInterpolator

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument("--output", type=Path, default="plot_error_bars.png", help="path of the figure")
output = parser.parse_known_args()[0].output

DECAY = -0.3 + 2j  # 1/s: y = Re exp(DECAY t), in m
NOISE = 0.1  # m

t = np.linspace(0, 8, 80).reshape(-1, 1)
grid = np.linspace(0, 8, 400).reshape(-1, 1)
exact = [(DECAY**k * np.exp(DECAY * grid[:, 0])).real for k in range(3)]
y = np.exp(DECAY * t[:, 0]).real + NOISE * np.random.default_rng(0).standard_normal(len(t))

print(f"{len(t)} samples with noise {NOISE} m")

# %%
# The fit, and what it found.
model = BayesianNeuralNetworkInterpolator(random_state=0).fit(t, y)
print(f"noise: {model.noise_std_:.3f} m (true: {NOISE} m)")
print(f"effective parameters: {model.effective_dof_:.1f}")
print(model.candidates_[:5])

# %%
# Each order with its band of 95 %, and how much of the exact curve the band holds.
found = [model.predict(grid, return_std=True)]
found += [model.differentiate(order)(grid, return_std=True) for order in (1, 2)]
labels = ("y (m)", "dy/dt (m/s)", "d²y/dt² (m/s²)")
figure, panels = plt.subplots(3, 1, figsize=(8, 7.5), layout="constrained", sharex=True)
print(f"\n{'':16}{'RMSE':>8}{'mean std':>10}{'95 % band holds':>17}")
for axes, label, truth, (values, std) in zip(panels, labels, exact, found):
    low, high = values - 1.96 * std, values + 1.96 * std
    holds = np.mean((low < truth) & (truth < high))
    rmse = np.sqrt(np.mean((values - truth) ** 2))
    print(f"{label:16}{rmse:8.3f}{std.mean():10.3f}{holds:17.0%}")
    axes.fill_between(grid[:, 0], low, high, color="C0", alpha=0.25, label="95 % band")
    axes.plot(grid, values, "C0", lw=1.5, label="found")
    axes.plot(grid, truth, "k--", lw=1, label="exact")
    axes.set(ylabel=label)
panels[0].plot(t, y, "k.", ms=4, label="samples")
panels[0].set(title="A noisy oscillation, its rate and its curvature, with error bars")
panels[2].set(xlabel="time (s)")
for axes, place in zip(panels, ("upper right", "lower right", "upper right")):
    axes.legend(loc=place, fontsize="small", ncols=2)
    axes.margins(x=0.01)
figure.savefig(output, dpi=100)
