"""Standard deviations of integrals: closed forms, fine grids, and functions drawn at random."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rules import ROWS, X, Y, y
from scipy.special import erf
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, ExpSineSquared, Matern, WhiteKernel
from sklearn.linear_model import ARDRegression, BayesianRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, PowerTransformer, StandardScaler

from sk_pydelt import BayesianNeuralNetworkInterpolator, differentiate, integrate
from sk_pydelt.calculus.integral_std import quadrature_weights
from sk_pydelt.calculus.quadrature import quadrature_nodes
from sk_pydelt.chain import propagate, propagate_std, propagate_sum_std
from sk_pydelt.jets import Jet

RNG = np.random.default_rng(0)
x = np.sort(RNG.uniform(0, 6, 40))[:, None]
wave = np.sin(x).ravel() + 0.1 * RNG.standard_normal(40)
LIMITS = np.array([3.0, -1.0, 5.5, 0.2, 6.0, 3.0])  # on both sides of 0.5, unsorted, repeated


def process(kernel, alpha=0.01, **options):
    return GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None, **options)


def net(**options):
    options = {"n_init": 2, "max_iter": 40, "random_state": 0, **options}
    return BayesianNeuralNetworkInterpolator((5,), "tanh", **options)


@pytest.fixture(scope="module")
def curve_net():
    return net().fit(x, wave)


def exact_rbf_std(places, length, a, b, alpha):
    """Of the integral of a process of unit variance with an RBF kernel: all by erf."""
    root, width = np.sqrt(2) * length, b - a
    prior = 2 * length**2 * np.expm1(-((width / root) ** 2))
    prior += np.sqrt(2 * np.pi) * length * width * erf(width / root)
    ends = [erf((end - places) / root) for end in (a, b)]
    with_samples = length * np.sqrt(np.pi / 2) * (ends[1] - ends[0]).ravel()
    K = np.exp(-(((places - places.T) / length) ** 2) / 2) + alpha * np.eye(len(places))
    return np.sqrt(prior - with_samples @ np.linalg.solve(K, with_samples))


@pytest.mark.parametrize(("factor", "offset"), [(1.0, 0.0), (1e-3, 0.0), (1e4, 1e6)])
@pytest.mark.parametrize("length", [0.3, 1.0, 4.0])
def test_process_in_closed_form(length, factor, offset):
    """In any units of x and y, with y far from zero."""
    places, unit = factor * x + offset, 1e3
    model = process(RBF(factor * length), normalize_y=True).fit(places, 1e5 + unit * wave)
    limits = factor * LIMITS + offset
    start = factor * 0.5 + offset
    _, std = integrate(model, start, limits, return_std=True)
    expected = [exact_rbf_std(x, length, 0.5, b, 0.01) for b in LIMITS]
    assert_allclose(std, np.array(expected) * factor * unit * wave.std(), rtol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "rtol"),
    [
        (Matern(1.0, nu=0.5), 2e-4),
        (Matern(1.0, nu=1.5), 1e-5),
        (RBF() * ExpSineSquared(1.0, 3.0) + WhiteKernel(0.1), 1e-5),
        (0.1 * DotProduct() ** 2 + RBF(0.5), 1e-5),
    ],
    ids=str,
)
def test_process_against_its_covariance_on_a_fine_grid(kernel, rtol):
    """The trapezoidal rule of `predict`; the grid holds noise where the kernel has some."""
    model = process(kernel).fit(x, wave)
    grid = np.linspace(0.5, 4.5, 2001)[:, None]
    weights = np.full(2001, 4 / 2000)
    weights[[0, -1]] /= 2
    covariance = model.predict(grid, return_cov=True)[1]
    noise = 0.1 if "White" in str(kernel) else 0.0
    expected = np.sqrt(weights @ covariance @ weights - noise * weights @ weights)
    _, std = integrate(model, 0.5, 4.5, tol=1e-5, return_std=True)
    assert_allclose(std, expected, rtol=rtol)


def moments(fitted, a, b):
    """Integrals of the centred powers 1, x, x², x³."""
    p = np.arange(4)
    return (b ** (p + 1) - a ** (p + 1)) / (p + 1) - fitted.X_offset_ * (b - a)


@pytest.mark.parametrize("model", [BayesianRidge(), ARDRegression(threshold_lambda=50)], ids=str)
def test_bayesian_linear_models_in_closed_form(model):
    pipeline = make_pipeline(PolynomialFeatures(3), model).fit(x, wave)
    fitted = pipeline[-1]
    pruned = isinstance(model, ARDRegression)
    kept = fitted.lambda_ < 50 if pruned else np.ones(4, bool)
    assert kept.all() != pruned
    _, std = integrate(pipeline, 0.5, LIMITS, return_std=True)
    factors = np.array([moments(fitted, 0.5, b) for b in LIMITS])[:, kept]
    expected = np.sqrt(np.einsum("ki,ij,kj->k", factors, fitted.sigma_, factors))
    assert_allclose(std, expected, rtol=1e-9)


def simpson(values, step):
    weights = np.ones(values.shape[1]) * 2
    weights[1::2], weights[[0, -1]] = 4, 1
    return np.tensordot(values, weights * step / 3, axes=(1, 0))


@pytest.mark.parametrize(("factor", "offset"), [(1.0, 0.0), (1e4, 1e6)])
def test_nets_against_drawn_functions(factor, offset):
    """4000 functions of the posterior, each integrated: their spread is known to 2%."""
    model = net().fit(factor * x + offset, 1e3 * wave - 1e5)
    grid = factor * np.linspace(0, 6, 101) + offset
    draws = simpson(model.sample(grid[:, None], 4000, random_state=1), grid[1] - grid[0])
    mean, std = model.integrate(grid[0], grid[-1], return_std=True)
    assert_allclose(std, draws.std(), rtol=0.05)
    assert abs(mean - draws.mean()) < 0.1 * std
    pointwise = model.predict(grid[:, None], return_std=True)[1].mean() * np.ptp(grid)
    assert std < 0.7 * pointwise


def test_nets_that_disagree():
    """The spread between nets counts: of an average of two, against the mixture's draws."""
    model = BayesianNeuralNetworkInterpolator(
        (4,), n_init=2, max_iter=30, omega_0=3, random_state=0
    ).fit(x[::2], wave[::2])
    assert len(model._nets) > 1
    grid = np.linspace(0, 9, 101)
    draws = simpson(model.sample(grid[:, None], 6000, random_state=1), 0.09)
    _, std = model.integrate(0, 9, return_std=True)
    assert_allclose(std, draws.std(), rtol=0.05)


