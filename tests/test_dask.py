"""sk_pydelt.dask: the same numbers as in memory, lazily, a task for each chunk of rows."""

import inspect
import re

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge, LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from small_nets import small

import sk_pydelt
import sk_pydelt.dask as lazy
from sk_pydelt import BayesianNeuralNetworkInterpolator, SplineInterpolator, calculus

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (30, 2))
NOISE = 0.01 * RNG.standard_normal((30, 2))
FIELD = np.column_stack([np.sin(X[:, 0]) * X[:, 1], X[:, 0] ** 2]) + NOISE
VALUES = FIELD[:, 0]
CHUNKS = (8, 8, 8, 6)

BAYESIAN = BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, max_iter=10, random_state=0)
MODELS = {
    "spline of a field": SplineInterpolator(degree=5).fit(X, FIELD),
    "spline": SplineInterpolator(degree=5).fit(X, VALUES),
    "Bayesian net": BAYESIAN.fit(X, FIELD),
    "pytorch": small().fit(X, VALUES),
    "tensorflow": small(backend="tensorflow").fit(X, FIELD),
    "pipeline": make_pipeline(StandardScaler(), BayesianRidge()).fit(X, VALUES),
    "process": GaussianProcessRegressor(alpha=1e-3, optimizer=None).fit(X, FIELD),
}
OPERATORS = {
    **{name: {} for name in ("laplacian", "divergence", "curl", "strain_rate", "vorticity")},
    **{name: {} for name in ("gradient", "jacobian", "hessian", "biharmonic")},
    "directional_derivative": {"direction": [1.0, 2.0], "order": 2},
    "derivatives": {"orders": [(1, 0), (0, 2)]},
    "expectation": {"order": (1, 0)},
}
WITH_STD = ["gradient", "jacobian", "hessian"]


def array():
    return da.from_array(X, chunks=(8, 1))


def frame(table=X, **options):
    return dd.from_pandas(pd.DataFrame(table, **options), npartitions=4)


def outcome(function, *args, **kwargs):
    """Results as a list, or an error."""
    try:
        found = function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        return error
    return list(found) if isinstance(found, tuple | list) else [found]


def same(found, expected, rows):
    if isinstance(expected, Exception):
        assert type(found) is type(expected)
        assert str(found) == str(expected)
        return
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert isinstance(one, da.Array)
        assert one.dtype == np.float64
        assert one.shape[1:] == other.shape[1:]
        assert np.array_equal(one.chunks[0], rows, equal_nan=True)
    for one, other in zip(dask.compute(*found, scheduler="threads"), expected):
        assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def same_of_both(name, model, **options):
    expected = outcome(getattr(sk_pydelt, name), model, X, **options)
    for places, rows in ((array(), CHUNKS), (frame(), (np.nan,) * 4)):
        same(outcome(getattr(lazy, name), model, places, **options), expected, rows)


def test_every_operator_of_rows_is_there():
    of_rows = {n for n in calculus.__all__ if "X" in _parameters(getattr(calculus, n))}
    alone = {"average_marginal_effects", "sample"}  # of all rows together
    assert of_rows - alone == set(OPERATORS) == {n for n in OPERATORS if n in lazy.__all__}


def _parameters(function):
    return inspect.signature(function).parameters if inspect.isfunction(function) else ()


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_those_in_memory(name, model):
    same_of_both(name, model, **OPERATORS[name])
    if name in WITH_STD:
        same_of_both(name, model, return_std=True)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("order", [1, 2, (1, 1), {"x0": 1}])
@pytest.mark.parametrize("return_std", [False, True])
def test_derivatives_are_those_in_memory(order, model, return_std):
    expected = outcome(sk_pydelt.differentiate(model, order), X, return_std=return_std)
    for places, rows in ((array(), CHUNKS), (frame(), (np.nan,) * 4)):
        found = outcome(lazy.differentiate(model, order), places, return_std=return_std)
        same(found, expected, rows)


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_those_in_memory(name):
    model = MODELS[name]
    same(outcome(lazy.predict, model, array()), [model.predict(X)], CHUNKS)
    if name not in ("pytorch", "tensorflow"):
        expected = outcome(model.predict, X, return_std=True)
        same(outcome(lazy.predict, model, frame(), return_std=True), expected, (np.nan,) * 4)


