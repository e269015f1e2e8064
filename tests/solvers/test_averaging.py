"""Averages of predictive distributions."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sk_pydelt.solvers.averaging import stacking_weights


def test_stacking_gives_the_mixture_the_highest_density():
    rng = np.random.default_rng(0)
    densities = rng.normal(-1, 1, (3, 40)) + np.array([[0.0], [-0.3], [-9.0]])

    def loss(weights):
        return -np.log(np.abs(weights) @ np.exp(densities) / np.abs(weights).sum()).sum()

    best = minimize(loss, np.ones(3), method="Nelder-Mead", options={"fatol": 1e-12})
    found = stacking_weights(densities)
    assert found.sum() == pytest.approx(1)
    assert loss(found) < best.fun + 0.01  # nats
    assert min(found[:2]) > 0.1 > 1e-6 > found[2]
