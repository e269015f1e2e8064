"""Integrals of fitted curves: against closed forms, and back from derivative data."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sk_pydelt import SplineInterpolator, differentiate, integrate
from sk_pydelt.calculus import integration

x = np.linspace(-1, 3, 50).reshape(-1, 1)
CUBIC = make_pipeline(PolynomialFeatures(3), LinearRegression()).fit(x, x.ravel() ** 3 - 2)
TWO = SplineInterpolator(smoothing=0.0).fit(x, np.column_stack([x.ravel() ** 3, np.ones(50)]))


def primitive(b):
    return b**4 / 4 - 2 * b


def test_one_limit():
    found = integrate(CUBIC, -1, 2)
    assert isinstance(found, float)
    assert_allclose(found, primitive(2) - primitive(-1), rtol=1e-9)


def test_backwards_and_nothing():
    assert_allclose(integrate(CUBIC, 2, -1), -integrate(CUBIC, -1, 2), rtol=1e-12)
    assert integrate(CUBIC, 2, 2) == 0


def test_antiderivative_at_many_places():
    """Unsorted, repeated, on both sides of the lower limit."""
    b = np.array([2.0, -1.0, 0.5, 0.5, 3.0, 0.0])
    assert_allclose(integrate(CUBIC, 0.5, b), primitive(b) - primitive(0.5), atol=1e-8)


def test_several_outputs():
    assert_allclose(integrate(TWO, 0, 2), [4, 2], rtol=1e-9)
    assert_allclose(integrate(TWO, 0, [1, 2]), [[0.25, 1], [4, 2]], rtol=1e-9)


def test_the_integral_of_a_derivative_is_the_difference_of_values():
    process = GaussianProcessRegressor(RBF(), alpha=1e-3, optimizer=None).fit(x, np.sin(x.ravel()))
    for model in (
        CUBIC,
        process,
        make_pipeline(StandardScaler(), process).fit(x, np.cos(x.ravel())),
    ):
        derivative = differentiate(model)
        expected = model.predict([[2.5]]) - model.predict([[-0.5]])
        assert_allclose(integrate(derivative, -0.5, 2.5), expected[0], rtol=1e-8)


def test_derivative_data_give_the_curve_back():
    """Noisy speeds, integrated: the position to a small part of its range."""
    t = np.linspace(0, 6, 80).reshape(-1, 1)
    noise = 0.02 * np.random.RandomState(0).standard_normal(80)
    speed = SplineInterpolator().fit(t, np.cos(t.ravel()) + noise)
    places = np.linspace(0, 6, 25)
    assert_allclose(speed.integrate(0, places), np.sin(places), atol=0.02)
    exact = SplineInterpolator(smoothing=0.0, degree=5).fit(t, np.cos(t.ravel()))
    assert_allclose(exact.integrate(0, places), np.sin(places), atol=1e-7)


def test_the_tolerance_is_kept_at_kinks():
    """A net of ReLUs, against the trapezoidal rule on a grid so fine that it is exact to 1e-7."""
    net = MLPRegressor(hidden_layer_sizes=(6,), max_iter=50, random_state=0, tol=0.0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        net.fit(x, np.sin(3 * x.ravel()))
    grid = np.linspace(-1, 3, 200_001)
    expected = np.trapezoid(net.predict(grid[:, None]), grid)
    assert abs(integrate(net, -1, 3, tol=1e-8) - expected) < 1e-7


def test_frames():
    model = make_pipeline(PolynomialFeatures(3), LinearRegression())
    model.fit(pd.DataFrame({"t": x.ravel()}), x.ravel() ** 3 - 2)
    assert_allclose(integrate(model, -1, 2), primitive(2) - primitive(-1), rtol=1e-9)


def test_what_cannot_be_integrated():
    plane = LinearRegression().fit(np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="a function of one feature; this model has 2"):
        integrate(plane, 0, 1)
    with pytest.raises(ValueError, match="must be finite"):
        integrate(CUBIC, 0, np.inf)
    message = r"The integral of LinearRegression has no .*propagate_sum_std\.register\(LinearReg"
    with pytest.raises(TypeError, match=message):
        integrate(CUBIC, 0, 1, return_std=True)


class Rough(RegressorMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def predict(self, X):
        return np.random.RandomState(int(1e6 * abs(X).sum()) % 2**31).standard_normal(len(X))


def test_a_tolerance_that_is_not_reached_is_an_error(monkeypatch):
    monkeypatch.setattr(integration, "MAX_INTERVALS", 50)
    with pytest.raises(RuntimeError, match="was not found to tol"):
        integrate(Rough().fit(x), 0, 1)