def test_a_model_without_error_bars_is_refused_before_anything_is_computed():
    with pytest.raises(TypeError, match="NeuralNetworkInterpolator .* standard deviation"):
        lazy.predict(MODELS["pytorch"], array(), return_std=True)


@pytest.mark.parametrize("name", ["predict", "jacobian", "laplacian"])
def test_methods_of_estimators_take_dask_arrays_and_compute_at_once(name):
    model = MODELS["spline of a field"]
    found = getattr(model, name)(array())
    assert isinstance(found, np.ndarray)
    assert_array_equal(found, getattr(model, name)(X))


def never(block):
    raise AssertionError("computed")


def test_nothing_is_computed_before_it_is_asked_for():
    places = array().map_blocks(never, dtype=float, meta=np.empty((0, 0)))
    model = MODELS["spline of a field"]
    assert lazy.predict(model, places).shape == (30, 2)
    assert lazy.hessian(model, places).chunks == (CHUNKS, (2,), (2,), (2,))
    value, std = lazy.differentiate(model, (1, 0))(places, return_std=True)
    assert value.chunks == std.chunks == (CHUNKS, (2,))
    with pytest.raises(AssertionError, match="computed"):
        value.compute()


@pytest.mark.parametrize("places", [array(), frame()], ids=["array", "frame"])
def test_a_graph_has_a_task_for_each_chunk_and_the_model_once(places):
    model = MODELS["spline of a field"]
    for found in (lazy.predict(model, places), lazy.jacobian(model, places)):
        nodes = [repr(node) for node in dict(found.__dask_graph__()).values()]
        assert len([node for node in nodes if "SplineInterpolator(" in node]) == 1
        assert len([node for node in nodes if re.match("<Task .'_?of_rows", node)]) == 4


CALLS = []


def counted(table):
    CALLS.append(len(table))
    return table


def test_values_and_deviations_come_of_one_pass():
    model = make_pipeline(FunctionTransformer(counted), BayesianRidge()).fit(X, VALUES)
    both = lazy.predict(model, array(), return_std=True)
    CALLS.clear()
    dask.compute(*both, scheduler="sync")
    assert sorted(CALLS) == sorted(CHUNKS)


def test_one_model_is_one_node_whatever_is_asked_of_it():
    model = MODELS["pytorch"]
    nodes = [set(lazy.predict(model, array()).__dask_graph__().layers) for _ in range(2)]
    assert nodes[0] == nodes[1]


def test_a_later_fit_changes_nothing():
    model = SplineInterpolator().fit(X, VALUES)
    expected = model.predict(X), sk_pydelt.gradient(model, X)
    found = lazy.predict(model, array()), lazy.gradient(model, array())
    model.fit(X, -VALUES)
    for one, other in zip(dask.compute(*found), expected):
        assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_direction_for_each_row():
    model, lines = MODELS["spline"], RNG.standard_normal(X.shape)
    expected = [sk_pydelt.directional_derivative(model, X, lines, 2)]
    for direction in (lines, da.from_array(lines, chunks=(7, 1))):
        found = outcome(lazy.directional_derivative, model, array(), direction, order=2)
        same(found, expected, CHUNKS)


def test_directions_of_another_shape_are_refused():
    model, match = MODELS["spline"], "direction must have shape"
    for places, direction in ((array(), X[:4]), (frame(), X)):
        with pytest.raises(ValueError, match=match):
            lazy.directional_derivative(model, places, direction)
    with pytest.raises(ValueError, match=match):
        lazy.directional_derivative(model, array(), [1.0, 2.0, 3.0])


def test_arrays_come_out_whatever_scikit_learn_is_told():
    with config_context(transform_output="pandas"):
        found = lazy.differentiate(MODELS["spline"])(array())
        assert isinstance(found.compute(scheduler="sync"), np.ndarray)


def test_float32_in_float64_out():
    found = lazy.predict(LinearRegression().fit(X, VALUES), array().astype(np.float32))
    assert found.dtype == found.compute().dtype == np.float64


def test_models_that_predict_and_have_no_derivative():
    bins = KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")
    for model in (RandomForestRegressor(5), make_pipeline(bins, LinearRegression())):
        model.fit(X, VALUES)
        same(outcome(lazy.predict, model, array()), [model.predict(X)], CHUNKS)
        with pytest.raises(TypeError):
            lazy.gradient(model, array())


