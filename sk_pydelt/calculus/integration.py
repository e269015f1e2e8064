"""Integrals of a fitted curve, or of its derivative, by adaptive quadrature."""

from copy import copy
from numbers import Real
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from ..chain import entrance
from ..checks import described, unmasked
from ..state import reads_one_state
from .derivative import Derivative
from .frames import named_column
from .integral_std import integral_std
from .quadrature import integrate_pieces, scatter
from .rows import n_features, require_fitted

__all__ = ["integrate"]

STD_ROUNDING = 1e-8  # of the range of the fitted values: what rounding leaves of a std
COARSEST = 1e-4  # of the largest value: more than this is no rounding
GRID = 129  # places that tell how large the function is


@overload
def integrate(
    model: BaseEstimator | Derivative,
    a: float,
    b: ArrayLike,
    *,
    tol: float = 1e-9,
    return_std: Literal[False] = False,
) -> float | np.ndarray: ...


@overload
def integrate(
    model: BaseEstimator | Derivative,
    a: float,
    b: ArrayLike,
    *,
    tol: float = 1e-9,
    return_std: Literal[True],
) -> tuple[float | np.ndarray, float | np.ndarray]: ...


@overload
def integrate(
    model: BaseEstimator | Derivative,
    a: float,
    b: ArrayLike,
    *,
    tol: float = 1e-9,
    return_std: bool,
) -> float | np.ndarray | tuple[float | np.ndarray, float | np.ndarray]: ...


@reads_one_state
def integrate(
    model: BaseEstimator | Derivative,
    a: float,
    b: ArrayLike,
    *,
    tol: float = 1e-9,
    return_std: bool = False,
) -> float | np.ndarray | tuple[float | np.ndarray, float | np.ndarray]:
    r"""Integral :math:`\int_a^b f(x)\,dx` of a fitted curve, or of a derivative of one.

    An array `b` gives the antiderivative of f that is zero at `a`, at the places b.

    Parameters
    ----------
    model : fitted estimator of one feature, or Derivative of one
    a : float
        Lower limit, in units of x.
    b : float or array-like of shape (k,)
        Upper limit or limits; may lie below `a`.
    tol : float, default=1e-9
        Largest error, as a fraction of |b - a| times the largest |f| on a grid between the limits
        (for several outputs, of the largest output). Where rounding alone scatters the values of f
        by more than that, as in a net of dtype float32 or in the derivative of a constant, the
        error is as small as the scatter allows.
    return_std : bool, default=False
        Whether to return the standard deviation of the integral too, of a model that knows it: a
        `BayesianNeuralNetworkInterpolator`, a `SplineInterpolator`, a `GaussianProcessRegressor`,
        `BayesianRidge` or `ARDRegression`, at the end of a pipeline or search or within a
        `TransformedTargetRegressor` that scales and shifts, too. Noise of the samples is not part
        of it.

    Returns
    -------
    float, or array of shape (k,), (m,) or (k, m)
        As `b` is a number or an array, and y was 1-D or had m columns. Units: those of y times
        those of x.
    std : float or array
        With `return_std`: of the same shape and units.

    Raises
    ------
    ValueError
        More than one feature; limits that are not finite, or so far off that f or its integral
        leaves the range of float64; a `tol` that is not above zero.
    TypeError
        Limits that are not real numbers; `return_std` of a model of which it is not known how its
        values vary together.
    RuntimeError
        The tolerance was not reached, or the standard deviation not found to a thousandth.

    Notes
    -----
    Gauss-Legendre quadrature on panels, all panels between all limits at once. Those are halved
    that differ from their halves by more than their share of the error allowed. It sees the fitted
    function alone; how near that is to the truth is another matter.

    The standard deviation is that of :math:`\sum_i c_i f(x_i)`, with the covariance of f between
    all places. They are the Gauss-Legendre nodes of equal parts of the range, and the weights c
    integrate the polynomial through the nodes of each part up to any limit within it. The parts are
    halved until the standard deviation changes by less than a millionth of the largest; for
    processes as rough as those of a Matern kernel of nu = 1/2 it may be 1e-4 off.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator, integrate
    >>> t = np.linspace(0, 2, 30).reshape(-1, 1)  # s
    >>> speed = SplineInterpolator(smoothing=0.0).fit(t, 3 + 2 * t.ravel())  # m/s
    >>> round(integrate(speed, 0, 2), 6)  # m
    10.0

    The way from noisy speeds, and how far it may be off, at two times:

    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 30)
    >>> process = GaussianProcessRegressor(9 * RBF(2.0), alpha=0.01, optimizer=None)
    >>> process = process.fit(t, 3 + 2 * t.ravel() + noise)
    >>> way, std = integrate(process, 0, [1, 2], return_std=True)
    >>> way.round(2), std.round(2)
    (array([3.98, 9.97]), array([0.02, 0.04]))
    """
    constraints = {"tol": [Interval(Real, 0, None, closed="neither")], "return_std": ["boolean"]}
    asked = {"tol": tol, "return_std": return_std}
    validate_parameter_constraints(constraints, asked, "integrate")
    lower, upper = _limits("a", a, 0), _limits("b", b, 1)
    ends, positions = np.unique(np.append(lower, upper), return_inverse=True)
    from_lowest = _cumulative(model, ends, tol)[positions]
    found = from_lowest[1:] - from_lowest[0]
    if not return_std:
        return _of_limit(b, found)
    std = _deviations(model, float(lower), upper)
    return _of_limit(b, found), _of_limit(b, std.reshape(found.shape))


