"""Truncated Taylor arithmetic: all partial derivatives of a batch of maps, up to an order."""

from collections.abc import Callable, Sequence
from math import factorial, prod
from numbers import Integral
from typing import Any

import numpy as np

from .constants import brought
from .namespace import alike, namespace
from .parts import (
    add_homogeneous,
    each_row,
    multi_indices,
    positions,
    product_part,
    square_part,
    tensor_table,
)

__all__ = ["Jet", "solve"]


def solve(z: "Jet", values: list, rates: list[Callable]) -> list["Jet"]:
    r"""Jets of functions of `z` from the differential equations that they satisfy.

    Where :math:`f_c'(z) = s_c(f_1(z), f_2(z), \dots)`, the Euler operator
    :math:`\sum_i x_i \partial_i`, which multiplies a homogeneous part of degree k by k, gives

    .. math:: k\,[f_c]_k = \sum_{j=1}^{k} j\,[z]_j\,[s_c]_{k-j},

    one formula for any number of variables (Griewank & Walther 2008, chapter 13, in one variable).

    Parameters
    ----------
    z : Jet of shape (n, m)
    values : list of arrays of shape (n, m)
        The functions' values at the value of `z`.
    rates : list of callables ``rate(parts, k)``
        The part of degree k of each function's derivative, given the list of the
        functions' parts known so far (to degree k at least); or a number and what it multiplies.

    Returns
    -------
    list of Jet
    """
    found = [[value[None, ...]] for value in values]
    derivatives: list[list] = [[] for _ in values]
    for k in range(1, z.order + 1 if z.degree else 1):
        for derivative, rate in zip(derivatives, rates):
            part = rate(found, k - 1)
            derivative.append(part if isinstance(part, tuple) else (1, part))
        for parts, derivative in zip(found, derivatives):
            total = None
            for j in range(min(k, z.degree), 0, -1):  # j = k first, of factor one
                times, part = derivative[k - j]
                factors = z.parts[j], part
                total = add_homogeneous(total, times * j / k, *factors, j, k - j, z.n_variables)
            parts.append(total)
    return [Jet(parts, z.order, z.n_variables) for parts in found]


def _keep_axis(index, size):
    """A whole number as the slice that selects it alone, anything else as it is."""
    if not isinstance(index, Integral):
        return index
    start = range(size)[index]
    return slice(start, start + 1)


def _is_of_columns(factor):
    """Whether a factor is the same for all rows: a number, or one for each column."""
    return getattr(factor, "ndim", 0) < 2


def _one_shape(parts):
    """Parts stretched to the rows and columns of the first, as a broadcast sum leaves it."""
    rows_columns = parts[0].shape[1:]
    if all(part.shape[1:] == rows_columns for part in parts):
        return parts
    xp = namespace(parts[0])
    return [xp.broadcast_to(part, (part.shape[0], *rows_columns)) for part in parts]


