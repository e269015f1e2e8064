"""Each regressor's rule against differences of its `predict`."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from rules import ROWS, X, Y, check_rule, y
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    LassoCV,
    LinearRegression,
    OrthogonalMatchingPursuit,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeCV,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, StandardScaler
from sklearn.svm import SVR, LinearSVR, NuSVR

from sk_pydelt import differentiate, gradient, jacobian
from sk_pydelt.chain import propagate


def mlp(activation, **options):
    return MLPRegressor(
        hidden_layer_sizes=(8, 5), activation=activation, max_iter=30, random_state=0, **options
    )


LINEAR = [
    LinearRegression(),
    Ridge(),
    RidgeCV(),
    LassoCV(),
    ElasticNet(0.01),
    OrthogonalMatchingPursuit(n_nonzero_coefs=2),
    BayesianRidge(),
    ARDRegression(),
    HuberRegressor(max_iter=1000),
    QuantileRegressor(alpha=1e-3),
    SGDRegressor(random_state=0),
    LinearSVR(random_state=0),
    RANSACRegressor(random_state=0),
    TheilSenRegressor(random_state=0),
    PLSRegression(2),
    DummyRegressor(),
]
LINKED = [
    PoissonRegressor(),
    GammaRegressor(),
    TweedieRegressor(power=1.5),
    TweedieRegressor(power=0, link="identity"),
]
KERNELS = [
    *(KernelRidge(kernel=kernel) for kernel in ("rbf", "poly", "linear", "sigmoid", "cosine")),
    KernelRidge(kernel="polynomial", degree=2, gamma=0.5, coef0=0.7),
    *(SVR(kernel=kernel) for kernel in ("rbf", "poly", "linear", "sigmoid")),
    SVR(gamma=2.0),
    NuSVR(),
]
NETS = [mlp("identity"), mlp("logistic"), mlp("tanh"), mlp("relu")]
ENSEMBLES = [
    VotingRegressor([("a", Ridge()), ("b", SVR())], weights=[1, 3]),
    VotingRegressor([("a", Ridge()), ("b", "drop"), ("c", SVR())]),
    BaggingRegressor(SVR(), n_estimators=4, max_features=0.7, random_state=0),
    StackingRegressor([("a", Ridge()), ("b", SVR())]),
    StackingRegressor([("a", Ridge()), ("b", SVR())], KernelRidge(kernel="rbf"), passthrough=True),
]
TARGETS = [
    TransformedTargetRegressor(SVR(), func=np.log, inverse_func=np.exp),
    TransformedTargetRegressor(SVR(), func=np.sqrt, inverse_func=np.square),
    TransformedTargetRegressor(SVR(), transformer=PowerTransformer()),
    TransformedTargetRegressor(SVR(), transformer=PowerTransformer("box-cox")),
    TransformedTargetRegressor(SVR(), transformer=QuantileTransformer(n_quantiles=8)),
    TransformedTargetRegressor(
        make_pipeline(StandardScaler(), SVR()), transformer=StandardScaler()
    ),
    TransformedTargetRegressor(),
]
SEVERAL_OUTPUTS = [
    LinearRegression(),
    PLSRegression(2),
    PLSCanonical(2),
    CCA(2),
    DummyRegressor(),
    mlp("tanh"),
    KernelRidge(kernel="rbf"),
    MultiOutputRegressor(SVR()),
    RegressorChain(SVR(), order=[1, 0]),
    RegressorChain(SVR(), order="random", random_state=1),
    TransformedTargetRegressor(KernelRidge(kernel="rbf"), transformer=PowerTransformer()),
]


def check_predict(model, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        model = clone(model).fit(X, target)
    check_rule(lambda jet: propagate(model, jet), model.predict, step=3e-3)


@pytest.mark.parametrize(
    "model", [*LINEAR, *LINKED, *KERNELS, *NETS, *ENSEMBLES, *TARGETS], ids=str
)
def test_one_output(model):
    check_predict(model, y)


@pytest.mark.parametrize("model", SEVERAL_OUTPUTS, ids=str)
def test_several_outputs(model):
    check_predict(model, Y)


def test_perceptron_with_poisson_loss():
    try:
        model = mlp("tanh", loss="poisson")
    except TypeError:
        pytest.skip("this scikit-learn has no such loss")
    check_predict(model, y)


def test_frozen():
    model = FrozenEstimator(SVR().fit(X, y))
    assert_allclose(gradient(model, ROWS), gradient(model.estimator, ROWS), rtol=0)


def test_relu_perceptron_warns_above_the_first_order():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = mlp("relu").fit(X, y)
    with pytest.warns(UserWarning, match="piecewise linear"):
        differentiate(model, 2)


def test_isotonic_regression_in_one_feature():
    model = IsotonicRegression(out_of_bounds="clip").fit([0.0, 1.0, 2.0, 4.0], [0.0, 2.0, 2.0, 3.0])
    rows = np.array([[-1.0], [0.0], [0.5], [1.5], [3.0], [4.0], [5.0]])
    assert_allclose(jacobian(model, rows).ravel(), [0, 2, 2, 0, 0.5, 0.5, 0])


def test_laplacian_kernel_takes_the_side_above_at_its_kinks():
    model = KernelRidge(kernel="laplacian", gamma=1.0, alpha=0.0).fit([[0.0]], [2.0])
    assert_allclose(
        gradient(model, [[0.0], [-1.0], [1.0]]).ravel(), 2 * np.exp([0, -1, -1]) * [-1, 1, -1]
    )


def test_cosine_kernel_of_a_row_of_zeros():
    model = KernelRidge(kernel="cosine").fit(X, y)
    assert not gradient(model, np.zeros((1, 3))).any()


@pytest.mark.parametrize("kernel", ["chi2", lambda a, b: float(a @ b)])
def test_kernels_without_a_rule(kernel):
    model = KernelRidge(kernel=kernel, gamma=1.0).fit(X, y)
    with pytest.raises(
        TypeError, match=r"KernelRidge with kernel=.* the kernels with a derivative"
    ):
        gradient(model, ROWS)
