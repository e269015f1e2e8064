"""Features of a fitted curve: its roots, maxima and minima, and its antiderivative."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .base import BaseInterpolator
from .calculus import differentiate, integrate
from .calculus.curve_function import check_limits, curve_function
from .calculus.roots import curve_zeros, roots_std
from .state import reads_one_state, snapshot

__all__ = ["Antiderivative", "CurveShape", "Extrema"]

MOST_EDGES = 2**14  # knots that part the search for roots, at most


class Extrema(NamedTuple):
    """Maxima and minima of a curve, in units of the data.

    Parameters
    ----------
    places : array of shape (k,), ascending
    values : array of shape (k,)
    is_maximum : array of bool of shape (k,)
    std : array of shape (k,), or None where it was not asked for
        Standard deviation of the places.
    """

    places: np.ndarray
    values: np.ndarray
    is_maximum: np.ndarray
    std: np.ndarray | None


class Antiderivative:
    """The integral of a fitted curve from a place to others: call it with these.

    Parameters
    ----------
    model : fitted estimator of one feature
    a : float
        Where it is zero.
    """

    def __init__(self, model: BaseInterpolator, a: float) -> None:
        self.model, self.a = snapshot(model), a

    def __call__(
        self, X: ArrayLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Integrals to X.

        Parameters
        ----------
        X : array-like of shape (n, 1)
        return_std : bool, default=False

        Returns
        -------
        array of shape (n,) or (n, m)
            In units of y times those of x.
        std : array of the same shape
            With `return_std`.
        """
        places = self.model._checked(X)[:, 0]
        found: Any = integrate(self.model, self.a, places, tol=1e-12, return_std=return_std)
        return found


class CurveShape(BaseInterpolator):
    """Methods of a spline of one feature, in units of the data.

    A child has `_knots`: the first and the last sample, and between them where pieces meet.
    """

    @reads_one_state
    def roots(
        self,
        a: float | None = None,
        b: float | None = None,
        *,
        tol: float = 1e-9,
        return_std: bool = False,
    ) -> np.ndarray | list[np.ndarray] | tuple:
        """Places where the curve is zero, between its knots found as `sk_pydelt.roots` finds them.

        Parameters
        ----------
        a, b : float, default=None
            The range; None is the first and the last sample.
        tol : float, default=1e-9
            Largest error of a root, as a fraction of b - a.
        return_std : bool, default=False
            Whether to return the standard deviations of the roots too, of first order.

        Returns
        -------
        array of shape (k,), or list of m such arrays where y was 2-D
        std : array or list of arrays
            With `return_std`: of the same shapes.
        """
        zeros = curve_zeros(self, self._edges(a, b), tol)
        found = self._one_or_all([zero.places for zero in zeros])
        if not return_std:
            return found
        std = [roots_std(self, zero, i) for i, zero in enumerate(zeros)]
        return found, self._one_or_all(std)

    @reads_one_state
    def extrema(
        self,
        a: float | None = None,
        b: float | None = None,
        *,
        tol: float = 1e-9,
        return_std: bool = False,
    ) -> Extrema | list[Extrema]:
        """Places where the curve has a maximum or a minimum: its rate changes sign there.

        Parameters
        ----------
        a, b : float, default=None
            The range, whose ends are none; None is the first and the last sample.
        tol : float, default=1e-9
            Largest error of a place, as a fraction of b - a.
        return_std : bool, default=False
            Whether to find the standard deviations of the places too, of first order.

        Returns
        -------
        Extrema, or list of m such where y was 2-D
        """
        rate = differentiate(self)
        found = []
        for i, zeros in enumerate(curve_zeros(rate, self._edges(a, b), tol)):
            std = roots_std(rate, zeros, i) if return_std else None
            turns = zeros.directions != 0
            places = zeros.places[turns]
            values = self._values(places[:, None]).reshape(len(places), -1) if len(places) else None
            values = np.empty(0) if values is None else values[:, i]
            falls = zeros.directions[turns] < 0
            found.append(Extrema(places, values, falls, None if std is None else std[turns]))
        return self._one_or_all(found)

    @reads_one_state
    def antiderivative(self, a: float | None = None) -> Antiderivative:
        """The integral of the curve from a on, as a function of X; see `sk_pydelt.integrate`.

        Parameters
        ----------
        a : float, default=None
            Where it is zero; None is the first sample.

        Returns
        -------
        Antiderivative
        """
        curve_function(self, "antiderivative")
        return Antiderivative(self, float(self._knots[0]) if a is None else a)

    def _one_or_all(self, found):
        return found[0] if self._y_ndim == 1 else found

    def _edges(self, a, b):
        """A range with the knots in it: ascending, in units of the data."""
        curve_function(self, "This method")
        knots = self._knots
        low, high = (
            float(check_limits(name, end if given is None else given, 0))
            for name, given, end in (("a", a, knots[0]), ("b", b, knots[-1]))
        )
        if not low < high:
            raise ValueError(f"The range must go from a to a larger b; got {low:g} and {high:g}.")
        inside = knots[(knots > low) & (knots < high)]
        return np.r_[low, inside[:: len(inside) // MOST_EDGES + 1], high]
