"""Scalers, fitted so that nothing of what varies in the data is lost, whatever their offset."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import has_fit_parameter

__all__ = ["apply", "fit_scaler", "varies"]

EPS = np.finfo(np.float64).eps
ROUNDING = 8 * EPS  # of its size: a column that varies by no more than this is a constant
FAR = 1e6  # times its range from zero, a column is centred before it is scaled
TINY = 10 * EPS  # the range below which scikit-learn's scalers take a column for a constant
LOST = 1e-8  # of its size: squares in float64 hold nothing of a smaller variation


def varies(data: np.ndarray) -> np.ndarray:
    """Which columns of data (n, d), NaN left out, vary by more than the rounding of their size."""
    size, spread = _sizes(data)
    return spread > ROUNDING * size


@np.errstate(over="ignore")  # what overflows is refused
def fit_scaler(
    scaler: Any,
    default: BaseEstimator,
    data: np.ndarray,
    weight: np.ndarray | None,
    name: str,
    typical: np.ndarray | None = None,
) -> tuple[BaseEstimator, np.ndarray]:
    """A fitted clone of the scaler asked for, weighted where it can be, and the scaled data.

    Where a column is far from zero, `StandardScaler` would take its variation for none, and others
    would lose digits of it: such data are centred first.

    Parameters
    ----------
    scaler : transformer, "passthrough" or None
        One that is frozen stays as it is.
    default : transformer
        Stands for None.
    data : array of shape (n, d)
    weight : array of shape (n,), or None
    name : str
        What the data are, "X" or "y".
    typical : array of shape (n, d), default=None
        What the scaler is fitted to; None is the data.

    Raises
    ------
    ValueError
        Units beyond float64, or a scaler that leaves of a column nothing that a fit could follow.
    """
    scaler = default if scaler is None else scaler
    scaler = FunctionTransformer() if isinstance(scaler, str) else scaler
    typical = data if typical is None else typical
    size, spread = _sizes(typical)
    if name == "y" and isinstance(scaler, StandardScaler | FunctionTransformer):
        remedy = "Give y in another unit, or a y_scaler that changes it"
        _refuse_extreme_units(size, spread, "y", remedy)
    far = (size > FAR * spread) & (spread > ROUNDING * size)
    if far.any() and _shifts(scaler):
        centre = _fitted(StandardScaler(with_std=False), typical, weight)
        centre.set_output(transform="default")
        fitted = _fitted(scaler, apply(centre.transform, typical), weight)
        fitted = Pipeline([("centre", centre), ("scaler", fitted)])
    else:
        fitted = _fitted(scaler, typical, weight)
    scaled = apply(fitted.transform, data)
    _refuse_lost(fitted, data, scaled, name)
    return fitted, scaled


def apply(transform: Callable, data: np.ndarray) -> np.ndarray:
    """Transform to a plain array, whatever container and memory layout the transformer returns.

    A scaler with ``copy=False`` writes into what it is given, here as in its fit a copy. Frames
    that `sklearn.set_config` asks for are for users, and none are made here.
    """
    with config_context(transform_output="default"):
        found = transform(data.copy())
    if issparse(found):
        raise ValueError(
            f"As x_scaler or y_scaler, {_method(transform)} must return a dense array; it returned "
            "a sparse one: set sparse_output=False, or let a step follow that fills it up."
        )
    array = np.asarray(found)
    numbers = array.dtype.kind in "biuf" or hasattr(found, "columns")
    if not numbers or array.ndim != 2 or len(array) != len(data) or not array.shape[1]:
        raise ValueError(
            f"As x_scaler or y_scaler, {_method(transform)} must return a table of real numbers "
            f"with a row for each of {len(data)} and one column at least; it returned "
            f"{type(found).__name__} of shape {array.shape} and dtype {array.dtype}."
        )
    return np.asarray(array, dtype=np.float64, order="C")


def _method(transform):
    """The name of a transformer's method."""
    return f"{type(getattr(transform, '__self__', None)).__name__}.{transform.__name__}"


@np.errstate(over="ignore")
def _sizes(data):
    """Largest absolute value and range of each column, NaN left out."""
    low, high = np.nanmin(data, axis=0), np.nanmax(data, axis=0)
    return np.maximum(-low, high), high - low


def _shifts(scaler):
    """Whether a scaler, or the first of several, takes any offset away, before all else."""
    if isinstance(scaler, Pipeline):
        return _shifts(scaler.steps[0][1])
    return (
        isinstance(scaler, MinMaxScaler)
        or (isinstance(scaler, StandardScaler) and scaler.with_mean)
        or (isinstance(scaler, RobustScaler) and scaler.with_centering)
    )


def _fitted(scaler, data, weight):
    if isinstance(scaler, FrozenEstimator):
        return scaler
    scaler, weights = clone(scaler), {}
    if weight is not None and has_fit_parameter(scaler, "sample_weight"):
        weights["sample_weight"] = np.ldexp(weight, -int(np.frexp(weight.max())[1]))
    with config_context(transform_output="default"):
        return scaler.fit(data.copy(), **weights)


def _refuse_extreme_units(size, spread, what, remedy, limit=1e150):
    """Values or differences like these have squares, or products, beyond what float64 holds."""
    extreme = (size > limit) | (spread > 0) & (spread < 1 / limit)
    if extreme.any():
        i = int(np.argmax(extreme))
        raise ValueError(
            f"{what} is up to {size[i]:.1e} and varies by {spread[i]:.1e}: squares of such numbers "
            f"leave the range of float64 (1e-308 to 1e308) in a fit. {remedy}."
        )


def _refuse_lost(scaler, data, found, name):
    """Refuse a scaler that takes a column for a constant that is none, or leaves it far away."""
    size, spread = _sizes(data)
    if not np.isfinite(found).all() and np.isfinite(data).all():
        raise ValueError(
            f"{_method(scaler.transform)} made NaN or infinity of finite {name}: use another "
            f"{name.lower()}_scaler, or the default."
        )
    scaled_size, scaled = _sizes(found)
    if scaled.shape == spread.shape:
        declined = (scaled < TINY) & (not isinstance(scaler, FunctionTransformer))
        left = ~declined & (scaled > LOST * scaled_size)  # no NaN
        lost = (spread > ROUNDING * size) & ~left
        if lost.any():
            i = int(np.argmax(lost))
            raise ValueError(
                f"{'Feature' if name == 'X' else 'Output'} {i} varies by {spread[i]:.1e} only, and "
                f"is up to {size[i]:.1e}, which {_named(scaler)} leaves as a constant: "
                f"{_remedy(spread[i])}."
            )
    remedy = f"Use {name.lower()}_scaler=None, or another that brings {name} near 1"
    limit = 1e150 if name == "y" else 1e50  # products with weights, and powers, are yet to come
    _refuse_extreme_units(scaled_size, scaled, f"Scaled {name}", remedy, limit)


def _remedy(spread):
    if spread < TINY or spread > 1e150:
        return f"give it in a {'smaller' if spread < TINY else 'larger'} unit"
    return "use the default scaler, StandardScaler(), or take the offset away first"


def _named(scaler):
    return "'passthrough'" if isinstance(scaler, FunctionTransformer) else scaler
