"""The chain rule through scikit-learn's steps: each rule, each search, and each refusal."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from problems import Quadratic, hard_X
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from sk_pydelt import (
    NeuralNetworkInterpolator,
    SplineInterpolator,
    calculus,
    differentiate,
    gradient,
    jacobian,
)
from sk_pydelt.chain import propagate, propagate_inverse
from sk_pydelt.jets import Jet

X = np.random.RandomState(0).uniform(-1, 2, (50, 2)) * [1.0, 1e3]
QUADRATIC = Quadratic.random(2, 2)
Y = QUADRATIC(X / [1.0, 1e3])
SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-3, 5)),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    MaxAbsScaler(clip=True),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
    RobustScaler(with_centering=False, with_scaling=False),
    RobustScaler(quantile_range=(10, 60), unit_variance=True),
    FunctionTransformer(),
]
each_scaler = pytest.mark.parametrize("scaler", SCALERS, ids=str)
each_operator = pytest.mark.parametrize(
    "operator", [gradient, jacobian, calculus.hessian, calculus.laplacian], ids=lambda f: f.__name__
)


def net(**options):
    return NeuralNetworkInterpolator((4,), epochs=3, random_state=0, **options)


def slopes(function, rows):
    """Central differences of an affine function: exact but for rounding."""
    steps = np.eye(2) * [1e-2, 1e1]
    pairs = [(function(rows + h) - function(rows - h)) / (2 * h.sum()) for h in steps]
    return np.stack(pairs, axis=-1)


@each_scaler
def test_scaler_forwards(scaler):
    """On the inner rows, where the scalers that clip are affine too."""
    scaler = clone(scaler).fit(X)
    rows = X[(abs(X - np.median(X, axis=0)) < [1.0, 1e3]).all(axis=1)]
    jet = propagate(scaler, Jet.variables(rows, 2))
    assert len(rows) > 5
    assert_allclose(jet.value, scaler.transform(rows), rtol=1e-15, atol=1e-15)
    assert_allclose(jet.tensor(1), slopes(scaler.transform, rows), rtol=1e-10, atol=1e-15)
    assert not jet.tensor(2).any()


@each_scaler
def test_scaler_backwards(scaler):
    scaler = clone(scaler).fit(X)
    jet = propagate_inverse(scaler, Jet.variables(X, 2))
    expected = scaler.inverse_transform(X)
    assert_allclose(jet.value, expected, rtol=1e-15, atol=1e-15 * abs(expected).max())
    assert_allclose(jet.tensor(1), slopes(scaler.inverse_transform, X), rtol=1e-9, atol=1e-12)
    assert not jet.tensor(2).any()


@pytest.mark.parametrize("scaler", [MinMaxScaler((-1, 1), clip=True), MaxAbsScaler(clip=True)])
def test_where_a_scaler_clips_the_function_is_constant(scaler):
    places = np.array([[-1.0, -10.0], [1.0, 10.0], [0.5, 2.0]])
    scaler = clone(scaler).fit(places)
    rows = np.array([[0.0, 0.0], [0.0, 11.0], [-2.0, 9.0], [3.0, -30.0]])
    jet = propagate(scaler, Jet.variables(rows, 2))
    assert_array_equal(jet.value, scaler.transform(rows))
    inside = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    assert_array_equal(jet.tensor(1)[:, [0, 1], [0, 1]], inside * [1.0, 0.1])
    model = make_pipeline(scaler, net()).fit(places, places.sum(axis=1))
    assert_array_equal(gradient(model, rows) != 0, inside)
    assert_array_equal(calculus.hessian(model, rows)[:, [0, 1], [0, 1]] != 0, inside)
    assert model.predict(rows[:1] + [[0, 11]]) == model.predict(rows[:1] + [[0, 1e6]])


@pytest.mark.parametrize("scaler", [MinMaxScaler((-2, 3), clip=True), MaxAbsScaler(clip=True)])
@pytest.mark.parametrize("seed", range(5))
def test_at_the_ends_of_the_data_the_slope_is_that_inside(scaler, seed):
    """Also near 1e6, where rounding scales some of these ends to just outside the range."""
    places = hard_X(20, 3, seed)
    scaler = clone(scaler).fit(places)
    slope = propagate(scaler, Jet.variables(places, 1)).tensor(1)
    assert_array_equal(slope, np.broadcast_to(slope[0], slope.shape))
    assert_array_equal(slope[0] != 0, np.eye(3))


class Squares(TransformerMixin, BaseEstimator):
    """A third party's transformer: x -> (x, x²), column by column. No rule is known for it."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.hstack([X, np.square(X)])


