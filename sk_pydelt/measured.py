"""Samples of a curve as users hold them: arrays, Series, DataArrays and quantities with units."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .checks import check_numbers, described, unmasked
from .labels import derivative_name, derivative_unit, split_unit, with_unit

__all__ = ["Axis", "Curve", "read_curve"]

TIME_UNITS = {  # as users write them: as NumPy does
    "ns": "ns",
    "us": "us",
    "ms": "ms",
    "s": "s",
    "min": "m",
    "h": "h",
    "D": "D",
    "W": "W",
}


@dataclass(frozen=True)
class Axis:
    """Places along a curve as numbers.

    Parameters
    ----------
    numbers : array of shape (n,)
    name : str
    unit : str, default=None
    read : callable
        Other places of the same kind as numbers: (k,).
    """

    numbers: np.ndarray
    name: str = "x"
    unit: str | None = None
    read: Callable[[Any], np.ndarray] = field(default=lambda at: _numbers(at, "at"))


@dataclass(frozen=True)
class Curve:
    """Samples of a curve.

    Parameters
    ----------
    axis : Axis
    y : array of shape (n,)
    like : callable
        ``like(values, at, order, of)`` puts values at the places `at` (None: those of the samples)
        in the container of the samples, as a derivative of an order; `of` goes before its name.
    """

    axis: Axis
    y: np.ndarray
    like: Callable[[np.ndarray, Any, int, str], Any]


def read_curve(x: Any, y: Any, time_unit: str | None = None) -> Curve:
    """Samples of a curve from arrays, a Series, a DataArray or quantities.

    Parameters
    ----------
    x, y : array-like of shape (n,)
        Where y is None, x is a Series or a DataArray that holds both.
    time_unit : str, default=None
        What one unit of places is that are dates or durations.
    """
    if y is None:
        if not (_is_series(x) or _is_data_array(x)):
            raise ValueError(
                "y is missing: give places and values, as in estimate_derivative(x, y), or a "
                f"pandas Series or an xarray DataArray that holds both; got {described(x)}."
            )
        x, y = None, x
    if time_unit is not None and time_unit not in TIME_UNITS:
        raise ValueError(f"time_unit must be one of {list(TIME_UNITS)}; got {time_unit!r}.")
    if _is_quantity(x) or _is_quantity(y):
        return _of_quantities(x, y)
    read = _of_series if _is_series(y) else _of_data_array if _is_data_array(y) else _of_arrays
    return read(x, y, time_unit)


def _of_arrays(x, y, time_unit):
    axis = _axis(x, _name(x, "x"), None, time_unit)
    values = _numbers(y, "y")
    _check_lengths(axis, values)
    return Curve(axis, values, lambda found, at, order, of: found)


def _of_series(x, y, time_unit):
    """Values by their index, or by other places x of the same rows."""
    if _is_series(x) and not x.index.equals(y.index):
        raise ValueError(
            "x and y are Series of different indices: bring both to the same rows first, such as "
            "by pandas.concat([x, y], axis=1).dropna()."
        )
    if x is None and y.index.nlevels > 1:
        raise ValueError(f"The index of y has {y.index.nlevels} levels: give the places as x.")
    places = y.index if x is None else x
    axis = _axis(places, *split_unit(_name(places, "x")), time_unit)
    values = _numbers(y.to_numpy(dtype=np.float64, na_value=np.nan), "y")
    _check_lengths(axis, values)
    name, unit = split_unit(_name(y, "y"))

    def like(found, at, order, of):
        label = f"{of}{_label(name, unit, axis, order)}"
        if at is None:
            return type(y)(found, index=y.index, name=label)
        return type(y)(found, index=at, name=label).rename_axis(
            y.index.name if x is None else getattr(x, "name", None)
        )

    return Curve(axis, values, like)


def _of_data_array(x, y, time_unit):
    """Values by the coordinate of their one dimension, or by other places x."""
    if y.ndim != 1:
        raise ValueError(
            f"y has dimensions {y.dims}: choose a curve, such as y.isel({y.dims[-1]}=0), or go "
            "through all of them with xarray.apply_ufunc."
        )
    (dim,) = y.dims
    if _is_data_array(x) and x.dims != y.dims:
        raise ValueError(f"x and y must have the same dimension; got {x.dims} and {y.dims}.")
    if x is None and dim not in y.coords:
        raise ValueError(f"y has no coordinate along {dim!r}: assign one, or give the places as x.")
    places = y.coords[dim] if x is None else x
    name, unit = split_unit(_name(places, "x"))
    axis = _axis(places, name, getattr(places, "attrs", {}).get("units", unit), time_unit)
    values = _numbers(y.values, "y")
    _check_lengths(axis, values)
    name, unit = split_unit(_name(y, "y"))
    unit = y.attrs.get("units", unit)

    def like(found, at, order, of):
        label = of + derivative_name(name, [axis.name], [order])
        made = derivative_unit(unit, [axis.unit], [order])
        attributes = {"long_name": label} | ({} if made is None else {"units": made})
        coords = y.coords if at is None else {dim: (dim, at, y.coords[dim].attrs)}
        return type(y)(found, coords=coords, dims=y.dims, name=label, attrs=attributes)

    return Curve(axis, values, like)


def _of_quantities(x, y):
    """Values with a unit by places with a unit: one of them may be a plain array."""
    for given, name in ((x, "x"), (y, "y")):
        if _is_series(given) or _is_data_array(given):
            raise ValueError(
                f"{name} is a {type(given).__name__} and the other a quantity: give both as "
                "quantities, or both without units."
            )
    x_unit, y_unit = _unit_of_differences(x), _unit_of_differences(y)
    values = _numbers(getattr(y, "magnitude", y), "y")
    places = _numbers(getattr(x, "magnitude", x), "x")

    def read(at):
        if _is_quantity(at) != _is_quantity(x):
            raise ValueError("at must have a unit where x has one, and none where x has none.")
        return _numbers(at.to(x.units).magnitude if _is_quantity(at) else at, "at")

    def like(found, at, order, of):
        if order == 0:
            unit = (y_unit if of else y.units) if _is_quantity(y) else None
            return found if unit is None else y._REGISTRY.Quantity(found, unit)
        quantity = (y if _is_quantity(y) else x)._REGISTRY.Quantity
        return quantity(found, (y_unit or quantity(1).units) / (x_unit or 1) ** order)

    axis = Axis(places, read=read)
    _check_lengths(axis, values)
    return Curve(axis, values, like)


def _unit_of_differences(quantity):
    """The unit of differences, which of temperatures in °C is another one; None without a unit."""
    if not _is_quantity(quantity):
        return None
    return (quantity[:1] - quantity[:1]).units


def _axis(places, name, unit, time_unit):
    """An axis of numbers, or of dates and durations in a named unit."""
    if not _holds_times(places):
        if time_unit is not None:
            raise ValueError(
                f"time_unit={time_unit!r} is for places that are dates or durations, and these are "
                "numbers: leave it out."
            )
        return Axis(_numbers(places, "x"), name, unit)
    if time_unit is None:
        raise ValueError(
            "The places are dates or durations: name the unit of time that the derivative is by, "
            f"such as time_unit='s'; it is one of {list(TIME_UNITS)}."
        )
    plain = _plain_times(places)
    aware, origin = _time_zone(places) is not None, plain[:1]
    step = np.timedelta64(1, TIME_UNITS[time_unit])

    def read(at):
        if (_time_zone(at) is not None) != aware:
            raise ValueError("at must have a time zone where x has one, and none where x has none.")
        times = _plain_times(at)
        times = times if times.dtype.kind == plain.dtype.kind else times.astype(plain.dtype)
        return _numbers((times - origin) / step, "at")

    return Axis(_numbers((plain - origin) / step, "x"), name, time_unit, read)


def _holds_times(places):
    dtype = getattr(places, "dtype", None)
    return getattr(dtype, "kind", "") in ("m", "M")


def _time_zone(times):
    return getattr(getattr(times, "array", times), "tz", None)


def _plain_times(times):
    """Times as NumPy's: those of a time zone in UTC."""
    times = getattr(times, "array", times)
    return np.asarray(times if _time_zone(times) is None else times.tz_convert(None))


