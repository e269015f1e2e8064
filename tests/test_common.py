"""scikit-learn's checks, and ours, on every estimator."""

import os
import pickle
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import Quadratic
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    calculus,
)

# Fewer epochs than the default: enough for every check, those of accuracy too.
CHECKED = [
    NeuralNetworkInterpolator(epochs=300),
    NeuralNetworkInterpolator(solver="lbfgs", epochs=40),
    NeuralNetworkInterpolator((4,), solver="lm", epochs=15),
    NeuralNetworkInterpolator((4,), solver="lm", epochs=15, period={0: 100.0}),
    NeuralNetworkInterpolator((4,), solver="lm", epochs=15, laws="harmonic", law_places=5),
    BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, max_iter=20),
    BayesianNeuralNetworkInterpolator(
        (4,), "tanh", n_init=1, max_iter=20, laws="harmonic", law_places=5
    ),
    BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, max_iter=20, noise="student"),
    BayesianNeuralNetworkInterpolator((4,), "tanh", n_init=1, max_iter=20, noise_std=0.1),
    SplineInterpolator(),
    SplineInterpolator(smoothing=0.0),
]
QUICK = {
    "net": NeuralNetworkInterpolator((5,), epochs=5, random_state=0),
    "spline": SplineInterpolator(degree=5),
}
WRAPPERS = {
    "bare": lambda model: model,
    "pipeline": lambda model: make_pipeline(StandardScaler(), model),
    "search": lambda model: GridSearchCV(
        make_pipeline(StandardScaler(), model), {"standardscaler__with_mean": [True]}, cv=2
    ),
}
OPERATORS = ("gradient", "jacobian", "hessian", "laplacian", "divergence", "curl", "strain_rate")
N_ROWS = 7

each_model = pytest.mark.parametrize("name", QUICK)
each_wrapper = pytest.mark.parametrize("wrapper", WRAPPERS)
each_dimension = pytest.mark.parametrize("d", [1, 2, 3])
each_target = pytest.mark.parametrize("m", [None, 1, 2, 3])  # None: y of shape (n,)
each_operator = pytest.mark.parametrize("operator", OPERATORS)


def data(d, m):
    X = np.random.RandomState(0).uniform(-1, 1, (60, d))
    y = Quadratic.random(d, m or 1)(X)
    return X, y if m else y[:, 0]


@lru_cache
def fitted(name, wrapper, d, m):
    return WRAPPERS[wrapper](clone(QUICK[name])).fit(*data(d, m))


@pytest.mark.filterwarnings("error:The fit (explains|has R)")
@parametrize_with_checks(CHECKED)
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_sklearn_checks_that_need_the_array_api():
    """scikit-learn skips them where this is not set before SciPy is imported."""
    script = (
        "from sklearn.utils.estimator_checks import estimator_checks_generator\n"
        "from test_common import CHECKED\n"
        "for checked in CHECKED:\n"
        "    pairs = estimator_checks_generator(checked)\n"
        "    todo = [(e, c) for e, c in pairs if 'array_api' in c.func.__name__]\n"
        "    assert todo\n"
        "    for estimator, check in todo:\n"
        "        check(estimator)\n"
    )
    run([sys.executable, "-W", "error", "-c", script], SCIPY_ARRAY_API="1")


def run(command, **environment):
    here = os.path.dirname(__file__)
    environment = {**os.environ, **environment, "PYTHONPATH": here}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("estimator", CHECKED, ids=str)
def test_no_check_is_waved_through_by_a_tag(estimator):
    tags = estimator.__sklearn_tags__()
    assert not tags.no_validation
    assert not tags._skip_test
    assert not tags.non_deterministic
    assert not tags.regressor_tags.poor_score
    assert tags.requires_fit
    assert tags.target_tags.multi_output


def shapes(d, m):
    """DESIGN's table: call -> shape, for the calls that exist with m outputs of d features."""
    n, outputs = N_ROWS, () if m is None else (m,)
    n_outputs = m or 1
    table = {
        "jacobian": (n, n_outputs, d),
        "hessian": (n, *outputs, d, d),
        "laplacian": (n, *outputs),
        (1,) * d: (n, *outputs),
        (2,) + (0,) * (d - 1): (n, *outputs),
    }
    for k in (1, 2, 3):
        table[k] = (n, *outputs, *((d,) * k if d > 1 else ()))
    if n_outputs == 1:
        table["gradient"] = (n, d)
    if n_outputs == d:
        table["divergence"] = (n,)
        table["strain_rate"] = (n, d, d)
    if n_outputs == d and d > 1:
        table["curl"] = (n,) if d == 2 else (n, 3)
    return table


@each_model
@each_wrapper
@each_dimension
@each_target
def test_shapes(name, wrapper, d, m):
    model = fitted(name, wrapper, d, m)
    X = np.random.RandomState(1).uniform(-1, 1, (N_ROWS, d))
    for call, shape in shapes(d, m).items():
        if isinstance(call, str):
            values = getattr(calculus, call)(model, X)
        else:
            values = calculus.differentiate(model, call)(X)
        assert values.shape == shape, call
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