class Known(Squares):
    """The same with a rule, registered below."""


@propagate.register
def _(step: Known, jet):
    return Jet.concatenate([jet, jet.square()])


@pytest.mark.parametrize("step", [Squares(), KBinsDiscretizer(3, encode="ordinal")], ids=str)
@each_operator
def test_unknown_step_is_refused_and_named(step, operator):
    name = type(step).__name__
    model = Pipeline([("scale", StandardScaler()), ("warp", step), ("net", net())]).fit(X, Y[:, 0])
    message = rf"(?s)In step 'warp' of the pipeline: {name} cannot .*propagate\.register\({name}\)"
    for order in (1, 2, (1, 1)):
        with pytest.raises(TypeError, match=message):
            differentiate(model, order)
    with pytest.raises(TypeError, match=message):
        operator(model, X)


def test_unknown_step_in_a_search_in_a_pipeline_is_named_with_its_way_there():
    inner = Pipeline([("warp", Squares()), ("net", net())])
    search = GridSearchCV(inner, {"net__alpha": [0.0]}, cv=2)
    model = Pipeline([("scale", StandardScaler()), ("search", search)]).fit(X, Y)
    with pytest.raises(TypeError, match="In step 'search__warp' of the pipeline: Squares cannot"):
        differentiate(model)


def test_unknown_regressor_is_refused():
    with pytest.raises(TypeError, match="DecisionTreeRegressor cannot .* piecewise constant"):
        differentiate(DecisionTreeRegressor().fit(X, Y))


def test_unknown_scalers_of_the_net_are_refused():
    warp = Squares()
    with pytest.raises(TypeError, match=r"Squares cannot .*propagate\.register"):
        differentiate(net(x_scaler=warp).fit(X, Y))
    warp = KBinsDiscretizer(3, encode="ordinal")
    message = r"inverse of KBinsDiscretizer cannot .*y_scaler.*propagate_inverse\.register"
    with pytest.raises(TypeError, match=message):
        differentiate(net(y_scaler=warp).fit(X, Y))


def test_a_registered_step_is_differentiated():
    """x -> (x, x²) -> linear spline: a quadratic function without mixed terms, exactly."""
    rows = X / [1.0, 1e3]
    y = 3 * rows[:, 0] ** 2 - rows[:, 0] + 2 * rows[:, 1] ** 2
    model = make_pipeline(Known(), SplineInterpolator(smoothing=0.0)).fit(rows, y)
    expected = np.column_stack([6 * rows[:, 0] - 1, 4 * rows[:, 1]])
    assert_allclose(gradient(model, rows), expected, rtol=1e-8, atol=1e-8)
    assert_allclose(calculus.hessian(model, rows)[:, 0, 0], 6, rtol=1e-6)
    assert_allclose(calculus.laplacian(model, rows), 10, rtol=1e-6)


def test_a_subclass_has_the_rule_of_its_parent():
    class OurScaler(StandardScaler):
        pass

    model = make_pipeline(OurScaler(), net()).fit(X, Y)
    same = make_pipeline(StandardScaler(), net()).fit(X, Y)
    assert_array_equal(jacobian(model, X), jacobian(same, X))


@pytest.mark.parametrize("nothing", ["passthrough", None, FunctionTransformer()], ids=str)
@pytest.mark.parametrize("first", [True, False])
def test_steps_that_do_nothing(nothing, first):
    steps = [("scale", RobustScaler()), ("net", net())]
    plain = Pipeline(steps).fit(X, Y[:, 0])
    model = Pipeline([("nothing", nothing), *steps] if first else [steps[0], ("nothing", nothing)])
    model = clone(model if first else Pipeline([*model.steps, steps[1]])).fit(X, Y[:, 0])
    assert_array_equal(differentiate(model, (1, 1))(X), differentiate(plain, (1, 1))(X))
    for operator in (gradient, jacobian, calculus.hessian, calculus.laplacian):
        assert_array_equal(operator(model, X), operator(plain, X))


def test_only_the_last_step_does_something():
    model = Pipeline([("a", "passthrough"), ("b", None), ("net", net())]).fit(X, Y)
    assert_array_equal(jacobian(model, X), net().fit(X, Y).jacobian(X))


def test_wrong_columns_after_a_first_step_that_does_nothing():
    model = Pipeline([("a", "passthrough"), ("net", net())]).fit(X, Y)
    with pytest.raises(ValueError, match="X has 1 features, but .* is expecting 2 features"):
        differentiate(model)(X[:, :1])
    with pytest.raises(ValueError, match="order has 3 entries"):
        differentiate(model, (1, 0, 1))