def _limits(name, limits, most_axes):
    """Limits as an array of float64, which has one axis at most where there may be several."""
    try:
        array = np.asarray(unmasked(limits))
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors of torch
        raise TypeError(f"{name} cannot be read as an array of numbers: {error}") from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a real number, in units of x; got {described(limits)}.")
    if array.ndim > most_axes:
        kinds = "one number", "a number or a one-dimensional array"
        raise ValueError(f"{name} must be {kinds[most_axes]}; got shape {array.shape}.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, for an integral to infinity is not one of samples; got "
            f"{described(limits)}."
        )
    return array.reshape(-1) if most_axes else array


def _of_limit(b, values):
    """Without the axis of the limits where b is one number."""
    if np.ndim(b):
        return values
    return values[0] if values.ndim > 1 else float(values[0])


def _curve(model):
    """The function of an array of places (k,) that is to be integrated."""
    derivative = isinstance(model, Derivative)
    estimator = model.model if derivative else model
    require_fitted(estimator)
    if n_features(estimator) != 1:
        raise ValueError(
            f"integrate takes a function of one feature; this model has {n_features(estimator)}."
        )
    function = copy(model).set_output(transform="default") if derivative else model.predict
    return lambda x: np.asarray(function(named_column(x, entrance(estimator))))


def _cumulative(model, ends, tol):
    """Integrals from the first of ascending ends to each: shape (len(ends), ...)."""
    function = _curve(model)
    values = function(np.linspace(ends[0], ends[-1], GRID))
    nothing = np.zeros((1, *values.shape[1:]))
    if len(ends) == 1:
        return nothing
    width, largest = float(ends[-1] - ends[0]), float(np.abs(values).max())
    if not np.isfinite(width * largest):
        raise ValueError(
            f"The integral from {ends[0]:g} to {ends[-1]:g} is not a number of float64: f is up to "
            f"{largest:g} there. Integrate nearer to the samples."
        )
    coarsest = _coarsest(model, ends, largest)
    rounding = min(10 * scatter(function, ends[0], ends[-1]), coarsest)
    allowed = width * max(tol * largest, rounding)
    pieces, error = integrate_pieces(function, ends, allowed, width * coarsest)
    if error:
        raise RuntimeError(
            f"The integral was not found to tol={tol}: its error may be {error:.1e}. Allow a "
            "larger tol, or split the range where the function is rough."
        )
    return np.concatenate([nothing, np.cumsum(pieces, axis=0)])


def _coarsest(model, ends, largest):
    """The most that rounding is taken for, from the sizes of a function and of its derivative."""
    if isinstance(model, Derivative):
        whole = np.abs(_curve(model.model)(np.linspace(ends[0], ends[-1], GRID))).max()
        largest = max(largest, whole / float(ends[-1] - ends[0]) ** np.sum(model.order))
    return COARSEST * largest


def _deviations(model, a, b):
    """Standard deviations of the integrals: (k, m)."""
    derivative = isinstance(model, Derivative)
    order = model.order if derivative else 0
    ends = np.append(b, a)
    heights = np.ptp(_curve(model)(np.linspace(ends.min(), ends.max(), GRID)), axis=0)
    negligible = STD_ROUNDING * heights * np.ptp(ends)
    index = order if isinstance(order, tuple) else (order,)
    return integral_std(model.model if derivative else model, index, a, b, negligible)
