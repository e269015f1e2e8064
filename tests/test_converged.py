"""A fit that its budget of steps ended too early says so, and no other does."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from small_nets import small

from sk_pydelt import BayesianNeuralNetworkInterpolator

X = np.linspace(0, 6, 60)[:, None]
WAVE = np.sin(3 * X[:, 0])


def bayesian(max_iter, hidden_layers=(8,)):
    return BayesianNeuralNetworkInterpolator(
        hidden_layers, "tanh", n_init=2, max_iter=max_iter, random_state=0
    )


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
@pytest.mark.parametrize(("solver", "epochs"), [("lbfgs", 40), ("lm", 8)])
def test_epochs_that_are_too_few_warn(backend, solver, epochs):
    net = small(hidden_layers=(16,), solver=solver, epochs=epochs, backend=backend)
    said = rf"^epochs={epochs} are too few for solver='{solver}'.*fell from .* to .* Raise epochs"
    with pytest.warns(ConvergenceWarning, match=said) as record:
        net.fit(X, WAVE)
    assert record[0].filename == __file__
    start, *_, end = net.loss_curve_[-1 - -(-epochs // 10) :]
    assert f"from {start:.2g} to {end:.2g}" in str(record[0].message)


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
@pytest.mark.parametrize(("solver", "epochs"), [("lbfgs", 400), ("lm", 60), ("adam", 300)])
def test_epochs_that_are_enough_and_those_of_adam_do_not(backend, solver, epochs):
    net = small(hidden_layers=(16,), solver=solver, epochs=epochs, backend=backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(X, WAVE)


def test_with_early_stopping_it_is_the_loss_held_out():
    noisy = WAVE + 0.5 * np.random.default_rng(1).standard_normal(60)
    options = {"hidden_layers": (20,), "solver": "lm", "epochs": 40, "patience": 100}
    net = small(**options, early_stopping=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(X, noisy)
    assert net.loss_curve_[-5] - net.loss_curve_[-1] > 0.01  # it follows the noise
    assert net.validation_loss_curve_[-5] < net.validation_loss_curve_[-1]


def test_steps_that_are_too_few_for_the_evidence_warn():
    noisy = WAVE + 0.1 * np.random.default_rng(0).standard_normal(60)
    said = r"^max_iter=20 steps are too few.*carry 100% of the average rose by.*Raise max_iter"
    with pytest.warns(ConvergenceWarning, match=said) as record:
        bayesian(20).fit(X, noisy)
    assert record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bayesian(150).fit(X, noisy)


def test_exact_data_are_followed_ever_closer_without_a_word():
    model = bayesian(60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, WAVE)
    assert model.n_iter_ == 60
    assert model.noise_std_ < 0.01
