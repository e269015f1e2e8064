"""
A track with wild readings
==========================

A position sensor that is right to a few metres, and now and then wrong by hundreds: with noise that
follows Student's t distribution the fit finds by itself which readings not to trust.
"""

# %%
# A drive of 200 s along a figure of eight. One reading in twenty is a reflection.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sk_pydelt import BayesianNeuralNetworkInterpolator

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument("--output", type=Path, default="plot_outliers.png", help="path of the figure")
output = parser.parse_known_args()[0].output

rng = np.random.default_rng(0)
t = np.arange(200.0).reshape(-1, 1)  # s
turn = 2 * np.pi * t / 200
track = np.hstack([400 * np.sin(turn), 250 * np.sin(2 * turn)])  # m
speed = 2 * np.pi / 200 * np.hypot(400 * np.cos(turn), 500 * np.cos(2 * turn))[:, 0]  # m/s
readings = track + 3 * rng.standard_normal(track.shape)
wild = rng.random(track.shape) < 0.05
readings[wild] += rng.normal(0, 300, wild.sum())
print(f"{wild.sum()} of {wild.size} readings are wrong by some 300 m, the others by 3 m")

# %%
# Two fits to the same readings.
models = {
    "Gaussian noise": BayesianNeuralNetworkInterpolator((8, 8), "tanh", random_state=0),
    "Student's t": BayesianNeuralNetworkInterpolator(
        (8, 8), "tanh", random_state=0, noise="student"
    ),
}
velocities = {}
for name, model in models.items():
    model.fit(t, readings)
    velocities[name] = model.differentiate(order=1)(t, return_std=True)
    off = np.hypot(*velocities[name][0].T) - speed
    error = np.sqrt(np.mean((model.predict(t) - track) ** 2))
    print(f"{name}: {error:.1f} m and {np.sqrt(np.mean(off**2)):.2f} m/s off, ", end="")
    print(f"noise {np.round(model.noise_std_, 1)} m")

# %%
# A reading is wild where it is many times the noise away from the curve.
robust = models["Student's t"]
distance = abs(readings - robust.predict(t)) / robust.noise_std_
suspect = (distance > 6).any(axis=1)
print(f"{suspect.sum()} places with a wild reading found, of {wild.any(axis=1).sum()}")

# %%
# The track, and the speed by either fit.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
left.plot(*readings[~suspect].T, "k.", ms=3, label="readings")
left.plot(*readings[suspect].T, "rx", ms=5, label="found to be wild")
for (name, model), colour in zip(models.items(), ("C1", "C0")):
    left.plot(*model.predict(t).T, colour, lw=1.5, label=name)
    velocity, std = velocities[name]
    value = np.hypot(*velocity.T)
    spread = np.sqrt(np.sum((velocity * std) ** 2, axis=1)) / value  # along the velocity
    right.fill_between(
        t[:, 0], value - 1.96 * spread, value + 1.96 * spread, color=colour, alpha=0.25
    )
    right.plot(t, value, colour, lw=1.5, label=name)
right.plot(t, speed, "k--", lw=1, label="exact")
left.set(xlabel="east (m)", ylabel="north (m)", title="Track", xlim=(-700, 700), ylim=(-500, 500))
right.set(xlabel="time (s)", ylabel="speed (m/s)", title="Speed, with bands of 95 %")
for axes in (left, right):
    axes.legend(fontsize="small", loc="upper right")
figure.savefig(output, dpi=100)
