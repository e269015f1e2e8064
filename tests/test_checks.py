"""Data as users bring them: masked arrays, dates and durations."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from sk_pydelt import (
    NeuralNetworkInterpolator,
    SplineInterpolator,
    average_marginal_effects,
    differentiate,
    directional_derivative,
    integrate,
    interpolation,
)
from sk_pydelt.checks import unmasked

T = np.linspace(0, 3, 12).reshape(-1, 1)
Y = np.sin(T.ravel())
GAP = np.ma.array(T, mask=np.arange(12).reshape(-1, 1) == 4)
WHOLE = np.ma.array(T, mask=False)


def spline():
    return SplineInterpolator(smoothing=0.0)


def net():
    return NeuralNetworkInterpolator((4,), solver="lm", epochs=20, random_state=0)


def test_a_mask_is_nan():
    assert_array_equal(unmasked(np.ma.array([1, 2], mask=[0, 1])), [1.0, np.nan])
    assert_array_equal(
        unmasked([np.ma.array([1.0, 2], mask=[0, 1]), [3, 4]]), [[1, np.nan], [3, 4]]
    )
    assert type(unmasked(np.ma.array([1, 2]))) is np.ndarray
    assert unmasked(Y) is Y


def test_masked_entries_are_missing_in_fit():
    with pytest.raises(ValueError, match="Input X contains NaN"):
        spline().fit(GAP, Y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        spline().fit(list(GAP), Y)
    with pytest.raises(ValueError, match="y.*NaN"):
        spline().fit(T, np.ma.array(Y, mask=Y > 0.9))
    with pytest.raises(ValueError, match="sample_weight contains NaN"):
        spline().fit(T, Y, np.ma.array(np.ones(12, dtype=int), mask=Y > 0.9))
    with pytest.raises(ValueError, match="y.*NaN"):
        interpolation.SplineInterpolator().fit(T.ravel(), np.ma.array(Y, mask=Y > 0.9))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        interpolation.SplineInterpolator().fit(GAP[:, 0], Y)


def test_a_mask_of_nothing_changes_nothing():
    model = spline().fit(WHOLE, np.ma.array(Y))
    assert_array_equal(model.predict(WHOLE), spline().fit(T, Y).predict(T))


def test_masked_places_are_missing_in_predict_and_all_of_calculus():
    model = spline().fit(T, Y)
    calls = [model.predict, model.gradient, model.jacobian, model.hessian, model.laplacian]
    calls += [model.differentiate(2), lambda X: model.directional_derivative(X, [1.0])]
    calls += [lambda X: model.derivatives(X, [(1,)]), model.average_marginal_effects]
    for call in calls:
        with pytest.raises(ValueError, match="Input X contains NaN"):
            call(GAP)
    curve = interpolation.SplineInterpolator(smoothing=0.0).fit(T.ravel(), Y)
    for call in (curve.predict, curve.differentiate(1)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            call(GAP[:, 0])


def test_masks_of_directions_limits_and_weights():
    model = spline().fit(T, Y)
    hidden = np.ma.array([1.0], mask=[True])
    with pytest.raises(ValueError, match="direction contains NaN"):
        directional_derivative(model, T, hidden)
    with pytest.raises(ValueError, match="b must be finite"):
        integrate(model, 0.0, hidden)
    weight = np.ma.array(np.ones(12), mask=Y > 0.9)
    with pytest.raises(ValueError, match="sample_weight contains NaN"):
        average_marginal_effects(model, T, sample_weight=weight)


def test_masked_derivatives_are_unknown():
    rate = np.cos(T)
    hidden = np.ma.array(rate + 5 * (T > 2), mask=T > 2)
    expected = net().fit(T, Y, dy=np.where(T > 2, np.nan, rate)).predict(T)
    assert_array_equal(net().fit(T, Y, dy=hidden).predict(T), expected)


def test_a_model_that_fills_in_what_is_missing_fills_in_what_is_masked():
    X = np.column_stack([T, T**2])
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(X, Y)
    holes = np.ma.array(X, mask=[[0, 1]] * 12)
    assert_array_equal(
        differentiate(model)(holes), differentiate(model)(holes.astype(float).filled(np.nan))
    )


DAYS = np.arange("2020-01-01", "2020-01-13", dtype="datetime64[D]")
TIMES = {
    "datetime64": DAYS,
    "timedelta64": DAYS - DAYS[0],
    "big-endian": DAYS.astype(">M8[s]"),
    "Series of dates": pd.Series(DAYS),
    "Series of durations": pd.Series(DAYS - DAYS[0]),
    "dates with a zone": pd.Series(DAYS).dt.tz_localize("UTC"),
    "datetime": [datetime(2020, 1, 1 + i) for i in range(12)],
    "date": [date(2020, 1, 1 + i) for i in range(12)],
    "timedelta": [timedelta(days=i) for i in range(12)],
    "Timestamp": list(pd.Series(DAYS)),
    "objects in a Series": pd.Series([datetime(2020, 1, 1 + i) for i in range(12)], dtype=object),
    "list of datetime64": list(DAYS),
    "masked": np.ma.array(DAYS),
}


def as_column(times):
    return times.to_frame() if isinstance(times, pd.Series) else [[t] for t in times]


@pytest.mark.parametrize("case", TIMES)
def test_times_are_refused_wherever_numbers_are_expected(case):
    times, model = TIMES[case], spline().fit(T, Y)
    for name, call in {
        "y": lambda: spline().fit(T, times),
        "sample_weight": lambda: spline().fit(T, Y, times),
        "dy": lambda: net().fit(T, Y, dy=times),
        "X": lambda: spline().fit(as_column(times), Y),
        "X of predict": lambda: model.predict(as_column(times)),
        "X of gradient": lambda: model.gradient(as_column(times)),
    }.items():
        with pytest.raises(
            ValueError, match=f"{name[0]}.* holds dates or durations.*unit.*seconds"
        ):
            call()


def test_polars_dates_are_refused():
    polars = pytest.importorskip("polars")
    for column in (DAYS, (DAYS - DAYS[0]).astype("m8[ms]")):
        series = polars.Series("t", column)
        with pytest.raises(ValueError, match="X holds dates or durations"):
            spline().fit(series.to_frame(), Y)
        with pytest.raises(ValueError, match="y holds dates or durations"):
            spline().fit(T, series)


def test_the_remedy_for_datetime_objects_is_one():
    t = TIMES["datetime"]
    seconds = np.array([(s - t[0]).total_seconds() for s in t]).reshape(-1, 1)
    assert_allclose(spline().fit(seconds, 3 * seconds.ravel()).gradient(seconds), 3.0)


TEXT = {
    "an array": T.astype(str),
    "objects": T.astype(str).astype(object),
    "bytes": T.astype(bytes),
    "lists": T.astype(str).tolist(),
    "a frame": pd.DataFrame({"t": T.ravel().astype(str)}),
    "categories": pd.DataFrame({"t": T.ravel().astype(str)}, dtype="category"),
}


@pytest.mark.parametrize("case", TEXT)
def test_numeric_text_is_no_number(case):
    text = TEXT[case]
    fitted = spline().fit(T, Y)
    for X in (text, text[:3]):
        calls = [lambda X=X: spline().fit(X, Y[: len(X)]), lambda X=X: fitted.predict(X)]
        calls.append(lambda X=X: fitted.gradient(X))
        for call in calls:
            with pytest.raises(ValueError, match="X holds text, such as .*give numbers"):
                call()
    with pytest.raises(ValueError, match="y holds text"):
        spline().fit(T, text)
    with pytest.raises(ValueError, match="sample_weight holds text"):
        spline().fit(T, Y, sample_weight=np.ravel(text))
    with pytest.raises(ValueError, match="direction holds text"):
        directional_derivative(fitted, T, np.asarray(text))
    with pytest.raises(ValueError, match="sample_weight holds text"):
        average_marginal_effects(fitted, T, sample_weight=np.ravel(text))


def test_tensors_that_numpy_cannot_read():
    torch = pytest.importorskip("torch")
    good, fitted = torch.tensor(T), spline().fit(T, Y)
    assert_array_equal(fitted.predict(good), fitted.predict(T))
    needs_gradient = good.clone().requires_grad_()
    for bad in (needs_gradient, good.to_sparse(), good.bfloat16()):
        calls = {
            "X": [
                lambda bad=bad: spline().fit(bad, Y),
                lambda bad=bad: fitted.predict(bad),
                lambda bad=bad: fitted.gradient(bad),
                lambda bad=bad: fitted.differentiate(2)(bad),
            ],
            "y": [lambda bad=bad: spline().fit(T, bad)],
            "dy": [lambda bad=bad: net().fit(T, Y, dy=bad)],
            "sample_weight": [lambda bad=bad: spline().fit(T, Y, sample_weight=bad)],
            "direction": [lambda bad=bad: directional_derivative(fitted, T, bad)],
        }
        for name, some in calls.items():
            for call in some:
                unread = f"{name} cannot be read as an array: .*detach"
                with pytest.raises(TypeError, match=f"{unread}|in NumPy, where autograd cannot"):
                    call()


def test_alpha_beyond_float64():
    with pytest.raises(ValueError, match=r"'alpha' parameter .* in the range \[0.0, 1e\+100\]"):
        net().set_params(alpha=1e300).fit(T, Y)


def test_errors_of_a_whole_array_name_it():
    ragged, fitted = [[1.0], [1.0, 2.0]], spline().fit(T, Y)
    for X, y, weight, message in (
        (T + 1j, Y, None, "Complex data not supported: .* part of X apart"),
        (T, Y + 1j, None, "Complex data not supported: .* part of y apart"),
        (T, Y, Y + 1j, "Complex data not supported: .* part of sample_weight apart"),
        (None, Y, None, "X is None"),
        (ragged, Y, None, "X must have rows of one length"),
        (T, ragged, None, "y must have rows of one length"),
        (T, Y, ragged, "sample_weight must have rows of one length"),
        (T, Y[:5], None, "X has 12 and y 5"),
        (T, 3.0, None, "X has 12 and y none"),
    ):
        with pytest.raises(ValueError, match=message):
            spline().fit(X, y, sample_weight=weight)
    for X, message in ((T + 1j, "part of X apart"), (ragged, "X must have rows of one length")):
        for function in (fitted.predict, fitted.gradient):
            with pytest.raises(ValueError, match=message):
                function(X)
