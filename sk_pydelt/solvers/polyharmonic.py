"""Polyharmonic splines: powers of the distance from centres, and a polynomial."""

from collections.abc import Sequence
from functools import reduce
from math import comb
from operator import add

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from ..jets import Jet
from ..jets.blocks import in_row_blocks, row_slices, rows_within
from .surface_modes import distance_kernel, kernel_factor, monomials

__all__ = ["PolyharmonicColumns", "PolyharmonicSpline"]

BLOCK_ENTRIES = 2**21  # Taylor coefficients of the kernel held at a time


class PolyharmonicSpline:
    """Powers of the distance from each centre, and a polynomial: f(x) = Σ c_i φ(|x - x_i|) + p(x).

    φ(r) = ± r^degree / (2 degree!), the sign that of (-1)^m with m = (degree + 1) / 2, and p is of
    degree m - 1. Made by `SplineInterpolator` from data of several features.

    Parameters
    ----------
    centres : array of shape (N, d)
    coefficients : array of shape (N, q)
        c, one column for each output.
    origin : array of shape (d,)
        The point in whose powers the polynomial is written.
    tail : array of shape (n_monomials, q)
        Coefficients of the polynomial, by degree.
    degree : int, odd
    """

    def __init__(
        self,
        centres: np.ndarray,
        coefficients: np.ndarray,
        origin: np.ndarray,
        tail: np.ndarray,
        degree: int,
    ) -> None:
        self.centres = centres
        self.coefficients = coefficients
        self.origin = origin
        self.tail = tail
        self.degree = degree

    def __deepcopy__(self, memo: dict) -> "PolyharmonicSpline":
        return self  # nothing in it changes, and its posterior holds the same centres

    def __call__(self, X: ArrayLike) -> np.ndarray:
        """Values at X (n, d): shape (n, q)."""
        X = np.asarray(X, dtype=np.float64)
        found = [self._values(X[rows]) for rows in row_slices(len(X), self._rows_at_a_time)]
        return np.concatenate(found) if found else np.empty((0, self.coefficients.shape[1]))

    @property
    def _rows_at_a_time(self):
        return rows_within(len(self.centres), BLOCK_ENTRIES)

    def _values(self, X):
        columns = np.hsplit(X - self.origin, X.shape[1])
        tail = np.hstack(monomials(columns, (self.degree - 1) // 2))
        kernel = distance_kernel(cdist(X, self.centres), self.degree)
        return kernel @ self.coefficients + tail @ self.tail

    def propagate(self, jet: Jet) -> Jet:
        """The jet of the spline's values, (n, q), from that of places, (n, d)."""
        n_terms = comb(jet.n_variables + jet.order, jet.order)
        entries = n_terms * len(self.centres)
        return in_row_blocks(self._propagate_block, jet, entries, BLOCK_ENTRIES)

    def _propagate_block(self, jet):
        columns = [jet[:, i] for i in range(len(self.origin))]
        pairs = zip(columns, self.centres.T)
        squared = reduce(add, ((column - centre).square() for column, centre in pairs))
        # At a centre all derivatives of r^degree below that order are zero; the root has none.
        apart = squared.value > 1e-30 * np.max((self.centres - self.origin) ** 2)
        distance = (squared + ~apart) ** 0.5 * (apart * kernel_factor(self.degree))
        kernel = distance * squared ** ((self.degree - 1) // 2)
        from_origin = [column - x for column, x in zip(columns, self.origin)]
        tail = Jet.concatenate(monomials(from_origin, (self.degree - 1) // 2))
        return kernel @ self.coefficients + tail @ self.tail


class PolyharmonicColumns:
    """Polyharmonic splines of several outputs that differ in their centres, called as one.

    Parameters
    ----------
    splines : sequence of PolyharmonicSpline, each of one output
    """

    def __init__(self, splines: Sequence[PolyharmonicSpline]) -> None:
        self.splines = splines

    def __call__(self, X: ArrayLike) -> np.ndarray:
        """Values at X (n, d): shape (n, q)."""
        return np.column_stack([spline(X) for spline in self.splines])

    def propagate(self, jet: Jet) -> Jet:
        """The jet of the splines' values, (n, q), from that of places, (n, d)."""
        return Jet.concatenate([spline.propagate(jet) for spline in self.splines])
