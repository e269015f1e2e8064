"""What a fit has found of the outliers among its samples."""

from dataclasses import dataclass

import numpy as np

from ..noise import Noise
from ..solvers import student

__all__ = ["Tails"]


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
