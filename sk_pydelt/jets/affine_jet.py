"""The last layer of a net, and what shifts and scales its outputs, as one affine map of a jet."""

from functools import cached_property
from typing import Any

import numpy as np

from .jet import Jet
from .namespace import alike

__all__ = ["AffineJet"]


class AffineJet(Jet):
    """A jet of n rows times a matrix plus a shift, of which each part is computed when asked for.

    Who wants the highest derivatives alone needs no product for the others. Columns that are scaled
    and shifted change the matrix and the shift, which have few entries.

    Parameters
    ----------
    inner : Jet of shape (n, m)
    matrix : array of shape (m, p)
        Of the jet's own kind of array.
    shift : array of shape (p,)
    """

    def __init__(self, inner: Jet, matrix: Any, shift: Any) -> None:
        self.inner, self.matrix, self.shift = inner, matrix, shift
        self.order, self.n_variables = inner.order, inner.n_variables
        self.known: dict[int, Any] = {}

    @cached_property
    def parts(self) -> list:  # type: ignore[override]
        """All of them."""
        return [self.part(k) for k in range(self.degree + 1)]

    @property
    def degree(self) -> int:
        return self.inner.degree

    @property
    def is_of_numpy(self) -> bool:
        return type(self.matrix) is np.ndarray

    @property
    def value(self) -> Any:
        return self.part(0)[0, ...]

    def part(self, k: int) -> Any:
        """The part of degree k, zeros where it is not stored."""
        if k > self.degree:
            return super().part(k)
        if k not in self.known:
            self.known[k] = self._part(k)
        return self.known[k]

    def _part(self, k):
        only = Jet([self.inner.parts[k]], self.order, self.n_variables)
        moved = only.affine(self.matrix, self.shift) if k == 0 else only @ self.matrix
        return moved.parts[0]

    def __mul__(self, other: Any) -> Jet:
        if not _is_of_columns(other, self.matrix.shape[1]):
            return super().__mul__(other)
        factor = alike(other, self.matrix)
        return AffineJet(self.inner, self.matrix * factor, self.shift * factor)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Jet:
        if not _is_of_columns(other, self.matrix.shape[1]):
            return super().__add__(other)
        return AffineJet(self.inner, self.matrix, self.shift + alike(other, self.shift))

    __radd__ = __add__


def _is_of_columns(constant, n_columns):
    """Whether a constant is one number, or one for each column."""
    return not isinstance(constant, Jet) and getattr(constant, "shape", ()) in ((), (n_columns,))
