"""How often Bayesian nets that are given their layers end as a constant, on oscillations.

    python benchmarks/given_layers.py --fits 188 [--table given_layers.md]

Cosines of 1, 2, 4.6 and 8 periods, damped or not, 60 to 1000 samples at random times, signal over
noise 3 to 60; nets of (8, 8) to (128, 64, 32) units, tanh or swish (of 1000 samples up to (16, 16)
units; of 300 the largest nets less often), all else as it comes; drawn at random. A fit counts as a
constant where `noise_std_` is above 0.8 of y's spread. The error is that of the first derivative
over the true one, root mean squares across the range: the median of the fits that are none.
"""

import argparse
import warnings
from itertools import islice
from pathlib import Path

import numpy as np
from printed import write_timings

from sk_pydelt import BayesianNeuralNetworkInterpolator

NETS = ((8, 8), (16,), (16, 16), (32, 32), (128, 64, 32))
PERIODS = (1, 2, 4.6, 8)
HEAD = "| periods | fits | a constant | error of f' |"


def cases(seed=77):
    """Periods, samples, signal over noise, damping, layers, activation and a seed, without end."""
    rng = np.random.default_rng(seed)
    while True:
        periods, n = (
            float(rng.choice(PERIODS)),
            int(rng.choice([60, 100, 300, 1000], p=[0.3] * 3 + [0.1])),
        )
        ratio, damped = float(rng.choice([3, 10, 30, 60])), bool(rng.integers(2))
        net, activation = NETS[rng.integers(5)], str(rng.choice(["tanh", "swish"]))
        seed = int(rng.integers(6))
        if n == 1000 and len(net) * max(net) > 32:
            continue
        if n == 300 and max(net) == 128 and rng.uniform() < 0.7:
            continue
        yield periods, n, ratio, damped, net, activation, seed


def result(periods, n, ratio, damped, net, activation, seed):
    """The periods, whether a fit is a constant, and the error of its derivative."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 6, n))
    rate, w = -0.25 * damped, 2 * np.pi * periods / 6

    def wave(t):
        return np.exp((rate + 1j * w) * t)

    y = wave(t).real
    y = y + (1 if damped else y.std()) / ratio * rng.standard_normal(n)
    model = BayesianNeuralNetworkInterpolator(net, activation, random_state=seed).fit(t[:, None], y)
    at = np.linspace(0.1, 5.9, 300)
    truth = ((rate + 1j * w) * wave(at)).real
    off = model.differentiate(1)(at[:, None]) - truth
    error = (np.mean(off**2) / np.mean(truth**2)) ** 0.5
    return periods, model.noise_std_ > 0.8 * y.std(), error


def rows(n_fits):
    periods, constant, errors = np.array([result(*case) for case in islice(cases(), n_fits)]).T
    groups = {f"{p:g}": periods == p for p in PERIODS} | {"all": periods > 0}
    for label, chosen in groups.items():
        count, good = int(constant[chosen].sum()), chosen & (constant == 0)
        share = f"{count} ({100 * count / chosen.sum():.1f} %)"
        yield f"| {label} | {chosen.sum()} | {share} | {np.median(errors[good]):.3f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=188)
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    write_timings(HEAD, rows(asked.fits), asked.table)


if __name__ == "__main__":
    main()
