"""Whether a model predicts 1-D arrays: told from its fitted state as its prediction would."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from rules import ROWS, X, Y, y
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    GammaRegressor,
    Lasso,
    LinearRegression,
    MultiTaskLasso,
    PoissonRegressor,
    RANSACRegressor,
    Ridge,
    RidgeCV,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVR, LinearSVR, NuSVR

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    average_marginal_effects,
    biharmonic,
    derivatives,
    differentiate,
    directional_derivative,
    gradient,
    hessian,
    jacobian,
    laplacian,
)
from sk_pydelt.chain import predicts_1d, propagate

SINGLE = [
    VotingRegressor([("a", Ridge())]),
    BayesianRidge(),
    ARDRegression(),
    SGDRegressor(),
    LinearSVR(),
    SVR(),
    NuSVR(),
    PoissonRegressor(),
    GammaRegressor(),
]
SEVERAL = [
    LinearRegression(),
    Ridge(),
    RidgeCV(),
    Lasso(0.1),
    RANSACRegressor(random_state=0),
    PLSRegression(1),
    PLSCanonical(1),
    CCA(1),
    DummyRegressor(),
    GaussianProcessRegressor(alpha=0.1),
    KernelRidge(),
    MLPRegressor(hidden_layer_sizes=(3,), max_iter=2),
    BaggingRegressor(Ridge(), n_estimators=2),
    RFE(Ridge(), n_features_to_select=2),
    SplineInterpolator(smoothing=0.1),
    NeuralNetworkInterpolator((2,), epochs=1),
    BayesianNeuralNetworkInterpolator((2,), "tanh", n_init=1, max_iter=2),
    make_pipeline(StandardScaler(), Ridge()),
    GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1.0]}, cv=2),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    TransformedTargetRegressor(),
]
TWO_DIMENSIONAL = [
    MultiTaskLasso(0.1),
    MultiOutputRegressor(SVR()),
    RegressorChain(SVR()),
]
FITS = [
    *((model, y) for model in [*SINGLE, *SEVERAL, StackingRegressor([("a", Ridge())])]),
    *((model, target) for model in SEVERAL for target in (Y[:, :1], Y)),
    *((model, Y) for model in TWO_DIMENSIONAL),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "target"), FITS, ids=lambda part: str(getattr(part, "ndim", part))
)
def test_the_fitted_model_knows_what_it_would_predict(model, target):
    model = clone(model).fit(X, target)
    expected = np.ndim(model.predict(ROWS)) == 1
    assert predicts_1d(model) is expected
    assert predicts_1d(FrozenEstimator(model)) is expected


def test_other_models():
    isotonic = IsotonicRegression().fit(X[:, 0], y)
    assert predicts_1d(isotonic) is True
    assert predicts_1d(StandardScaler().fit(X)) is False
    assert predicts_1d(make_pipeline(StandardScaler(), PolynomialFeatures()).fit(X)) is False
    assert predicts_1d(make_pipeline(StandardScaler(), "passthrough").fit(X)) is False


class Silent(LinearRegression):
    """Has the rules of its parent, and must not be asked to predict."""

    def predict(self, X):
        raise AssertionError("predict was called")


def test_no_rows_are_predicted_where_a_rule_knows():
    models = [Silent().fit(X, y), make_pipeline(StandardScaler(), Silent()).fit(X, y)]
    bare = LinearRegression().fit(X, y)
    for model in models:
        for order in (1, 2, (1, 0, 0)):
            found, expected = differentiate(model, order)(ROWS), differentiate(bare, order)(ROWS)
            assert found.shape == expected.shape
        frame = differentiate(model).set_output(transform="pandas")(ROWS)
        assert list(frame.columns) == ["dy/dx0", "dy/dx1", "dy/dx2"]
        assert gradient(model, ROWS).shape == (12, 3)
        assert jacobian(model, ROWS).shape == (12, 1, 3)
        assert hessian(model, ROWS).shape == (12, 3, 3)
        assert laplacian(model, ROWS).shape == biharmonic(model, ROWS).shape == (12,)
        assert directional_derivative(model, ROWS, [1, 0, 0]).shape == (12,)
        assert derivatives(model, ROWS, [(1, 0, 0)])[0].shape == (12,)
        assert average_marginal_effects(model, ROWS).average.shape == (3,)


def test_no_rows_of_a_frame_with_text_are_predicted():
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(city=list("xyz") * 20)
    encoder = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(encoder, Silent()).fit(frame, y)
    assert differentiate(model)(frame).shape == (60, 4)


class Unknown(RegressorMixin, BaseEstimator):
    """A third party's: it has a rule of differentiation and none of its outputs."""

    def __init__(self, flat=True):
        self.flat = flat

    def fit(self, X, y=None):
        self.n_features_in_, self.asked = X.shape[1], []
        return self

    def predict(self, X):
        self.asked.append(len(X))
        return X[:, 0] if self.flat else X[:, :1]


@pytest.mark.parametrize("flat", [True, False])
def test_a_class_without_a_rule_is_asked_for_one_row(flat):
    propagate.register(Unknown, lambda step, jet: jet[:, [0]])
    model = Unknown(flat).fit(X)
    assert predicts_1d(model) is None
    derivative = differentiate(model, (1, 0, 0))
    assert_array_equal(derivative(ROWS), np.ones(12 if flat else (12, 1)))
    assert set(derivative.model.asked) == {1}
