"""The calculus of any fitted model: names, frames, many partials, directions, averages."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rules import ROWS, X, Y, y
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVR

import sk_pydelt
from sk_pydelt import (
    SplineInterpolator,
    average_marginal_effects,
    biharmonic,
    curl,
    derivatives,
    differentiate,
    directional_derivative,
    gradient,
    hessian,
    integrate,
    jacobian,
    laplacian,
    vorticity,
)

FRAME = pd.DataFrame(X, columns=["x", "t", "z"])
FRAME_ROWS = pd.DataFrame(ROWS, columns=["x", "t", "z"], index=range(100, 112))
MODEL = make_pipeline(StandardScaler(), SVR()).fit(FRAME, y)
SEVERAL = make_pipeline(PolynomialFeatures(3), LinearRegression()).fit(FRAME, Y)
PLANE = make_pipeline(PolynomialFeatures(3), LinearRegression()).fit(X[:, :2], Y)


def test_features_by_name():
    expected = differentiate(MODEL, (1, 2, 0))(FRAME_ROWS)
    assert_array_equal(differentiate(MODEL, {"t": 2, "x": 1})(FRAME_ROWS), expected)
    assert differentiate(MODEL, {"t": 2}).order == (0, 2, 0)


def test_features_by_name_without_names():
    model = SVR().fit(X, y)
    assert_array_equal(differentiate(model, {"x1": 1})(ROWS), gradient(model, ROWS)[:, 1])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"u": 1}, r"features that the model does not have: \['u'\].*\['x', 't', 'z'\]"),
        ({}, "at least one above 0"),
        ({"x": 0}, "at least one above 0"),
        ({"x": -1}, "at least one above 0"),
        ({"x": 0.5}, "whole number"),
    ],
)
def test_bad_names(order, message):
    with pytest.raises(ValueError, match=message):
        differentiate(MODEL, order)


def test_derivatives_of_many_orders():
    orders = [(1, 0, 0), {"t": 2}, (1, 1, 0)]
    found = derivatives(SEVERAL, FRAME_ROWS, orders)
    for order, values in zip(orders, found):
        expected = differentiate(SEVERAL, order)(FRAME_ROWS)
        assert_allclose(values, expected, rtol=1e-9, atol=1e-9 * abs(expected).max())
    assert derivatives(MODEL, FRAME_ROWS, [(0, 0, 1)])[0].shape == (12,)


@pytest.mark.parametrize("orders", [[], [2], [(1, 0)], [(0, 0, 0)]])
def test_bad_orders(orders):
    with pytest.raises(ValueError, match="order"):
        derivatives(MODEL, FRAME_ROWS, orders)


def test_direction():
    direction = np.array([1.0, -2.0, 0.5])
    first = directional_derivative(MODEL, FRAME_ROWS, direction)
    assert_allclose(first, gradient(MODEL, FRAME_ROWS) @ direction)
    second = directional_derivative(MODEL, FRAME_ROWS, direction, order=2)
    expected = np.einsum("nij,i,j->n", hessian(MODEL, FRAME_ROWS), direction, direction)
    assert_allclose(second, expected)


def test_direction_of_each_row():
    directions = np.random.RandomState(0).standard_normal((12, 3))
    found = directional_derivative(SEVERAL, FRAME_ROWS, directions)
    assert_allclose(found, np.einsum("nmd,nd->nm", jacobian(SEVERAL, FRAME_ROWS), directions))


@pytest.mark.parametrize("direction", [[1.0], np.ones((11, 3)), [[1.0]]])
def test_bad_direction(direction):
    with pytest.raises(ValueError, match=r"direction must have shape \(3,\) or \(12, 3\)"):
        directional_derivative(MODEL, FRAME_ROWS, direction)


@pytest.mark.parametrize("order", [0, (1, 0, 0), 1.5])
def test_bad_order_of_a_direction(order):
    with pytest.raises(ValueError, match="order must be a whole number"):
        directional_derivative(MODEL, FRAME_ROWS, [1, 0, 0], order)


@pytest.mark.parametrize("model", [MODEL, SEVERAL])
def test_biharmonic_is_the_laplacian_of_the_laplacian(model):
    fourth = differentiate(model, 4)(FRAME_ROWS)
    expected = np.trace(np.trace(fourth, axis1=-2, axis2=-1), axis1=-2, axis2=-1)
    found = biharmonic(model, FRAME_ROWS)
    assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * abs(fourth).max())


def test_vorticity_is_the_curl():
    assert_array_equal(vorticity(PLANE, ROWS[:, :2]), curl(PLANE, ROWS[:, :2]))
    with pytest.raises(ValueError, match="2 features and 2 outputs"):
        vorticity(MODEL, FRAME_ROWS)


def test_methods_are_the_functions():
    model = SplineInterpolator(degree=5).fit(X[:, :2], Y)
    rows = ROWS[:, :2]
    calls = {
        "vorticity": (rows,),
        "biharmonic": (rows,),
        "directional_derivative": (rows, [1.0, 2.0]),
        "derivatives": (rows, [(1, 0), (0, 2)]),
    }
    for name, arguments in calls.items():
        expected = getattr(sk_pydelt, name)(model, *arguments)
        assert_array_equal(getattr(model, name)(*arguments), expected)
    effects = model.average_marginal_effects(rows)
    assert_array_equal(effects.average, average_marginal_effects(model, rows).average)


def test_pandas_out():
    derivative = differentiate(MODEL).set_output(transform="pandas")
    found = derivative(FRAME_ROWS)
    assert list(found.columns) == ["dy/dx", "dy/dt", "dy/dz"]
    assert_array_equal(found.index, FRAME_ROWS.index)
    assert_array_equal(found.to_numpy(), gradient(MODEL, FRAME_ROWS))


def test_pandas_out_of_second_order_has_each_partial_once():
    found = differentiate(SEVERAL, 2).set_output(transform="pandas")(FRAME_ROWS)
    assert found.shape == (12, 12)
    assert list(found.columns[:3]) == ["d2y0/dx2", "d2y0/dxdt", "d2y0/dxdz"]
    assert_array_equal(found["d2y1/dtdz"], hessian(SEVERAL, FRAME_ROWS)[:, 1, 1, 2])


def test_polars_out_of_a_mixed_partial():
    derivative = differentiate(SEVERAL, {"x": 1, "t": 2}).set_output(transform="polars")
    found = pickle.loads(pickle.dumps(derivative))(FRAME_ROWS)
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["d3y0/dxdt2", "d3y1/dxdt2"]
    expected = differentiate(SEVERAL, (1, 2, 0))(FRAME_ROWS)
    assert_array_equal(found.to_numpy(), expected)


def test_frames_of_a_curve_and_back():
    model = SVR().fit(X[:, :1], y)
    derivative = differentiate(model, 3).set_output(transform="pandas")
    assert list(derivative(ROWS[:, :1]).columns) == ["d3y/dx03"]
    derivative.set_output(transform=None)
    assert isinstance(derivative(ROWS[:, :1]), pd.DataFrame)
    assert derivative.set_output(transform="default")(ROWS[:, :1]).shape == (12,)
    with pytest.raises(ValueError, match="transform must be one of"):
        derivative.set_output(transform="xarray")


def test_frames_of_values_and_standard_deviations():
    process = GaussianProcessRegressor(RBF() + WhiteKernel(0.1), optimizer=None).fit(FRAME, y)
    derivative = differentiate(process, 2)
    plain = derivative(FRAME_ROWS, return_std=True)
    framed = derivative.set_output(transform="pandas")(FRAME_ROWS, return_std=True)
    assert_array_equal(framed[0].columns, framed[1].columns)
    for array, frame in zip(plain, framed):
        assert_array_equal(frame["d2y/dxdz"], array[:, 0, 2])


def test_covariances_have_the_axes_of_the_values():
    """One more axis of the rows in front; an array even where the values are a frame."""
    several = GaussianProcessRegressor(RBF(), alpha=0.1, optimizer=None).fit(FRAME, Y)
    one = GaussianProcessRegressor(RBF(), alpha=0.1, optimizer=None).fit(FRAME[["x"]], y)
    for model, rows in ((several, FRAME_ROWS), (one, FRAME_ROWS[["x"]])):
        for order in (1, 2, (1,) + (0,) * (rows.shape[1] - 1)):
            derivative = differentiate(model, order)
            values, cov = derivative(rows, return_cov=True)
            assert_array_equal(values, derivative(rows))
            assert cov.shape == (12, *values.shape)
            _, std = derivative(rows, return_std=True)
            diagonal = np.einsum("ii...->i...", cov)
            assert_allclose(np.sqrt(diagonal), std, rtol=1e-6)
            framed = derivative.set_output(transform="pandas")(rows, return_cov=True)
            assert isinstance(framed[0], pd.DataFrame)
            assert_array_equal(framed[1], cov)


def test_a_derivative_gives_a_std_or_a_covariance():
    with pytest.raises(ValueError, match=r"At most one of return_std .* got True for both\."):
        differentiate(MODEL)(FRAME_ROWS, return_std=True, return_cov=True)


def test_average_marginal_effects():
    effects = average_marginal_effects(MODEL, FRAME)
    slopes = gradient(MODEL, FRAME)
    assert effects.feature_names == ["x", "t", "z"]
    assert_allclose(effects.average, slopes.mean(axis=0))
    assert_allclose(effects.standard_error, slopes.std(axis=0, ddof=1) / np.sqrt(60))
    frame = effects.to_frame()
    assert frame.loc["t", "average"] == effects.average[1]


def test_average_marginal_effects_of_several_outputs():
    effects = average_marginal_effects(SEVERAL, FRAME)
    slopes = jacobian(SEVERAL, FRAME)
    assert_allclose(effects.average, slopes.mean(axis=0))
    assert_allclose(effects.standard_error, slopes.std(axis=0, ddof=1) / np.sqrt(60))
    assert effects.to_frame().loc[("y1", "z"), "average"] == effects.average[1, 2]


def test_weights_of_an_average():
    """Equal weights are none; a weight of zero leaves the row's slope out."""
    plain = average_marginal_effects(MODEL, FRAME)
    equal = average_marginal_effects(MODEL, FRAME, sample_weight=np.full(60, 3.0))
    assert_allclose(equal.standard_error, plain.standard_error)
    half = np.r_[np.ones(30), np.zeros(30)]
    found = average_marginal_effects(MODEL, FRAME, sample_weight=half)
    assert_allclose(found.average, gradient(MODEL, FRAME)[:30].mean(axis=0))