def _numbers(values, name):
    """Numbers of shape (n,)."""
    if _is_quantity(values):
        raise ValueError(f"{name} must have a unit where x has one, and none where x has none.")
    found = np.asarray(check_numbers(unmasked(values), name), dtype=np.float64)
    if found.ndim != 1:
        raise ValueError(
            f"{name} must be one-dimensional, the places or values of one curve; got "
            f"{described(found)}. The estimators, such as SplineInterpolator, take tables."
        )
    return found


def _check_lengths(axis, values):
    if len(axis.numbers) != len(values):
        raise ValueError(
            f"x and y must be of one length; got {len(axis.numbers)} and {len(values)}."
        )


def _name(labelled, default):
    name = getattr(labelled, "name", None)
    return default if name is None else str(name)


def _label(name, unit, axis, order):
    made = derivative_unit(unit, [axis.unit], [order])
    return with_unit(derivative_name(name, [axis.name], [order]), made)


def _is_a(value, library, kind):
    """Whether a value is of a class of a library, which need not be there."""
    module = sys.modules.get(library)
    return module is not None and isinstance(value, getattr(module, kind))


def _is_series(value):
    return _is_a(value, "pandas", "Series")


def _is_data_array(value):
    return _is_a(value, "xarray", "DataArray")


def _is_quantity(value):
    return _is_a(value, "pint", "Quantity")
