"""Covariances between places: against scikit-learn's, differences, standard deviations and sums."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rules import ROWS, X, Y, y
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic, WhiteKernel
from sklearn.linear_model import ARDRegression, BayesianRidge, LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
)

from sk_pydelt import differentiate
from sk_pydelt.chain import (
    propagate,
    propagate_cov,
    propagate_std,
    propagate_sum_std,
    register_function,
)
from sk_pydelt.jets import Jet


def process(kernel, alpha=0.1, **options):
    return GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None, **options)


def turned(z):
    return 5 - 3 * z


def turned_back(y):
    return (5 - y) / 3


def transformed(model, transformer):
    return TransformedTargetRegressor(model, transformer=transformer)


PIPELINE = make_pipeline(StandardScaler(), PolynomialFeatures(2), BayesianRidge())
MODELS = {
    "process": lambda: process(RBF([1.0, 2.0, 0.5]), normalize_y=True).fit(X, Y),
    "rough": lambda: process(Matern(nu=2.5) + DotProduct() + WhiteKernel(0.1)).fit(X, y),
    "product": lambda: process(RBF() * RationalQuadratic()).fit(X, y),
    "ridge": lambda: BayesianRidge().fit(X, y),
    "pruned": lambda: ARDRegression(threshold_lambda=50).fit(X, y),
    "pipeline": lambda: PIPELINE.fit(X, y),
    "search": lambda: GridSearchCV(PIPELINE, {"polynomialfeatures__degree": [2]}, cv=2).fit(X, y),
    "frozen": lambda: FrozenEstimator(process(RBF()).fit(X, y)),
    "target": lambda: transformed(process(RBF()), StandardScaler()).fit(X, Y * 50 + 1e4),
}
INDICES = [(0, 0, 0), (1, 0, 0), (0, 1, 1)]


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("case", MODELS)
def test_a_covariance_agrees_with_the_std_and_that_of_sums(case, index):
    model = MODELS[case]()
    jet = Jet.variables(ROWS, sum(index))
    cov, std = propagate_cov(model, jet, index), propagate_std(model, jet, index)
    assert cov.shape == (12, 12, std.shape[1])
    assert_allclose(cov, cov.swapaxes(0, 1), atol=1e-12 * cov.max())
    assert_allclose(np.sqrt(np.einsum("iio->io", cov)), std, rtol=1e-6, atol=1e-9 * std.max())
    sums = np.random.default_rng(0).standard_normal((4, 12))
    expected = np.sqrt(np.einsum("ki,ijo,kj->ko", sums, cov, sums))
    assert_allclose(propagate_sum_std(model, jet, index, sums), expected, rtol=1e-6)
    assert np.linalg.eigvalsh(cov.transpose(2, 0, 1)).min() >= -1e-9 * cov.max()


@pytest.mark.parametrize("targets", [y, Y], ids=["1-D", "2-D"])
@pytest.mark.parametrize("kernel", [RBF([1.0, 2.0, 0.5]), Matern(nu=1.5) + DotProduct()], ids=str)
def test_the_values_of_a_process_have_the_covariance_of_predict(kernel, targets):
    model = process(kernel, normalize_y=True).fit(X, targets)
    found = propagate_cov(model, Jet.variables(ROWS, 0), (0, 0, 0))
    _, expected = model.predict(ROWS, return_cov=True)
    assert_allclose(found, expected.reshape(found.shape), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 2])
def test_the_derivative_of_a_process_has_the_covariance_of_its_differences(axis):
    model = process(RBF([1.0, 2.0, 0.8]), normalize_y=True).fit(X[:30], y[:30])
    h, stencil = 2e-2, np.array([1, -8, 0, 8, -1]) / 12
    shifts = np.outer(np.arange(-2, 3) * h, np.eye(3)[axis])
    points = (ROWS[:, None] + shifts).reshape(-1, 3)
    _, joint = model.predict(points, return_cov=True)
    D = np.kron(np.eye(12), stencil) / h
    expected = D @ joint @ D.T
    _, cov = differentiate(model)(ROWS, return_cov=True)
    assert cov.shape == (12, 12, 3)
    assert_allclose(cov[..., axis], expected, atol=1e-4 * expected.max())


def test_a_line_is_as_uncertain_everywhere():
    """f = Σ (x - x̄)·w: the covariance of slopes is that of w, of values the quadratic form."""
    model = BayesianRidge().fit(X, y)
    jet, centred = Jet.variables(ROWS, 0), ROWS - model.X_offset_
    expected = centred @ model.sigma_ @ centred.T
    assert_allclose(propagate_cov(model, jet, (0, 0, 0))[..., 0], expected)
    _, cov = differentiate(model)(ROWS, return_cov=True)
    assert_allclose(cov, np.broadcast_to(np.diagonal(model.sigma_), (12, 12, 3)))


def test_blocks_of_pairs_agree():
    """More pairs than are held at a time, of few rows and of all."""
    model = process(RBF() * RationalQuadratic()).fit(X, y)
    rows = np.tile(ROWS, (20, 1)) + np.linspace(0, 0.1, 240)[:, None]
    whole = propagate_cov(model, Jet.variables(rows, 1), (1, 0, 0))
    some = [0, 17, 100, 239]
    part = propagate_cov(model, Jet.variables(rows[some], 1), (1, 0, 0))
    assert_allclose(whole[np.ix_(some, some)], part, rtol=1e-9, atol=1e-12)


def test_no_rows():
    for case in ("process", "ridge"):
        empty = propagate_cov(MODELS[case](), Jet.variables(ROWS[:0], 1), (1, 0, 0))
        assert empty.shape[:2] == (0, 0)


def test_a_target_that_is_turned_round():
    """The spread is that of the model times 3; a bent target has none."""
    flip = FunctionTransformer(turned_back, turned, check_inverse=False)
    register_function(turned, lambda z: 5 - z * 3)
    bare = process(RBF()).fit(X, turned_back(y))
    model = transformed(process(RBF()), flip).fit(X, y)
    for table, power in ((propagate_std, 1), (propagate_cov, 2)):
        jet = Jet.variables(ROWS, 1)
        expected = 3**power * table(bare, jet, (1, 0, 0))
        assert_allclose(table(model, jet, (1, 0, 0)), expected, rtol=1e-9)
    bent = transformed(process(RBF()), PowerTransformer()).fit(X, y)
    with pytest.raises(TypeError, match="In step 'transformer'.*PowerTransformer"):
        differentiate(bent)(ROWS, return_cov=True)


WAY_OUT = (
    "use a BayesianNeuralNetworkInterpolator, a SplineInterpolator or a GaussianProcessRegressor, "
    "or register"
)


def test_a_model_without_a_covariance_says_what_to_use():
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    for option, noun, table in (
        ("return_std", "standard deviation", "propagate_std"),
        ("return_cov", "covariance", "propagate_cov"),
    ):
        message = (
            rf"In step 'linearregression'.*LinearRegression has no {noun}: .*Call without "
            rf"{option}, {WAY_OUT} a rule with sk_pydelt\.chain\.{table}\.register\(Linear"
        )
        with pytest.raises(TypeError, match=message):
            differentiate(model)(ROWS, **{option: True})


class Line(RegressorMixin, BaseEstimator):
    """A line through the origin with a slope of 2 ± 0.5."""

    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def predict(self, X):
        return 2 * np.asarray(X)[:, 0]


def test_a_rule_of_a_third_party():
    propagate.register(Line, lambda step, jet: jet * 2.0)

    @propagate_cov.register
    def _(step: Line, jet, index):
        factors = jet.partial(index)
        return 0.25 * (factors @ factors.T)[..., None]

    values, cov = differentiate(Line().fit(X))([[1.0], [3.0]], return_cov=True)
    assert_array_equal(values, [2, 2])
    assert_array_equal(cov, np.full((2, 2), 0.25))