def test_standard_errors_have_their_frequency():
    """Averages over other rows of the same kind scatter as the standard error says."""
    rng = np.random.RandomState(0)
    samples = [rng.uniform(0.5, 2.5, (100, 3)) for _ in range(200)]
    effects = [
        average_marginal_effects(SEVERAL, pd.DataFrame(s, columns=FRAME.columns)) for s in samples
    ]
    scatter = np.std([e.average for e in effects], axis=0)
    assert_allclose(np.mean([e.standard_error for e in effects], axis=0), scatter, rtol=0.15)


def test_averages_need_rows_and_weight():
    with pytest.raises(ValueError, match="needs 2 rows at least; got 1"):
        average_marginal_effects(MODEL, FRAME[:1])
    with pytest.raises(ValueError, match="at least one"):
        average_marginal_effects(MODEL, FRAME, sample_weight=np.zeros(60))


def test_linear_model_has_its_coefficients_as_effects():
    model = Ridge().fit(FRAME, y)
    effects = average_marginal_effects(model, FRAME)
    assert_allclose(effects.average, model.coef_)
    assert_allclose(effects.standard_error, 0, atol=1e-15)
    assert_allclose(laplacian(model, FRAME), 0)


def test_isotonic_regression_alone_is_a_function_of_one_feature():
    """It keeps no n_features_in_."""
    x = np.array([0.0, 1.0, 2.0, 4.0])
    model = IsotonicRegression(out_of_bounds="clip").fit(x, [0.0, 2.0, 3.0, 9.0])
    places = [[0.5], [1.5], [3.0], [5.0]]
    assert_array_equal(differentiate(model)(places), [2, 1, 3, 0])
    assert_array_equal(gradient(model, places)[:, 0], [2, 1, 3, 0])
    assert_array_equal(differentiate(model, {"x0": 1})(places), [2, 1, 3, 0])
    assert_allclose(integrate(model, 0, 4), 1 + 2.5 + 12, rtol=1e-8)
    with pytest.raises(ValueError, match="X has 2 features, but IsotonicRegression is expecting 1"):
        gradient(model, np.ones((3, 2)))
