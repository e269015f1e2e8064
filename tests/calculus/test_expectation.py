"""Means and error bars of targets that were transformed: closed forms, and functions drawn."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import ARDRegression, BayesianRidge, LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    SplineInterpolator,
    differentiate,
    expectation,
    integrate,
    sample,
)

N, DRAWS = 60, 100_000
x = np.linspace(0, 3, N)[:, None]
F = np.sin(2 * x[:, 0])
Y = np.exp(F + 0.1 * np.random.RandomState(0).standard_normal(N))
PLACES = np.array([[0.3], [1.1], [2.9], [3.2]])
POWERS = np.arange(1, 5)

LINKS = {
    "exp": {"func": np.log, "inverse_func": np.exp},
    "square": {"func": np.sqrt, "inverse_func": np.square},
    "logistic": {"func": logit, "inverse_func": expit},
    "Yeo-Johnson": {"transformer": PowerTransformer()},
    "quantile": {"transformer": QuantileTransformer(n_quantiles=15)},
}
MODELS = {
    "ridge": make_pipeline(PolynomialFeatures(4, include_bias=False), BayesianRidge()),
    "process": GaussianProcessRegressor(RBF(0.7) + WhiteKernel(0.01), normalize_y=True),
    "net": BayesianNeuralNetworkInterpolator((8,), n_init=1, max_iter=40, random_state=0),
    "spline": SplineInterpolator(degree=5),
}


@cache
def fitted(name, link):
    model = TransformedTargetRegressor(clone(MODELS[name]), **LINKS[link])
    return model.fit(x, Y / 4 if link == "logistic" else Y)


def ridge_moments(model, orders):
    """Means and covariances of derivatives of f, of the orders, from scikit-learn's numbers."""
    ridge = model.regressor_[-1]
    t = PLACES

    def rows(order):
        factor = np.array([np.prod(np.arange(k - order + 1, k + 1)) for k in POWERS], dtype=float)
        found = factor * t ** np.maximum(POWERS - order, 0)
        return found - (ridge.X_offset_ if order == 0 else 0)

    phi = [rows(k) for k in orders]
    offset = ridge.intercept_ + ridge.X_offset_ @ ridge.coef_
    means = [p @ ridge.coef_ + (offset if k == 0 else 0) for p, k in zip(phi, orders)]
    cov = [[np.einsum("ni,ij,nj->n", p, ridge.sigma_, q) for q in phi] for p in phi]
    return means, np.array(cov), 1 / ridge.alpha_


def test_lognormal_of_a_linear_model_is_the_closed_form():
    model = fitted("ridge", "exp")
    (f, f1, f2), c, noise = ridge_moments(model, (0, 1, 2))
    mean = np.exp(f + (c[0, 0] + noise) / 2)
    slope, bend = f1 + c[0, 1], f2 + c[1, 1] + c[0, 2]
    assert_allclose(expectation(model, PLACES), mean, rtol=1e-9)
    assert_allclose(expectation(model, PLACES, 1), slope * mean, rtol=1e-9)
    assert_allclose(expectation(model, PLACES, 2), (bend + slope**2) * mean, rtol=1e-9)
    _, std = expectation(model, PLACES, return_std=True)
    assert_allclose(std, mean * np.sqrt(np.expm1(c[0, 0] + noise)), rtol=1e-9)


def test_bands_of_the_lognormal_are_the_closed_form():
    """The median and its derivative, and the standard deviations of exp(f) and of its slope."""
    model = fitted("ridge", "exp")
    (f, f1), c, _ = ridge_moments(model, (0, 1))
    mean = np.exp(f + c[0, 0] / 2)
    assert_allclose(model.predict(PLACES), np.exp(f), rtol=1e-9)
    value, std = expectation(model, PLACES, noise=False, return_std=True)
    assert_allclose(value, mean, rtol=1e-9)
    assert_allclose(std, mean * np.sqrt(np.expm1(c[0, 0])), rtol=1e-8)
    square = np.exp(2 * f + 2 * c[0, 0]) * ((f1 + 2 * c[0, 1]) ** 2 + c[1, 1])
    median_slope, std = differentiate(model)(PLACES, return_std=True)
    assert_allclose(median_slope, f1 * np.exp(f), rtol=1e-9)
    assert_allclose(std, np.sqrt(square - (mean * (f1 + c[0, 1])) ** 2), rtol=1e-7)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("order", [0, 1])
def test_means_and_spreads_are_those_of_functions_drawn(name, link, order):
    if name == "spline" and link in ("square", "quantile"):
        pytest.skip("one link of a kind is enough for it")
    model = fitted(name, link)
    mean, std = expectation(model, PLACES, order, noise=False, return_std=True)
    drawn = sample(model, PLACES, DRAWS, order, random_state=3)
    assert drawn.shape == (DRAWS, len(PLACES))
    off = drawn - drawn.mean(axis=0)
    assert_array_less_in_errors(drawn.mean(axis=0) - mean, drawn.std(axis=0))
    variance = (off**2).mean(axis=0)
    assert_array_less_in_errors(variance - std**2, (off**2).std(axis=0))


