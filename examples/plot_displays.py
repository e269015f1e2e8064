"""
Pictures in one line each
=========================

The Displays of `sk_pydelt.display` draw fitted models by scikit-learn's conventions: a curve with
its derivatives and their error bars, a field of velocities over its vorticity, average marginal
effects, and the loss of a net. Names of columns such as ``velocity [m/s]`` give the units.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sk_pydelt import NeuralNetworkInterpolator, SplineInterpolator
from sk_pydelt.display import (
    DerivativeDisplay,
    LossCurveDisplay,
    MarginalEffectsDisplay,
    VectorFieldDisplay,
)

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument("--output", type=Path, default="plot_displays.png", help="path of the figure")
output = parser.parse_known_args()[0].output
print("fitting a curve, a field and a net ...", flush=True)

rng = np.random.default_rng(0)

# %%
# A noisy oscillation, and a spline through it.
time = pd.DataFrame({"time [s]": np.linspace(0, 8, 80)})
position = np.exp(-0.3 * time["time [s]"]) * np.cos(2 * time["time [s]"])
position = (position + 0.05 * rng.standard_normal(80)).rename("position [m]")
spline = SplineInterpolator(degree=5).fit(time, position)

# %%
# A field of velocities that was measured at 250 places, by a spline; and a net of one component.
places = pd.DataFrame(rng.uniform(-2, 2, (250, 2)), columns=["x [m]", "y [m]"])
swirl = np.exp(-(places["x [m]"] ** 2) - places["y [m]"] ** 2)
velocity = pd.DataFrame({"u [m/s]": -places["y [m]"] * swirl, "v [m/s]": places["x [m]"] * swirl})
velocity += 0.01 * rng.standard_normal(velocity.shape)
field = SplineInterpolator(degree=5).fit(places, velocity)
net = NeuralNetworkInterpolator(
    (32,), learning_rate=0.01, early_stopping=True, patience=200, random_state=0
)
net.fit(places, velocity["u [m/s]"])

# %%
# Left: the samples, the fitted function and its first two derivatives, with bands that hold them
# with 95 %. Right: the field over its vorticity, and streamlines over its speed; outside of the
# samples' hull, where the spline would extrapolate, it is grey. Below: the loss of the net on
# training and held-out samples, and how much its output grows on average for one unit more of each
# feature.
figure = plt.figure(figsize=(14, 8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.7))
axes = left.subplots(3, 1, sharex=True)
(top_left, top_right), (bottom_left, bottom_right) = right.subplots(2, 2)
DerivativeDisplay.from_estimator(spline, time, position, orders=(0, 1, 2), ax=axes)
VectorFieldDisplay.from_estimator(field, places, quantity="curl", ax=top_left)
streamlines = {"style": "streamlines", "quantity": "speed"}
VectorFieldDisplay.from_estimator(field, places, **streamlines, ax=top_right)
LossCurveDisplay.from_estimator(net, ax=bottom_left)
MarginalEffectsDisplay.from_estimator(net, places, ax=bottom_right)
figure.savefig(output, dpi=100)
print(f"the figure is {output}")
