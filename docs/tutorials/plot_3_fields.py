"""
Fields: vorticity and strain
============================

Velocities at scattered places, as particle tracking gives them, become a smooth field whose
vorticity, divergence and rate of strain are exact derivatives of it.
"""

# %%
# Taylor–Green vortices: 250 particles in a box of 2 by 2, velocities with noise of 0.05.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sk_pydelt import SplineInterpolator, curl, divergence, strain_rate
from sk_pydelt.display import VectorFieldDisplay

rng = np.random.default_rng(0)
places = rng.uniform(0, 2, (250, 2))


def velocity(X):
    x, y = np.pi * X.T
    return np.column_stack([np.sin(x) * np.cos(y), -np.cos(x) * np.sin(y)])


X = pd.DataFrame(places, columns=["x [m]", "y [m]"])
Y = pd.DataFrame(
    velocity(places) + 0.05 * rng.standard_normal((250, 2)), columns=["u [m/s]", "v [m/s]"]
)

# %%
# One fit of both components; its vorticity, ∂v/∂x − ∂u/∂y, in colours under the velocities. Dots
# are the particles.
model = SplineInterpolator().fit(X, Y)
VectorFieldDisplay.from_estimator(model, X, quantity="curl")
plt.show()

# %%
# The rate of strain, √(2 E:E), under streamlines.
VectorFieldDisplay.from_estimator(model, X, quantity="strain", style="streamlines")
plt.show()

# %%
# The same as numbers, at any places, beside the exact ones. The flow is free of divergence.
inner = pd.DataFrame(rng.uniform(0.2, 1.8, (1000, 2)), columns=X.columns)
x, y = np.pi * inner.to_numpy().T
exact = 2 * np.pi * np.sin(x) * np.sin(y)
print(f"vorticity   RMSE {np.sqrt(np.mean((curl(model, inner) - exact) ** 2)):.2f}", end=" ")
print(f"of {np.sqrt(np.mean(exact**2)):.2f} 1/s")
print(f"divergence  RMS  {np.sqrt(np.mean(divergence(model, inner) ** 2)):.2f} 1/s")
print("strain rate", strain_rate(model, inner).shape)

# %%
# In space, with three features and three outputs, `curl` is a vector; `sk_pydelt.laplacian`,
# `jacobian` and `directional_derivative` take any number of each.
