"""Weights that leave outliers out, where a mean is fitted."""

import numpy as np
import pytest

from sk_pydelt.solvers.reweighting import from_neighbours, reweighted, robust_scale

RNG = np.random.default_rng(0)


def test_the_scale_of_normal_numbers():
    noise = RNG.normal(0, 3, 200_001)
    assert robust_scale(noise, 0.0) == pytest.approx(3, rel=0.01)
    assert robust_scale(noise, 100_000.5) == pytest.approx(3 * np.sqrt(2), rel=0.01)


def test_a_mean_without_the_outliers():
    y = np.append(RNG.normal(5, 0.1, 200), np.full(20, 1000.0))

    def fit(factors):
        mean = np.average(y, weights=factors)
        return mean, y - mean, 1.0

    mean, scale = reweighted(fit, y - np.median(y), 1e-9)
    assert mean == pytest.approx(np.mean(y[:200]), abs=0.005)
    assert scale == pytest.approx(0.1, rel=0.2)


def test_rounding_is_no_scale():
    y = np.full(30, 2.0)
    _, scale = reweighted(lambda factors: (2.0, y - 2.0, 1.0), y - 2.0, 1e-9)
    assert scale == 1e-9


def test_residuals_from_neighbours_show_what_is_far_off():
    X = RNG.uniform(-1, 1, (200, 2))
    y = X[:, 0] + 5 * (np.arange(200) == 17)
    found = from_neighbours(X, y)
    assert np.argmax(abs(found)) == 17
    assert np.median(abs(found)) < 0.1
    assert from_neighbours(X[:1], y[:1]) == [0.0]
