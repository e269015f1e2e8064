"""
Discovering an equation
=======================

PySINDy finds the differential equation of a system from its states and their rates. Rates of noisy
samples are where it fails; here they are those of a spline with its smoothing chosen by itself.
"""

# %%
# Ten seconds of the Lorenz system, 1001 samples with noise 0.5 in each state.
import matplotlib.pyplot as plt
import numpy as np
import pysindy as ps
from scipy.integrate import solve_ivp

from sk_pydelt import SplineInterpolator


def lorenz(t, state):
    x, y, z = state
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


t = np.linspace(0, 10, 1001)
exact = solve_ivp(lorenz, (0, 10), (-8, 7, 27), t_eval=t, rtol=1e-9, atol=1e-9).y.T
samples = exact + 0.5 * np.random.default_rng(0).standard_normal(exact.shape)

# %%
# One fit of all three states: its values are the samples without most of their noise, its
# derivative their rates.
T = t.reshape(-1, 1)
spline = SplineInterpolator().fit(T, samples)
states, rates = spline.predict(T), spline.differentiate(order=1)(T)
true_rates = np.array(lorenz(t, exact.T)).T
for name, found in (("spline", rates), ("differences", np.gradient(samples, t, axis=0))):
    print(f"{name:12} RMSE of the rates {np.sqrt(np.mean((found - true_rates) ** 2)):6.1f}")
print(f"{'':12} their RMS {np.sqrt(np.mean(true_rates**2)):14.1f}")

figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
axes.plot(t, np.gradient(samples[:, 0], t), color="0.8", lw=1, label="differences")
axes.plot(t, true_rates[:, 0], "k", lw=3, alpha=0.3, label="exact")
axes.plot(t, rates[:, 0], lw=1, label="spline")
axes.set(xlabel="t", ylabel="dx/dt")
axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.15))
plt.show()

# %%
# PySINDy takes rates as ``x_dot``. Ends are left out: there a derivative is known least.
inner = slice(10, -10)


def discover(states, rates=None):
    model = ps.SINDy(
        optimizer=ps.STLSQ(threshold=0.3), feature_library=ps.PolynomialLibrary(degree=2)
    )
    model.fit(states[inner], t=t[inner], x_dot=rates, feature_names=["x", "y", "z"])
    model.print()


discover(states, rates[inner])

# %%
# The same from PySINDy's own differences of the samples:
discover(samples)
