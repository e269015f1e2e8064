"""Arrays that are read in rows, such as files larger than memory, block by block."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from .checks import check_measured

__all__ = ["RowBlocks", "is_read_in_rows"]

BLOCK_ROWS = 65_536  # about so many are in memory at a time
RUN_ROWS = 1024  # that follow each other in the file are read at once where rows are shuffled
FAR = 1e6  # times its range from zero, float64 loses digits of a column in one pass


def is_read_in_rows(X: Any) -> bool:
    """Whether X is a file in the place of an array: a `numpy.memmap`, one of h5py, of zarr, ...

    >>> is_read_in_rows(np.zeros((3, 2)))
    False
    """
    if isinstance(X, np.memmap):
        return X.ndim == 2
    if isinstance(X, np.ndarray) or issparse(X) or hasattr(X, "__array_ufunc__"):
        return False
    is_array = isinstance(getattr(X, "dtype", None), np.dtype) and hasattr(X, "__getitem__")
    return is_array and len(X.shape) == 2


class RowBlocks:
    """Rows of X and y, some at a time, as float64.

    Parameters
    ----------
    X : array-like of shape (n, d)
    y : array-like of shape (n,) or (n, m)
    batch_size : int
        A block is whole batches, but for the last.
    """

    def __init__(self, X: Any, y: Any, batch_size: int) -> None:
        self.X, self.y, self.n = X, y, len(X)
        self.size = max(1, BLOCK_ROWS // batch_size) * batch_size

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """X (k, d) and y (k, m) of each block, in their order."""
        for start in range(0, self.n, self.size):
            yield self._read([slice(start, min(start + self.size, self.n))])

    def shuffled(self, rng: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of runs of rows from all over the file, their rows shuffled."""
        length = min(RUN_ROWS, self.size)
        starts = rng.permutation(np.arange(0, self.n, length))
        for part in np.array_split(starts, -(-self.n // self.size)):
            runs = [slice(start, min(start + length, self.n)) for start in part.tolist()]
            X, y = self._read(runs)
            order = rng.permutation(len(X))
            yield X[order], y[order]

    def spread(self) -> tuple[np.ndarray, np.ndarray]:
        """One block of rows from all over the file."""
        return self._read([slice(0, self.n, -(-self.n // BLOCK_ROWS))])

    def _read(self, runs):
        X, y = (
            np.concatenate([np.asarray(data[run], dtype=np.float64) for run in runs])
            for data in (self.X, self.y)
        )
        X = check_array(X, input_name="X")
        y = check_array(y.reshape(len(y), -1), ensure_all_finite="allow-nan", input_name="y")
        if np.isnan(y).all(axis=1).any():
            check_measured(y)
        return X, y

    def range(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest value of each column of X and y together, (2, d + m).

        Raises
        ------
        ValueError
            Values that are not finite, an output that was never measured, or a column too far from
            zero.
        """
        low: Any = np.inf
        high: Any = -np.inf
        for X, y in self:
            block = np.column_stack([X, y])
            low, high = np.fmin(low, np.fmin.reduce(block)), np.fmax(high, np.fmax.reduce(block))
        size, n_features = np.maximum(-low, high), self.X.shape[1]
        check_measured(np.where(np.isinf(high), np.nan, high)[None, n_features:])
        far = (size > FAR * (high - low)) & (high > low)
        if far.any():
            i = int(np.argmax(far))
            column = f"feature {i}" if i < n_features else f"output {i - n_features}"
            raise ValueError(
                f"In rows that are read one block after another, {column} is up to {size[i]:.1e} "
                f"and varies by {high[i] - low[i]:.1e} only: take its offset away first, or give a "
                "numpy.array of all."
            )
        return low, high
