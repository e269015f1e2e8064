"""The choice of λ against dense determinants, and the grids of rounded values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt.solvers.smoothing_choice import Smoothed, choose_smoothing, resolution

RNG = np.random.default_rng(0)
SPECTRUM = 10.0 ** -np.linspace(0, 8, 60)  # of the penalty's inverse: samples of a smooth curve


def smoother(modes):
    def smooth(lam):
        shrink = lam / (SPECTRUM + lam)
        roughness = np.sum(SPECTRUM * (modes / (SPECTRUM + lam)) ** 2)
        return Smoothed(np.mean((shrink * modes) ** 2), roughness / len(modes), np.sum(shrink))

    return smooth


def choose(modes, halving, noise=0.0):
    return choose_smoothing(smoother(modes), (1e-11, 1e3), 60, 0, halving, 0.0, noise)


def dense_deviance(modes, lam):
    """-2 log of the density of the modes, normal with variances σ² (1 + s / λ), σ² at its best."""
    shares = 1 + SPECTRUM / lam
    return 60 * np.log(np.mean(modes**2 / shares)) + np.sum(np.log(shares))


def cross_validation(modes, lam):
    smoothed = smoother(modes)(lam)
    return smoothed.squares / smoothed.trace**2


@pytest.mark.parametrize("seed", range(5))
def test_the_choice_is_the_least_score_above_the_bound(seed):
    rng = np.random.default_rng(seed)
    modes = np.sqrt(1e3 * SPECTRUM + 1) * rng.standard_normal(60)
    grid = 10.0 ** np.arange(-11, 3, 0.01)
    likeliest = grid[np.argmin([dense_deviance(modes, lam) for lam in grid])]
    allowed = grid[grid >= likeliest / 100]
    best = allowed[np.argmin([cross_validation(modes, lam) for lam in allowed])]
    assert abs(np.log10(choose(modes, 100.0) / best)) < 0.05


def test_where_the_score_falls_to_the_bound_the_likelihood_decides():
    modes = np.sqrt(1e3 * SPECTRUM + 1) * RNG.standard_normal(60)
    modes[-12:] *= 1e-6  # as if the noise had none of high frequency
    found = choose(modes, 1.0)
    grid = 10.0 ** np.arange(-11, 3, 0.01)
    likeliest = grid[np.argmin([dense_deviance(modes, lam) for lam in grid])]
    assert abs(np.log10(found / likeliest)) < 0.3


def test_a_known_least_noise_smooths_more():
    modes = np.sqrt(SPECTRUM) * RNG.standard_normal(60)
    assert choose(modes, 1.0, noise=0.1) > 10 * choose(modes, 1.0)


@pytest.mark.parametrize("step", [0.02, 1.0, 3e4])
def test_the_resolution_of_rounded_values(step):
    y = np.round(np.sin(np.arange(300)) * 10) * step
    assert_allclose(resolution((y - y.mean()) / y.std()), step / y.std(), rtol=1e-6)


@pytest.mark.parametrize(
    "y",
    [
        RNG.standard_normal(50),
        np.repeat(RNG.standard_normal(20), 3),
        np.arange(30.0) ** 3,
        np.zeros(9),
        np.array([1.0]),
        np.repeat([0.0, 1.0], 5),
    ],
    ids=["noise", "copies", "exact cubes", "zeros", "one", "two levels"],
)
def test_values_that_are_not_rounded(y):
    assert resolution(y) == 0
