"""Homogeneous parts of Taylor expansions: their multi-indices, products, and adjoints of these."""

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any

import numpy as np

from .constants import is_exporting
from .namespace import alike, namespace

__all__ = [
    "MANY_ROWS",
    "add_homogeneous",
    "each_row",
    "is_one_row",
    "multi_indices",
    "one_minus_square",
    "positions",
    "product_adjoint",
    "product_part",
    "square_part",
    "tensor_table",
]

NOTHING, ONE = np.zeros(()), np.ones(())
MANY_ROWS = 64  # from here on it costs less to compute one row and to show it as all


@lru_cache(maxsize=256)
def multi_indices(n_variables: int, degree: int) -> tuple[tuple[int, ...], ...]:
    """Every multi-index of one degree, in lexicographic order.

    >>> multi_indices(2, 2)
    ((2, 0), (1, 1), (0, 2))
    """
    picks = combinations_with_replacement(range(n_variables), degree)
    return tuple(tuple(pick.count(i) for i in range(n_variables)) for pick in picks)


@lru_cache(maxsize=256)
def positions(n_variables: int, degree: int) -> dict[tuple[int, ...], int]:
    """The position of each multi-index in `multi_indices`."""
    return {alpha: i for i, alpha in enumerate(multi_indices(n_variables, degree))}


@lru_cache(maxsize=256)
def _factor_pairs(n_variables, left, right):
    """For each multi-index of degree left + right, the pairs of positions that add up to it."""
    position = positions(n_variables, left + right)
    pairs = [[] for _ in position]
    for i, beta in enumerate(multi_indices(n_variables, left)):
        for j, gamma in enumerate(multi_indices(n_variables, right)):
            pairs[position[tuple(b + g for b, g in zip(beta, gamma))]].append((i, j))
    return tuple(map(tuple, pairs))


@lru_cache(maxsize=32)
def tensor_table(n_variables: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Position and factorial of the multi-index behind each entry of a full derivative tensor."""
    places = np.zeros(1, dtype=np.int64)
    for k in range(degree):
        places = _successors(n_variables, k)[places].ravel()
    alphas = multi_indices(n_variables, degree)
    return places, np.array([float(prod(map(factorial, alpha))) for alpha in alphas])[places]


def _successors(n_variables, degree):
    """Where each multi-index stands once it is raised in each variable: (n_terms, n_variables)."""
    position = positions(n_variables, degree + 1)
    alphas = np.array(multi_indices(n_variables, degree), dtype=int).reshape(-1, n_variables)
    raised = alphas[:, None] + np.eye(n_variables, dtype=int)
    found = [position[tuple(alpha)] for alpha in raised.reshape(-1, n_variables).tolist()]
    return np.array(found, dtype=np.int64).reshape(-1, n_variables)


def _add_product(total, scale, a, b):
    """total + scale * a * b, in one pass over memory where the library offers it."""
    if total is None and (scale == 1 or not hasattr(a, "addcmul")):
        total = a * b
        if scale != 1:
            total *= scale
        return total
    if total is None:
        return namespace(a).addcmul(alike(NOTHING, a), a, b, value=scale)
    if hasattr(total, "addcmul_"):
        add = total.addcmul if is_exporting() else total.addcmul_
        return add(a, b, value=scale)
    total += a * b if scale == 1 else scale * (a * b)
    return total


def one_minus_square(y: Any) -> Any:
    """1 - y², in one pass over memory where the library offers it."""
    if hasattr(y, "addcmul"):
        return namespace(y).addcmul(alike(ONE, y), y, y, value=-1)
    return 1 - y * y


def each_row(part: Any, function: Callable[[Any], Any]) -> Any:
    """A function of the rows of a part, computed once where all of them are views of one."""
    if not is_one_row(part):
        return function(part)
    one = function(part[:, :1, :])
    return namespace(part).broadcast_to(one, (one.shape[0], part.shape[1], one.shape[2]))


def is_one_row(part: Any) -> bool:
    """Whether a part (n_terms, n, m) of many rows is views of one."""
    if part.shape[1] < MANY_ROWS:
        return False
    return not (part.strides[1] if type(part) is np.ndarray else part.stride(1))


def add_homogeneous(
    total: Any, scale: float, a: Any, b: Any, left: int, right: int, n_variables: int
) -> Any:
    """Add scale times the product of two homogeneous parts of degrees left and right."""
    if scale != 1 and is_one_row(a):
        a, scale = each_row(a, lambda row: row * scale), 1
    if n_variables == 1 or left == 0 or right == 0:
        return _add_product(total, scale, a, b)
    rows, moved = [], total is None
    for row, pairs in enumerate(_factor_pairs(n_variables, left, right)):
        cell = before = None if total is None else total[row, ...]
        for i, j in pairs:
            cell = _add_product(cell, scale, a[i, ...], b[j, ...])
        rows.append(cell)
        moved = moved or cell is not before  # an array that cannot be updated in place
    return namespace(a).stack(rows) if moved else total


def product_part(
    a: list, b: list, k: int, n_variables: int, *, total: Any = None, scale: float = 1
) -> Any:
    """Part of degree k of the product of two lists of parts, added to `total` in place."""
    for i in range(max(0, k - len(b) + 1), min(k, len(a) - 1) + 1):
        total = add_homogeneous(total, scale, a[i], b[k - i], i, k - i, n_variables)
    return total


def square_part(a: list, k: int, n_variables: int, *, scale: float = 1) -> Any:
    """Part of degree k of the square of a list of parts, each mixed product taken once."""
    total = None
    for i in range(max(0, k - len(a) + 1), (k + 1) // 2):
        total = add_homogeneous(total, 2 * scale, a[i], a[k - i], i, k - i, n_variables)
    if k % 2 == 0 and k // 2 < len(a):
        middle = a[k // 2], a[k // 2], k // 2, k // 2
        total = add_homogeneous(total, scale, *middle, n_variables)
    return total


def product_adjoint(a: list, adjoint: list, n_variables: int) -> list:
    r"""What the coefficients of a factor b count, from what those of the product a b count.

    As :math:`(ab)_\gamma = \sum_\beta a_{\gamma - \beta} b_\beta`, that is
    :math:`\sum_\gamma a_{\gamma - \beta}\, \bar c_\gamma`.

    Parameters
    ----------
    a : list of arrays
        Parts of the other factor; those that are missing are zero.
    adjoint : list of arrays or None
        :math:`\bar c`, by degree; None is zero.

    Returns
    -------
    list of arrays or None
        By degree, as long as `adjoint`.
    """
    found = []
    for k in range(len(adjoint)):
        total = None
        for j in range(min(len(a), len(adjoint) - k)):
            if adjoint[k + j] is not None:
                term = _homogeneous_adjoint(a[j], adjoint[k + j], j, k, n_variables)
                total = term if total is None else total + term
        found.append(total)
    return found


def _homogeneous_adjoint(a, adjoint, left, right, n_variables):
    """The part of degree `right`, from parts of degree `left` and left + right."""
    xp = namespace(a)
    if n_variables == 1 or left == 0:
        return a * adjoint
    if right == 0:
        return xp.sum(a * adjoint, axis=0, keepdims=True)
    rows = [0] * len(multi_indices(n_variables, right))
    for row, pairs in enumerate(_factor_pairs(n_variables, left, right)):
        for i, j in pairs:
            rows[j] = rows[j] + a[i, ...] * adjoint[row, ...]
    return xp.stack(rows)
