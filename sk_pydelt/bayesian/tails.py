"""What a fit has found of the outliers among its samples."""

from dataclasses import dataclass

import numpy as np

from ..noise import Noise
from ..samples import Samples
from ..solvers import student

__all__ = ["Tails", "within_fences"]

FENCE = 5  # interquartile ranges from the median: 6.7 standard deviations of normal numbers
FIRST_SCALE = 2.0  # root mean squares of targets that do not yet count as errors


@dataclass(frozen=True)
class Tails:
    """The noise of targets as Student's t distributions, of infinite degrees where it is normal.

    Parameters
    ----------
    dof : array of shape (m,)
        Degrees of freedom of each column of the targets.
    trust : array of shape (n, m)
        Precision of the noise of each entry, relative to that of its column: near 0 for outliers.
    """

    dof: np.ndarray
    trust: np.ndarray

    @classmethod
    def none(cls, shape: tuple[int, int]) -> "Tails":
        """Normal noise of targets (n, m)."""
        return cls(np.full(shape[1], np.inf), np.ones(shape))

    @classmethod
    def first(cls, samples: Samples) -> "Tails":
        """What the targets by themselves tell of outliers, before there is a fit."""
        y, noise = samples.targets, samples.noise
        if noise.is_normal:
            return cls.none(y.shape)
        counts = samples.counts
        typical = within_fences(np.where(counts > 0, y, np.nan), samples.weight)
        unit = np.nansum(counts * typical**2, axis=0) / np.maximum(counts.sum(axis=0), 1e-300)
        squares = y**2 / (FIRST_SCALE**2 * np.where(unit > 0, unit, 1.0))
        dof = np.full(y.shape[1], student.LEAST_DOF if noise.free else noise.dof)
        return cls(dof, student.trust(squares, dof))

    @classmethod
    def of(cls, noise: Noise, squares: np.ndarray, counts: np.ndarray) -> "Tails":
        """As squared errors (n, m), in units of the scale, tell; they count (n, m)."""
        dof = np.full(squares.shape[1], noise.dof)
        if noise.free:
            dof = student.likeliest_dof(squares, counts)
        return cls(dof, student.trust(squares, dof))

    @property
    def information(self) -> np.ndarray:
        """What an error tells of the function, relative to a normal one of the same scale: (m,)."""
        return student.information(self.dof)


def within_fences(data: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Data (n, m) with outliers moved to `FENCE` interquartile ranges from the median.

    NaN, and columns most of whose numbers are one, stay as they are.

    Parameters
    ----------
    data : array of shape (n, m)
    weight : array of shape (n,), or None
        A whole one counts as copies.

    Examples
    --------
    >>> import numpy as np
    >>> within_fences(np.array([[0.0], [1.0], [2.0], [3.0], [1e9]]), None).ravel()
    array([ 0.,  1.,  2.,  3., 12.])
    """
    return np.column_stack([_within(column, weight) for column in data.T])


def _within(column, weight):
    known = ~np.isnan(column)
    if not known.any():
        return column
    options = {} if weight is None else {"weights": weight[known]}
    quartiles = np.quantile(column[known], [0.25, 0.5, 0.75], method="inverted_cdf", **options)
    width = FENCE * (quartiles[2] - quartiles[0])
    return np.clip(column, quartiles[1] - width, quartiles[1] + width) if width else column
