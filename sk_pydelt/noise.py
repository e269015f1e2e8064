"""The noise of scaled samples, as far as it is known."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["NORMAL", "Noise"]


@dataclass(frozen=True)
class Noise:
    """What is known of the noise of scaled targets.

    Parameters
    ----------
    std : array of shape (n, q), or None
        Standard deviation of the noise of each value, that of a Student's t its scale; None where
        it is to be estimated.
    dof : float
        Degrees of freedom of a Student's t; infinite for normal noise.
    free : bool
        Whether degrees of freedom are to be estimated.
    """

    std: np.ndarray | None = None
    dof: float = np.inf
    free: bool = False

    def __getitem__(self, rows: Any) -> "Noise":
        return replace(self, std=None if self.std is None else self.std[rows])

    @property
    def columns(self) -> list[np.ndarray]:
        """What is known of each row."""
        return [] if self.std is None else [self.std]

    @property
    def is_normal(self) -> bool:
        """Whether it has no outliers."""
        return self.dof == np.inf and not self.free

    def level(self, counts: np.ndarray) -> np.ndarray:
        """Root mean square (q,) of the standard deviations that count (n, q); NaN if unknown."""
        if self.std is None:
            return np.full(counts.shape[1], np.nan)
        nowhere = counts.sum(axis=0) == 0
        return np.sqrt(np.average(self.std**2, axis=0, weights=counts + nowhere))

    def shares(self, counts: np.ndarray) -> np.ndarray:
        """Precision of the noise of each value (n, q), relative to that of the level."""
        return np.ones_like(counts) if self.std is None else (self.level(counts) / self.std) ** 2


NORMAL = Noise()  # and of unknown size
