"""Nets that are given their layers follow what the data need, or say that they do not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sk_pydelt import BayesianNeuralNetworkInterpolator

NOTHING = r"explains 0\.\d% of the variance of y.*more units.*omega_0.*'auto'"


def quick(hidden_layers=(5,), activation="tanh", n_init=2, max_iter=50):
    return BayesianNeuralNetworkInterpolator(
        hidden_layers, activation, n_init=n_init, max_iter=max_iter, random_state=0
    )


@pytest.mark.parametrize("activation", ["tanh", "swish"])
@pytest.mark.parametrize(
    ("periods", "n", "layers"), [(4.6, 100, (16,)), (4.6, 300, (8, 8)), (8, 300, (16, 16))]
)
def test_oscillations_are_not_pruned(periods, n, layers, activation):
    rng = np.random.default_rng(3)
    t = np.sort(rng.uniform(0, 6, n))
    w = 2 * np.pi * periods / 6
    y = np.exp(-t / 4) * np.cos(w * t) + rng.standard_normal(n) / 30
    model = quick(hidden_layers=layers, activation=activation, n_init=3, max_iter=150)
    model.fit(t[:, None], y)
    assert 0.8 / 30 < model.noise_std_ < 2 / 30
    T = np.linspace(0.2, 5.8, 100)
    rate = -np.exp(-T / 4) * (np.cos(w * T) / 4 + w * np.sin(w * T))
    error = model.differentiate(1)(T[:, None]) - rate
    assert np.sqrt(np.mean(error**2) / np.mean(rate**2)) < 0.25


@pytest.mark.parametrize("activation", ["tanh", "swish"])
def test_a_net_of_many_more_weights_than_samples_follows_runges_function(activation):
    x, T = np.linspace(-1, 1, 15), np.linspace(-1, 1, 201)
    model = quick(hidden_layers=(128, 64, 32), activation=activation, n_init=1)
    model.fit(x[:, None], 1 / (1 + 25 * x**2))
    assert_allclose(model.predict(T[:, None]), 1 / (1 + 25 * T**2), atol=0.02)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_fit_that_explains_nothing_warns(n_outputs):
    x = np.linspace(0, 1, 400)[:, None]
    Y = np.column_stack([np.sin(50 * np.pi * x), x])[:, :n_outputs]
    with pytest.warns(ConvergenceWarning, match=NOTHING) as record:
        quick().fit(x, Y)
    assert record[0].filename == __file__
