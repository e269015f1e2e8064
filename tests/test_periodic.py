"""Features that repeat: the scaler, functions that have a period exactly, and refusals."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
)
from sk_pydelt.chain import propagate
from sk_pydelt.jets import Jet
from sk_pydelt.periodic import PeriodicScaler, wrapped

RNG = np.random.default_rng(0)
HOURS = RNG.integers(0, 72 * 16, 60) / 16  # sums with whole days are exact
X = np.column_stack([HOURS, 1e3 + RNG.uniform(0, 5, 60)])
Y = 20 + 5 * np.sin(2 * np.pi * HOURS / 24) + 0.3 * (X[:, 1] - 1e3)
FRAME = pd.DataFrame(X, columns=["hour", "height"])
PERIOD = {"hour": 24.0}
DAYS = np.array([[24.0, 0.0], [-240.0, 0.0], [24e6, 0.0]])
NETS = {
    "pytorch": NeuralNetworkInterpolator((5,), solver="lm", epochs=30, random_state=0),
    "tensorflow": NeuralNetworkInterpolator(
        (5,), solver="lbfgs", epochs=30, backend="tensorflow", random_state=0
    ),
    "Bayesian": BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, random_state=0),
}
each_net = pytest.mark.parametrize("name", NETS)


def fitted(name):
    return clone(NETS[name]).set_params(period=PERIOD).fit(FRAME, Y)


def frame(places):
    return pd.DataFrame(places, columns=FRAME.columns)


@each_net
def test_values_and_derivatives_repeat_to_the_last_bit(name):
    model, some = fitted(name), X[:9]
    functions = [model.predict, *map(model.differentiate, (1, 2, (3, 0), (1, 2)))]
    for function in functions:
        values = function(frame(some))
        for shift in DAYS:
            assert_array_equal(function(frame(some + shift)), values)


def test_error_bars_repeat_and_see_the_period():
    model, some = fitted("Bayesian"), X[:9]
    for order in (0, (1, 0), (2, 0)):
        pair = model.differentiate(order) if order else model.predict
        std = pair(frame(some), return_std=True)[1]
        assert_array_equal(pair(frame(some + DAYS[0]), return_std=True)[1], std)
    far = frame(X + [24 * 365, 0.0])
    assert_allclose(model.predict(far), Y, atol=0.1)


@each_net
def test_derivatives_are_those_of_the_fitted_function(name):
    model, some = fitted(name), X[:9]
    for a, step in enumerate(np.diag([1e-3, 1e-3])):
        moved = model.jacobian(frame(some + step)) - model.jacobian(frame(some - step))
        assert_allclose(moved[:, 0] / 2e-3, model.hessian(frame(some))[..., a], atol=1e-5)


@each_net
def test_a_copy_a_file_and_a_pipeline_have_it_too(name):
    model = fitted(name)
    expected = model.differentiate(1)(FRAME)
    assert_array_equal(pickle.loads(pickle.dumps(model)).differentiate(1)(FRAME), expected)
    chain = make_pipeline(FunctionTransformer(), clone(NETS[name])).set_params(
        **{f"{type(model).__name__.lower()}__period": PERIOD}
    )
    assert_allclose(differentiate(chain.fit(FRAME, Y), 1)(FRAME), expected, rtol=1e-12)


def test_a_column_may_be_given_by_number():
    by_number = clone(NETS["pytorch"]).set_params(period={0: 24}).fit(X, Y)
    assert_array_equal(by_number.predict(X), fitted("pytorch").predict(FRAME))


def test_a_curve_of_one_period():
    t = X[:, :1]
    model = BayesianNeuralNetworkInterpolator(period={0: 24.0}, random_state=0)
    y = np.sin(2 * np.pi * t[:, 0] / 24) + 0.1 * RNG.standard_normal(60)
    model.fit(t, y)
    at = np.linspace(0, 240, 30)[:, None]
    rate = 2 * np.pi / 24 * np.cos(2 * np.pi * at[:, 0] / 24)
    found, std = model.differentiate(1)(at, return_std=True)
    assert abs(found - rate).max() < 0.1 * abs(rate).max()
    assert np.mean(abs(found - rate) < 3 * std) > 0.9


def test_known_derivatives_pass_through():
    rate = np.full((60, 2), np.nan)
    rate[:, 0] = 5 * 2 * np.pi / 24 * np.cos(2 * np.pi * HOURS / 24)
    model = clone(NETS["pytorch"]).set_params(period=PERIOD, epochs=100)
    model.fit(FRAME, Y, dy=rate)
    assert_allclose(model.jacobian(FRAME)[:, 0, 0], rate[:, 0], atol=0.02)


def test_the_scaler_is_cosine_and_sine_and_scales_the_rest():
    scaler = PeriodicScaler(StandardScaler(), {0: 24.0}).fit(X)
    phase = 2 * np.pi * X[:, 0] / 24
    rest = StandardScaler().fit_transform(X[:, 1:])
    expected = np.column_stack([rest, np.cos(phase), np.sin(phase)])
    assert_allclose(scaler.transform(X), expected, atol=1e-12)
    jet = propagate(scaler, Jet.variables(X, 3))
    third = (2 * np.pi / 24) ** 3
    assert_allclose(jet.partial((3, 0))[:, 1], third * np.sin(phase), atol=1e-12)
    assert_allclose(jet.partial((3, 0))[:, 2], -third * np.cos(phase), atol=1e-12)
    assert_array_equal(jet.partial((1, 1)), 0.0)


def test_samples_at_one_phase_hold_the_feature():
    daily = pd.DataFrame({"hour": 12 + 24.0 * np.arange(30), "height": np.linspace(0, 1, 30)})
    net = clone(NETS["pytorch"]).set_params(period=PERIOD)
    with pytest.warns(UserWarning, match=r"\['hour'\] never vary"):
        net.fit(daily, np.sin(3 * daily["height"]))
    assert_array_equal(net.jacobian(daily)[:, 0, 0], 0.0)
    assert np.ptp(wrapped(daily.to_numpy(), {0: 24.0})[:, 0]) == 0


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ({"day": 24.0}, r"period names the feature 'day', and the features are \['hour', 'height"),
        ({2: 24.0}, "period names the feature 2, and X has 2: those from 0 to 1"),
        ({1.5: 24.0}, "period must name features, or give their numbers; got 1.5"),
        ({"hour": -1.0}, r"period\['hour'\] must be a positive number, in units of that feature"),
        ({"hour": "day"}, r"period\['hour'\] must be a positive number"),
        ({"hour": np.nan}, r"period\['hour'\] must be a positive number"),
        ({"hour": 1e-12}, "Feature 0 is up to .* times its period 1e-12, where float64 holds no"),
        (24.0, "The 'period' parameter of NeuralNetworkInterpolator must be"),
    ],
)
def test_what_is_no_period_is_refused(period, message):
    net = NeuralNetworkInterpolator(period=period)
    with pytest.raises(ValueError, match=message):
        net.fit(FRAME, Y)


def test_names_need_a_frame():
    with pytest.raises(ValueError, match="names the feature 'hour', and X came without names"):
        NeuralNetworkInterpolator(period=PERIOD).fit(X, Y)


def test_splines_have_no_such_parameter():
    assert "period" not in SplineInterpolator().get_params()