@each_model
@each_dimension
@each_target
def test_methods_are_the_functions(name, d, m):
    model = fitted(name, "bare", d, m)
    X = data(d, m)[0][:N_ROWS]
    for call in shapes(d, m):
        if isinstance(call, str):
            assert_array_equal(getattr(model, call)(X), getattr(calculus, call)(model, X))
        else:
            expected = calculus.differentiate(model, call)(X)
            assert_array_equal(model.differentiate(call)(X), expected)


@each_model
@each_wrapper
def test_one_row_is_a_row_of_many(name, wrapper):
    """Also beyond one block of rows. Sums of matrix products may be taken in another order."""
    model = fitted(name, wrapper, 2, 2)
    X = np.random.RandomState(1).uniform(-1, 1, (calculus.BLOCK_ROWS + 3, 2))
    rows = [0, calculus.BLOCK_ROWS - 1, calculus.BLOCK_ROWS, calculus.BLOCK_ROWS + 2]
    for call in (1, 3, (1, 1), "hessian", "laplacian", "curl"):
        if isinstance(call, str):
            function = lambda X, call=call: getattr(calculus, call)(model, X)  # noqa: E731
        else:
            function = calculus.differentiate(model, call)
        together = function(X)
        alone = np.concatenate([function(X[i : i + 1]) for i in rows])
        np.testing.assert_allclose(together[rows], alone, rtol=1e-9, atol=1e-12 * abs(alone).max())


@each_model
@each_wrapper
def test_unfitted(name, wrapper):
    model = WRAPPERS[wrapper](clone(QUICK[name]))
    X, _ = data(2, None)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        calculus.differentiate(model)
    for operator in OPERATORS:
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(calculus, operator)(model, X)
        if wrapper == "bare":
            with pytest.raises(NotFittedError, match="not fitted yet"):
                getattr(model, operator)(X)


BAD_X = {
    "one dimension": (lambda X: X[:, 0], "Expected 2D array, got 1D array instead.*reshape"),
    "a number": (lambda X: 3.0, r"got scalar array instead.*numpy\.reshape\(X, \(-1, 1\)\)"),
    "nan": (lambda X: np.where(X.max() == X, np.nan, X), "Input X contains NaN"),
    "infinity": (lambda X: np.where(X.max() == X, np.inf, X), "Input X contains infinity"),
    "one feature": (lambda X: X[:, :1], "X has 1 features, but .* is expecting 2 features"),
    "three features": (lambda X: X[:, [0, 1, 1]], "X has 3 features, but .* is expecting 2"),
    "no rows": (lambda X: X[:0], r"Found array with 0 sample\(s\)"),
}


@each_model
@each_wrapper
@pytest.mark.parametrize(("spoil", "message"), BAD_X.values(), ids=BAD_X)
def test_bad_X(name, wrapper, spoil, message):
    bad = spoil(data(2, 2)[0])
    model, scalar = fitted(name, wrapper, 2, 2), fitted(name, wrapper, 2, None)
    for order in (1, (0, 2)):
        derivative = calculus.differentiate(model, order)
        with pytest.raises(ValueError, match=f"(?s){message}"):
            derivative(bad)
    for operator in OPERATORS:
        with pytest.raises(ValueError, match=f"(?s){message}"):
            getattr(calculus, operator)(scalar if operator == "gradient" else model, bad)


@each_model
def test_a_list_and_float32_are_read_as_float64(name):
    model = fitted(name, "bare", 2, None)
    X = data(2, None)[0].astype(np.float32)
    expected = model.gradient(X.astype(np.float64))
    assert_array_equal(model.gradient(X), expected)
    assert_array_equal(model.gradient(X.tolist()), expected)
    assert_array_equal(model.gradient(np.asfortranarray(X)), expected)


@each_model
@each_wrapper
def test_input_is_not_changed(name, wrapper):
    model = fitted(name, wrapper, 2, 2)
    X = data(2, 2)[0]
    X.flags.writeable = False
    before = X.copy()
    for call in (1, (1, 1)):
        calculus.differentiate(model, call)(X)
    calculus.curl(model, X)
    assert_array_equal(X, before)


@each_model
@each_wrapper
def test_derivative_survives_pickling(name, wrapper):
    derivative = calculus.differentiate(fitted(name, wrapper, 2, 2), (1, 1))
    X = data(2, 2)[0]
    again = pickle.loads(pickle.dumps(derivative))
    assert again.order == (1, 1)
    assert_array_equal(again(X), derivative(X))


@each_model
@each_wrapper
def test_derivative_keeps_the_model_as_it_was(name, wrapper):
    X, y = data(2, None)
    model = WRAPPERS[wrapper](clone(QUICK[name])).fit(X, y)
    derivative = calculus.differentiate(model)
    before = derivative(X)
    model.fit(3 * X + 1, -5 * y)
    assert_array_equal(derivative(X), before)
    assert abs(calculus.differentiate(model)(X) - before).max() > 0.1
