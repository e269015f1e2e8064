"""Each transformer's rule against differences of its `transform` and `inverse_transform`."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rules import ROWS, X, check_rule, y
from scipy import special
from sklearn.base import clone
from sklearn.decomposition import (
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
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
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from sk_pydelt import differentiate, gradient, hessian, jacobian
from sk_pydelt.chain import (
    propagate,
    propagate_inverse,
    propagate_transform,
    register_function,
)
from sk_pydelt.chain.functions import RULES
from sk_pydelt.jets import Jet

LABELS = y > np.median(y)
STEPS = [
    StandardScaler(),
    MinMaxScaler((-1, 2)),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    Normalizer(),
    Normalizer("l1"),
    Normalizer("max"),
    PCA(),
    PCA(2),
    PCA(2, whiten=True),
    IncrementalPCA(2, whiten=True),
    TruncatedSVD(2),
    FastICA(2, random_state=0),
    FactorAnalysis(2),
    KernelPCA(4, kernel="rbf"),
    KernelPCA(3, kernel="linear"),
    GaussianRandomProjection(2, random_state=0),
    SparseRandomProjection(2, random_state=0),
    NeighborhoodComponentsAnalysis(2, random_state=0),
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="eigen"),
    PolynomialFeatures(3),
    PolynomialFeatures(2, include_bias=False),
    PolynomialFeatures((2, 4)),
    PolynomialFeatures((2, 3), interaction_only=True),
    PolynomialFeatures(1),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    PowerTransformer("box-cox"),
    QuantileTransformer(n_quantiles=10),
    QuantileTransformer(n_quantiles=10, output_distribution="normal"),
    Nystroem(n_components=12, random_state=0),
    Nystroem("sigmoid", n_components=5, gamma=0.1, random_state=0),
    RBFSampler(random_state=0, n_components=20),
    SkewedChi2Sampler(random_state=0, n_components=20),
    AdditiveChi2Sampler(),
    AdditiveChi2Sampler(sample_steps=3, sample_interval=0.3),
    PolynomialCountSketch(n_components=16, degree=3, coef0=1, random_state=0),
    PolynomialCountSketch(n_components=16, random_state=0),
    SimpleImputer(),
    VarianceThreshold(),
    SelectKBest(k=2),
    SelectFromModel(Ridge()),
    RFE(Ridge(), n_features_to_select=2),
]
INVERTIBLE = [
    PCA(2, whiten=True),
    IncrementalPCA(),
    TruncatedSVD(2),
    FastICA(3, random_state=0),
    PowerTransformer(),
    PowerTransformer("box-cox", standardize=False),
    QuantileTransformer(n_quantiles=10),
    QuantileTransformer(n_quantiles=10, output_distribution="normal"),
    VarianceThreshold(),
    FunctionTransformer(np.log, np.exp),
    make_pipeline(StandardScaler(), PowerTransformer()),
]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_transform(step):
    step = clone(step).fit(X, LABELS)
    check_rule(lambda jet: propagate_transform(step, jet), step.transform)


@pytest.mark.parametrize("step", INVERTIBLE, ids=str)
def test_inverse_transform(step):
    step = clone(step).fit(X)
    rows = step.transform(ROWS)
    check_rule(lambda jet: propagate_inverse(step, jet), step.inverse_transform, rows)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("extrapolation", ["error", "constant", "linear", "continue", "periodic"])
def test_splines(extrapolation, degree):
    step = SplineTransformer(7, degree, extrapolation=extrapolation, include_bias=degree % 2 == 0)
    rows = ROWS[:, :1] if (extrapolation, degree) == ("linear", 1) else ROWS
    step.fit(X[:, : rows.shape[1]])
    check_rule(lambda jet: propagate(step, jet), step.transform, rows)


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("extrapolation", ["constant", "linear", "continue", "periodic"])
def test_splines_beyond_their_knots(extrapolation, degree):
    step = SplineTransformer(degree=degree, extrapolation=extrapolation).fit(X)
    rows = np.vstack([ROWS - 2.3, ROWS + 2.3])
    check_rule(lambda jet: propagate(step, jet), step.transform, rows)


def test_splines_refuse_what_scikit_learn_extrapolates_wrongly():
    step = SplineTransformer(degree=1, extrapolation="linear").fit(X)
    with pytest.raises(TypeError, match="scikit-learn's transform takes wrong knots there"):
        jacobian(step, ROWS)


def test_splines_refuse_places_beyond_their_knots_as_transform_does():
    step = SplineTransformer(extrapolation="error").fit(X)
    with pytest.raises(ValueError, match="beyond the limits of the knots"):
        jacobian(step, ROWS + 2)


DOMAIN = {  # where a function does not live on [0.5, 2.5]: shift and scale of the rows
    **dict.fromkeys([np.arccos, np.arcsin, np.arctanh, special.logit, special.ndtri], (0, 0.39)),
    np.arccosh: (1, 1),
    np.tan: (0, 0.5),
}
each_function = pytest.mark.parametrize("function", RULES, ids=lambda f: f"{f}")


@each_function
def test_functions(function):
    shift, scale = DOMAIN.get(function, (0, 1))
    step = FunctionTransformer(function).fit(X)
    check_rule(lambda jet: propagate(step, jet), step.transform, ROWS * scale + shift)


NEGATIVE_TOO = set(RULES) - set(DOMAIN) - {np.log, np.log10, np.log2, np.log1p, np.sqrt}
NEGATIVE_TOO -= {special.log1p}


@pytest.mark.parametrize("function", sorted(NEGATIVE_TOO, key=str), ids=str)
def test_functions_of_negative_values(function):
    step = FunctionTransformer(function).fit(X)
    check_rule(lambda jet: propagate(step, jet), step.transform, -ROWS)


@pytest.mark.parametrize(
    ("function", "value", "domain"),
    [
        (np.log, 0.0, "above 0"),
        (np.sqrt, 0.0, "above 0"),
        (np.log1p, -1.0, "above -1"),
        (np.arcsin, 1.0, "between -1 and 1"),
        (np.arctanh, 2.0, "between -1 and 1"),
        (np.arccosh, 1.0, "above 1"),
        (np.cbrt, 0.0, "off 0"),
        (special.logit, 1.0, "between 0 and 1"),
        (special.ndtri, 0.0, "between 0 and 1"),
    ],
)
def test_the_end_of_a_domain_is_an_error(function, value, domain):
    step = FunctionTransformer(function)
    with pytest.raises(ValueError, match=f"has derivatives only {domain}"):
        propagate(step, Jet.variables(np.array([[value]]), 1))


def cut(X, low):
    return np.maximum(X, low)


def test_a_function_of_the_user():
    step = FunctionTransformer(cut, kw_args={"low": 1.0}).fit(X)
    with pytest.raises(TypeError, match=r"register_function\(function, rule\)"):
        jacobian(step, ROWS)
    register_function(cut, lambda jet, low: jet * (jet.value > low) + low * (jet.value <= low))
    check_rule(lambda jet: propagate(step, jet), step.transform)
    del RULES[cut]


def test_a_function_that_cannot_be_hashed_is_refused():
    class Unhashable:
        __hash__ = None

        def __call__(self, X):
            return X

    with pytest.raises(TypeError, match="the derivative of its function is not known"):
        jacobian(FunctionTransformer(Unhashable()).fit(X), ROWS)


@pytest.mark.parametrize("power", [-1.5, 0.0, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_powers(method, power):
    step = PowerTransformer(method, standardize=False).fit(X)
    step.lambdas_ = np.array([power, 1e-9, power])
    rows = ROWS if method == "box-cox" else np.vstack([ROWS, -ROWS])
    check_rule(lambda jet: propagate(step, jet), step.transform, rows, rtol=1e-10)
    step.lambdas_[1] = 0.3
    back = step.transform(ROWS)
    check_rule(lambda jet: propagate_inverse(step, jet), step.inverse_transform, back, step=1e-4)


def test_yeo_johnson_at_zero_takes_the_right_side():
    """Its first two derivatives agree there; the third is (λ - 1)(λ - 2) on the right."""
    step = PowerTransformer(standardize=False).fit(X)
    step.lambdas_ = np.full(3, 0.5)
    jet = propagate(step, Jet.variables(np.zeros((1, 3)), 3))
    assert_allclose(jet.partial((1, 0, 0))[0, 0], 1)
    assert_allclose(jet.partial((2, 0, 0))[0, 0], -0.5)
    assert_allclose(jet.partial((3, 0, 0))[0, 0], 0.75)


class TestQuantiles:
    places = np.array([[0.0], [1.0], [3.0], [3.0], [3.0], [7.0]])

    def slopes(self, step, rows):
        with pytest.warns(UserWarning, match="piecewise linear in its quantiles"):
            differentiate(step, 2)
        return jacobian(step, np.reshape(rows, (-1, 1))).ravel()

    def test_sides(self):
        """Right of a quantile, left of the last, and nothing outside; a repeated one is a jump."""
        step = QuantileTransformer(n_quantiles=6).fit(self.places)
        found = self.slopes(step, [-1.0, 0.0, 0.5, 1.0, 3.0, 5.0, 7.0, 8.0])
        assert_allclose(found, [0, 0.2, 0.2, 0.1, 0.05, 0.05, 0.05, 0])

    @pytest.mark.parametrize("output", ["uniform", "normal"])
    @pytest.mark.parametrize("repeated", [0.0, 3.0, 7.0])
    def test_values_where_quantiles_repeat(self, repeated, output):
        """Also at the ends, where scikit-learn sets them to 0 and 1."""
        places = np.array([[0.0], [repeated], [3.0], [repeated], [6.0], [7.0]])
        step = QuantileTransformer(n_quantiles=6, output_distribution=output).fit(places)
        rows = np.vstack([places, places + 0.3, places - 0.3])
        jet = propagate(step, Jet.variables(rows, 2))
        assert_allclose(jet.value, step.transform(rows), rtol=1e-12)
        assert np.isfinite(jet.tensor(2)).all()

    def test_normal_output_is_flat_at_its_ends(self):
        step = QuantileTransformer(n_quantiles=6, output_distribution="normal").fit(self.places)
        found = self.slopes(step, [-1.0, 0.0, 1e-8, 7.0, 8.0, 1e-3])
        assert_array_equal(found[:5], 0)
        assert found[5] > 0
        values = propagate(step, Jet.variables(self.places, 1)).value
        assert_allclose(values, step.transform(self.places), rtol=1e-12)

    @pytest.mark.parametrize("output", ["uniform", "normal"])
    def test_inverse_beyond_its_ends(self, output):
        step = QuantileTransformer(n_quantiles=6, output_distribution=output).fit(self.places)
        rows = np.array([[-9.0], [9.0]])
        jet = propagate_inverse(step, Jet.variables(rows, 2))
        assert_array_equal(jet.value, step.inverse_transform(rows))
        assert not jet.tensor(1).any()
        assert not jet.tensor(2).any()

    def test_a_constant_feature(self):
        step = QuantileTransformer(n_quantiles=3).fit(np.ones((5, 1)))
        assert_array_equal(jacobian(step, [[0.0], [1.0], [2.0]]), np.zeros((3, 1, 1)))


def test_splines_at_a_knot_take_the_right_side():
    step = SplineTransformer(3, 1).fit(np.array([[0.0], [1.0], [2.0]]))
    slopes = jacobian(step, [[0.0], [1.0], [2.0]])[..., 0]
    assert_allclose(slopes, [[-1, 1, 0], [0, -1, 1], [0, -1, 1]])  # at the last one the left
    with pytest.warns(UserWarning, match="piecewise polynomial: its derivatives of order above 1"):
        differentiate(step, 2)


def test_splines_with_missing_values():
    step = SplineTransformer(handle_missing="zeros").fit(X)
    rows = ROWS.copy()
    rows[0, 1] = np.nan
    found = jacobian(step, rows)
    assert np.isfinite(found).all()
    assert not found[0, :, 1].any()
    assert_allclose(propagate(step, Jet.variables(rows, 1)).value, step.transform(rows))


def test_normalizer_leaves_rows_of_zeros():
    assert_array_equal(jacobian(Normalizer().fit(X), np.zeros((1, 3))), np.zeros((1, 3, 3)))


@pytest.mark.parametrize("indicator", [False, True])
def test_imputed_entries_are_constants(indicator):
    holed = X.copy()
    holed[::5, 0] = np.nan
    step = SimpleImputer(strategy="median", add_indicator=indicator)
    model = make_pipeline(step, PolynomialFeatures(2), LinearRegression()).fit(holed, y)
    rows = ROWS.copy()
    rows[0, 0] = np.nan
    found = gradient(model, rows)
    assert found[0, 0] == 0
    filled = rows.copy()
    filled[0, 0] = step.statistics_[0]
    if not indicator:
        assert_allclose(found[0, 1:], gradient(model, filled)[0, 1:])
    assert np.isfinite(hessian(model, rows)).all()
    check_rule(lambda jet: propagate(step, jet), step.transform)


@pytest.mark.filterwarnings("ignore:Skipping features")
@pytest.mark.parametrize("keep", [False, True])
def test_an_imputer_and_an_empty_feature(keep):
    holed = X.copy()
    holed[:, 1] = np.nan
    step = SimpleImputer(keep_empty_features=keep).fit(holed)
    jet = propagate(step, Jet.variables(holed, 1))
    assert_allclose(jet.value, step.transform(holed))


def test_missing_values_that_no_step_fills_are_an_error():
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    rows = ROWS.copy()
    rows[0, 0] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        gradient(model, rows)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("step", [*STEPS, SplineTransformer(), SplineTransformer(4, 0)], ids=str)
def test_finite_at_samples_knots_and_ends(step):
    step = clone(step).fit(X, LABELS)
    ends = [X.min(axis=0), X.max(axis=0), np.median(X, axis=0)]
    jet = propagate_transform(step, Jet.variables(np.vstack([X, *ends]), 3))
    assert all(np.isfinite(part).all() for part in jet.parts)
