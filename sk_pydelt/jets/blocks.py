"""Rows are independent: evaluate a function block by block, in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .jet import Jet
from .namespace import namespace

__all__ = [
    "BLOCK_ENTRIES",
    "Home",
    "in_row_blocks",
    "map_at_home",
    "map_row_blocks",
    "row_slices",
    "rows_within",
]

BLOCK_ENTRIES = 2**18  # Taylor coefficients held at a time: they stay in the cache


@dataclass(frozen=True)
class Home:
    """A device on which rows are computed, other than the processor.

    Parameters
    ----------
    enter : callable, array of NumPy -> array on the device
    rows : callable, int -> int
        How many rows of so many Taylor coefficients each the device likes at a time.
    leave : callable, (array on the device, array of NumPy)
        Writes the first into the second, of the same shape.
    """

    enter: Callable[[np.ndarray], Any]
    rows: Callable[[int], int]
    leave: Callable[[Any, np.ndarray], Any]


def row_slices(n_rows: int, block_rows: int) -> list[slice]:
    """Slices of at most `block_rows` rows that follow each other: one at least, even of no rows.

    >>> row_slices(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    starts = range(0, max(1, n_rows), block_rows)
    return [slice(start, min(start + block_rows, n_rows)) for start in starts]


def rows_within(entries_per_row: int, block_entries: int = BLOCK_ENTRIES) -> int:
    """Number of rows of so many entries each that may be held at a time, 1 at least."""
    return max(1, block_entries // max(1, entries_per_row))


def map_row_blocks(function: Callable, X: Any, block_rows: int) -> Any:
    """Apply a function of rows to blocks of rows and put the results under each other.

    Parameters
    ----------
    function : callable, (k, d) array -> (k, ...) array
        Must treat each row independently of the others.
    X : array of shape (n, d), or the numbers of n rows
    block_rows : int
        Largest number of rows in a block.

    Returns
    -------
    array of shape (n, ...)
        Of the kind that `function` returns.

    Examples
    --------
    >>> import numpy as np
    >>> map_row_blocks(lambda rows: rows.sum(axis=1), np.ones((5, 3)), block_rows=2)
    array([3., 3., 3., 3., 3.])
    """
    n = len(X)
    head, *others = row_slices(n, block_rows)
    first = function(X[head])
    if not others:
        return first
    if not isinstance(first, np.ndarray):
        return namespace(first).concat([first, *(function(X[rows]) for rows in others)])
    out = np.empty((n, *first.shape[1:]), dtype=first.dtype)
    out[head] = first
    for rows in others:
        out[rows] = function(X[rows])
    return out


def map_at_home(function: Callable, n: int, block_rows: int, home: Home) -> np.ndarray:
    """As `map_row_blocks`, of the numbers of n rows, where the results leave a device.

    Each block is written once to where it stays: the copies take most of the time.

    Parameters
    ----------
    function : callable, range -> array of shape (k, ...) on the device
    n : int
    block_rows : int
    home : Home
    """
    head, *others = row_slices(n, block_rows)
    first = function(range(n)[head])
    out = np.empty((n, *first.shape[1:]))
    home.leave(first, out[head])
    del first
    for rows in others:
        home.leave(function(range(n)[rows]), out[rows])
    return out


def in_row_blocks(
    function: Callable[[Jet], Jet],
    jet: Jet,
    entries_per_row: int,
    block_entries: int = BLOCK_ENTRIES,
) -> Jet:
    """Apply a function of a jet's rows to as many of them at a time as its memory allows.

    Parameters
    ----------
    function : callable, Jet of shape (k, d) -> Jet of shape (k, m)
        Must treat each row independently of the others.
    jet : Jet of shape (n, d)
    entries_per_row : int
        Numbers that `function` holds for each row.
    block_entries : int, default=2**18
        Numbers held at a time, at most; those of one row if it has more.

    Returns
    -------
    Jet of shape (n, m)
    """
    slices = row_slices(len(jet.value), rows_within(entries_per_row, block_entries))
    if len(slices) == 1:
        return function(jet)
    return Jet.below([function(jet[rows]) for rows in slices])
