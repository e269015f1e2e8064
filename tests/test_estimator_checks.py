"""The checks that are shipped: they pass on our rules and catch wrong ones."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVR

from sk_pydelt import NeuralNetworkInterpolator, SplineInterpolator
from sk_pydelt.chain import propagate
from sk_pydelt.estimator_checks import CHECKS, check_differentiable, parametrize_with_checks

CHECKED = [
    NeuralNetworkInterpolator((6,), epochs=20),
    NeuralNetworkInterpolator((6,), activation="swish", solver="lbfgs", epochs=10),
    SplineInterpolator(degree=5),
    StandardScaler(),
    PolynomialFeatures(3),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=10),
    SplineTransformer(),
    make_pipeline(ColumnTransformer([("a", StandardScaler(), [0])], remainder="passthrough")),
    LinearRegression(),
    PoissonRegressor(),
    KernelRidge(kernel="rbf"),
    SVR(),
    MLPRegressor(hidden_layer_sizes=(5,), activation="tanh", max_iter=20),
    GaussianProcessRegressor(RBF(), alpha=0.1, optimizer=None),
    GaussianProcessRegressor(Matern(nu=2.5), alpha=0.1, optimizer=None),
    VotingRegressor([("a", Ridge()), ("b", SVR())]),
    StackingRegressor([("a", Ridge()), ("b", SVR())]),
    TransformedTargetRegressor(SVR(), func=np.log, inverse_func=np.exp),
]


@parametrize_with_checks(CHECKED)
def test_checks_pass(estimator, check):
    check(estimator)


class Parabola(RegressorMixin, BaseEstimator):
    """x -> offset + (x²).sum(), with a rule that can be wrong in the ways that users' are."""

    def __init__(self, fault=None):
        self.fault = fault

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.offset_ = y.mean()
        self.state_ = np.random.rand()
        return self

    def predict(self, X):
        return self.offset_ + (np.asarray(X) ** 2).sum(axis=1)


@propagate.register
def _(step: Parabola, jet):
    columns = jet.square()
    if step.fault == "slope":
        columns = columns * 1.001 - 0.001 * columns.value
    if step.fault == "value":
        columns = columns + 1e-3
    if step.fault == "columns":
        columns = jet.square().concatenate([columns, columns]) if len(jet.value) == 0 else columns
        return columns @ np.ones((columns.value.shape[1], 1 + (len(jet.value) == 0)))
    if step.fault == "rows":
        columns = columns * (1 + len(jet.value) / 1000)
    if step.fault == "state":
        columns = columns * (1 + step.state_)
    if step.fault == "not finite":
        columns = columns * np.inf
    if step.fault == "dtype":
        columns = columns.map_parts(lambda part: part.astype(np.float32))
        return (columns @ np.ones((columns.value.shape[1], 1), np.float32)) + np.float32(
            step.offset_
        )
    return columns @ np.ones((columns.value.shape[1], 1)) + step.offset_


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("slope", "differs from finite differences by"),
        ("value", "the jet's value is off by"),
        ("columns", "a jet without rows gives"),
        ("rows", "rows depend on others"),
        ("state", "a clone fitted to the same data has other derivatives"),
        ("not finite", "is no finite number"),
        ("dtype", "derivatives have dtype float32"),
    ],
)
def test_a_fault_is_found(fault, message):
    found = []
    for check in CHECKS:
        try:
            check(Parabola(fault))
        except (AssertionError, ValueError) as error:  # the latter of derivatives themselves
            found.append(str(error))
    assert any(message in text for text in found), found


def test_one_call_for_all():
    check_differentiable(PolynomialFeatures(2))
    with pytest.raises(AssertionError, match="is off by"):
        check_differentiable(Parabola("value"))


class Stairs(TransformerMixin, BaseEstimator):
    """A function too rough for differences: no check can pass on it."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.sin(1e5 * np.asarray(X))


@propagate.register
def _(step: Stairs, jet):
    return jet * 0 + np.sin(1e5 * jet.value)


def test_a_rough_function_is_not_waved_through():
    with pytest.raises(AssertionError, match="the function is rough"):
        check_differentiable(Stairs())
