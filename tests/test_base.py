"""The template of an interpolator: what it takes, how it scales, and what it leaves behind."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils import get_tags

from sk_pydelt import NeuralNetworkInterpolator, SplineInterpolator, calculus
from sk_pydelt.base import BaseInterpolator
from sk_pydelt.methods import DifferentiableMixin


class Plane(BaseInterpolator):
    """Weighted least squares of 1 and the features: the smallest child of the template."""

    _parameter_constraints = {**BaseInterpolator._parameter_constraints}

    def __init__(self, x_scaler=None, y_scaler=None):
        self.x_scaler = x_scaler
        self.y_scaler = y_scaler

    def _fit_scaled(self, samples):
        n, weight = len(samples), samples.weight
        root = np.sqrt(np.ones(n) if weight is None else weight)[:, None]
        design = np.column_stack([np.ones(n), samples.X])
        self.coefficients_ = np.linalg.lstsq(root * design, root * samples.y)[0]

    def _predict_scaled(self, X):
        return self.coefficients_[0] + X @ self.coefficients_[1:]

    def _propagate_scaled(self, jet):
        return jet @ self.coefficients_[1:] + self.coefficients_[0]


def small_net(**parameters):
    return NeuralNetworkInterpolator((5,), epochs=5, random_state=0, **parameters)


@pytest.fixture
def data():
    """Two planes over features of size 1e6 and 1e-3, in targets of size 1e5 and 1e-4."""
    rng = np.random.default_rng(4)
    X = rng.uniform(-1, 1, (25, 2)) * [3.0, 1e-3] + [1e6, 0.0]
    return X, (X - [1e6, 0]) @ np.array([[2e4, 1e-5], [1e7, 0.1]]) + [7e5, 2e-4]


each_estimator = pytest.mark.parametrize("estimator", [Plane(), small_net()], ids=["plane", "net"])
SCALERS = [
    None,
    "passthrough",
    StandardScaler(),
    StandardScaler(with_mean=False),
    MinMaxScaler((-2, 3)),
    MaxAbsScaler(),
    RobustScaler(),
    StandardScaler().set_output(transform="pandas"),
]


@pytest.mark.parametrize("x_scaler", SCALERS, ids=str)
@pytest.mark.parametrize("y_scaler", SCALERS, ids=str)
def test_scalers_change_nothing_but_the_conditioning(data, x_scaler, y_scaler):
    X, y = data
    model = Plane(x_scaler, y_scaler).fit(X, y)
    assert_allclose(model.predict(X), y, rtol=1e-7)
    assert_allclose(model.jacobian(X), [[[2e4, 1e7], [1e-5, 0.1]]] * 25, rtol=1e-5)


@each_estimator
def test_the_scalers_that_stand_for_none(data, estimator):
    X, y = data
    model = clone(estimator).fit(X, y)
    assert isinstance(model.x_scaler_, MinMaxScaler)
    assert isinstance(model.y_scaler_, StandardScaler)
    scaled = model.x_scaler_.transform(X)
    assert_allclose([scaled.min(axis=0), scaled.max(axis=0)], [[-1, -1], [1, 1]], rtol=1e-9)


@each_estimator
def test_passthrough_is_no_scaling(estimator):
    X = np.array([[1.0], [2.0], [4.0]])
    model = clone(estimator).set_params(x_scaler="passthrough", y_scaler="passthrough")
    model.fit(X, X[:, 0])
    assert_array_equal(model.x_scaler_.transform(X), X)
    assert_array_equal(model.y_scaler_.inverse_transform(X), X)


@each_estimator
def test_scalers_are_cloned(data, estimator):
    x_scaler, y_scaler = StandardScaler(), RobustScaler()
    model = clone(estimator).set_params(x_scaler=x_scaler, y_scaler=y_scaler).fit(*data)
    assert isinstance(model.x_scaler_, StandardScaler)
    assert isinstance(model.y_scaler_, RobustScaler)
    assert model.x_scaler is x_scaler
    assert model.y_scaler is y_scaler
    assert not hasattr(x_scaler, "scale_")
    assert not hasattr(y_scaler, "scale_")


def test_weights_reach_the_scalers_that_take_them(data):
    X, y = data
    weight = np.arange(25)
    model = Plane(StandardScaler(), RobustScaler()).fit(X, y, sample_weight=weight)
    repeated = X.repeat(weight, axis=0)
    assert_allclose(model.x_scaler_.mean_, repeated.mean(axis=0), rtol=1e-12)
    assert_allclose(model.x_scaler_.var_, repeated.var(axis=0), rtol=1e-6)


@pytest.mark.parametrize("scaler", ["standard", 3, object(), StandardScaler])
@pytest.mark.parametrize("which", ["x_scaler", "y_scaler"])
def test_what_is_no_scaler_is_refused(data, scaler, which):
    with pytest.raises((ValueError, TypeError), match=f"{which}|instead of a class"):
        Plane(**{which: scaler}).fit(*data)


@each_estimator
def test_the_shape_of_y_is_the_shape_of_predictions(data, estimator):
    X, y = data
    model = clone(estimator)
    assert model.fit(X, y).predict(X[:7]).shape == (7, 2)
    flat = model.fit(X, y[:, 0]).predict(X[:7]), model.jacobian(X), model.differentiate(1)(X)
    assert [a.shape for a in flat] == [(7,), (25, 1, 2), (25, 2)]
    column = model.fit(X, y[:, :1]).predict(X[:7]), model.jacobian(X), model.differentiate(1)(X)
    assert [a.shape for a in column] == [(7, 1), (25, 1, 2), (25, 1, 2)]
    assert_array_equal(flat[0], column[0][:, 0])


@each_estimator
@pytest.mark.parametrize("output", ["default", "pandas"])
def test_predictions_are_plain_arrays(data, estimator, output):
    with config_context(transform_output=output):
        model = clone(estimator).fit(*data)
        assert type(model.predict(data[0])) is type(model.jacobian(data[0])) is np.ndarray


@pytest.mark.parametrize(
    "convert", [np.ndarray.tolist, np.asfortranarray, lambda a: a.astype(">f8")]
)
def test_data_come_in_many_forms(data, convert):
    X, y = data
    expected = small_net().fit(X, y).predict(X)
    converted = small_net().fit(convert(X), convert(y)).predict(convert(X))
    assert_allclose(converted, expected, rtol=1e-12)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_give_their_names(data, library):
    frames = pytest.importorskip(library)
    X, y = data
    frame = frames.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    model = Plane().fit(frame, frames.DataFrame({"u": y[:, 0], "v": y[:, 1]}))
    assert list(model.feature_names_in_) == ["a", "b"]
    assert_allclose(model.predict(frame), Plane().fit(X, y).predict(X), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a"]])


def test_integers_and_narrow_floats_are_computed_with_in_double():
    X = np.arange(12).reshape(6, 2) ** 2
    model = small_net().fit(X, X[:, 0])
    assert model.predict(X).dtype == np.float64
    narrow = small_net().fit(X.astype(np.float32), X[:, 0].astype(np.float16))
    assert_array_equal(narrow.predict(X), model.predict(X))


def test_the_data_are_not_changed(data):
    X, y = (a.copy() for a in data)
    for a in (X, y):
        a.flags.writeable = False
    scalers = {"x_scaler": "passthrough", "y_scaler": "passthrough"}
    model = small_net(batch_size=7, **scalers).fit(X, y, sample_weight=np.ones(25))
    model.predict(X)
    model.differentiate(2)(X)
    assert_array_equal(X, data[0])
    assert_array_equal(y, data[1])


GOOD = np.linspace(0, 1, 12).reshape(6, 2)
BAD_DATA = {
    "NaN in X": (np.where(GOOD > 0.8, np.nan, GOOD), GOOD, "Input X contains NaN"),
    "inf in X": (np.where(GOOD > 0.8, np.inf, GOOD), GOOD, "Input X contains infinity"),
    "NaN in y": (GOOD, np.where(GOOD > 0.8, np.nan, GOOD), "Input y contains NaN"),
    "inf in 1-D y": (GOOD, [0, 1, 2, 3, 4, np.inf], "Input y contains infinity"),
    "1-D X": (GOOD[:, 0], GOOD, r"X.reshape\(-1, 1\).*sk_pydelt.interpolation"),
    "list of numbers as X": (
        [1.0, 2.0],
        [1.0, 2.0],
        r"reshape\(X, \(-1, 1\)\).*sk_pydelt.interpolation",
    ),
    "scalar X": (1.0, 1.0, "2D array, got scalar"),
    "3-D X": (GOOD[None], GOOD[:1], "dim 3"),
    "3-D y": (GOOD, np.zeros((6, 2, 2)), "dim 3"),
    "no y": (GOOD, None, "requires y"),
    "short y": (GOOD, GOOD[:5], r"inconsistent numbers of samples: \[6, 5\]"),
    "no rows": (GOOD[:0], GOOD[:0], "0 sample"),
    "no features": (GOOD[:, :0], GOOD, "0 feature"),
    "no outputs": (GOOD, GOOD[:, :0], "0 feature"),
    "strings": ([["a", "b"], ["c", "d"]], [1.0, 2.0], "X holds text, such as .*could not convert"),
    "strings as y": (GOOD[:2], ["a", "b"], "y holds text, such as"),
    "objects": (np.array([[{}, 1.0]] * 6, dtype=object), GOOD, "number"),
    "complex X": (GOOD + 1j, GOOD, "Complex data not supported"),
    "complex y": (GOOD, GOOD + 1j, "Complex data not supported"),
    "sparse X": (csr_matrix(GOOD), GOOD, "Sparse data was passed"),
    "sparse y": (GOOD, csr_matrix(GOOD), "Sparse data was passed"),
    "ragged X": ([[1.0], [2.0, 3.0]], [1.0, 2.0], "inhomogeneous"),
}


@each_estimator
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_samples_are_refused_and_leave_the_estimator_unfitted(estimator, case):
    X, y, message = BAD_DATA[case]
    model = clone(estimator)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y)
    assert vars(model).keys() == model.get_params().keys()


BAD_ROWS = {
    "NaN": (np.full((3, 2), np.nan), "Input X contains NaN"),
    "inf": (np.full((3, 2), -np.inf), "Input X contains infinity"),
    "1-D": (np.ones(2), r"reshape\(-1, 1\)"),
    "too few features": (np.ones((3, 1)), "1 features, but .* 2 features"),
    "too many features": (np.ones((3, 5)), "5 features, but .* 2 features"),
    "no rows": (np.ones((0, 2)), "0 sample"),
    "complex": (np.full((3, 2), 1j), "Complex data not supported"),
    "sparse": (csr_matrix(GOOD), "Sparse data was passed"),
}


@each_estimator
@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_are_refused_in_predict_and_derivatives(data, estimator, case):
    X, message = BAD_ROWS[case]
    model = clone(estimator).fit(*data)
    for function in (model.predict, model.jacobian, model.hessian, model.differentiate((1, 1))):
        with pytest.raises((ValueError, TypeError), match=message):
            function(X)


@each_estimator
def test_one_dimension_in_predict_is_refused_with_a_word_on_the_drop_in(data, estimator):
    model = clone(estimator).fit(*data)
    for X in (np.ones(2), [1.0, 1.0]):
        with pytest.raises(ValueError, match=r"reshape\(.*-1, 1\).*sk_pydelt.interpolation"):
            model.predict(X)


@each_estimator
def test_the_unfitted_refuse(data, estimator):
    model = clone(estimator)
    functions = [model.predict, model.jacobian, model.hessian, model.laplacian, model.gradient]
    functions += [model.divergence, model.curl, model.strain_rate]
    for function in functions:
        with pytest.raises(NotFittedError, match="not fitted yet"):
            function(data[0])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.differentiate()


def bytes_of(model, X):
    return model.predict(X).tobytes(), model.jacobian(X).tobytes()


FAILING = {
    "bad X": ({}, np.full((6, 3), np.nan), GOOD),
    "one feature, bad y": ({}, GOOD[:, :1], np.full(6, np.nan)),
    "bad parameter": ({"x_scaler": "nothing"}, GOOD[:, :1], GOOD),
    "bad scaler": ({"y_scaler": MinMaxScaler((1, -1))}, GOOD[:, :1], GOOD[:, 0]),
}


@each_estimator
@pytest.mark.parametrize("case", FAILING)
def test_a_failed_refit_leaves_what_was_fitted(data, estimator, case):
    pandas = pytest.importorskip("pandas")
    parameters, X, y = FAILING[case]
    frame = pandas.DataFrame(data[0], columns=["a", "b"])
    model = clone(estimator).fit(frame, data[1])
    before = bytes_of(model, frame), {**vars(model)}
    with pytest.raises(ValueError, match="."):
        model.set_params(**parameters).fit(X, y)
    assert {**vars(model)} == {**before[1], **parameters}
    assert bytes_of(model, frame) == before[0]
    assert list(model.feature_names_in_) == ["a", "b"]


@pytest.mark.parametrize(
    "parameters", [{"learning_rate": 1e308, "epochs": 1}, {"hidden_layers": (0,)}]
)
def test_a_net_that_fails_in_training_stays_what_it_was(data, parameters):
    X, y = data
    net = small_net().fit(X, y)
    before = bytes_of(net, X)
    with pytest.raises(ValueError, match="diverged|hidden_layers"):
        net.set_params(**parameters).fit(X[:, :1], y[:, 0])
    assert bytes_of(net, X) == before
    assert net.n_features_in_ == 2


def test_the_tags():
    assert is_regressor(Plane())
    assert get_tags(Plane()).target_tags.multi_output
    assert not get_tags(Plane()).input_tags.sparse


def test_a_child_must_fill_the_hooks():
    class Unfinished(BaseInterpolator):
        def _fit_scaled(self, samples): ...

    with pytest.raises(TypeError, match="_predict_scaled.*_propagate_scaled"):
        Unfinished()


OPERATORS = ("gradient", "jacobian", "hessian", "laplacian", "divergence", "curl", "strain_rate")


@pytest.mark.parametrize("name", OPERATORS)
def test_methods_are_the_functions_of_calculus(data, name):
    X, y = data
    model = small_net().fit(X, y[:, 0] if name == "gradient" else y)
    assert isinstance(model, DifferentiableMixin)
    assert_array_equal(getattr(model, name)(X), getattr(calculus, name)(model, X))


@pytest.mark.parametrize("as_X", [np.asarray, pd.DataFrame], ids=["array", "frame"])
def test_dates_are_refused(as_X):
    days = np.arange("2020-01-01", "2020-01-11", dtype="datetime64[D]").reshape(-1, 1)
    fitted = SplineInterpolator().fit(np.arange(10.0).reshape(-1, 1), np.arange(10.0))
    for X in (as_X(days), as_X(days - days[0])):
        for call in (fitted.predict, fitted.gradient, lambda X: fitted.fit(X, np.arange(10.0))):
            with pytest.raises(ValueError, match="dates or durations.*timedelta64"):
                call(X)


def test_a_range_that_scaling_would_lose_is_refused():
    X = 1e-17 * np.arange(5.0).reshape(-1, 1)
    with pytest.raises(ValueError, match=r"Feature 0 varies by 4.0e-17 only.*smaller unit"):
        SplineInterpolator().fit(X, np.arange(5.0))