def test_nested_pipelines():
    flat = make_pipeline(StandardScaler(), MinMaxScaler((-1, 1)), net()).fit(X, Y)
    inner = make_pipeline(make_pipeline(MinMaxScaler((-1, 1)), "passthrough"), net())
    nested = make_pipeline(make_pipeline(StandardScaler()), inner).fit(X, Y)
    assert_array_equal(nested.predict(X), flat.predict(X))
    assert_array_equal(differentiate(nested, 2)(X), differentiate(flat, 2)(X))


def test_scalers_that_are_pipelines_inside_the_net():
    model = net(x_scaler=make_pipeline(StandardScaler(), MinMaxScaler((-1, 1)))).fit(X, Y)
    flat = make_pipeline(StandardScaler(), net()).fit(X, Y)
    assert_array_equal(model.jacobian(X), jacobian(flat, X))


def test_transformers_alone_are_differentiated():
    model = make_pipeline(StandardScaler(), Known()).fit(X)
    assert_allclose(differentiate(model)(X), jacobian(model, X))
    assert jacobian(model, X).shape == (50, 4, 2)


GRID = {"net__alpha": [0.0, 0.1], "scale": ["passthrough", StandardScaler(), None]}
SEARCHES = {
    "grid": lambda model: GridSearchCV(model, GRID, cv=2),
    "random": lambda model: RandomizedSearchCV(model, GRID, n_iter=3, cv=2, random_state=0),
    "halving": lambda model: HalvingGridSearchCV(model, GRID, cv=2, min_resources=20),
}


@pytest.mark.parametrize("make", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("best", ["passthrough", StandardScaler()], ids=str)
def test_search(make, best):
    search = make(Pipeline([("scale", "passthrough"), ("net", net())])).fit(X, Y)
    search.best_estimator_.set_params(scale=best)
    search.best_estimator_.fit(X, Y)
    for order in (1, 2, (1, 1)):
        expected = differentiate(search.best_estimator_, order)(X)
        assert_array_equal(differentiate(search, order)(X), expected)
    assert_array_equal(calculus.curl(search, X), calculus.curl(search.best_estimator_, X))


@pytest.mark.parametrize("make", SEARCHES.values(), ids=SEARCHES)
@each_operator
def test_search_without_refit(make, operator):
    search = make(Pipeline([("scale", StandardScaler()), ("net", net())]))
    search = search.set_params(refit=False).fit(X, Y[:, 0])
    message = r"SearchCV\(refit=False\) keeps no fitted model.*set refit=True"
    with pytest.raises(TypeError, match=message):
        differentiate(search)
    with pytest.raises(TypeError, match=message):
        operator(search, X)


def double(X):
    return 2 * X


def halve(X):
    return X / 2


@pytest.mark.parametrize("place", ["step", "x_scaler", "y_scaler"])
def test_function_transformer_with_a_function_is_refused(place):
    step = FunctionTransformer(double, halve)
    model = make_pipeline(step, net()) if place == "step" else net(**{place: step})
    message = r"(?s)FunctionTransformer\(func=.* cannot be differentiated.*propagate\.register"
    with pytest.raises(TypeError, match=message):
        differentiate(model.fit(X, Y))


@pytest.mark.parametrize("place", ["step", "x_scaler", "y_scaler"])
@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_transformers_that_return_frames(place, container, everywhere):
    """By set_output, or by the global configuration: neither warns nor changes a derivative."""
    step = StandardScaler()
    if not everywhere:
        step.set_output(transform=container)
    wrap = (lambda **kw: make_pipeline(step, net())) if place == "step" else lambda **kw: net(**kw)
    model = wrap(**{place: step})
    with sklearn.config_context(transform_output="default"):
        plain = clone(model)
        for part in [plain.steps[0][1]] if place == "step" else [plain.get_params()[place]]:
            part.set_output(transform="default")
        plain.fit(X, Y)
        expected = plain.predict(X), jacobian(plain, X), differentiate(plain, (1, 1))(X)
    config = {"transform_output": container} if everywhere else {}
    with sklearn.config_context(**config), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)  # of three epochs
        model.fit(X, Y)
        mixed = differentiate(model, (1, 1)).set_output(transform="default")
        actual = model.predict(X), jacobian(model, X), mixed(X)
    for a, b in zip(actual, expected):
        assert_array_equal(a, b)
