"""Checks that any differentiable estimator must pass; for the tests of third parties too."""

import pickle
import warnings
from collections.abc import Callable, Iterable

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils import get_tags

from .calculus import BLOCK_ROWS, differentiate, hessian, jacobian
from .chain import propagate
from .jets import Jet

__all__ = ["CHECKS", "assert_slopes", "check_differentiable", "parametrize_with_checks"]

N_FEATURES = 2
FIRST_ORDER, SECOND_ORDER = 1e-6, 1e-5  # agreement with differences, relative to the largest slope


def check_differentiable(
    estimator: BaseEstimator, *, checks: Iterable[Callable[[BaseEstimator], None]] | None = None
) -> None:
    """Run all checks on an estimator that has, or is made of steps that have, rules.

    It is cloned and fitted to 40 rows of two features between 0.5 and 2.5, and a positive smooth
    target.

    Parameters
    ----------
    estimator : regressor or transformer
        Not fitted. Its random state is set.
    checks : list of callable, default=None
        Some of `CHECKS`; None is all of them.

    Raises
    ------
    AssertionError
        The first check that fails, saying what was expected.

    Examples
    --------
    >>> from sklearn.svm import SVR
    >>> from sk_pydelt.estimator_checks import check_differentiable
    >>> check_differentiable(SVR())
    """
    for check in CHECKS if checks is None else checks:
        check(estimator)


def parametrize_with_checks(estimators: Iterable[BaseEstimator]) -> Callable:
    """A pytest decorator that runs each check on each estimator as a test of its own.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> @parametrize_with_checks([StandardScaler()])
    ... def test_derivatives(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = [
        pytest.param(estimator, check, id=f"{estimator}-{check.__name__}".replace("\n", ""))
        for estimator in estimators
        for check in CHECKS
    ]
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _samples(n_rows=40, n_outputs=None):
    X = np.random.RandomState(0).uniform(0.5, 2.5, (n_rows, N_FEATURES))
    y = 2 + np.sin(X[:, 0]) * X[:, 1]
    return X, y if n_outputs is None else np.column_stack([y, X[:, 0] ** 2][:n_outputs])


def _seeded(estimator):
    """A clone with every random state in it, at any depth, set."""
    seeds = {name: 0 for name in estimator.get_params() if name.split("__")[-1] == "random_state"}
    return clone(estimator).set_params(**seeds)


def _fitted(estimator, n_outputs=None):
    estimator = _seeded(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence, on so few samples
        return estimator.fit(*_samples(n_outputs=n_outputs))


def _function(model):
    """What is differentiated, as a map from rows to (n, m)."""
    call = model.predict if hasattr(model, "predict") else model.transform
    return lambda X: np.asarray(call(X), dtype=float).reshape(len(X), -1)


def _hessian(model, X):
    """Second derivatives with all axes: (n, m, d, d)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of those that vanish almost everywhere
        return hessian(model, X).reshape(len(X), -1, N_FEATURES, N_FEATURES)


def check_shapes(estimator: BaseEstimator) -> None:
    """Each call has the shape of the table of conventions, for 1-D and 2-D y."""
    X, _ = _samples(n_rows=7)
    several = hasattr(estimator, "predict") and get_tags(estimator).target_tags.multi_output
    for n_outputs in (None, 2) if several else (None,):
        model = _fitted(estimator, n_outputs)
        m = _function(model)(X).shape[1]
        one_dimensional = hasattr(model, "predict") and np.ndim(model.predict(X)) == 1
        outputs = () if one_dimensional else (m,)
        shapes = {
            "jacobian": (jacobian(model, X), (7, m, N_FEATURES)),
            "order 1": (differentiate(model, 1)(X), (7, *outputs, N_FEATURES)),
            "order (1, 0)": (differentiate(model, (1, 0))(X), (7, *outputs)),
        }
        for name, (found, shape) in shapes.items():
            assert found.shape == shape, f"{name} has shape {found.shape} instead of {shape}"


def check_dtype(estimator: BaseEstimator) -> None:
    """Derivatives are float64."""
    X, _ = _samples()
    model = _fitted(estimator)
    for found in (jacobian(model, X), _hessian(model, X)):
        assert found.dtype == np.float64, f"derivatives have dtype {found.dtype}"


def check_no_rows(estimator: BaseEstimator) -> None:
    """A jet without rows passes, with as many columns as the function has."""
    model = _fitted(estimator)
    expected = _function(model)(_samples()[0]).shape[1]
    found = propagate(model, Jet.variables(np.empty((0, N_FEATURES)), 1)).value.shape
    assert found == (0, expected), f"a jet without rows gives {found} instead of {(0, expected)}"


def check_value(estimator: BaseEstimator) -> None:
    """The value of the jet is what the model computes."""
    X, _ = _samples()
    model = _fitted(estimator)
    expected = _function(model)(X)
    error = abs(propagate(model, Jet.variables(X, 1)).value - expected).max()
    assert error <= 1e-9 * abs(expected).max(), f"the jet's value is off by {error:.1e}"


