"""Roots of fitted curves, with their standard deviations, where both are known."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import BayesianRidge, LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sk_pydelt import NeuralNetworkInterpolator, SplineInterpolator, differentiate, roots

x = np.linspace(-1, 3, 50).reshape(-1, 1)
CUBIC = make_pipeline(PolynomialFeatures(3), LinearRegression())
CUBIC = CUBIC.fit(x, (x.ravel() - 0.5) * (x.ravel() - 2) * (x.ravel() + 3))
WAVES = SplineInterpolator(smoothing=0.0).fit(x, np.column_stack([np.sin(3 * x), np.cos(3 * x)]))
NOISY = 2 * x.ravel() - 1 + np.random.default_rng(0).normal(0, 0.1, 50)


def test_a_polynomial_in_a_pipeline():
    assert_allclose(roots(CUBIC, -1, 3), [0.5, 2], atol=1e-9)
    assert_allclose(roots(CUBIC, -10, 10), [-3, 0.5, 2], atol=1e-8)
    assert roots(CUBIC, 0.6, 1.9).shape == (0,)


def test_where_the_rate_vanishes():
    coefficients = np.polynomial.polynomial.polyfromroots([0.5, 2, -3])
    turns = np.polynomial.Polynomial(coefficients).deriv().roots()
    assert_allclose(roots(differentiate(CUBIC), -10, 10), turns, atol=1e-8)
    inflection = np.polynomial.Polynomial(coefficients).deriv(2).roots()
    assert_allclose(roots(differentiate(CUBIC, (2,)), -10, 10), inflection, atol=1e-8)


def test_several_outputs_are_a_list():
    of_sine, of_cosine = roots(WAVES, -1, 3)
    assert_allclose(of_sine, np.arange(3) * np.pi / 3, atol=1e-6)
    assert_allclose(of_cosine, (np.arange(-1, 3) + 0.5) * np.pi / 3, atol=1e-6)


def test_a_line_in_a_search_has_the_std_of_its_root():
    model = make_pipeline(StandardScaler(), BayesianRidge())
    model = GridSearchCV(model, {"bayesianridge__fit_intercept": [True]}, cv=3).fit(x, NOISY)
    found, std = roots(model, -1, 3, return_std=True)
    _, of_value = model.best_estimator_.predict(found[:, None], return_std=True)
    line = model.best_estimator_[-1]
    of_function = np.sqrt(of_value**2 - 1 / line.alpha_)
    slope = differentiate(model)(found[:, None])
    assert_allclose(std, of_function / np.abs(slope), rtol=1e-6)


def test_the_std_is_how_roots_of_draws_spread():
    spline = SplineInterpolator().fit(x, NOISY)
    found, std = roots(spline, -1, 3, return_std=True)
    at = np.linspace(-1, 3, 801)
    draws = spline.sample(at[:, None], 400, random_state=0)
    crossings = [np.interp(0, draw, at) for draw in draws]
    assert_allclose(np.std(crossings), std[0], rtol=0.15)
    assert_allclose(found, [0.5], atol=4 * std[0])


def test_a_double_root_is_known_to_no_first_order():
    y = (x.ravel() - 1) ** 2 + 1e-3 * np.sin(40 * x.ravel())
    model = SplineInterpolator().fit(x, y)
    (lowest,) = roots(differentiate(model), 0.5, 1.5)
    touching = SplineInterpolator().fit(x, y - model.predict([[lowest]]))
    found, std = roots(touching, 0.0, 2.0, return_std=True)
    assert_allclose(found, [lowest], atol=1e-6)
    assert_array_equal(std, [np.inf])


def test_a_process():
    process = GaussianProcessRegressor(RBF(1.0), alpha=0.01, optimizer=None)
    process = process.fit(x, np.sin(x.ravel()))
    (found,), (std,) = roots(process, -0.5, 2.5, return_std=True)
    of_value = differentiate(process)([[found]])
    assert_allclose(std * np.abs(of_value), process.predict([[found]], return_std=True)[1])


def test_no_roots_have_no_std():
    found, std = roots(BayesianRidge().fit(x, NOISY), 2, 3, return_std=True)
    assert found.shape == std.shape == (0,)


def test_a_frame_gives_its_names():
    frame = pd.DataFrame({"t": x.ravel()})
    model = LinearRegression().fit(frame, 2 * x.ravel() - 1)
    assert_allclose(roots(model, -1, 3), [0.5], atol=1e-8)
    slope = differentiate(CUBIC)
    assert_array_equal(roots(slope.set_output(transform="pandas"), -3, 3), roots(slope, -3, 3))


def test_a_net_of_float32():
    net = NeuralNetworkInterpolator((8,), solver="lbfgs", epochs=200, random_state=0)
    net = net.fit(x.astype(np.float32), np.sin(x.ravel()))
    found = roots(net, -0.9, 2.5, tol=1e-6)
    assert_allclose(net.predict(found[:, None]), 0, atol=1e-5)


def test_a_tree_jumps_over_zero():
    tree = DecisionTreeRegressor(max_depth=1).fit(x, np.sign(x.ravel() - 0.7))
    assert_allclose(roots(tree, -1, 3), tree.tree_.threshold[:1], atol=1e-8)


@pytest.mark.parametrize(
    ("a", "b", "error", "message"),
    [
        (2, 2, ValueError, "a must be below b; got 2 and 2"),
        (3, 2, ValueError, "roots looks from a to b"),
        (0, np.inf, ValueError, "b must be finite"),
        (0, [1, 2], ValueError, "b must be one number"),
        ("0", 1, TypeError, "a must be a real number"),
    ],
)
def test_limits_that_are_none(a, b, error, message):
    with pytest.raises(error, match=message):
        roots(CUBIC, a, b)


def test_what_else_is_refused():
    plane = LinearRegression().fit(np.eye(2), [1.0, 2.0])
    with pytest.raises(ValueError, match="roots takes a function of one feature; this model has 2"):
        roots(plane, 0, 1)
    with pytest.raises(TypeError, match="return_std"):
        roots(CUBIC, 0, 1, return_std=True)
    with pytest.raises(ValueError, match="tol"):
        roots(CUBIC, 0, 1, tol=0.0)
    constant = LinearRegression().fit(x, np.zeros(50))
    with pytest.raises(ValueError, match="all along from 0 to 1"):
        roots(constant, 0, 1)