def assert_array_less_in_errors(off, std):
    """Apart by no more than four and a half standard errors of the draws."""
    np.testing.assert_array_less(abs(off), 4.5 * std / np.sqrt(DRAWS) + 1e-12)


def test_higher_and_mixed_derivatives_are_those_of_functions_drawn():
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, (60, 2))
    y = np.exp(X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(60))
    process = GaussianProcessRegressor(RBF(1.0) + WhiteKernel(0.01))
    model = TransformedTargetRegressor(process, func=np.log, inverse_func=np.exp).fit(X, y)
    for order in ((1, 1), (2, 0), (0, 3)):
        mean, std = expectation(model, X[:3], order, noise=False, return_std=True)
        drawn = sample(model, X[:3], DRAWS, order, random_state=1)
        off = drawn - drawn.mean(axis=0)
        assert_array_less_in_errors(drawn.mean(axis=0) - mean, drawn.std(axis=0))
        assert_array_less_in_errors((off**2).mean(axis=0) - std**2, (off**2).std(axis=0))
    tensor = expectation(model, X[:3], 2, noise=False)
    assert tensor.shape == (3, 2, 2)
    assert_allclose(tensor[:, 0, 1], expectation(model, X[:3], (1, 1), noise=False))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("link", ["exp", "logistic", "square"])
def test_the_mean_of_a_slope_is_the_slope_of_the_mean(name, link):
    model, h = fitted(name, link), 1e-4
    right, left = (expectation(model, PLACES + s * h) for s in (1, -1))
    slope = expectation(model, PLACES, 1)
    assert_allclose(slope, (right - left) / (2 * h), rtol=1e-5, atol=1e-6)


def test_a_scaler_of_an_interpolator_is_a_link_too():
    log = FunctionTransformer(np.log, np.exp)
    own = clone(MODELS["net"]).set_params(y_scaler=log).fit(x, Y)
    inner = clone(MODELS["net"]).set_params(y_scaler="passthrough")
    other = TransformedTargetRegressor(inner, func=np.log, inverse_func=np.exp).fit(x, Y)
    values, std = own.predict(PLACES, return_std=True)
    assert_allclose(values, other.predict(PLACES))
    assert_allclose(std, expectation(other, PLACES, noise=False, return_std=True)[1], rtol=1e-9)
    for order in (0, 1, 2):
        expected = expectation(other, PLACES, order, return_std=True)
        assert_allclose(expectation(own, PLACES, order, return_std=True), expected, rtol=1e-9)
        draws = own.sample(PLACES, 5, order, random_state=0)
        assert_allclose(sample(own, PLACES, 5, order, random_state=0), draws)
        assert_allclose(sample(other, PLACES, 5, order, random_state=0), draws, rtol=1e-9)
    draws = own.sample(PLACES, 5, 1, random_state=0)
    assert_allclose(own.sample(PLACES[2:], 5, 1, random_state=0), draws[:, 2:], rtol=1e-12)


def test_through_pipelines_searches_and_two_transformers():
    inside = TransformedTargetRegressor(MODELS["ridge"], transformer=StandardScaler())
    twice = TransformedTargetRegressor(inside, func=np.log, inverse_func=np.exp)
    piped = make_pipeline(StandardScaler(), twice)
    model = GridSearchCV(piped, {"standardscaler__with_mean": [True]}, cv=3).fit(x, Y)
    value, std = expectation(model, PLACES, 1, noise=False, return_std=True)
    drawn = sample(model, PLACES, 20_000, 1, random_state=0)
    assert_array_less_in_errors(drawn.mean(axis=0) - value, drawn.std(axis=0) * np.sqrt(5))
    assert_allclose(differentiate(model)(PLACES, return_std=True)[1], std)


def test_without_a_link_it_is_the_prediction_and_its_spread():
    for model in (MODELS["net"], MODELS["spline"]):
        model = clone(model).fit(x, Y)
        value, std = model.predict(PLACES, return_std=True)
        found = expectation(model, PLACES, noise=False, return_std=True)
        assert_allclose(found, (value, std), rtol=1e-6)
        found = expectation(model, PLACES, return_std=True)
        assert_allclose(found, (value, np.hypot(std, model.noise_std_)), rtol=1e-6)
        rate = model.differentiate(1)(PLACES, return_std=True)
        assert_allclose(expectation(model, PLACES, 1, return_std=True), rate, rtol=1e-6)


def test_noise_of_a_gaussian_process():
    kernel = RBF(0.7) + WhiteKernel(0.01)
    process = GaussianProcessRegressor(kernel, alpha=0.02, optimizer=None).fit(x, F)
    (_, bare), (_, noisy) = (
        expectation(process, PLACES, noise=noise, return_std=True) for noise in (False, True)
    )
    assert_allclose(noisy**2 - bare**2, 0.03, rtol=1e-6)
    apart = GaussianProcessRegressor(RBF(0.7), alpha=np.full(N, 0.02), optimizer=None).fit(x, F)
    assert expectation(apart, PLACES, noise=False).shape == (4,)
    with pytest.raises(ValueError, match="alpha is one number for each sample.*noise=False"):
        expectation(apart, PLACES)