def test_several_outputs_of_a_net():
    model = net().fit(x, np.column_stack([wave, 50 * np.cos(x) + 5]))
    grid = np.linspace(0, 6, 101)
    draws = simpson(model.sample(grid[:, None], 4000, random_state=1), 0.06)
    values, std = model.integrate(0, 6, return_std=True)
    assert values.shape == std.shape == (2,)
    assert_allclose(std, draws.std(axis=0), rtol=0.05)
    values, std = model.integrate(0, [6, 0], return_std=True)
    assert values.shape == std.shape == (2, 2)
    assert_array_equal(std[1], 0)


def test_several_outputs_of_a_process():
    model = process(RBF(), normalize_y=True).fit(x, np.column_stack([wave, 7 * np.cos(x)]))
    values, std = integrate(model, 0, LIMITS, return_std=True)
    assert values.shape == std.shape == (6, 2)
    assert_allclose(std[:, 1] / std[:, 0], 7 * np.cos(x).std() / wave.std())


def difference_std(model, a, b):
    """Standard deviation of f(b) - f(a), with their covariance."""
    jet = Jet.variables(np.array([[a], [b]]), 0)
    return propagate_sum_std(model, jet, (0,), np.array([[-1.0, 1.0]]))[0, 0]


def test_the_integral_of_a_derivative_has_the_spread_of_the_difference(curve_net):
    models = (
        curve_net,
        process(RBF()).fit(x, wave),
        process(Matern(1.0, nu=2.5)).fit(x, wave),
        make_pipeline(StandardScaler(), PolynomialFeatures(3), BayesianRidge()).fit(x, wave),
    )
    for model in models:
        for order in (1, (1,)):
            derivative = differentiate(model, order)
            _, std = integrate(derivative, 0.5, LIMITS, tol=1e-5, return_std=True)
            expected = [difference_std(model, 0.5, b) for b in LIMITS]
            assert_allclose(std, expected, rtol=1e-6, atol=1e-12)


