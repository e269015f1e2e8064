"""`DerivativeDisplay` draws what the model says, under the names of the data."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from sk_pydelt import SplineInterpolator, differentiate
from sk_pydelt.display import DerivativeDisplay

rng = np.random.default_rng(0)
T = pd.DataFrame({"time [ms]": np.linspace(0, 6, 60)})
Y = pd.Series(np.sin(T.iloc[:, 0]) + 0.05 * rng.standard_normal(60), name="velocity [mm/s]")
X = pd.DataFrame(rng.uniform(-1, 1, (80, 2)), columns=["x [m]", "t [s]"])
UV = pd.DataFrame({"u [K]": X.iloc[:, 0] ** 2 * X.iloc[:, 1], "v [K]": X.iloc[:, 0]})


def curve():
    return SplineInterpolator(degree=5).fit(T, Y)


def surface(y=UV):
    return make_pipeline(PolynomialFeatures(3), LinearRegression()).fit(X, y)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def drawn(line):
    return np.column_stack(line.get_data())


def test_a_curve_its_rate_and_their_bands():
    display = DerivativeDisplay.from_estimator(curve(), T, Y, orders=(0, 1, 2), grid_resolution=30)
    grid = np.linspace(0, 6, 30)[:, None]
    assert len(display.axes_) == len(display.lines_) == len(display.bands_) == 3
    for order, (line,), (band,) in zip(range(3), display.lines_, display.bands_):
        columns = pd.DataFrame(grid, columns=T.columns)
        if order:
            mean, std = differentiate(curve(), order)(columns, return_std=True)
        else:
            mean, std = curve().predict(columns, return_std=True)
        assert_allclose(drawn(line), np.column_stack([grid, mean]), rtol=1e-12, atol=1e-12)
        corners = band.get_paths()[0].vertices
        top = corners[:, 1].max()
        assert_allclose(top, np.max(mean + 1.959963984540054 * std), rtol=1e-9)
    assert [axes.get_ylabel() for axes in display.axes_] == [
        "velocity [mm/s]",
        "d(velocity)/d(time) [mm/s per ms]",
        "d²(velocity)/d(time)² [mm/s per ms²]",
    ]
    assert display.axes_[-1].get_xlabel() == "time [ms]"
    (dots,) = [line for line in display.ax_.lines if line.get_label() == "samples"]
    assert_array_equal(drawn(dots), np.column_stack([T, Y]))
    assert display.figure_ is display.ax_.figure


def test_a_level_moves_the_bands():
    wide, narrow = (
        DerivativeDisplay.from_estimator(curve(), T, level=level, orders=[1])
        for level in (0.95, 0.5)
    )
    ratio = [np.ptp(d.bands_[0][0].get_paths()[0].vertices[:2, 1]) for d in (wide, narrow)]
    assert_allclose(ratio[0] / ratio[1], 1.959963984540054 / 0.674489750196082, rtol=1e-9)
    assert wide.ax_.get_legend().get_texts()[0].get_text() == "95 % band"


def test_the_legend_of_a_later_panel_names_what_is_new_there():
    display = DerivativeDisplay.from_estimator(curve(), T, Y, orders=(2, 0, 1))
    assert legend(display.axes_[0]) == ["95 % band", "fitted"]
    assert legend(display.axes_[1]) == ["95 % band", "fitted", "samples"]
    assert display.axes_[2].get_legend() is None


def test_without_error_bars_there_are_no_bands():
    line = make_pipeline(StandardScaler(), LinearRegression()).fit(T, Y)
    display = DerivativeDisplay.from_estimator(line, T, Y)
    assert display.bands_ == [[], []]
    assert legend(display.axes_[0]) == ["fitted", "samples"]
    assert display.axes_[1].get_legend() is None
    search = GridSearchCV(SplineInterpolator(), {"degree": [3, 5]}).fit(T, Y)
    found = DerivativeDisplay.from_estimator(search, T, Y)
    assert [len(bands) for bands in found.bands_] == [1, 1]


PROCESS = GaussianProcessRegressor(Matern(nu=1.5), alpha=1e-2, optimizer=None)
LACKS = "no error bars of this order"


@pytest.mark.parametrize(
    ("model", "orders", "known", "legends"),
    [
        (SplineInterpolator(degree=5), (0, 1, 2, 3), (1, 1, 1, 0), {0: False, 3: True}),
        (SplineInterpolator(degree=3), (3, 2, 0, 1), (0, 0, 1, 1), {0: True, 1: True, 2: False}),
        (PROCESS, (0, 1, 2), (1, 1, 0), {0: False, 2: True}),
    ],
)
def test_bands_of_the_orders_that_have_error_bars(model, orders, known, legends):
    """A spline has them to order (degree - 1) / 2, a Matérn process of 1.5 to order 1."""
    model = clone(model).fit(T.to_numpy(), Y)
    display = DerivativeDisplay.from_estimator(model, T.to_numpy(), orders=orders)
    assert [len(bands) for bands in display.bands_] == list(known)
    for k, axes in enumerate(display.axes_):
        assert (axes.get_legend() is not None) == (k in legends)
        if k in legends:
            assert legend(axes) == (["fitted", LACKS] if legends[k] else ["95 % band", "fitted"])
    _, std = differentiate(model, 1)(display.found.grids[0][:, None], return_std=True)
    assert_allclose(display.found.stds[orders.index(1)][:, 0], std, rtol=1e-9)


def test_the_others_are_held():
    display = DerivativeDisplay.from_estimator(
        surface(), X, UV, features="x [m]", fixed={"t [s]": 0.5}, grid_resolution=7
    )
    grid = display.found.grids[0]
    assert_allclose(drawn(display.lines_[1][0])[:, 1], 2 * grid * 0.5, atol=1e-12)
    assert_allclose(drawn(display.lines_[1][1])[:, 1], 1.0, atol=1e-12)
    assert display.axes_[1].get_ylabel() == "∂(u, v)/∂(x) [K/m]"
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["u [K]", "v [K]"]
    held = DerivativeDisplay.from_estimator(surface(), X, features=0, output=0, grid_resolution=7)
    medians = 2 * grid * X["t [s]"].median()
    assert_allclose(drawn(held.lines_[1][0])[:, 1], medians, atol=1e-12)


def test_the_average_is_over_rows_as_they_are():
    display = DerivativeDisplay.from_estimator(
        surface(), X, UV, kind="average", output="u [K]", grid_resolution=5, n_rows=80
    )
    grid = display.found.grids[0]
    assert display.found.rows[1].shape == (80, 5, 1)
    average = 2 * grid * X["t [s]"].mean()
    assert_allclose(drawn(display.lines_[1][0])[:, 1], average, atol=1e-12)
    assert len(display.axes_[1].lines) == 81
    few = DerivativeDisplay.from_estimator(surface(), X, kind="average", n_rows=3)
    assert few.found.rows[0].shape[0] == 3


def test_maps_of_two():
    display = DerivativeDisplay.from_estimator(
        surface(), X, UV, orders=(0, 1, {"x [m]": 1, "t [s]": 1}), features=(0, 1), output=0
    )
    x, t = display.found.grids
    image = display.images_[1].get_array()
    assert_allclose(image, (2 * x[:, None] * t).T, atol=1e-12)
    assert_allclose(display.images_[2].get_array(), np.tile(2 * x, (len(t), 1)), atol=1e-12)
    assert display.images_[1].get_clim() == (-np.abs(image).max(), np.abs(image).max())
    assert display.images_[1].colorbar.ax.get_ylabel() == "∂(u)/∂(x) [K/m]"
    assert display.images_[2].colorbar.ax.get_ylabel() == "∂²(u)/∂(x)∂(t) [K per m·s]"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("x [m]", "t [s]")


@pytest.mark.parametrize("library", [pd, pl])
def test_columns_of_text_are_held_at_the_most_frequent(library):
    frame = library.DataFrame({"x": [0.0, 1, 2, 0, 1, 2, 3], "city": list("aaabbbb")})
    y = np.asarray(frame["x"]) * np.where(np.asarray(frame["city"]) == "a", 1.0, 3.0)
    columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(columns, PolynomialFeatures(2), LinearRegression()).fit(frame, y)
    display = DerivativeDisplay.from_estimator(model, frame, features="x", orders=[1])
    assert_allclose(drawn(display.lines_[0][0])[:, 1], 3.0, rtol=1e-9)
    display = DerivativeDisplay.from_estimator(
        model, frame, features="x", orders=[1], fixed={"city": "a"}
    )
    assert_allclose(drawn(display.lines_[0][0])[:, 1], 1.0, rtol=1e-9)


def test_given_axes_and_keywords():
    figure, axes = plt.subplots(1, 2)
    display = DerivativeDisplay.from_estimator(
        curve(), T, Y, ax=axes, line_kw={"color": "red"}, band_kw={"alpha": 0.1}
    )
    assert display.figure_ is figure
    assert display.lines_[0][0].get_color() == "red"
    assert display.bands_[0][0].get_alpha() == 0.1
    again = display.plot()
    assert again is display
    assert display.figure_ is not figure


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"features": "z"}, "feature must be one of .*'x .m.', 't .s.'.*; got 'z'"),
        ({"features": 2}, "or its number; got 2"),
        ({"features": (0, 1), "kind": "average"}, "or two of them with kind='fixed'"),
        ({"features": (0, 1)}, "A map draws one output: give output"),
        ({"output": "w"}, "output must be one of"),
        ({"kind": "mean"}, "kind must be 'fixed' or 'average'; got 'mean'"),
        ({"orders": [-1]}, "order must be a whole number"),
        ({"fixed": {"z": 1}}, "feature must be one of"),
        ({"ax": [None] * 3}, "ax must hold 2 axes, one for each panel; got 3"),
    ],
)
def test_what_is_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        DerivativeDisplay.from_estimator(surface(), X, **asked)
