"""`estimate_derivative`: the numbers are the estimators' own, the container is the caller's."""

import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
    estimate_derivative,
)

X = np.sort(np.random.default_rng(0).uniform(0, 6, 60))
Y = np.sin(X) + 0.05 * np.random.default_rng(1).standard_normal(60)
AT = np.array([0.5, 2.0, 3.5])
TIMES = pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Paris", name="time")
UNITS = pint.UnitRegistry()


def spline(degree=5):
    return SplineInterpolator(degree=degree).fit(X[:, None], Y)


@pytest.mark.parametrize(("order", "degree"), [(1, 5), (2, 5), (3, 7), (5, 11)])
def test_the_spline_is_of_the_degree_that_the_order_needs(order, degree):
    value, std = estimate_derivative(X, Y, order, at=AT, return_std=True)
    expected = differentiate(spline(degree), order)(AT[:, None], return_std=True)
    assert_array_equal(value, expected[0])
    assert_array_equal(std, expected[1])


def test_order_0_is_the_smoothed_curve():
    value, std = estimate_derivative(X, Y, 0, at=AT, return_std=True)
    expected = spline().predict(AT[:, None], return_std=True)
    assert_allclose(value, expected[0], rtol=1e-13)
    assert_allclose(std, expected[1], rtol=1e-13)


def test_samples_in_any_order_and_lists():
    order = np.random.default_rng(2).permutation(60)
    assert_allclose(
        estimate_derivative(list(X[order]), list(Y[order])),
        estimate_derivative(X, Y)[order],
        rtol=1e-9,
    )


def test_bayesian_is_reproducible():
    found = estimate_derivative(X[::3], Y[::3], at=AT, method="bayesian")
    model = BayesianNeuralNetworkInterpolator(random_state=0).fit(X[::3, None], Y[::3])
    assert_array_equal(found, differentiate(model)(AT[:, None]))


def test_any_estimator_is_fitted_as_a_clone():
    process = make_pipeline(StandardScaler(), GaussianProcessRegressor(alpha=1e-2))
    found = estimate_derivative(X, Y, at=AT, method=process, return_std=True)
    assert not hasattr(process[-1], "X_train_")
    expected = differentiate(process.fit(X[:, None], Y))(AT[:, None], return_std=True)
    assert_array_equal(found, expected)


def test_a_series_by_its_index():
    series = pd.Series(Y, pd.Index(X, name="time [ms]"), name="position [mm]")
    found, std = estimate_derivative(series, order=2, return_std=True)
    assert_array_equal(found, estimate_derivative(X, Y, 2))
    assert found.index.equals(series.index)
    assert found.name == "d²(position)/d(time)² [mm/ms²]"
    assert std.name == "std of d²(position)/d(time)² [mm/ms²]"
    elsewhere = estimate_derivative(series, at=AT)
    assert elsewhere.index.name == "time [ms]"
    assert_array_equal(elsewhere.index, AT)
    assert_array_equal(elsewhere, estimate_derivative(X, Y, at=AT))


def test_columns_of_a_frame():
    frame = pd.DataFrame({"t": X, "u": Y}, index=np.arange(100, 160))
    found = estimate_derivative(frame.t, frame.u)
    assert found.index.equals(frame.index)
    assert found.name == "d(u)/d(t)"
    assert_array_equal(found, estimate_derivative(X, Y))
    assert estimate_derivative(pd.Series(Y)).name == "d(y)/d(x)"


def test_missing_values_of_pandas_are_left_to_the_estimator():
    series = pd.Series(Y).astype("Float64")
    series[3] = pd.NA
    with pytest.raises(ValueError, match="Input y contains NaN"):
        estimate_derivative(series)


@pytest.mark.parametrize(("unit", "hours"), [("s", 1 / 3600), ("h", 1), ("D", 24)])
def test_dates_by_a_named_unit(unit, hours):
    series = pd.Series(Y, TIMES, name="level [m]")  # hours of true time, across a change of clocks
    found = estimate_derivative(series, time_unit=unit)
    assert_allclose(found, hours * estimate_derivative(np.arange(60.0), Y), rtol=1e-7, atol=1e-12)
    assert found.name == f"d(level)/d(time) [m/{unit}]"
    later = estimate_derivative(series, at=TIMES[:2] + pd.Timedelta("30min"), time_unit=unit)
    assert_allclose(
        later, hours * estimate_derivative(np.arange(60.0), Y, at=[0.5, 1.5]), rtol=1e-7
    )


def test_durations_and_dates_of_numpy():
    hours = np.arange(60) * np.timedelta64(1, "h")
    expected = estimate_derivative(np.arange(60.0), Y)
    for places in (hours, np.datetime64("1900-01-01") + hours):
        assert_allclose(estimate_derivative(places, Y, time_unit="h"), expected, rtol=1e-7)
    dates = np.datetime64("2024-01-01T00") + hours
    found = estimate_derivative(dates, Y, at=["2024-01-01T01:00", "2024-01-02"], time_unit="h")
    assert_allclose(found, expected[[1, 24]], rtol=1e-7)