class Jet:
    r"""Taylor expansions of a batch of maps, cut off at an order.

    A jet holds the coefficients :math:`\partial^\alpha f / \alpha!` of n rows and m columns
    in q variables, by degree: ``parts[k]`` has shape (n_terms, n, m), one term for each
    multi-index of degree k as `multi_indices` lists them. Parts above `degree` are zero and
    not stored, so that an affine map of the variables costs two parts whatever the order.
    Arrays are NumPy's or torch's; every operation returns a new jet, and torch's autograd
    passes through. Constants that jets combine with may be NumPy's whatever the jet's are.

    Parameters
    ----------
    parts : list of arrays of shape (n_terms, n, m)
    order : int
        Terms of higher degree than this are dropped.
    n_variables : int

    Examples
    --------
    The first three derivatives of x² / (1 + x) at x = 1:

    >>> import numpy as np
    >>> x = Jet.variables(np.array([[1.0]]), order=3)
    >>> f = x * x / (x + 1)
    >>> [float(f.partial((k,))[0, 0]) for k in (1, 2, 3)]
    [0.75, 0.25, -0.375]
    """

    __array_ufunc__ = None  # numpy_array * jet is ours to answer

    def __init__(self, parts: list, order: int, n_variables: int) -> None:
        self.parts = parts
        self.order = order
        self.n_variables = n_variables

    @classmethod
    def variables(cls, X: Any, order: int, directions: Any = None) -> "Jet":
        """The identity map at the rows of X, or straight lines through them.

        Parameters
        ----------
        X : array of shape (n, d)
        order : int
        directions : array of shape (q, d), default=None
            Of NumPy or of X's kind.
            The jet's variables move X along these; None is the d coordinate axes.
        """
        xp = namespace(X)
        if directions is None:
            directions = xp.eye(X.shape[1], dtype=X.dtype, device=X.device)
        directions = alike(directions, X)
        lines = xp.broadcast_to(directions[:, None, :], (directions.shape[0], *X.shape))
        return cls([X[None, ...], lines][: order + 1], order, directions.shape[0])

    @classmethod
    def along(cls, X: Any, directions: Any = None) -> "Jet":
        """The rows of X (n, p), moved to first order along directions (n, q, p) of their own.

        None is a jet of order 0.
        """
        if directions is None:
            return cls.constant(X, 0, 1)
        return cls([X[None, ...], namespace(X).moveaxis(directions, 1, 0)], 1, directions.shape[1])

    @classmethod
    def constant(cls, value: Any, order: int, n_variables: int) -> "Jet":
        """A map of shape (n, m) that does not depend on the variables."""
        return cls([value[None, ...]], order, n_variables)

    @classmethod
    def concatenate(cls, jets: list["Jet"]) -> "Jet":
        """Jets of the same rows beside each other, as columns of one."""
        return cls._joined(jets, axis=-1)

    @classmethod
    def below(cls, jets: list["Jet"]) -> "Jet":
        """Jets of other rows below each other, as rows of one."""
        return cls._joined(jets, axis=1)

    @classmethod
    def _joined(cls, jets, axis):
        xp = namespace(jets[0].value)
        for jet in jets[1:]:
            jets[0]._require_same_kind(jet)
        degree = max(jet.degree for jet in jets)
        parts = [xp.concat([jet.part(k) for jet in jets], axis=axis) for k in range(degree + 1)]
        return cls(parts, jets[0].order, jets[0].n_variables)

    @property
    def degree(self) -> int:
        """Degree of the highest stored part."""
        return len(self.parts) - 1

    @property
    def value(self) -> Any:
        """The map itself: shape (n, m)."""
        return self.parts[0][0, ...]

    @property
    def is_of_numpy(self) -> bool:
        """Whether its arrays are NumPy's own."""
        return type(self.parts[0]) is np.ndarray

    def __repr__(self) -> str:
        n, m = self.value.shape
        return f"Jet of order {self.order} in {self.n_variables} variables, {n} rows, {m} columns"

    def part(self, k: int) -> Any:
        """The part of degree k, zeros where it is not stored."""
        if k > self.order:
            raise ValueError(
                f"A jet of order {self.order} holds no derivatives of order {k}: "
                f"build its variables with order={k} or more."
            )
        if k <= self.degree:
            return self.parts[k]
        xp = namespace(self.value)
        n_terms = len(multi_indices(self.n_variables, k))
        zeros = xp.zeros_like(self.value)[None, ...]
        return xp.broadcast_to(zeros, (n_terms, *self.value.shape))

    def _require_same_kind(self, other):
        if (self.order, self.n_variables) != (other.order, other.n_variables):
            raise ValueError(
                "Jets combine only at one order and in the same variables: build both from one "
                f"Jet.variables; got order {self.order} in {self.n_variables} variables and "
                f"order {other.order} in {other.n_variables}."
            )

    def _with(self, parts):
        return Jet(parts, self.order, self.n_variables)

    def map_parts(self, function: Callable[[Any], Any]) -> "Jet":
        """The jet of a linear map that acts on every part alike (a cast, a selection of rows)."""
        return self._with([function(part) for part in self.parts])

    def __getitem__(self, key: Any) -> "Jet":
        """Select rows and columns as of an (n, m) array; both axes are kept, by a number too."""
        key = key if isinstance(key, tuple) else (key,)
        key = [_keep_axis(index, self.value.shape[axis]) for axis, index in enumerate(key)]
        return self.map_parts(lambda part: part[(slice(None), *key)])

    def __neg__(self) -> "Jet":
        return self.map_parts(lambda part: -part)

    def __add__(self, other: Any) -> "Jet":
        if not isinstance(other, Jet):
            moved = self.parts[0] + alike(other, self.parts[0])
            return self._with(_one_shape([moved, *self.parts[1:]]))
        self._require_same_kind(other)
        long, short = (self, other) if self.degree >= other.degree else (other, self)
        summed = [a + b for a, b in zip(long.parts, short.parts)]
        return self._with(_one_shape(summed + long.parts[len(summed) :]))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Jet":
        return self + (-other)

    def __rsub__(self, other: Any) -> "Jet":
        return -self + other

    def __mul__(self, other: Any) -> "Jet":
        if not isinstance(other, Jet):
            factor = alike(other, self.parts[0])
            if _is_of_columns(other):
                return self.map_parts(lambda part: each_row(part, lambda rows: rows * factor))
            return self.map_parts(lambda part: part * factor)
        self._require_same_kind(other)
        top = min(self.degree + other.degree, self.order)
        operands = self.parts, other.parts
        return self._with([product_part(*operands, k, self.n_variables) for k in range(top + 1)])

    __rmul__ = __mul__

    def __matmul__(self, matrix: Any) -> "Jet":
        """Each row times a constant matrix of shape (m, p)."""
        matrix = alike(matrix, self.parts[0])
        return self.map_parts(lambda part: each_row(part, lambda rows: rows @ matrix))

    def affine(self, matrix: Any, shift: Any) -> "Jet":
        """Each row times a matrix (m, p) of the jet's own kind of array, plus a shift (p,)."""
        xp, value = namespace(self.value), self.value
        if not hasattr(xp, "addmm"):
            moved = value @ matrix + shift
        elif value.shape[1] == 1:
            moved = xp.addcmul(shift, value, matrix)  # the same, without a copy of the shifts
        else:
            moved = xp.addmm(shift, value, matrix)
        rest = (each_row(part, lambda rows: rows @ matrix) for part in self.parts[1:])
        return self._with([moved[None, ...], *rest])

    def __truediv__(self, other: Any) -> "Jet":
        if not isinstance(other, Jet):
            divisor = alike(other, self.parts[0])
            if _is_of_columns(other):
                return self.map_parts(lambda part: each_row(part, lambda rows: rows / divisor))
            return self.map_parts(lambda part: part / divisor)
        self._require_same_kind(other)
        xp = namespace(self.value)
        quotient: list = []
        top = self.order if other.degree else self.degree
        for k in range(top + 1):
            rest = self.part(k) + xp.zeros_like(other.value)  # fresh: the sum is taken in place
            # The quotient is known to degree k - 1 so far: the divisor's value is left out.
            factors = other.parts, quotient
            rest = product_part(*factors, k, self.n_variables, total=rest, scale=-1)
            quotient.append(rest / other.value)
        return self._with(quotient)

    def __rtruediv__(self, other: Any) -> "Jet":
        xp = namespace(self.value)
        numerator = xp.zeros_like(self.value) + alike(other, self.value)
        return Jet.constant(numerator, self.order, self.n_variables) / self

    def __pow__(self, exponent: float) -> "Jet":
        """A constant power; values must be positive unless the exponent is a whole number."""
        if exponent == int(exponent):
            return self._whole_power(int(exponent))
        xp = namespace(self.value)
        if not bool(xp.all(self.value > 0)):
            raise ValueError(
                f"A jet with values at or below zero has no derivatives of the power {exponent}: "
                "give positive values or a whole exponent."
            )
        inverse = 1 / self

        def rate(found, k):
            return product_part(found[0], inverse.parts, k, self.n_variables, scale=exponent)

        return solve(self, [self.value**exponent], [rate])[0]

    def _whole_power(self, exponent):
        if exponent < 0:
            return 1 / self._whole_power(-exponent)
        result = Jet.constant(0 * self.value + 1, self.order, self.n_variables)
        for bit in bin(exponent)[2:]:
            result = result * result
            result = result * self if bit == "1" else result
        return result

    def square(self) -> "Jet":
        """The jet times itself, at about half the cost of a product."""
        top = min(2 * self.degree, self.order)
        return self._with([square_part(self.parts, k, self.n_variables) for k in range(top + 1)])

    def compose(self, coefficients: list) -> "Jet":
        """An elementwise function from its Taylor coefficients at the value.

        Parameters
        ----------
        coefficients : list of arrays of shape (n, m)
            The k-th derivative of the function at the jet's value over k!, for k from 0 to
            `order`; a list that stops earlier is a polynomial.
        """
        step = self._with([0 * self.parts[0], *self.parts[1:]])
        *lower, last = list(coefficients)[: self.order + 1]
        result = Jet.constant(last, self.order, self.n_variables)
        for coefficient in reversed(lower):
            result = result * step + coefficient
        return result

    def coefficients(self) -> Any:
        """All Taylor coefficients beside each other, term by term: (n, n_terms m)."""
        xp = namespace(self.value)
        parts = [self.part(k) for k in range(self.order + 1)]
        whole = xp.concat(parts, axis=0) if len(parts) > 1 else parts[0]
        return xp.reshape(xp.moveaxis(whole, 0, 1), (whole.shape[1], -1))

    def partial(self, multi_index: Sequence[int]) -> Any:
        """One mixed partial derivative: shape (n, m)."""
        multi_index = tuple(multi_index)
        k = sum(multi_index)
        row = positions(self.n_variables, k)[multi_index]
        return self.part(k)[row, ...] * float(prod(map(factorial, multi_index)))

    def tensor(self, k: int) -> Any:
        """All derivatives of order k: shape (n, m, q, …, q) with k trailing axes."""
        part = self.part(k)
        xp = namespace(part)
        places, factorials = tensor_table(self.n_variables, k)
        scale = brought(factorials, part, part.dtype)
        entries = part[brought(places, part), ...] * scale[:, None, None]
        entries = xp.moveaxis(entries, 0, -1)
        return xp.reshape(entries, (*part.shape[1:], *(self.n_variables,) * k))
