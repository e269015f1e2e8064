"""Far from the samples: right limits where there are any, else an error that says how far."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
    integrate,
)
from sk_pydelt.calculus.reach import require_numbers
from sk_pydelt.jets.activations import ACTIVATIONS

x = np.linspace(-1, 1, 30).reshape(-1, 1)
y = np.sin(3 * x).ravel()
FAR = np.array([[1e20], [-1e60], [1e155], [-1e300]])
BARS = "return_std", "return_cov"
TOO_FAR = r"The result at row \d of X, .* is no finite .* too far from the samples\. Up to \["


def test_the_nearest_place_is_found_by_halving():
    def function(row, places):
        return np.where(abs(places) > 1000, np.nan, places)[:, 0] * (row == 1)

    X = np.array([[1.0], [1e9]])
    message = r"row 1 of X, \[1\.e\+09\], is no .* too far from the samples\. Up to \[953\.674\]"
    with pytest.raises(ValueError, match=message):
        require_numbers(np.array([1.0, np.inf]), X, function)


def test_a_place_that_is_not_too_far_but_has_no_value():
    with pytest.raises(ValueError, match="row 0 of X.* so the function itself has none"):
        require_numbers(np.array([np.nan]), np.ones((1, 1)), lambda row, X: X[:, 0] * np.nan)


def test_missing_values_are_not_places():
    found = np.array([np.nan])
    assert require_numbers(found, np.array([[np.nan]]), lambda row, X: X[:, 0]) is found


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nets_of_float64_have_limits(activation):
    """At both ends a bounded function or a straight line: its slope holds on from 1e6."""
    net = NeuralNetworkInterpolator((4,), activation, solver="lbfgs", epochs=5, random_state=0)
    net.fit(x, y)
    assert np.isfinite(net.predict(FAR)).all()
    if activation != "sine":
        assert_allclose(net.gradient(FAR), net.gradient(1e6 * np.sign(FAR)), rtol=1e-4, atol=1e-12)
    if not ACTIVATIONS[activation].piecewise_linear:
        assert np.isfinite(net.differentiate(3)(FAR)).all()


@pytest.mark.parametrize("activation", ["tanh", "rational"])
def test_bayesian_nets_have_limits(activation):
    net = BayesianNeuralNetworkInterpolator((3,), activation, n_init=1, max_iter=20, random_state=0)
    net.fit(x, y)
    slopes, std = net.gradient(FAR[:2], return_std=True)
    assert_allclose(slopes, net.gradient(1e6 * np.sign(FAR[:2])), rtol=1e-4, atol=1e-12)
    assert np.isfinite(std).all()


def test_float32_says_how_far():
    net = NeuralNetworkInterpolator((4,), "swish", epochs=5, dtype="float32", random_state=0)
    net.fit(x, y)
    for function in (net.predict, net.differentiate(1), net.differentiate(3)):
        with pytest.raises(ValueError, match=TOO_FAR):
            function([[0.5], [1e39]])


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_a_smoothing_spline_goes_on_as_a_polynomial_of_degree_m_minus_1(degree):
    spline = SplineInterpolator(smoothing=1e-4, degree=degree).fit(x, np.column_stack([y, 2 - y]))
    m = (degree + 1) // 2
    near = np.array([[4.0], [5.0], [6.0], [7.0]])
    line = np.polynomial.Polynomial.fit(near[:m].ravel(), spline.predict(near[:m])[:, 0], m - 1)
    for place in (1e3, 1e6, 1e20):
        assert_allclose(spline.predict([[place]])[0, 0], line(place), rtol=1e-9)
        assert_allclose(spline.jacobian([[place]])[0, 0, 0], line.deriv()(place), rtol=1e-9)
    assert_allclose(spline.differentiate(m)(near), 0, atol=1e-12)


def noisy(d):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (40, d))
    return X, (X**2).sum(axis=1) + 0.05 * rng.standard_normal(40)


UNCERTAIN = {  # the Bayesian average about a parabola is one of polynomials
    "spline": SplineInterpolator(degree=7),
    "polynomials": BayesianNeuralNetworkInterpolator(n_init=1, max_iter=10, random_state=0),
}


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("name", UNCERTAIN)
def test_error_bars_and_draws_say_how_far(name, d):
    model = UNCERTAIN[name].fit(*noisy(d))
    slope = model.differentiate((1,) + (0,) * (d - 1))
    functions = model.predict, slope
    calls = [
        *(lambda X, f=f, option=o: f(X, **{option: True})[1] for f in functions for o in BARS),
        lambda X: model.sample(X, 3, random_state=0),
    ]
    for call in calls:
        assert np.isfinite(call(np.full((2, d), 1e10))).all()
        with pytest.raises(ValueError, match=TOO_FAR):
            call(np.array([[0.5] * d, [1e300] * d]))


@pytest.mark.parametrize("name", UNCERTAIN)
def test_integrals_with_error_bars_say_what_is_too_far(name):
    model = UNCERTAIN[name].fit(*noisy(1))
    assert np.isfinite(integrate(model, 0, 1e10, return_std=True)).all()
    with pytest.raises(ValueError, match=r"to 1e\+70 is not a number of float64\. Integrate"):
        integrate(model, 0, [1.0, 1e70], return_std=True)


@pytest.mark.parametrize("options", [{"degree": 7}, {"degree": 5, "smoothing": 0.0}])
@pytest.mark.parametrize("d", [1, 2])
def test_splines_say_how_far(options, d):
    X = np.random.default_rng(0).uniform(-1, 1, (30, d))
    spline = SplineInterpolator(**options).fit(X, np.sin(X).sum(axis=1))
    for function in (spline.predict, spline.differentiate(1)):
        with pytest.raises(ValueError, match=TOO_FAR):
            function(np.full((1, d), 1e200))


def test_pipelines_say_how_far():
    model = make_pipeline(PolynomialFeatures(3), LinearRegression()).fit(x, y)
    with pytest.raises(ValueError, match=TOO_FAR):
        differentiate(model)([[1e200]])