def test_outputs_and_shapes():
    y = np.column_stack([Y, Y**2])
    model = TransformedTargetRegressor(
        BayesianNeuralNetworkInterpolator((6,), "tanh", n_init=1, max_iter=30, random_state=0),
        transformer=PowerTransformer(),
    ).fit(x, y)
    for order in (0, 1):
        value, std = expectation(model, PLACES, order, return_std=True)
        assert value.shape == std.shape == (4, 2)
        assert sample(model, PLACES, 3, order).shape == (3, 4, 2)
    assert sample(model, PLACES, 0).shape == (0, 4, 2)


@pytest.mark.parametrize("ridge", [BayesianRidge(), ARDRegression()])
def test_bayesian_linear_models_are_drawn_as_scikit_learn_tells(ridge):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((50, 4))
    model = ridge.fit(X, X @ [1.0, 0.0, -2.0, 0.0] + 0.3 * rng.standard_normal(50))
    value, std = model.predict(X[:3], return_std=True)
    assert_allclose(expectation(model, X[:3], return_std=True), (value, std), rtol=1e-8)
    drawn = sample(model, X[:3], DRAWS, random_state=0)
    assert_array_less_in_errors(drawn.mean(axis=0) - value, drawn.std(axis=0))


def test_far_nodes_that_leave_the_domain_are_left_out():
    """log f is not defined below zero, where f is with a probability of 1e-20 only."""
    model = TransformedTargetRegressor(BayesianRidge(), func=np.exp, inverse_func=np.log)
    rng = np.random.RandomState(0)
    y = np.log(5 + x[:, 0] + 0.5 * rng.standard_normal(N))
    model.fit(x, y)
    found = expectation(model, PLACES)
    f, std = model.regressor_.predict(PLACES, return_std=True)
    z = rng.standard_normal(DRAWS)
    drawn = np.log(f[:, None] + std[:, None] * z)
    np.testing.assert_array_less(abs(drawn.mean(1) - found), 4.5 * drawn.std(1) / DRAWS**0.5)
    model.fit(x, np.log(0.2 + 0.5 * rng.random_sample(N)))
    with pytest.raises(ValueError, match="lies where the inverse transformation is not defined"):
        expectation(model, PLACES)


def test_what_has_no_distribution_or_link_is_refused():
    line = LinearRegression().fit(x, Y)
    with pytest.raises(TypeError, match="LinearRegression has no distribution.*latent.register"):
        expectation(line, PLACES)
    net = BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, max_iter=20, random_state=0)
    y = np.column_stack([Y, Y**2 + x[:, 0]])
    mixed = TransformedTargetRegressor(net, transformer=PCA()).fit(x, y)
    for call in (lambda: expectation(mixed, PLACES), lambda: differentiate(mixed)(PLACES, True)):
        with pytest.raises(TypeError, match="mixes outputs.*sk_pydelt.sample"):
            call()
    assert sample(mixed, PLACES, 4).shape == (4, 4, 2)
    robust = clone(net).set_params(noise="student").fit(x, Y)
    with pytest.raises(ValueError, match="a new sample may be an outlier.*noise=False"):
        expectation(robust, PLACES)
    assert expectation(robust, PLACES, noise=False).shape == (4,)


def test_covariances_between_places_do_not_pass_through_a_link():
    model = fitted("ridge", "exp")
    with pytest.raises(TypeError, match="(?s)Covariances between places.*sk_pydelt.sample"):
        differentiate(model)(PLACES, return_cov=True)
    with pytest.raises(TypeError, match="(?s)Covariances between places.*sk_pydelt.sample"):
        integrate(model, 0.0, 1.0, return_std=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: expectation(m, PLACES, 9), ValueError, "takes .* nodes at each place"),
        (lambda m: expectation(m, PLACES, -1), ValueError, "order must be a whole number"),
        (lambda m: expectation(m, PLACES, (1, 1)), ValueError, "order has 2 entries"),
        (lambda m: sample(m, PLACES, -1), ValueError, "n_samples"),
        (lambda m: expectation(m, PLACES[:, 0]), ValueError, "Expected 2D array"),
        (lambda m: expectation(PLACES, m), TypeError, "must be a fitted model"),
    ],
)
def test_wrong_calls(call, error, message):
    with pytest.raises(error, match=message):
        call(fitted("ridge", "exp"))


def test_sample_asks_for_one_derivative():
    X = np.column_stack([x, x**2])
    model = BayesianRidge().fit(X, Y)
    with pytest.raises(ValueError, match=r"tuple with one order for each of the 2 features"):
        sample(model, X, 2, 1)
    assert expectation(model, X, 1).shape == (N, 2)
    assert_allclose(expectation(model, X, 1), np.tile(model.coef_, (N, 1)))
