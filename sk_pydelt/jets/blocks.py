"""Rows are independent: evaluate a function block by block, in bounded memory."""

from collections.abc import Callable

import numpy as np

__all__ = ["map_row_blocks"]


def map_row_blocks(function: Callable, X: np.ndarray, block_rows: int) -> np.ndarray:
    """Apply a function of rows to blocks of rows and put the results under each other.

    Parameters
    ----------
    function : callable, (k, d) array -> (k, ...) array
        Must treat each row independently of the others.
    X : array of shape (n, d), n >= 1
    block_rows : int
        Largest number of rows in a block.

    Returns
    -------
    array of shape (n, ...)

    Examples
    --------
    >>> import numpy as np
    >>> map_row_blocks(lambda rows: rows.sum(axis=1), np.ones((5, 3)), block_rows=2)
    array([3., 3., 3., 3., 3.])
    """
    n = len(X)
    first = np.asarray(function(X[:block_rows]))
    if n <= block_rows:
        return first
    out = np.empty((n, *first.shape[1:]), dtype=first.dtype)
    out[:block_rows] = first
    for start in range(block_rows, n, block_rows):
        out[start : start + block_rows] = function(X[start : start + block_rows])
    return out
