"""Random chains of four steps drawn from the registry: first, second and third derivatives."""

import warnings

import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from rules import RNG, TOLERANCES, X, y
from scipy import special
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, FactorAnalysis, KernelPCA, TruncatedSVD
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    DotProduct,
    ExpSineSquared,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import BayesianRidge, LinearRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVR

from sk_pydelt import differentiate, hessian, jacobian
from sk_pydelt.chain import propagate
from sk_pydelt.estimator_checks import assert_slopes
from sk_pydelt.jets import Jet

SCALERS = [StandardScaler(), MinMaxScaler((-1, 1)), MaxAbsScaler(), RobustScaler()]
POSITIVE = [  # only as the first step: they need positive values
    PowerTransformer("box-cox"),
    *(FunctionTransformer(f) for f in (np.log, np.sqrt, np.cbrt, np.reciprocal, np.log10)),
]
ANYWHERE = [
    *SCALERS,
    MinMaxScaler(clip=True),
    Normalizer(),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=8),
    SplineTransformer(4, extrapolation="linear"),
    SplineTransformer(4, 5, extrapolation="continue"),
    PCA(2),
    PCA(2, whiten=True),
    TruncatedSVD(2),
    FactorAnalysis(2),
    KernelPCA(3, kernel="rbf", gamma=0.3),
    Nystroem(n_components=8, gamma=0.3, random_state=0),
    RBFSampler(gamma=0.2, n_components=10, random_state=0),
    PolynomialFeatures(2, include_bias=False),
    SimpleImputer(),
    VarianceThreshold(),
    SelectKBest(f_regression, k=1),
    FeatureUnion([("a", StandardScaler()), ("b", FunctionTransformer(np.arctan))]),
    ColumnTransformer([("a", StandardScaler(), [0])], remainder="passthrough"),
    ColumnTransformer([("a", PolynomialFeatures(2), slice(0, 2)), ("b", RobustScaler(), [-1])]),
    make_pipeline(StandardScaler(), "passthrough", PowerTransformer()),
    *(FunctionTransformer(f) for f in (np.tanh, np.sin, np.cos, np.arcsinh, special.expit)),
    FunctionTransformer(),
    "passthrough",
]
SMALL_NET = MLPRegressor(hidden_layer_sizes=(5,), activation="tanh", max_iter=20, random_state=0)
REGRESSORS = [
    LinearRegression(),
    Ridge(),
    BayesianRidge(),
    PoissonRegressor(),
    SVR(),
    SVR(kernel="poly", coef0=1.0, gamma=0.3),  # of "scale" large terms cancel, in predict too
    KernelRidge(kernel="rbf"),
    SMALL_NET,
    *(
        GaussianProcessRegressor(kernel, alpha=0.1, optimizer=None)
        for kernel in (
            RBF(2.0),
            Matern(2.0, nu=2.5) + WhiteKernel(),
            RationalQuadratic(2.0) * DotProduct(),
            RBF(3.0) * ExpSineSquared(3.0, 9.0),
        )
    ),
    VotingRegressor([("a", SVR()), ("b", Ridge())], weights=[2, 1]),
    BaggingRegressor(Ridge(), n_estimators=3, random_state=0),
    StackingRegressor([("a", SVR()), ("b", Ridge())], cv=2),
    TransformedTargetRegressor(SVR(), func=np.log, inverse_func=np.exp),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    GridSearchCV(SVR(), {"C": [1.0]}, cv=2),
]
SEVERAL_OUTPUTS = [LinearRegression(), MultiOutputRegressor(SVR()), RegressorChain(Ridge())]
ROWS = RNG.uniform(0.7, 2.3, (6, 3))
Y = np.column_stack([y, np.cos(X[:, 0]) * X[:, 1]])

last_steps = st.one_of(
    st.tuples(st.sampled_from(REGRESSORS), st.just("y")),
    st.tuples(st.sampled_from(SEVERAL_OUTPUTS), st.just("Y")),
)
chains = st.tuples(
    st.sampled_from([*POSITIVE, *ANYWHERE]),
    st.sampled_from(ANYWHERE),
    st.sampled_from(ANYWHERE),
    last_steps,
)


def chains_to_try(number):
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def fitted(chain, wrap):
    *steps, (regressor, target) = chain
    names = [f"step{i}" for i in range(3)]
    steps = [step if isinstance(step, str) else clone(step) for step in steps]
    model = Pipeline([*zip(names, steps), ("regressor", clone(regressor))])
    try:
        model.fit(X, {"y": y, "Y": Y}[target])
    except ValueError:  # three columns were asked of one
        assume(False)
    return FrozenEstimator(model) if wrap else model


def table(function):
    return lambda rows: function(rows).reshape(len(rows), -1)


def check_slopes(function, found, tolerance):
    """Compare with differences, unless too many kinks are near for differences to be right."""
    try:
        assert_slopes(function, found, ROWS, tolerance, step=3e-3)
    except AssertionError as error:
        assume("rough" not in str(error))
        raise


def worth_checking(model):
    """Not where the chain is flat, or so steep that `predict` itself has no digits left."""
    slopes = jacobian(model, ROWS)
    size = abs(slopes).max()
    return np.isfinite(slopes).all() and 1e-3 < size < 1e4


@chains_to_try(320)
@given(chain=chains, wrap=st.booleans())
def test_jacobian_and_hessian(chain, wrap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fitted(chain, wrap)
        assume(worth_checking(model))
        values = propagate(model, Jet.variables(ROWS, 1)).value
        np.testing.assert_allclose(values, table(model.predict)(ROWS), rtol=1e-7, atol=1e-7)
        J, H = jacobian(model, ROWS), hessian(model, ROWS)
        H = H.reshape(*J.shape, 3)
        check_slopes(table(model.predict), J, TOLERANCES[0])
        check_slopes(lambda rows: jacobian(model, rows), H, TOLERANCES[1])


@chains_to_try(10)
@given(chain=chains)
def test_third_order(chain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fitted(chain, False)
        assume(worth_checking(model))
        third = differentiate(model, 3)(ROWS)
        check_slopes(lambda rows: differentiate(model, 2)(rows), third, TOLERANCES[2])
        mixed = differentiate(model, (1, 2, 0))(ROWS)
    np.testing.assert_allclose(mixed, third[..., 0, 1, 1], rtol=1e-9, atol=1e-9 * abs(third).max())