def cities():
    table = pd.DataFrame({"x": X[:, 0], "city": ["a", "a", "b"] * 10})
    columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(columns, PolynomialFeatures(2), LinearRegression())
    return model.fit(table, table.x * (1 + (table.city == "a"))), table


def test_columns_of_text_are_held_fixed():
    model, table = cities()
    places = dd.from_pandas(table, npartitions=3)
    slope = lazy.differentiate(model, {"x": 1})(places)
    assert_allclose(slope.compute(), np.where(table.city == "a", 2.0, 1.0))
    assert np.isnan(lazy.gradient(model, places).compute()[:, 1]).all()
    assert_allclose(lazy.predict(model, places).compute(), model.predict(table))


def test_a_derivative_is_a_new_column_of_a_frame():
    model, table = cities()
    places = dd.from_pandas(table, npartitions=3)
    places["slope"] = lazy.differentiate(model, {"x": 1})(places)
    assert_allclose(places.compute().slope, np.where(table.city == "a", 2.0, 1.0))


def test_partitions_may_be_empty():
    table = pd.DataFrame(X, columns=["x", "y"])
    model = SplineInterpolator().fit(table, FIELD)
    some = dd.from_pandas(table, npartitions=4).query("x > 0.9")
    assert 0 in some.map_partitions(len).compute().tolist()
    found = lazy.jacobian(model, some).compute()
    assert_allclose(found, sk_pydelt.jacobian(model, table.query("x > 0.9")))


NOT_READY = [
    (X, TypeError, "must be a dask array or a dask frame.* ndarray of shape"),
    (pd.DataFrame(X), TypeError, "must be a dask array or a dask frame.* DataFrame of shape"),
    (array()[array()[:, 0] > 0], ValueError, r"unknown sizes.*\(nan, 2\).*compute_chunk_sizes"),
    (frame().to_dask_array(), ValueError, r"unknown sizes.*to_dask_array\(lengths=True\)"),
    (da.ones(30), ValueError, r"2D array, got 1D array.*X\.reshape\(-1, 1\)"),
    (frame()[0], ValueError, r"2D array, got 1D array.*X\.to_frame\(\)"),
    (da.ones((30, 3)), ValueError, "X has 3 features, but SplineInterpolator is expecting 2"),
    (da.ones((3, 2, 2)), ValueError, "array with dim 3"),
    (array().astype(complex), ValueError, "Complex data"),
    (array().astype("M8[s]"), ValueError, "dates or durations"),
    (array().astype(str), ValueError, "X holds text"),
    (frame(columns=["a", "b"]).assign(b="c"), ValueError, "X holds text"),
]


@pytest.mark.parametrize(("places", "error", "match"), NOT_READY)
def test_what_is_no_table_of_chunks_is_refused_before_anything_is_computed(places, error, match):
    for function in (lazy.predict, lazy.jacobian):
        with pytest.raises(error, match=match):
            function(MODELS["spline of a field"], places)


def test_the_mended_array_is_taken():
    mended = array()[array()[:, 0] > 0].compute_chunk_sizes()
    model = MODELS["spline"]
    expected = [model.predict(X[X[:, 0] > 0])]
    same(outcome(lazy.predict, model, mended), expected, mended.chunks[0])


def test_frames_of_other_columns_are_refused():
    model = SplineInterpolator().fit(pd.DataFrame(X, columns=["x", "y"]), FIELD)
    with pytest.raises(ValueError, match="feature names should match"):
        lazy.gradient(model, frame(columns=["y", "x"]))


def test_what_is_no_fitted_model_is_refused():
    with pytest.raises(NotFittedError):
        lazy.predict(SplineInterpolator(), array())
    with pytest.raises(TypeError, match="must be a fitted model"):
        lazy.gradient(array(), MODELS["spline"])


def test_not_a_number_is_named_when_it_is_met():
    places = da.where(array() > 0.9, np.nan, array())
    with pytest.raises(ValueError, match="Input X contains NaN"):
        lazy.predict(MODELS["spline"], places).compute()


def test_how_a_derivative_is_shown():
    model = MODELS["spline"]
    assert repr(lazy.differentiate(model, 2)) == f"Lazy {sk_pydelt.differentiate(model, 2)!r}"