def _differences(function, X, axis, step):
    """Central differences extrapolated (Richardson), and how far two of them lie apart."""
    shift = np.eye(X.shape[1])[axis] * step
    central = [(function(X + h) - function(X - h)) / (2 * h.sum()) for h in (shift, shift / 2)]
    half = (function(X + shift / 4) - function(X - shift / 4)) / (shift.sum() / 2)
    first = (4 * central[1] - central[0]) / 3, (4 * half - central[1]) / 3
    return (16 * first[1] - first[0]) / 15, abs(first[1] - first[0])


def assert_slopes(
    function: Callable[[np.ndarray], np.ndarray],
    found: np.ndarray,
    X: np.ndarray,
    tolerance: float,
    step: float = 1e-2,
) -> None:
    """Compare derivatives with finite differences where these are themselves exact enough.

    Parameters
    ----------
    function : callable, (n, d) array -> (n, ...) array
    found : array of shape (n, ..., d)
        What its first derivatives should be.
    X : array of shape (n, d)
    tolerance : float
        Largest error allowed, as a fraction of the largest slope by the same feature.
    step : float, default=1e-2
        Step of the central differences, halved twice for Richardson's extrapolation. Rows where
        the last two levels differ by more than a tenth of the tolerance (a kink is near) don't
        count; half of them at least must.
    """
    for axis in range(X.shape[1]):
        expected, doubt = _differences(function, X, axis, step)
        size = max(abs(expected).max(), 1e-3)
        smooth = (doubt < 0.1 * tolerance * size).reshape(len(X), -1).all(axis=1)
        assert smooth.mean() >= 0.5, "the function is rough: it cannot be checked by differences"
        error = abs(found[..., axis] - expected)[smooth].max() / size
        assert error < tolerance, f"axis {axis} differs from finite differences by {error:.1e}"


def check_finite_differences(estimator: BaseEstimator) -> None:
    """First and second derivatives agree with differences of the model and of the first."""
    X = np.random.RandomState(1).uniform(0.6, 2.4, (30, N_FEATURES))  # not the samples
    model = _fitted(estimator)
    assert_slopes(_function(model), jacobian(model, X), X, FIRST_ORDER)
    assert_slopes(lambda rows: jacobian(model, rows), _hessian(model, X), X, SECOND_ORDER)


def check_hessian_symmetry(estimator: BaseEstimator) -> None:
    """Mixed derivatives don't depend on their order, and agree with the mixed partial alone."""
    X, _ = _samples()
    model = _fitted(estimator)
    H = _hessian(model, X)
    assert np.array_equal(H, H.swapaxes(-1, -2)), "the Hessian is not symmetric"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixed = differentiate(model, (1, 1))(X).reshape(len(X), -1)
    error = abs(mixed - H[..., 0, 1]).max()
    assert error <= 1e-9 * max(abs(H).max(), 1e-300), f"two ways to ∂²y/∂x₀∂x₁: {error:.1e} apart"


def check_rescaling(estimator: BaseEstimator) -> None:
    """In other units of X and y, through scalers, a derivative is the same but for the units."""
    if not hasattr(estimator, "predict"):
        return
    X, y = _samples()
    whole = TransformedTargetRegressor(
        make_pipeline(MaxAbsScaler(), estimator), transformer=MaxAbsScaler()
    )
    models = []
    for x_unit, y_unit in ((1.0, 1.0), (1024.0, 2.0**-9)):  # powers of two: scaled without rounding
        model = _seeded(whole)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            models.append(model.fit(X * x_unit, y * y_unit))
    expected = jacobian(models[0], X) * 2.0**-9 / 1024.0
    error = abs(jacobian(models[1], X * 1024.0) - expected).max()
    size = max(abs(expected).max(), 1e-300)
    assert error <= 1e-9 * size, f"a change of units changes the Jacobian by {error / size:.1e}"


def check_row_blocks(estimator: BaseEstimator) -> None:
    """Many rows at once give what each gives by itself."""
    X, _ = _samples(n_rows=BLOCK_ROWS + 3)
    model = _fitted(estimator)
    found = jacobian(model, X)
    rows = [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 2]
    expected = np.concatenate([jacobian(model, X[[row]]) for row in rows])
    error = abs(found[rows] - expected).max()
    assert error <= 1e-9 * max(abs(expected).max(), 1e-300), f"rows depend on others: {error:.1e}"


def check_clone(estimator: BaseEstimator) -> None:
    """A clone, fitted to the same data, has the same derivatives."""
    X, _ = _samples()
    twins = [jacobian(_fitted(estimator), X) for _ in range(2)]
    assert (twins[0] == twins[1]).all(), "a clone fitted to the same data has other derivatives"


def check_pickle(estimator: BaseEstimator) -> None:
    """A derivative that went through pickle is the same function."""
    X, _ = _samples()
    derivative = differentiate(_fitted(estimator))
    found = pickle.loads(pickle.dumps(derivative))(X)
    assert (found == derivative(X)).all(), "pickle changes the derivative"


CHECKS = [
    check_shapes,
    check_dtype,
    check_no_rows,
    check_value,
    check_finite_differences,
    check_hessian_symmetry,
    check_rescaling,
    check_row_blocks,
    check_clone,
    check_pickle,
]
