"""Integrals of fitted curves: against closed forms, and back from derivative data."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
    integrate,
    interpolation,
)

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


@pytest.mark.parametrize("value", [0.0, 5.0, 1e9])
def test_a_constant_and_its_derivatives(value):
    """No more places are asked than a few thousand: rounding is not halved away."""
    constant = SplineInterpolator().fit(x, np.full(50, value))
    assert_allclose(integrate(constant, -1, 2), 3 * value, rtol=1e-12)
    for order in (1, 2, 3):
        derivative = differentiate(constant, order)
        assert_allclose(integrate(derivative, -1, 2), 0, atol=1e-12 * value)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_nets_of_float32_are_integrated_to_their_precision(order, small_net_of_float32):
    """The integral of a derivative is the difference of what it is the derivative of."""
    net = small_net_of_float32
    below = [net.predict, net.predict, net.differentiate(1)][order]
    if order:
        expected = np.diff(below([[-0.5], [2.5]]))[0]
        found = integrate(net.differentiate(order), -0.5, 2.5)
    else:
        grid = np.linspace(-0.5, 2.5, 20_001)
        expected = np.trapezoid(net.predict(grid[:, None]), grid)
        found = integrate(net, -0.5, 2.5)
    assert_allclose(found, expected, atol=2e-6)


@pytest.fixture(scope="module")
def small_net_of_float32():
    net = NeuralNetworkInterpolator((8,), solver="lbfgs", epochs=30, dtype="float32")
    return net.set_params(random_state=0).fit(x, 3 + np.sin(x.ravel()))


def test_zeros_have_an_integral_with_its_spread():
    model = BayesianNeuralNetworkInterpolator((3,), "tanh", n_init=1, max_iter=20, random_state=0)
    value, std = integrate(model.fit(x, 0 * x.ravel()), 0, 1, return_std=True)
    assert_allclose(value, 0, atol=1e-12)
    assert 0 <= std < 1


@pytest.mark.parametrize("limit", [1j, "0", None, np.datetime64("2020-01-01"), [[1], [2, 3]]])
def test_limits_that_are_no_numbers(limit):
    for arguments, name in (((limit, 1), "a"), ((0, limit), "b")):
        with pytest.raises(TypeError, match=f"^{name} (must be a real|cannot be read as an array)"):
            integrate(CUBIC, *arguments)


def test_limits_of_other_shapes():
    with pytest.raises(ValueError, match=r"a must be one number; got shape \(2,\)"):
        integrate(CUBIC, [0, 1], 2)
    with pytest.raises(ValueError, match=r"b must be a number or a one-dim.* got shape \(1, 2\)"):
        integrate(CUBIC, 0, [[1, 2]])


@pytest.mark.parametrize("tol", ["a", None, np.nan, -1, 0, 1j])
def test_tolerances_that_are_none(tol):
    with pytest.raises(ValueError, match="'tol' parameter of integrate must be a float"):
        integrate(CUBIC, 0, 1, tol=tol)


def test_an_integral_beyond_float64():
    with pytest.raises(ValueError, match="is not a number of float64: f is up to"):
        integrate(CUBIC, 0, 1e90)


def test_a_tolerance_that_is_not_reached_is_an_error():
    with pytest.raises(RuntimeError, match="was not found to tol"):
        integrate(Rough().fit(x), 0, 1)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_model_of_a_frame_is_integrated_in_threads_and_leaves_the_filters(library):
    frames = pytest.importorskip(library)
    x = np.linspace(0, 2, 30)
    frame = frames.DataFrame({"x": x})
    before = [(action, category) for action, _, category, *_ in warnings.filters]
    columns = make_column_transformer((StandardScaler(), ["x"]))
    models = [
        SplineInterpolator(smoothing=0.0).fit(frame, x**2),
        make_pipeline(columns, SplineInterpolator(smoothing=0.0)).fit(frame, x**2),
        interpolation.SplineInterpolator(smoothing=1e-6).fit(x, x**2),
    ]
    alone = [integrate(model, 0, 2) for model in models]
    assert [(action, category) for action, _, category, *_ in warnings.filters] == before
    with ThreadPoolExecutor(8) as pool:  # scikit-learn's check_array swaps filters, not by thread
        found = list(pool.map(lambda i: integrate(models[i % 3], 0, 2), range(48)))
    assert_allclose(found, 8 / 3, rtol=1e-3)
    assert found == alone * 16