def test_a_data_array_by_its_coordinate():
    coords = {"time": ("time", X, {"units": "ms"}), "station": 7}
    samples = xr.DataArray(Y, coords, "time", "position", {"units": "mm"})
    found, std = estimate_derivative(samples, return_std=True)
    assert_array_equal(found, estimate_derivative(X, Y))
    assert found.name == found.attrs["long_name"] == "d(position)/d(time)"
    assert found.attrs["units"] == std.attrs["units"] == "mm/ms"
    assert found.coords.equals(samples.coords)
    elsewhere = estimate_derivative(samples, at=AT)
    assert_array_equal(elsewhere.time, AT)
    assert elsewhere.time.attrs == {"units": "ms"}
    assert_array_equal(elsewhere, estimate_derivative(X, Y, at=AT))
    again = estimate_derivative(samples.time, samples)
    assert_array_equal(again, found)


def test_a_data_array_of_dates():
    times = TIMES.tz_convert(None)
    samples = xr.DataArray(Y, {"time": times}, "time", "level", {"units": "m"})
    found = estimate_derivative(samples, time_unit="h")
    assert found.attrs["units"] == "m/h"
    assert_allclose(found, estimate_derivative(np.arange(60.0), Y), rtol=1e-7, atol=1e-12)


def test_quantities():
    found = estimate_derivative(X * UNITS.ms, Y * UNITS.mm, 2, at=1000 * AT * UNITS.us)
    assert found.units == UNITS.mm / UNITS.ms**2
    assert_allclose(found.magnitude, estimate_derivative(X, Y, 2, at=AT), rtol=1e-12)
    assert estimate_derivative(X, Y * UNITS.mm).units == UNITS.mm
    assert estimate_derivative(X * UNITS.s, Y).units == 1 / UNITS.s
    assert isinstance(estimate_derivative(X * UNITS.s, Y, 0), np.ndarray)


def test_degrees_celsius_change_by_degrees():
    seconds, degrees = X * UNITS.s, UNITS.Quantity(Y, "degC")
    rate = estimate_derivative(seconds, degrees)
    assert_allclose(rate.to("kelvin / s").magnitude, estimate_derivative(X, Y), rtol=1e-12)
    value, std = estimate_derivative(seconds, degrees, 0, return_std=True)
    assert value.units == UNITS.degC
    assert std.units == UNITS.delta_degC


SERIES = pd.Series(Y, X, name="u")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate_derivative(X), "y is missing: give places and values"),
        (lambda: estimate_derivative(X, Y[:5]), "of one length; got 60 and 5"),
        (lambda: estimate_derivative(X[:, None], Y), "x must be one-dimensional"),
        (lambda: estimate_derivative(X, Y[:, None]), "y must be one-dimensional"),
        (lambda: estimate_derivative(X, Y, at=1.0), "at must be one-dimensional"),
        (lambda: estimate_derivative(X, Y, -1), "order must be a whole number >= 0; got -1"),
        (lambda: estimate_derivative(X, Y, True), "order must be a whole number >= 0; got True"),
        (lambda: estimate_derivative(X, Y, 6), "to order 5: take method='bayesian' for order 6"),
        (lambda: estimate_derivative(X, Y, method="net"), "'spline', 'bayesian' or an estimator"),
        (lambda: estimate_derivative(pd.Series(Y, TIMES)), "name the unit of time"),
        (lambda: estimate_derivative(X, Y, time_unit="s"), "these are numbers: leave it out"),
        (lambda: estimate_derivative(X, Y, time_unit="y"), "time_unit must be one of"),
        (
            lambda: estimate_derivative(pd.Series(Y, TIMES), at=["2024-03-30"], time_unit="s"),
            "at must have a time zone where x has one",
        ),
        (lambda: estimate_derivative(pd.Series(X), SERIES), "Series of different indices"),
        (
            lambda: estimate_derivative(SERIES.set_axis(pd.MultiIndex.from_arrays([X, X]))),
            "has 2 levels: give the places as x",
        ),
        (
            lambda: estimate_derivative(xr.DataArray(np.ones((3, 4)), dims=("y", "t"))),
            r"y has dimensions \('y', 't'\): choose a curve",
        ),
        (lambda: estimate_derivative(xr.DataArray(Y, dims="t")), "no coordinate along 't'"),
        (
            lambda: estimate_derivative(xr.DataArray(X, dims="s"), xr.DataArray(Y, dims="t")),
            "the same dimension",
        ),
        (lambda: estimate_derivative(X * UNITS.s, SERIES), "y is a Series and the other"),
        (lambda: estimate_derivative(X * UNITS.s, Y, at=AT), "at must have a unit where x has"),
        (lambda: estimate_derivative(X, Y, at=AT * UNITS.s), "at must have a unit where x has"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_error_bars_need_a_method_that_has_them():
    net = NeuralNetworkInterpolator((4,), solver="lbfgs", epochs=200, random_state=0)
    with pytest.raises(TypeError, match="standard deviation"):
        estimate_derivative(X, Y, method=net, return_std=True)
