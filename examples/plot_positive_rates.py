"""
How fast a positive quantity grows
==================================

What is positive and grows in proportion is fitted as a logarithm. Error bars pass back through the
exponential: those of the rate in dollars a year, and of the growth in percent. The real gross
domestic product of the United States, quarter by quarter, comes with the statsmodels package.
"""

# %%
# Quarterly figures from 1959 to 2009, in billions of 2005 dollars a year.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from statsmodels.datasets import macrodata

from sk_pydelt import BayesianNeuralNetworkInterpolator, differentiate, expectation

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
path = "plot_positive_rates.png"
parser.add_argument("--output", type=Path, default=path, help="path of the figure")
output = parser.parse_known_args()[0].output

data = macrodata.load_pandas().data
year = (data.year + (data.quarter - 0.5) / 4).to_numpy()
gdp = data.realgdp.to_numpy()
print(f"{len(gdp)} quarters, from {gdp[0]:,.0f} to {gdp[-1]:,.0f} billion dollars a year")

# %%
# The logarithm is fitted, by a transformed target.
X, grid = year.reshape(-1, 1), np.linspace(year[0], year[-1], 500).reshape(-1, 1)
model = TransformedTargetRegressor(
    BayesianNeuralNetworkInterpolator(random_state=0), func=np.log, inverse_func=np.exp
)
model.fit(X, gdp)
noise = model.regressor_.noise_std_
print(f"noise of a figure: {noise:.2%}")

# %%
# The growth is the derivative of the logarithm, of the regressor inside; the rate is that of the
# product itself. Its mean is a bit above that of `predict`, which is the median.
growth, growth_std = differentiate(model.regressor_)(grid, return_std=True)
rate, rate_std = differentiate(model)(grid, return_std=True)
mean, std = expectation(model, grid, return_std=True)
median = model.predict(grid)
print(f"mean over median, less one: {np.max(mean / median) - 1:.1e} at most")
sure = grid[growth + 1.96 * growth_std < 0, 0]
print(f"it fell for sure in {', '.join(map(str, np.unique(sure.astype(int))))}")

# %%
# Where the band of the growth lies below zero, a recession is told from noise.
figure, panels = plt.subplots(3, 1, figsize=(8, 8), layout="constrained", sharex=True)
panels[0].plot(year, gdp / 1000, "k.", ms=3, label="figures")
panels[0].set(title="Real gross domestic product of the United States", ylabel="10¹² $ a year")
curves = (
    (mean / 1000, std / 1000, "mean of a new figure", ""),
    (rate / 1000, rate_std / 1000, "rate", "10¹² $ a year, each year"),
    (100 * growth, 100 * growth_std, "growth", "% a year"),
)
for axes, (values, spread, label, unit) in zip(panels, curves):
    band = values - 1.96 * spread, values + 1.96 * spread
    axes.fill_between(grid[:, 0], *band, color="C0", alpha=0.25, label="95 % band")
    axes.plot(grid, values, "C0", lw=1.5, label=label)
    axes.axhline(0, color="k", lw=0.5)
    axes.set(ylabel=unit or axes.get_ylabel())
    axes.legend(loc="upper left", fontsize="small", ncols=3)
    axes.margins(x=0.01)
panels[2].set(xlabel="year")
figure.savefig(output, dpi=100)
