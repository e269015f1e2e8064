"""Integrals of a fitted curve, or of its derivative, by adaptive quadrature."""

from numbers import Real
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from ..state import reads_one_state
from .curve_function import check_limits, curve_function
from .derivative import Derivative
from .integral_std import integral_std
from .quadrature import integrate_pieces, scatter

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
        Largest error, as a fraction of ``|b - a|`` times the largest ``|f|`` on a grid between the
        limits
        (for several outputs, of the largest output). Where rounding alone scatters values of f
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
    lower, upper = check_limits("a", a, 0), check_limits("b", b, 1)
    ends, positions = np.unique(np.append(lower, upper), return_inverse=True)
    from_lowest = _cumulative(model, ends, tol)[positions]
    found = from_lowest[1:] - from_lowest[0]
    if not return_std:
        return _of_limit(b, found)
    std = _deviations(model, float(lower), upper)
    return _of_limit(b, found), _of_limit(b, std.reshape(found.shape))


def _of_limit(b, values):
    """Without the axis of the limits where b is one number."""
    if np.ndim(b):
        return values
    return values[0] if values.ndim > 1 else float(values[0])


def _cumulative(model, ends, tol):
    """Integrals from the first of ascending ends to each: shape (len(ends), ...)."""
    function = curve_function(model, "integrate")
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
        values = curve_function(model.model, "integrate")(np.linspace(ends[0], ends[-1], GRID))
        whole = np.abs(values).max()
        largest = max(largest, whole / float(ends[-1] - ends[0]) ** np.sum(model.order))
    return COARSEST * largest


def _deviations(model, a, b):
    """Standard deviations of the integrals: (k, m)."""
    derivative = isinstance(model, Derivative)
    order = model.order if derivative else 0
    ends = np.append(b, a)
    function = curve_function(model, "integrate")
    heights = np.ptp(function(np.linspace(ends.min(), ends.max(), GRID)), axis=0)
    negligible = STD_ROUNDING * heights * np.ptp(ends)
    index = order if isinstance(order, tuple) else (order,)
    return integral_std(model.model if derivative else model, index, a, b, negligible)
