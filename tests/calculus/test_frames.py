"""scikit-learn's global choice of frames, and the names of y's columns in them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    average_marginal_effects,
    differentiate,
    integrate,
)
from sk_pydelt.interpolation import SplineInterpolator as CurveInterpolator

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.uniform(0, 1, (40, 2)), columns=["lon", "lat"], index=range(5, 45))
FIELD = pd.DataFrame({"u": X.lon**2, "v": X.lon * X.lat})
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
MODELS = {
    "net": NeuralNetworkInterpolator((6,), solver="lbfgs", epochs=300, random_state=0),
    "tensorflow": NeuralNetworkInterpolator((6,), epochs=300, backend="tensorflow", random_state=0),
    "bayesian": BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, random_state=0),
    "spline": SplineInterpolator(),
    "unscaled": SplineInterpolator(x_scaler="passthrough", y_scaler="passthrough"),
    "pipeline": make_pipeline(
        make_column_transformer((MinMaxScaler(), ["lat", "lon"])), SplineInterpolator()
    ),
    "search": GridSearchCV(SplineInterpolator(), {"degree": [3, 5]}, cv=2),
    "polynomial": make_pipeline(StandardScaler(), PolynomialFeatures(), LinearRegression()),
    "target": TransformedTargetRegressor(SplineInterpolator(), transformer=StandardScaler()),
}
each_kind = pytest.mark.parametrize("kind", FRAMES)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        pytest.param(model, kind, id=f"{name}-{kind}")
        for name, model in MODELS.items()
        for kind in FRAMES
        if (name, kind) != ("target", "polars")  # scikit-learn asks a frame of polars for its ndim
    ],
)
def test_the_global_choice_changes_nothing_but_what_comes_out(model, kind):
    plain = clone(model).fit(X, FIELD)
    """But for rounding: scikit-learn's own sums over a frame of polars end in other bits."""
    values, slopes = plain.predict(X), differentiate(plain)
    with config_context(transform_output=kind):
        fitted = clone(model).fit(X, FIELD)
        assert_allclose(np.asarray(fitted.predict(X)), values, rtol=1e-9, atol=1e-9)
        found = differentiate(fitted)(X)
        assert isinstance(found, FRAMES[kind])
        expected = slopes.set_output(transform=kind)(X)
        assert_allclose(found.to_numpy(), expected.to_numpy(), atol=1e-9)
        arrays = differentiate(fitted).set_output(transform="default")(X)
    assert_allclose(arrays, slopes.set_output(transform="default")(X), atol=1e-9)


@each_kind
def test_curves_integrals_and_lists_under_the_global_choice(kind):
    t = np.linspace(0, 1, 20)
    with config_context(transform_output=kind):
        curve = CurveInterpolator(smoothing=0.0).fit(t, t**2)
        assert curve.differentiate()(0.5) == pytest.approx(1)
        assert curve.differentiate()(t).shape == (20,)
        slope = SplineInterpolator(smoothing=0.0).fit(t[:, None], t**2).differentiate()
        assert integrate(slope, 0, 1) == pytest.approx(1)
        assert isinstance(slope([[0.5], [0.6]]), FRAMES[kind])


def test_a_derivatives_own_choice_goes_before_the_global_one():
    slope = SplineInterpolator().fit(X, FIELD).differentiate().set_output(transform="polars")
    with config_context(transform_output="pandas"):
        assert isinstance(slope(X), pl.DataFrame)
        assert isinstance(slope.set_output(transform=None)(X), pl.DataFrame)
        assert isinstance(slope.set_output(transform="default")(X), np.ndarray)


NAMED = ["du/dlon", "du/dlat", "dv/dlon", "dv/dlat"]
NUMBERED = ["dy0/dlon", "dy0/dlat", "dy1/dlon", "dy1/dlat"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("container", FRAMES.values(), ids=FRAMES)
def test_names_of_outputs(name, container):
    """Those that the last step saw: scikit-learn's regressors keep none."""
    y = container({name: FIELD[name].to_numpy() for name in FIELD})
    slope = differentiate(clone(MODELS[name]).fit(X, y)).set_output(transform="pandas")
    expected = NUMBERED if name in ("polynomial", "target") else NAMED
    assert list(slope(X).columns) == expected
    assert slope(X).index.equals(X.index)


@pytest.mark.parametrize(
    ("y", "output"),
    [
        (FIELD["u"], "u"),
        (pl.Series("u", FIELD["u"].to_numpy()), "u"),
        (FIELD[["u"]], "u"),
        (FIELD["u"].rename(None), "y"),
        (FIELD["u"].rename(3), "y"),
        (pl.Series(FIELD["u"].to_numpy()), "y"),
        (FIELD["u"].to_numpy(), "y"),
        (list(FIELD["u"]), "y"),
        (FIELD[["u"]].rename(columns={"u": 0}), "y0"),
    ],
)
def test_the_name_of_a_single_output(y, output):
    slope = differentiate(SplineInterpolator().fit(X, y), {"lon": 1})
    assert list(slope.set_output(transform="pandas")(X).columns) == [f"d{output}/dlon"]


def test_names_are_those_of_the_last_fit():
    model = SplineInterpolator().fit(X, FIELD)
    assert list(model.target_names_in_) == ["u", "v"]
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, FIELD["u"].rename("w").replace(FIELD["u"].iloc[0], np.nan))
    assert list(model.target_names_in_) == ["u", "v"]
    assert not hasattr(model.fit(X, FIELD.to_numpy()), "target_names_in_")


def test_effects_have_the_names_of_the_outputs():
    frame = average_marginal_effects(SplineInterpolator().fit(X, FIELD), X).to_frame()
    pairs = [(output, feature) for output in ("u", "v") for feature in ("lon", "lat")]
    assert list(frame.index) == pairs
    unnamed = average_marginal_effects(SplineInterpolator().fit(X, FIELD.to_numpy()), X)
    assert unnamed.output_names == ["y0", "y1"]
    assert_frame_equal(unnamed.to_frame().reset_index(drop=True), frame.reset_index(drop=True))
