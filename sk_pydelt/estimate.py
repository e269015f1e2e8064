"""`estimate_derivative`: the derivative of measured samples in one line."""

from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator, clone

from .bayesian import BayesianNeuralNetworkInterpolator
from .calculus.values import values
from .checks import described
from .measured import read_curve
from .spline import SplineInterpolator

__all__ = ["estimate_derivative"]

SPLINE_DEGREE = 5, 11  # least and highest: its derivatives have error bars to (degree - 1) / 2


def estimate_derivative(
    x: Any,
    y: Any = None,
    order: int = 1,
    *,
    at: Any = None,
    method: str | BaseEstimator = "spline",
    return_std: bool = False,
    time_unit: str | None = None,
) -> Any:
    """Derivative of a curve that was measured at some places, in one line.

    Parameters
    ----------
    x : array-like of shape (n,), pandas Series, xarray DataArray or pint quantity
        Places of the samples, in any order. A Series or DataArray alone holds both: its index, or
        its coordinate, are the places, and its values y.
    y : array-like of shape (n,), pandas Series, xarray DataArray or pint quantity, default=None
        Samples, which may be noisy.
    order : int, default=1
        Order of the derivative; 0 is the smoothed curve itself.
    at : array-like of shape (k,), default=None
        Where the derivative is wanted, in units of x; None is at the samples.
    method : "spline", "bayesian" or estimator, default="spline"
        "spline" is a `SplineInterpolator` that chooses its smoothing, of degree 5 or as high as
        the order needs; "bayesian" is ``BayesianNeuralNetworkInterpolator(random_state=0)``,
        slower and nearer; any regressor that can be differentiated is fitted as a clone.
    return_std : bool, default=False
        Whether to return the standard deviation too.
    time_unit : str, default=None
        The unit that the derivative is by where places are dates or durations: "ns", "us", "ms",
        "s", "min", "h", "D" or "W".

    Returns
    -------
    derivative : array of shape (n,) or (k,), or of the kind of y
        In units of y over those of x to the power of `order`. A Series or DataArray is named after
        the derivative, with its unit where names ("position [mm]") or `attrs["units"]` tell
        those of both; a quantity has it.
    std : the same
        With `return_std`: how well the derivative is known.

    Raises
    ------
    ValueError
        x and y do not fit each other, or are not curves; places are dates and no `time_unit` says
        by what; `at` is of another kind than x.
    TypeError
        `return_std` of a method that has no error bars.

    See Also
    --------
    SplineInterpolator, BayesianNeuralNetworkInterpolator : The estimators; they keep the fit.

    Examples
    --------
    In place of ``numpy.gradient(y, x)`` or of a Savitzky–Golay filter:

    >>> import numpy as np
    >>> from sk_pydelt import estimate_derivative
    >>> x = np.linspace(0, 6, 100)
    >>> y = np.sin(x) + 0.05 * np.random.default_rng(0).standard_normal(100)
    >>> rate = estimate_derivative(x, y)
    >>> off = [np.abs(found - np.cos(x)).mean() for found in (rate, np.gradient(y, x))]
    >>> print("{:.2f} {:.2f}".format(*off))
    0.05 0.44

    A Series by its index, with names and units, and an error bar:

    >>> import pandas as pd
    >>> time = pd.Index([0.0, 1, 2, 3, 4, 5, 6, 7], name="time [ms]")
    >>> position = pd.Series([0.1, 1, 3.9, 9.1, 16, 25.1, 35.9, 49], time, name="position [mm]")
    >>> rate, std = estimate_derivative(position, return_std=True)
    >>> rate.round(1).iloc[2:4]
    time [ms]
    2.0    4.0
    3.0    6.0
    Name: d(position)/d(time) [mm/ms], dtype: float64
    """
    if not isinstance(order, Integral) or isinstance(order, bool) or order < 0:
        raise ValueError(f"order must be a whole number >= 0; got {described(order)}.")
    curve = read_curve(x, y, time_unit)
    model = _model(method, order).fit(curve.axis.numbers[:, None], curve.y)
    places = curve.axis.numbers if at is None else curve.axis.read(at)
    found, std = values(model, places[:, None], order, return_std)
    derivative = curve.like(found, at, order, "")
    return (derivative, curve.like(std, at, order, "std of ")) if return_std else derivative


def _model(method, order):
    """An unfitted estimator."""
    if hasattr(method, "fit"):
        return clone(method)
    if method == "bayesian":
        return BayesianNeuralNetworkInterpolator(random_state=0)
    if method != "spline":
        raise ValueError(
            "method must be 'spline', 'bayesian' or an estimator, such as "
            f"NeuralNetworkInterpolator(); got {described(method)}."
        )
    least, highest = SPLINE_DEGREE
    degree = max(least, 2 * order + 1)
    if degree > highest:
        raise ValueError(
            f"method='spline' has derivatives to order {(highest - 1) // 2}: take "
            f"method='bayesian' for order {order}."
        )
    return SplineInterpolator(degree=degree)
