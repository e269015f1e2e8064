"""
Your CSV to a derivative with an error bar
==========================================

A file of two columns, a place and a measured value, becomes a curve, its rate and its curvature,
each with a band that holds the truth in 95 cases of 100.
"""

# %%
# A file to try with, of 300 rows: the position of a weight on a spring. Leave this block out if you
# have a file of your own.
from pathlib import Path

import numpy as np

time = np.linspace(0, 10, 300)
position = 20 * np.exp(-0.2 * time) * np.cos(3 * time)
position += np.random.default_rng(0).standard_normal(300)
rows = [f"{t:.3f},{x:.2f}" for t, x in zip(time, position)]
csv = "\n".join(["time [s],position [mm]", *rows])
_ = Path("motion.csv").write_text(csv)

# %%
# From the file to the picture. The names of the columns become those of the axes; units in brackets
# are those of the derivatives, too. Put the name of your file for ``motion.csv``.
import matplotlib.pyplot as plt
import pandas as pd

from sk_pydelt import SplineInterpolator
from sk_pydelt.display import DerivativeDisplay

table = pd.read_csv("motion.csv").dropna()
X, y = table.iloc[:, [0]], table.iloc[:, 1]

model = SplineInterpolator().fit(X, y)
DerivativeDisplay.from_estimator(model, X, y, orders=(0, 1, 2))
plt.show()

# %%
# The numbers, at the rows of the file or at any other places:
rate, std = model.differentiate(order=1)(X, return_std=True)
table["velocity [mm/s]"], table["± [mm/s]"] = rate, 1.96 * std
table.head()

# %%
# What was found about the noise, in the units of the samples:
print(f"standard deviation of the noise: {model.noise_std_:.2f}")

# %%
# When it turned round, which is where the rate is zero, and how far it came between two times:
from sk_pydelt import integrate, roots

velocity = model.differentiate(order=1)
print("turned at", roots(velocity, 0.5, 5.0).round(2), "s")
print(f"from 1 s to 2 s: {integrate(velocity, 1.0, 2.0):.1f} mm")

# %%
# A spline takes milliseconds. Where samples are few or the curve turns sharply,
# ``BayesianNeuralNetworkInterpolator()`` is often nearer and takes seconds: put it in the place of
# ``SplineInterpolator()``. The next page compares them.
