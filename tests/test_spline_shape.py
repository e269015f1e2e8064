"""Roots, extrema and antiderivatives of splines, in units of the data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import PPoly, make_interp_spline
from sklearn.preprocessing import PowerTransformer, RobustScaler

from sk_pydelt import SplineInterpolator, interpolation, roots

T = np.linspace(100, 106, 61)  # far from zero, in other units than the scaled ones
Y = 5 * np.sin(T - 100) + 2


@pytest.mark.parametrize("scaler", [None, RobustScaler(), "passthrough"])
def test_they_are_scipys(scaler):
    model = SplineInterpolator(smoothing=0.0, x_scaler=scaler, y_scaler=scaler).fit(T[:, None], Y)
    reference = make_interp_spline(T, Y, 5)
    pieces = PPoly.from_spline(reference)
    assert_allclose(model.roots(), pieces.roots(extrapolate=False), atol=1e-6)
    turns = model.extrema()
    assert_allclose(turns.places, pieces.derivative().roots(extrapolate=False), atol=1e-6)
    assert_allclose(turns.values, reference(turns.places), atol=1e-6)
    assert_array_equal(turns.is_maximum, [True, False])
    assert turns.std is None
    way = model.antiderivative()
    assert_allclose(way(T[:, None]), reference.antiderivative()(T), atol=1e-5)


def test_closed_forms_and_ranges():
    model = SplineInterpolator(smoothing=0.0, degree=7).fit(T[:, None], Y)
    first = 100 + np.pi + np.arcsin(0.4)
    assert_allclose(model.roots(102, 104), [first], atol=1e-6)
    assert_allclose(model.extrema(b=103).places, [100 + np.pi / 2], atol=1e-6)
    assert len(model.extrema(102.5, 103.5).places) == 0
    way = model.antiderivative(101.0)
    exact = 5 * (np.cos(1.0) - np.cos(2.0)) + 2
    assert_allclose(way([[102.0], [101.0]]), [exact, 0], atol=1e-7)


def test_many_narrow_oscillations_are_all_found():
    t = np.linspace(0, 1, 4001)
    model = SplineInterpolator(smoothing=0.0).fit(t[:, None], np.sin(1000 * t) + 0.5)
    assert len(model.roots()) == 318
    assert len(model.extrema().places) == 318


def test_standard_deviations():
    noise = np.random.default_rng(0).normal(0, 0.3, 61)
    model = SplineInterpolator().fit(T[:, None], Y + noise)
    found, std = model.roots(return_std=True)
    other, spread = roots(model, T[0], T[-1], return_std=True)
    assert_allclose(found, other, atol=1e-7)
    assert_allclose(std, spread, rtol=1e-5)
    turns = model.extrema(return_std=True)
    assert_allclose(turns.places, 100 + np.pi * np.array([0.5, 1.5]), atol=4 * turns.std.max())
    way, error = model.antiderivative()([[103.0]], return_std=True)
    assert_allclose(way, 5 * (1 - np.cos(3)) + 6, atol=4 * error.max())


def test_an_antiderivative_keeps_the_model_as_it_was():
    model = SplineInterpolator().fit(T[:, None], Y)
    way = model.antiderivative()
    before = way([[104.0]])
    model.fit(T[:, None], -Y)
    assert_array_equal(way([[104.0]]), before)


def test_several_outputs_and_a_drop_in():
    model = SplineInterpolator(smoothing=0.0).fit(T[:, None], np.column_stack([Y, Y - 2]))
    assert [len(places) for places in model.roots()] == [2, 2]
    assert_allclose(model.roots()[1], [100, 100 + np.pi], atol=1e-6)
    of_one, of_other = model.extrema()
    assert_allclose(of_one.values - of_other.values, 2, atol=1e-9)
    assert model.antiderivative()([[101.0]]).shape == (1, 2)
    fitpack = interpolation.SplineInterpolator(smoothing=1e-3).fit(T, Y)
    assert_allclose(fitpack.extrema().places, 100 + np.pi * np.array([0.5, 1.5]), atol=1e-2)


def test_what_is_refused():
    plane = SplineInterpolator().fit(np.random.default_rng(0).normal(size=(20, 2)), np.arange(20))
    for method in (plane.roots, plane.extrema, plane.antiderivative):
        with pytest.raises(ValueError, match="takes a function of one feature; this model has 2"):
            method()
    model = SplineInterpolator().fit(T[:, None], Y)
    with pytest.raises(ValueError, match="from a to a larger b; got 105 and 101"):
        model.roots(105, 101)
    bent = SplineInterpolator(x_scaler=PowerTransformer()).fit(T[:, None], Y)
    assert len(bent.roots()) == 2
