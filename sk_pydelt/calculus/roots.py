"""Places where a fitted curve, or a derivative of one, is zero."""

from numbers import Real
from typing import Literal, overload

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from ..chain import entrance, propagate_std
from ..state import reads_one_state
from .curve_function import check_limits, curve_function, estimator_and_order
from .derivative import Derivative
from .evaluation import map_jets, mixed_partial
from .frames import named_column
from .root_finding import FIRST_PANELS, Zeros, find_zeros

__all__ = ["curve_zeros", "roots", "roots_std"]


@overload
def roots(
    model: BaseEstimator | Derivative,
    a: float,
    b: float,
    *,
    tol: float = 1e-9,
    return_std: Literal[False] = False,
) -> np.ndarray | list[np.ndarray]: ...


@overload
def roots(
    model: BaseEstimator | Derivative,
    a: float,
    b: float,
    *,
    tol: float = 1e-9,
    return_std: Literal[True],
) -> tuple[np.ndarray | list[np.ndarray], np.ndarray | list[np.ndarray]]: ...


@reads_one_state
def roots(
    model: BaseEstimator | Derivative,
    a: float,
    b: float,
    *,
    tol: float = 1e-9,
    return_std: bool = False,
) -> np.ndarray | list[np.ndarray] | tuple:
    r"""Places between a and b where a fitted curve, or a derivative of one, is zero.

    Roots of `differentiate(model)` are where the rate vanishes: maxima, minima and saddles.

    Parameters
    ----------
    model : fitted estimator of one feature, or Derivative of one
    a, b : float
        The range, a < b, in units of x. Roots at its ends count.
    tol : float, default=1e-9
        Largest error of a root, as a fraction of b - a.
    return_std : bool, default=False
        Whether to return the standard deviation of the roots too, of a model that has error bars;
        see the Notes.

    Returns
    -------
    array of shape (k,), or list of m such arrays where y was 2-D
        Roots in units of x, ascending.
    std : array or list of arrays
        With `return_std`: of the same shapes and units.

    Raises
    ------
    ValueError
        More than one feature; limits that are not finite, or a not below b; a function that is
        zero, to rounding, along more than a thousandth of the range; values that are NaN.
    TypeError
        Limits that are not real numbers; `return_std` of a model without error bars.
    RuntimeError
        A function that passes zero more often than tens of thousands of times.

    Notes
    -----
    On panels, halved where needed, the function is taken for a polynomial, whose turns part it in
    monotone pieces; on these roots are found by bisection of the function itself. A function that
    turns within 1e-10 of its largest value from zero (or within what rounding scatters it by,
    which for a net of dtype float32 is more) touches zero there: that is one root, at the turn. So
    is a jump across zero. What happens between neighbours of some 500 even places, as a narrow peak
    in a function that is far from zero elsewhere, may be missed: ask for a shorter range.

    The standard deviation of a root x is :math:`\sigma_f(x) / |f'(x)|`, that of first order in
    the error of f: right where f is nearly straight as far as the root may be off. At a root where
    f only touches zero, f' is zero, an error of f moves the root by its root or removes it, and the
    standard deviation is infinite. It needs one derivative more than the root.

    References
    ----------
    J. P. Boyd, Solving transcendental equations, SIAM 2014, chapter 3.

    Examples
    --------
    When does a noisy oscillation turn, and how well is that known?

    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator, differentiate, roots
    >>> t = np.linspace(0, 6, 80).reshape(-1, 1)  # s
    >>> read = np.sin(t.ravel()) + np.random.default_rng(0).normal(0, 0.05, 80)
    >>> rate = differentiate(SplineInterpolator().fit(t, read))
    >>> times, std = roots(rate, 0.5, 5.5, return_std=True)
    >>> (abs(times - [np.pi / 2, 1.5 * np.pi]) < 3 * std).tolist(), bool((std < 0.05).all())
    ([True, True], True)
    """
    constraints = {"tol": [Interval(Real, 0, None, closed="neither")], "return_std": ["boolean"]}
    asked = {"tol": tol, "return_std": return_std}
    validate_parameter_constraints(constraints, asked, "roots")
    low, high = (float(check_limits(name, limit, 0)) for name, limit in (("a", a), ("b", b)))
    if not low < high:
        raise ValueError(f"roots looks from a to b, so that a must be below b; got {a} and {b}.")
    zeros = curve_zeros(model, np.array([low, high]), tol)
    flat = curve_function(model, "roots")(np.array([low])).ndim == 1
    found = [one.places for one in zeros]
    if not return_std:
        return found[0] if flat else found
    std = [roots_std(model, one, i) for i, one in enumerate(zeros)]
    return (found[0], std[0]) if flat else (found, std)


def curve_zeros(model: BaseEstimator | Derivative, edges: np.ndarray, tol: float) -> list[Zeros]:
    """Zeros of each output between the first and the last of ascending edges (k,).

    `find_zeros` takes what is between edges for smooth; no panel is wider than a part of the range.
    """
    function = curve_function(model, "roots")
    even = np.linspace(edges[0], edges[-1], FIRST_PANELS + 1)
    edges = np.unique(np.concatenate([edges, even]))
    n_outputs = len(_columns(function(edges[:1]))[0])
    parts = [lambda x, i=i: _columns(function(x))[:, i] for i in range(n_outputs)]
    return [find_zeros(part, edges, tol) for part in parts]


def roots_std(model: BaseEstimator | Derivative, zeros: Zeros, output: int) -> np.ndarray:
    """Standard deviations of first order of an output's zeros (k,): infinite where it touches."""
    if not len(zeros.places):
        return np.empty(0)
    estimator, order = estimator_and_order(model)
    X = named_column(zeros.places, entrance(estimator))
    line = np.ones((1, 1))

    def spread(jet):
        return propagate_std(estimator, jet, (order,))

    std = map_jets(estimator, X, order, line, spread)[:, output]
    slope = np.abs(mixed_partial(estimator, X, (order + 1,))[:, output])
    crosses = (zeros.directions != 0) & (slope > 0)
    return np.divide(std, slope, out=np.full(len(std), np.inf), where=crosses)


def _columns(values):
    return values.reshape(len(values), -1)
