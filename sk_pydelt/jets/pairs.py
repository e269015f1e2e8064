"""Kernels between all pairs of rows of a jet: covariances of derivatives of random functions."""

from collections.abc import Callable, Iterator, Sequence
from math import comb

import numpy as np

from .blocks import row_slices, rows_within
from .jet import Jet, multi_indices

__all__ = ["both_arguments", "covariance_blocks", "covariances_between"]


def covariance_blocks(
    kernel: Callable, jet: Jet, index: tuple[int, ...]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Covariances of one partial derivative between n rows, which are symmetric.

    Parameters
    ----------
    kernel : callable, ``(left, right) -> Jet``
        Of rows of two jets (n, d), row by row: a jet of shape (n, 1).
    jet : Jet of shape (n, d)
    index : tuple of int
        The orders of the partial derivative, one for each variable of the jet.

    Yields
    ------
    slice, array of shape (k, n - start)
        A block of k rows, and their covariances with themselves and all below.
    """
    left, right = both_arguments(jet, index)
    n, n_terms = len(jet.value), comb(left.n_variables + left.order, left.order)
    for rows in row_slices(n, rows_within(n * n_terms)):
        some, others = left[rows], right[rows.start :]
        size = len(some.value), len(others.value)
        pairs = _repeated(some, np.repeat, size[1]), _repeated(others, _tiled, size[0])
        yield rows, kernel(*pairs).partial((*index, *index)).reshape(size)


def covariances_between(
    kernel: Callable, jet: Jet, indices: Sequence[tuple[int, ...]]
) -> np.ndarray:
    """Covariances of several partial derivatives between n rows: (K, n, K, n).

    Parameters
    ----------
    kernel : callable
        As of `covariance_blocks`.
    jet : Jet of shape (n, d)
    indices : list of tuple of int
        The last has no lower order by any variable than the others.
    """
    left, right = both_arguments(jet, indices[-1])
    n, n_terms = len(jet.value), comb(left.n_variables + left.order, left.order)
    found = np.empty((len(indices), n, len(indices), n))
    for rows in row_slices(n, rows_within(n * n_terms)):
        some = left[rows]
        size = len(some.value)
        pairs = kernel(_repeated(some, np.repeat, n), _repeated(right, _tiled, size))
        for i, one in enumerate(indices):
            for j, other in enumerate(indices):
                found[i, rows, j] = pairs.partial((*one, *other)).reshape(size, n)
    return found


def _repeated(jet, repeat, times):
    return jet.map_parts(lambda part: repeat(part, times, axis=1))


def _tiled(part, times, axis):
    return np.concatenate([part] * times, axis=axis) if times else part[:, :0]


def both_arguments(jet: Jet, index: tuple[int, ...]) -> list[Jet]:
    """The jet as either argument of a kernel: functions of one half of twice the variables."""
    return [_in_twice_the_variables(jet, index, side) for side in (0, 1)]


def _in_twice_the_variables(jet, index, side):
    """The jet as a function of the first or second half of twice as many variables."""
    q, order = jet.n_variables, 2 * sum(index)
    if order > 170:
        raise ValueError(
            "The spread of a Gaussian process's derivative comes from derivatives of its kernel of "
            f"twice the order, and above 170 factorials leave float64; got order {sum(index)}."
        )
    parts = []
    for k, part in enumerate(jet.parts[: sum(index) + 1]):
        position = {alpha: i for i, alpha in enumerate(multi_indices(2 * q, k))}
        wide = np.zeros((len(position), *jet.value.shape))
        wide[[position[_widen(alpha, q, side)] for alpha in multi_indices(q, k)]] = part
        parts.append(wide)
    return Jet(parts, order, 2 * q)


def _widen(alpha, q, side):
    return (*alpha, *(0,) * q) if side == 0 else (*(0,) * q, *alpha)
