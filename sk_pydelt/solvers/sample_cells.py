"""Many samples of several features as their means in the cells of a grid."""

from typing import NamedTuple

import numpy as np

__all__ = ["Cells", "in_cells"]

ENOUGH = 0.7  # of the cells asked for, that hold samples
TRIES = 8


class Cells(NamedTuple):
    """Means of the samples in cells of a grid.

    Parameters
    ----------
    X : array of shape (k, d)
    y : array of shape (k, q)
    weight : array of shape (k,)
    within : array of shape (q,)
        Weighted sums of squares about the means.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    within: np.ndarray


def in_cells(X: np.ndarray, y: np.ndarray, weight: np.ndarray, n_cells: int) -> Cells:
    """Samples as their means in at most about so many cells, which hold some."""
    low, width = X.min(axis=0), np.ptp(X, axis=0)
    per_axis, d = n_cells ** (1 / X.shape[1]), X.shape[1]
    for _ in range(TRIES):  # where much of the box is empty, cells are smaller
        place = np.minimum((X - low) / np.where(width > 0, width, 1) * per_axis, per_axis - 1e-9)
        number = np.ravel_multi_index(place.astype(int).T, (int(per_axis) + 1,) * d)
        _, cell = np.unique(number, return_inverse=True)
        if (filled := cell.max() + 1) > ENOUGH * min(n_cells, len(X)):
            break
        per_axis *= min((n_cells / filled) ** (1 / d), 2.0)
    total = np.bincount(cell, weight)

    def mean(columns):
        return np.column_stack([np.bincount(cell, weight * c) / total for c in columns.T])

    values = mean(y)
    return Cells(mean(X), values, total, weight @ (y - values[cell]) ** 2)
