"""What the data say nothing of: features that never vary, and the error of an average effect."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import BayesianRidge, LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    average_marginal_effects,
    differentiate,
)

U = np.linspace(-1, 1, 30)
X = np.column_stack([U, np.full(30, 20.0)])
FRAME = pd.DataFrame(X, columns=["u", "plant"])
ELSEWHERE = np.column_stack([U, np.linspace(0, 50, 30)])


def keras_module(n_features, n_outputs):
    from keras_modules import Residual

    return Residual(n_features, n_outputs)


def torch_module(n_features, n_outputs):
    from torch_modules import Residual

    return Residual(n_features, n_outputs)


def net(**parameters):
    return NeuralNetworkInterpolator((4,), epochs=5, random_state=0, **parameters)


ESTIMATORS = {
    "adam": net(),
    "lbfgs": net(solver="lbfgs"),
    "lm": net(solver="lm"),
    "torch module": net(module=torch_module),
    "tensorflow": net(backend="tensorflow"),
    "keras module": net(backend="tensorflow", module=keras_module),
    "bayesian": BayesianNeuralNetworkInterpolator((3,), "tanh", max_iter=10, random_state=0),
    "spline": SplineInterpolator(),
}
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def fitted(name, places, y, **parameters):
    if name in ("tensorflow", "keras module"):
        pytest.importorskip("tensorflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ESTIMATORS[name].set_params(x_scaler=None).set_params(**parameters).fit(places, y)


@each_estimator
@pytest.mark.parametrize(
    "x_scaler", [None, StandardScaler(), RobustScaler(), "passthrough"], ids=str
)
def test_derivatives_by_a_feature_that_never_varied_are_zero(name, x_scaler):
    model = fitted(name, X, 3 * U, x_scaler=x_scaler)
    assert_array_equal(model.jacobian(ELSEWHERE)[..., 1], 0)
    assert_array_equal(model.hessian(ELSEWHERE)[:, :, 1], 0)
    assert_array_equal(model.predict(ELSEWHERE), model.predict(X))
    assert np.all(model.jacobian(ELSEWHERE)[..., 0])
    effects = model.average_marginal_effects(X)
    assert (effects.average[1], effects.standard_error[1]) == (0, 0)


def test_error_bars_by_a_feature_that_never_varied_are_zero():
    model = fitted("bayesian", X, 3 * U)
    _, std = model.gradient(ELSEWHERE, return_std=True)
    assert_array_equal(std[:, 1], 0)
    assert np.all(std[:, 0] > 0)
    assert_array_equal(model.sample(ELSEWHERE, 3, (0, 1), random_state=0), 0)
    spreads = [model.predict(places, return_std=True)[1] for places in (ELSEWHERE, X)]
    assert_array_equal(*spreads)


@pytest.mark.parametrize(("places", "names"), [(X, r"\[1\]"), (FRAME, r"\['plant'\]")])
def test_one_warning_names_the_feature_where_fit_was_called(places, names):
    for model in (NeuralNetworkInterpolator((4,), solver="lm", epochs=30), SplineInterpolator()):
        with pytest.warns(UserWarning, match=f"Features {names} never vary.* are zero") as warned:
            model.fit(places, 3 * U)
        assert len(warned) == 1
        assert warned[0].filename == __file__


def test_rounding_is_no_variation_and_rows_that_count_nothing_are_none():
    rounded = X.copy()
    rounded[::2, 1] += 4e-15
    with pytest.warns(UserWarning, match=r"Features \[1\] never vary"):
        model = SplineInterpolator().fit(rounded, 3 * U)
    assert_array_equal(model.jacobian(rounded)[..., 1], 0)
    apart = X.copy()
    apart[0, 1] = 3.0
    with pytest.warns(UserWarning, match=r"Features \[1\] never vary"):
        SplineInterpolator().fit(apart, 3 * U, sample_weight=np.arange(30))


def test_known_derivatives_say_how_y_depends_on_what_never_varied():
    slopes = np.broadcast_to([3.0, -0.5], (30, 2))
    model = NeuralNetworkInterpolator((4,), solver="lm", epochs=60, random_state=0)
    model.fit(X, 3 * U, dy=slopes)
    assert_allclose(model.jacobian(X)[:, 0], slopes, atol=1e-3)


def test_a_single_sample_is_a_constant_without_a_warning():
    model = net().fit([[1.0, 2.0]], [3.0])
    assert_array_equal(model.jacobian([[5.0, 6.0]]), 0)


RNG = np.random.default_rng(3)
PLACES = RNG.uniform(-1, 1, (40, 2))
TARGET = 2 * PLACES[:, 0] + np.sin(PLACES[:, 1]) + 0.1 * RNG.standard_normal(40)
WEIGHT = RNG.uniform(0, 2, 40)
POSTERIORS = {
    "ridge": BayesianRidge(),
    "process": GaussianProcessRegressor(RBF(1.0), alpha=0.01, optimizer=None),
    "pipeline": make_pipeline(StandardScaler(), BayesianRidge()),
    "net": BayesianNeuralNetworkInterpolator((4,), "tanh", max_iter=30, random_state=0),
}


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_the_error_of_an_average_effect_covers_the_posterior(name, weight):
    """By the full covariance between places, entry by entry."""
    model = POSTERIORS[name].fit(PLACES, TARGET)
    effects = average_marginal_effects(model, PLACES, sample_weight=weight)
    shares = np.ones(40) / 40 if weight is None else weight / weight.sum()
    slopes, cov = differentiate(model)(PLACES, return_cov=True)
    squares = (shares**2 @ (slopes - shares @ slopes) ** 2) * 40 / 39
    posterior = np.einsum("i,ijd,j->d", shares, cov, shares)
    assert_allclose(effects.standard_error, np.sqrt(squares + posterior), rtol=1e-6)
    assert np.all(posterior > 0)


def test_the_error_of_an_average_effect_of_several_outputs():
    both = np.column_stack([TARGET, TARGET**2])
    model = POSTERIORS["net"].fit(PLACES, both)
    effects = average_marginal_effects(model, PLACES)
    slopes, cov = differentiate(model)(PLACES, return_cov=True)
    expected = slopes.var(axis=0, ddof=1) / 40 + cov.mean(axis=(0, 1))
    assert_allclose(effects.standard_error, np.sqrt(expected), rtol=1e-6)


def test_a_line_whose_slope_is_all_that_is_unknown():
    """The slope of a Bayesian line is the same at all rows: its deviation is the whole error."""
    model = BayesianRidge().fit(PLACES, TARGET)
    effects = average_marginal_effects(model, PLACES)
    assert_allclose(effects.standard_error, np.sqrt(np.diagonal(model.sigma_)), rtol=1e-9)
    assert_allclose(
        average_marginal_effects(LinearRegression().fit(PLACES, TARGET), PLACES).standard_error,
        0,
        atol=1e-15,
    )
