"""Features that repeat: in place of each, the cosine and the sine of its phase."""

from collections.abc import Mapping
from math import isfinite, pi
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import MinMaxScaler

from .chain import any_array, propagate
from .jets import Jet
from .jets.elementary import sin_cos
from .jets.namespace import namespace
from .scaling import apply, fit_scaler

__all__ = ["PeriodicScaler", "column_of", "periods_by_column", "wrapped"]

MOST_PERIODS = 1e12  # from zero: beyond, float64 holds less than four digits of a phase


def column_of(
    column: str | int,
    names: np.ndarray | None,
    n_columns: int,
    where: str,
    kind: str = "feature",
    table: str = "X",
) -> int:
    """The number of a column that is given by name or number.

    Parameters
    ----------
    column : str or int
    names : array of str, or None where the table had none
    n_columns : int
    where : str
        What names it, for the message.
    kind, table : str
        What it is, and of which table it is a column.

    Raises
    ------
    ValueError
    """
    if isinstance(column, str):
        known = [] if names is None else list(names)
        if column in known:
            return known.index(column)
        has = (
            f"the {kind}s are {known}" if known else f"{table} came without names: give its number"
        )
        raise ValueError(f"{where} names the {kind} {column!r}, and {has}.")
    if isinstance(column, bool) or not isinstance(column, Integral):
        raise ValueError(f"{where} must name {kind}s, or give their numbers; got {column!r}.")
    if not 0 <= column < n_columns:
        raise ValueError(
            f"{where} names the {kind} {column}, and {table} has {n_columns}: those from 0 to "
            f"{n_columns - 1}."
        )
    return int(column)


def periods_by_column(
    period: Mapping | None, names: np.ndarray | None, n_features: int
) -> dict[int, float]:
    """The periods by the numbers of the columns, as they were asked for by name or number.

    Raises
    ------
    ValueError
        No such feature, or a period that is no positive number.
    """
    found = {}
    for feature, length in (period or {}).items():
        is_number = isinstance(length, Real) and not isinstance(length, bool)
        if not is_number or not (isfinite(length) and length > 0):
            raise ValueError(
                f"period[{feature!r}] must be a positive number, in units of that feature; got "
                f"{length!r}."
            )
        found[column_of(feature, names, n_features, "period")] = float(length)
    return found


def wrapped(X: np.ndarray, periods: Mapping[int, float]) -> np.ndarray:
    """X (n, d), whose periodic columns are within half a period of the middle of one.

    The first row is in the middle.
    """
    X = X.copy()
    for column, length in periods.items():
        X[:, column] = np.remainder(X[:, column] - X[0, column] + length / 2, length)
    return X


class PeriodicScaler(TransformerMixin, BaseEstimator):
    r"""Scales features, but puts :math:`\cos, \sin(2 \pi x / P)` in place of those that repeat.

    Whatever is a function of what comes out has the period P, and so has each of its derivatives.

    Parameters
    ----------
    scaler : transformer, "passthrough" or None
        Of the other features; None is ``MinMaxScaler((-1, 1))``.
    period : dict of int to float
        P, by the numbers of the columns.

    Attributes
    ----------
    scaler_ : fitted transformer, or None where all features repeat
    others_ : list of int
        The columns that it scales.

    Examples
    --------
    Hours of the day, and metres:

    >>> import numpy as np
    >>> X = np.array([[0.0, 5.0], [6.0, 7.0], [24.0, 9.0]])
    >>> PeriodicScaler(None, {0: 24.0}).fit_transform(X).round(12) + 0.0
    array([[-1.,  1.,  0.],
           [ 0.,  0.,  1.],
           [ 1.,  1.,  0.]])
    """

    def __init__(self, scaler: Any, period: Mapping[int, float]) -> None:
        self.scaler = scaler
        self.period = period

    def fit(self, X: np.ndarray, y: None = None, sample_weight: np.ndarray | None = None) -> Self:
        """Fit the scaler of the features that do not repeat, X (n, d)."""
        for column, length in self.period.items():
            if (farthest := np.abs(X[:, column]).max()) > MOST_PERIODS * length:
                raise ValueError(
                    f"Feature {column} is up to {farthest:.1e}, some {farthest / length:.0e} times "
                    f"its period {length:g}, where float64 holds no phase: take an offset of whole "
                    "periods away first."
                )
        self.others_ = [i for i in range(X.shape[1]) if i not in self.period]
        self.n_features_in_, self.scaler_ = X.shape[1], None
        if self.others_:
            given = MinMaxScaler((-1, 1)), X[:, self.others_], sample_weight, "X"
            self.scaler_, _ = fit_scaler(self.scaler, *given)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """The scaled features, and after them cosine and sine of each that repeats."""
        waves = [wave.value for wave in self._waves(Jet.constant(X, 0, 1))]
        if self.scaler_ is None:
            return np.concatenate(waves, axis=1)
        return np.concatenate([apply(self.scaler_.transform, X[:, self.others_]), *waves], axis=1)

    def _waves(self, jet):
        """Jets (n, 1) of the cosine and the sine of each phase, in turn.

        Whole periods are taken away before anything is rounded.
        """
        found = []
        for column, length in self.period.items():
            place, *rates = jet[:, column].parts
            parts = [namespace(place).remainder(place, length), *rates]
            sine, cosine = sin_cos(Jet(parts, jet.order, jet.n_variables) * (2 * pi / length))
            found += [cosine, sine]
        return found


@propagate.register
@any_array
def _(step: PeriodicScaler, jet):
    waves = step._waves(jet)
    scaled = [] if step.scaler_ is None else [propagate(step.scaler_, jet[:, step.others_])]
    return Jet.concatenate([*scaled, *waves])
