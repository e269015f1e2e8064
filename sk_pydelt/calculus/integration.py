"""Integrals of a fitted curve, or of its derivative, by adaptive quadrature."""

import warnings
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad_vec
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .derivative import Derivative
from .integral_std import integral_std
from .rows import n_features

__all__ = ["integrate"]

MAX_INTERVALS = 2000  # of the quadrature
STD_ROUNDING = 1e-8  # of the range of the fitted values: what rounding leaves of a std
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
        (for several outputs, of the largest output).
    return_std : bool, default=False
        Whether to return the standard deviation of the integral too, of a model that knows it: a
        `BayesianNeuralNetworkInterpolator`, a `GaussianProcessRegressor`, `BayesianRidge` or
        `ARDRegression`, at the end of a pipeline or search or within a `TransformedTargetRegressor`
        that scales and shifts, too. Noise of the samples is not part of it.

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
        More than one feature; limits that are not finite.
    TypeError
        `return_std` of a model of which it is not known how its values vary together.
    RuntimeError
        The tolerance was not reached, or the standard deviation not found to a thousandth.

    Notes
    -----
    Adaptive Gauss-Kronrod quadrature of `scipy.integrate.quad_vec`, on all intervals between the
    limits at once. It sees the fitted function alone; how near that is to the truth is another
    matter.

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
    function = _curve(model)
    limits = np.concatenate([[a], np.ravel(b)]).astype(float)
    ends, positions = np.unique(limits, return_inverse=True)
    if not np.isfinite(ends).all():
        raise ValueError(f"The limits of an integral must be finite numbers; got {a!r} and {b!r}.")
    from_lowest = _cumulative(function, ends, tol)[positions]
    found = from_lowest[1:] - from_lowest[0]
    if not return_std:
        return _of_limit(b, found)
    std = _deviations(model, function, float(a), np.ravel(b).astype(float))
    return _of_limit(b, found), _of_limit(b, std.reshape(found.shape))


def _of_limit(b, values):
    """Without the axis of the limits where b is one number."""
    if np.ndim(b):
        return values
    return values[0] if values.ndim > 1 else float(values[0])


def _curve(model):
    """The function of an array of places (k,) that is to be integrated."""
    derivative = isinstance(model, Derivative)
    estimator = model.model if derivative else model
    check_is_fitted(estimator)
    if n_features(estimator) != 1:
        raise ValueError(
            f"integrate takes a function of one feature; this model has {n_features(estimator)}."
        )
    function = model if derivative else model.predict

    def curve(x):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            return np.asarray(function(x.reshape(-1, 1)))

    return curve


def _cumulative(function, ends, tol):
    """Integrals from the first of ascending ends to each: shape (len(ends), ...)."""
    widths = np.diff(ends)
    grid = np.linspace(ends[0], ends[-1], GRID)
    values = function(grid)
    if not len(widths):
        return np.zeros((1, *values.shape[1:]))
    shape = (-1, *(1,) * (values.ndim - 1))

    def scaled(t):  # all intervals at once, each mapped to [0, 1]
        return function(ends[:-1] + t * widths) * widths.reshape(shape)

    allowed = tol * (ends[-1] - ends[0]) * np.abs(values).max()
    options = {"epsabs": allowed / len(widths), "epsrel": 1e-14, "norm": "max", "full_output": True}
    pieces, error, info = quad_vec(scaled, 0.0, 1.0, limit=MAX_INTERVALS, **options)
    rounding = 1e-12 * np.abs(pieces).max()
    if not info.success and error > allowed / len(widths) + rounding:
        raise RuntimeError(
            f"The integral was not found to tol={tol}: its error may be {error * len(widths):.1e}. "
            "Allow a larger tol, or split the range where the function is rough."
        )
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(pieces, axis=0)])


def _deviations(model, function, a, b):
    """Standard deviations of the integrals: (k, m)."""
    derivative = isinstance(model, Derivative)
    order = model.order if derivative else 0
    ends = np.append(b, a)
    heights = np.ptp(function(np.linspace(ends.min(), ends.max(), GRID)), axis=0)
    negligible = STD_ROUNDING * heights * np.ptp(ends)
    index = order if isinstance(order, tuple) else (order,)
    return integral_std(model.model if derivative else model, index, a, b, negligible)
