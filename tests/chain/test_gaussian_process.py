"""Gaussian processes: every kernel against differences, and the spread of their derivatives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from rules import ROWS, X, Y, check_rule, y
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Kernel,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.linear_model import ARDRegression, BayesianRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sk_pydelt import differentiate, gradient, hessian
from sk_pydelt.chain import propagate, propagate_std
from sk_pydelt.jets import Jet, multi_indices

KERNELS = [
    RBF(1.5),
    RBF([1.0, 2.0, 0.5]),
    ConstantKernel(2.0) * RBF() + WhiteKernel(0.1),
    *(Matern(1.5, nu=nu) for nu in (0.5, 1.5, 2.5, 3.5, np.inf, 1.3, 1.0)),
    Matern([1.0, 2.0, 3.0], nu=2.5),
    RationalQuadratic(1.5, 0.7),
    ExpSineSquared(2.0, 5.0),
    DotProduct(0.5),
    DotProduct() ** 2,
    RBF() * ExpSineSquared(1.0, 2.0) + DotProduct(),
    RBF(2.0) * Matern([1.0, 2.0, 3.0], nu=2.5) * ConstantKernel(3.0),
    Exponentiation(RationalQuadratic(), 1.7),
    PairwiseKernel(metric="rbf", gamma=0.3),
    PairwiseKernel(metric="poly", gamma=0.1, pairwise_kernels_kwargs={"degree": 2}),
    None,
]
SMOOTH = [  # those whose processes have derivatives of order 2
    RBF(1.5),
    RBF([1.0, 2.0, 0.5]) * 2.0 + WhiteKernel(0.01),
    Matern(1.5, nu=2.5),
    Matern([1.0, 2.0, 3.0], nu=3.5),
    RationalQuadratic(1.5, 0.7),
    RBF() * DotProduct() + Matern(2.0, nu=2.5),
    Exponentiation(RBF(1.5) + DotProduct(), 2),
    RBF(2.0) * ExpSineSquared(2.0, 6.0),
]


def process(kernel, alpha=0.1, **options):
    return GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None, **options)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_mean(kernel):
    model = process(kernel, alpha=10.0 if "ExpSine" in str(kernel) else 0.1).fit(X, y)
    check_rule(lambda jet: propagate(model, jet), model.predict, step=4e-3, rtol=1e-10)


def test_a_pairwise_kernel_needs_its_gamma():
    kernel = PairwiseKernel(metric="rbf", gamma=None, gamma_bounds="fixed")
    with pytest.raises(TypeError, match=r"PairwiseKernel with gamma=None .* Set gamma to a number"):
        differentiate(process(kernel).fit(X, y))


@pytest.mark.parametrize("kernel", [RBF(), Matern(nu=1.5), RBF() * DotProduct()], ids=str)
def test_several_outputs(kernel):
    model = process(kernel, normalize_y=True).fit(X, Y)
    check_rule(lambda jet: propagate(model, jet), model.predict, step=4e-3, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:The optimal value found")
def test_fitted_hyperparameters():
    model = GaussianProcessRegressor(RBF() + WhiteKernel(), normalize_y=True).fit(X, y)
    check_rule(lambda jet: propagate(model, jet), model.predict, step=4e-3, rtol=1e-10)


def test_features_far_from_zero():
    model = process(RBF([1.0, 1e-3, 1.0])).fit(X * [1, 1e-3, 1] + [1e6, 0, 0], y)
    expected = gradient(process(RBF()).fit(X, y), ROWS) * [1, 1e3, 1]
    found = gradient(model, ROWS * [1, 1e-3, 1] + [1e6, 0, 0])
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * abs(expected).max())


def test_more_monomials_than_samples():
    """Few samples of many features are summed pair by pair."""
    model = process(RBF(3.0)).fit(X[:5], y[:5])
    check_rule(lambda jet: propagate(model, jet), model.predict, step=4e-3)


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5])
def test_matern_takes_the_mean_of_both_sides_at_a_sample(nu):
    """One sample at 0: derivatives of even order are those near it, of odd order zero."""
    model = process(Matern(nu=nu), alpha=0.0).fit([[0.0]], [1.0])
    top = int(2 * nu)
    for order in range(1, 6):
        at, right, left = differentiate(model, order)([[0.0], [1e-5], [-1e-5]])
        assert np.isfinite(at)
        if order <= top + 1 or order % 2:
            assert_allclose(at, (left + right) / 2, atol=1e-3 * max(1, abs(right)))


def differences_of_covariance(model, row, axis, order, h=2e-2):
    """Standard deviation of a central difference of the process, from its joint covariance."""
    weights = {1: [1, -8, 0, 8, -1], 2: [-1, 16, -30, 16, -1]}[order]
    weights = np.array(weights) / (12 * h**order)
    places = row + np.outer(np.arange(-2, 3) * h, np.eye(3)[axis])
    distinct = places + 0.0  # a second array: WhiteKernel then counts no place as the same
    kernel = model.kernel_
    prior = kernel(places, distinct)
    solved = np.linalg.solve(model.L_, kernel(places, model.X_train_).T)
    return np.sqrt(weights @ (prior - solved.T @ solved) @ weights) * model._y_train_std


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kernel", SMOOTH, ids=str)
def test_standard_deviation(kernel, order):
    """Differences of a rougher process converge only as its smoothness lets them."""
    rough = "Matern" in str(kernel)
    model = process(kernel, normalize_y=True).fit(X[:30], y[:30])
    values, found = differentiate(model, order)(ROWS[:3], return_std=True)
    assert found.shape == values.shape
    for axis in range(3):
        expected = [differences_of_covariance(model, row, axis, order) for row in ROWS[:3]]
        tolerance = (0.15 if order == 2 else 1e-2) if rough else 1e-3
        assert_allclose(found[(slice(None), *(axis,) * order)], expected, rtol=tolerance)


def test_standard_deviation_far_from_the_samples_is_that_of_the_prior():
    model = process(ConstantKernel(4.0) * RBF([1.0, 2.0, 4.0])).fit(X, y)
    _, found = differentiate(model)(X[:1] + 100, return_std=True)
    assert_allclose(found, [[2, 1, 0.5]])
    _, found = differentiate(model, 2)(X[:1] + 100, return_std=True)
    assert_allclose(found[0, 0], [2 * np.sqrt(3), 1, 0.5])


def test_standard_deviation_covers_the_truth():
    """In 95% of draws from the process, two standard deviations hold its derivative."""
    rng = np.random.RandomState(0)
    grid = np.linspace(0, 6, 61).reshape(-1, 1)
    kernel = RBF(1.0)
    draws = rng.multivariate_normal(np.zeros(61), kernel(grid) + 1e-10 * np.eye(61), 40)
    inside = []
    for draw in draws:
        noisy = draw[::3] + 0.1 * rng.standard_normal(21)
        model = process(kernel, alpha=0.01).fit(grid[::3], noisy)
        mean, std = differentiate(model)(grid, return_std=True)
        truth = np.gradient(draw, 0.1, edge_order=2)
        inside.append(abs(truth - mean) < 1.96 * std)
    assert 0.92 < np.mean(inside) < 0.98


def test_standard_deviation_through_a_pipeline_in_a_search():
    """Scaling is linear: the spread scales as the slope. Polynomials bend it."""
    inner = make_pipeline(StandardScaler(), process(RBF() + WhiteKernel(0.1)))
    model = GridSearchCV(inner, {"standardscaler__with_mean": [True]}, cv=2).fit(X, y)
    scaler, bare = model.best_estimator_
    for order in ((1, 0, 0), (0, 1, 1)):
        scale = np.prod(scaler.scale_ ** np.array(order))
        _, found = differentiate(model, order)(ROWS, return_std=True)
        _, expected = differentiate(bare, order)(scaler.transform(ROWS), return_std=True)
        assert_allclose(found, expected / scale)
    bent = make_pipeline(PolynomialFeatures(2), process(DotProduct(1.0))).fit(X, y)
    _, found = differentiate(bent, (1, 0, 0))(ROWS, return_std=True)
    gp = bent[-1]
    features = bent[0].transform(X)
    slope = differentiate(bent[0])(ROWS)[:, :, 0]
    solved = np.linalg.solve(gp.L_, features @ slope.T)
    assert_allclose(found**2, (slope**2).sum(axis=1) - (solved**2).sum(axis=0), rtol=1e-6)


def test_standard_deviation_of_several_outputs():
    model = process(RBF(), normalize_y=True).fit(X, Y)
    values, found = differentiate(model)(ROWS, return_std=True)
    assert found.shape == values.shape == (12, 2, 3)
    assert_allclose(found[:, 0] / found[:, 1], Y.std(axis=0)[0] / Y.std(axis=0)[1])


@pytest.mark.parametrize(("nu", "highest"), [(0.5, 0), (1.5, 1), (2.5, 2)])
def test_no_standard_deviation_beyond_the_smoothness(nu, highest):
    model = process(Matern(nu=nu) + DotProduct()).fit(X, y)
    for order in range(1, highest + 1):
        _, found = differentiate(model, order)(ROWS, return_std=True)
        assert (found > 0).all()
    with pytest.raises(ValueError, match="has no standard deviation: functions of the kernel"):
        differentiate(model, highest + 1)(ROWS, return_std=True)


@pytest.mark.parametrize("model", [BayesianRidge(), ARDRegression(threshold_lambda=50)], ids=str)
def test_standard_deviation_of_bayesian_linear_models(model):
    """Of the line through two points without noise, from what predict says of its rows."""
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    _, found = differentiate(pipeline)(ROWS, return_std=True)
    fitted = pipeline[-1]
    kept = fitted.lambda_ < 50 if isinstance(model, ARDRegression) else np.ones(3, bool)
    expected = np.zeros(3)
    expected[kept] = np.sqrt(np.diag(fitted.sigma_)) / pipeline[0].scale_[kept]
    assert_allclose(found, np.tile(expected, (12, 1)))


def test_models_without_a_standard_deviation_say_so():
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), BayesianRidge()).fit(X, y)
    differentiate(model)(ROWS, return_std=True)
    with pytest.raises(TypeError, match="StandardScaler has no standard deviation"):
        differentiate(StandardScaler().fit(X))(ROWS, return_std=True)


class Unknown(RBF):
    pass


class Strange(Kernel):
    def __init__(self):
        pass

    def __call__(self, X, Y=None, eval_gradient=False):
        return np.eye(len(X)) if Y is None else np.zeros((len(X), len(Y)))

    def diag(self, X):
        return np.ones(len(X))

    def is_stationary(self):
        return False


def test_kernels_of_the_user():
    check_rule(
        lambda jet: propagate(model, jet),
        (model := process(Unknown()).fit(X, y)).predict,
        step=4e-3,
    )
    with pytest.raises(TypeError, match=r"The kernel Strange cannot .*jet_kernel\.register"):
        gradient(process(Strange()).fit(X, y), ROWS)


def test_row_blocks_of_kernels_agree():
    """More entries than are held at a time: order 4 of three features, 35 terms."""
    rng = np.random.RandomState(1)
    places = rng.uniform(0, 3, (900, 3))
    model = process(RBF() * RationalQuadratic(), alpha=1.0).fit(places, np.sin(places).sum(axis=1))
    whole = hessian(model, places[:40])
    one = np.concatenate([hessian(model, places[[i]]) for i in range(0, 40, 10)])
    assert_allclose(whole[::10], one, rtol=1e-9, atol=1e-10)
    jet = Jet.variables(places[:300], 1)
    first = propagate_std(model, jet, (1, 0, 0))
    assert_allclose(first[[250]], propagate_std(model, jet[[250]], (1, 0, 0)), rtol=1e-9)
    assert len(multi_indices(3, 1)) == 3


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_finite_at_the_samples(kernel):
    model = process(kernel, alpha=10.0).fit(X, y)
    jet = propagate(model, Jet.variables(X, 4))
    assert all(np.isfinite(part).all() for part in jet.parts)