def test_the_difference_of_a_process_is_that_of_its_covariance():
    for kernel, rtol in ((RBF(), 1e-6), (Matern(1.0, nu=1.5), 2e-5)):
        model = process(kernel, normalize_y=True).fit(x, wave)
        _, cov = model.predict([[0.5], [4.5]], return_cov=True)
        expected = np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
        assert_allclose(difference_std(model, 0.5, 4.5), expected)
        _, std = integrate(differentiate(model), 0.5, 4.5, tol=1e-5, return_std=True)
        assert_allclose(std, expected, rtol=rtol)


def test_second_derivatives(curve_net):
    """Their integral is the difference of first ones."""
    _, std = integrate(differentiate(curve_net, 2), 1, 4, return_std=True)
    draws = curve_net.sample([[1.0], [4.0]], 4000, order=1, random_state=0)
    assert_allclose(std, (draws[:, 1] - draws[:, 0]).std(), rtol=0.05)


def test_integrals_cover_the_truth():
    """Of functions drawn from the prior, two standard deviations hold 95% of the integrals."""
    rng = np.random.RandomState(0)
    grid = np.linspace(0, 6, 61)
    covariance = RBF(1.0)(grid[:, None]) + 1e-10 * np.eye(61)
    draws = rng.multivariate_normal(np.zeros(61), covariance, 300)
    noisy = draws[:, ::6] + 0.1 * rng.standard_normal((300, 11))
    model = process(RBF(1.0)).fit(grid[::6, None], noisy.T)
    found, std = integrate(model, 0, 6, return_std=True)
    assert 0.92 < np.mean(abs(simpson(draws, 0.1) - found) < 1.96 * std) < 0.98


def test_limits_of_every_kind():
    model = process(RBF()).fit(x, wave)
    found = integrate(model, 1, 4, return_std=True)
    assert all(isinstance(value, float) for value in found)
    assert_allclose(integrate(model, 4, 1, return_std=True)[1], found[1], rtol=1e-9)
    assert integrate(model, 2, 2, return_std=True) == (0, 0)
    values, std = integrate(model, 1, [], return_std=True)
    assert values.shape == std.shape == (0,)
    many = np.linspace(0, 6, 2500)
    _, std = integrate(model, 1, many, return_std=True)
    for i in (0, 1023, 1024, 2499):
        assert_allclose(std[i], integrate(model, 1, many[i], return_std=True)[1], rtol=1e-5)


def test_through_scalers_searches_and_targets():
    """Scaling x and y scales the integral and its spread alike."""
    bare = process(RBF(1.0 / x.std())).fit((x - x.mean()) / x.std(), wave)
    a, b = (0.5 - x.mean()) / x.std(), (4.5 - x.mean()) / x.std()
    expected = integrate(bare, a, b, return_std=True)[1] * x.std()
    pipeline = make_pipeline(StandardScaler(), process(RBF(1.0 / x.std())))
    search = GridSearchCV(pipeline, {"standardscaler__with_mean": [True]}, cv=2)
    target = TransformedTargetRegressor(search, transformer=StandardScaler())
    assert_allclose(integrate(search.fit(x, wave), 0.5, 4.5, return_std=True)[1], expected)
    target.fit(x, 1e5 + 50 * wave)
    scale = 50 * wave.std()
    assert_allclose(integrate(target, 0.5, 4.5, return_std=True)[1], expected * scale)
    _, pointwise = differentiate(target)(x, return_std=True)
    assert_allclose(pointwise, differentiate(search)(x, return_std=True)[1] * scale)


