"""
Large data: dask and a GPU
==========================

A model is fitted to samples that fit into memory, and evaluated at places that need not: dask
arrays and frames go in, and lazy ones come out. Nets of many samples are trained on a GPU where
there is one.
"""

# %%
# A field of two vortices, measured at 300 places.
import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

from sk_pydelt import SplineInterpolator
from sk_pydelt.dask import curl, divergence


def velocity(X):
    x, y = np.pi * X.T
    return np.column_stack([np.sin(x) * np.cos(y), -np.cos(x) * np.sin(y)])


samples = np.random.default_rng(0).uniform(0, 2, (300, 2))
model = SplineInterpolator().fit(samples, velocity(samples))

# %%
# A map of 90,000 places in nine chunks: ``sk_pydelt.dask`` has the functions of ``sk_pydelt`` by
# the same names. Nothing is computed until it is asked for, and then a chunk at a time: by threads,
# by processes, or by a cluster, as dask is told.
axis = da.linspace(0, 2, 300, chunks=300)
y, x = da.meshgrid(axis, axis, indexing="ij")
places = da.stack([x.ravel(), y.ravel()], axis=1).rechunk((10_000, 2))
vorticity = curl(model, places)
print(vorticity)

# %%
# Averages need no array of all values; a map does.
print("mean |div|:", abs(divergence(model, places)).mean().compute().round(4))
image = vorticity.reshape((300, 300)).compute()
figure, axes = plt.subplots(figsize=(6, 4.4), layout="constrained")
mesh = axes.imshow(image, origin="lower", extent=(0, 2, 0, 2), cmap="RdBu_r")
axes.set(xlabel="x", ylabel="y")
figure.colorbar(mesh, label="vorticity")
plt.show()

# %%
# For a million samples, a net with mini-batches, or full batches on a GPU: ``device="auto"`` takes
# one where there is one, and a net from a file opens where there is none.
from sk_pydelt import NeuralNetworkInterpolator

many = np.random.default_rng(1).uniform(0, 2, (20_000, 2))
net = NeuralNetworkInterpolator(
    (32, 32), "swish", epochs=20, learning_rate=0.01, batch_size=256, device="auto", random_state=0
)
net.fit(many, velocity(many))
print(f"R² {net.score(many, velocity(many)):.4f}")