def test_a_bent_target_has_no_std():
    target = TransformedTargetRegressor(process(RBF()), transformer=PowerTransformer()).fit(x, wave)
    message = r"In step 'transformer' .*spread of integrals.*do not pass through the inverse of"
    with pytest.raises(TypeError, match=message):
        integrate(target, 0, 1, return_std=True)


def test_the_place_of_a_step_without_a_std_is_named():
    model = make_pipeline(StandardScaler(), StandardScaler()).fit(x)
    jet = Jet.variables(x, 0)
    with pytest.raises(TypeError, match="In step 'standardscaler-2'.*StandardScaler has no stand"):
        propagate_sum_std(model, jet, (0,), np.ones((1, 40)))


class Line(RegressorMixin, BaseEstimator):
    """A line through the origin with a slope of 2 ± 0.5."""

    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def predict(self, X):
        return 2 * np.asarray(X)[:, 0]


def test_a_rule_of_a_third_party():
    model = Line().fit(x)
    propagate.register(Line, lambda step, jet: jet * 2.0)
    with pytest.raises(TypeError, match=r"propagate_sum_std\.register\(Line\)\(rule\)"):
        integrate(model, 0, 1, return_std=True)
    propagate_sum_std.register(
        Line, lambda step, jet, index, weights: 0.5 * abs(weights @ jet.partial(index))
    )
    assert_allclose(integrate(model, 1, 3, return_std=True), (8, 2))
    assert_allclose(integrate(differentiate(model), 1, 3, return_std=True), (4, 1))


def test_noise_is_not_integrated():
    """A process so wild that every place is on its own."""
    model = process(RBF(1e-3)).fit(x[:3], wave[:3])
    with pytest.raises(RuntimeError, match="was not found: its square still .*with 256 parts"):
        integrate(model, 0, 6, return_std=True)


SEVERAL_FEATURES = {
    "process": lambda: process(RBF([1.0, 2.0, 0.5]), normalize_y=True).fit(X, Y),
    "rough": lambda: process(Matern(nu=2.5) + DotProduct()).fit(X, y),
    "ridge": lambda: make_pipeline(PolynomialFeatures(2), BayesianRidge()).fit(X, y),
    "net": lambda: net().fit(X, Y),
}


@pytest.mark.parametrize("case", SEVERAL_FEATURES)
def test_sums_of_one_row_are_the_pointwise_std(case):
    model = SEVERAL_FEATURES[case]()
    for index in ((0, 0, 0), (1, 0, 0), (0, 1, 1)):
        jet = Jet.variables(ROWS, sum(index))
        found = propagate_sum_std(model, jet, index, np.diag(np.arange(12.0)))
        expected = propagate_std(model, jet, index) * np.arange(12.0)[:, None]
        assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("case", SEVERAL_FEATURES)
def test_variances_of_sums_and_differences_make_a_parallelogram(case):
    """They come from one quadratic form, on rows enough for several blocks."""
    model = SEVERAL_FEATURES[case]()
    jet = Jet.variables(np.tile(ROWS, (60, 1)) + np.linspace(0, 0.1, 720)[:, None], 1)
    u, v = RNG.standard_normal((2, 720)) / 720
    std = propagate_sum_std(model, jet, (0, 1, 0), np.array([u, v, u + v, u - v]))
    assert_allclose((std[2:] ** 2).sum(axis=0), 2 * (std[:2] ** 2).sum(axis=0), rtol=1e-6)


def test_the_quadrature_is_exact_for_polynomials():
    edges, limits = np.linspace(-1, 2, 4), np.array([-1.0, -0.3, 0.0, 1.7, 2.0])
    nodes, weights = quadrature_nodes(edges[:-1], edges[1:]), quadrature_weights(limits, edges)
    for degree in range(10):
        exact = (limits ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
        assert_allclose(weights @ nodes**degree, exact, atol=1e-12)
