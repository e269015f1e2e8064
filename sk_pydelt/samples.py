"""Scaled samples as one noun: places, values, weights and known derivatives."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Samples", "Slopes"]


@dataclass(frozen=True)
class Slopes:
    """Known derivatives of scaled targets, along directions in the space of scaled features.

    Direction a at a row is the one in which the scaled features move with feature a of the
    user, divided by `units[a]`, its root mean square over the rows: so slopes are near 1 where
    scaled data are, whatever the units of the user.

    Parameters
    ----------
    directions : array of shape (n, d, p)
    target : array of shape (n, d, q)
        Zero where it is unknown.
    known : array of bool of shape (n, d, q)
    units : array of shape (d,)
    weight : float or None
        `dy_weight`.
    """

    directions: np.ndarray
    target: np.ndarray
    known: np.ndarray
    units: np.ndarray
    weight: float | None = None

    def __getitem__(self, rows: Any) -> "Slopes":
        parts = (part[rows] for part in (self.directions, self.target, self.known))
        return Slopes(*parts, self.units, self.weight)

    @property
    def n_directions(self) -> int:
        """d, the number of directions at each row."""
        return self.directions.shape[1]

    def places(self, X: np.ndarray) -> np.ndarray:
        """X (n, p) with the directions beside it: (n, p (1 + d))."""
        return np.column_stack([X, self.directions.reshape(len(X), -1)])

    def targets(self, y: np.ndarray) -> np.ndarray:
        """y (n, q) with the slopes beside it, direction by direction: (n, q (1 + d))."""
        return np.column_stack([y, self.target.reshape(len(y), -1)])

    def shares(self, weight: np.ndarray) -> np.ndarray:
        """What each entry of `targets` counts, where the rows count `weight` (n,)."""
        known = self.known.reshape(len(weight), -1)
        values = np.ones((len(weight), self.target.shape[2]))
        return weight[:, None] * np.column_stack([values, known])

    def loss_weights(self, weight: np.ndarray) -> np.ndarray:
        r"""Weights under which the mean of squared errors of `targets` is the Sobolev loss.

        That is the weighted mean over the values plus `dy_weight` times the weighted mean over the
        known slopes.
        """
        shares = self.shares(weight)
        q = self.target.shape[2]
        parts = np.split(shares, [q], axis=1)
        factors = 1.0, 1.0 if self.weight is None else self.weight
        scaled = [f * part * shares.size / (part.sum() or 1.0) for f, part in zip(factors, parts)]
        return np.column_stack(scaled)


@dataclass(frozen=True)
class Samples:
    """Samples of a function, scaled, and of its derivatives where they are known.

    Parameters
    ----------
    X : array of shape (n, p)
    y : array of shape (n, q)
    weight : array of shape (n,), positive; or None
        What each row counts; None is 1 for all.
    slopes : Slopes or None
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    slopes: Slopes | None = None

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: Any) -> "Samples":
        parts = (None if part is None else part[rows] for part in (self.weight, self.slopes))
        return Samples(self.X[rows], self.y[rows], *parts)

    def directions(self) -> np.ndarray | None:
        """Directions (n, d, p) along which slopes are known; None where there are no slopes."""
        return None if self.slopes is None else self.slopes.directions

    def targets(self) -> np.ndarray:
        """What a net is to give: y, with the slopes beside it, direction by direction."""
        return self.y if self.slopes is None else self.slopes.targets(self.y)

    def loss_weights(self) -> np.ndarray | None:
        """Weights of mean 1 of each entry of `targets`, or (n, 1) of each row; None is all alike.

        The mean of squared errors under them is the loss, which for slopes is the Sobolev loss.
        """
        if self.slopes is not None:
            weight = np.ones(len(self)) if self.weight is None else self.weight
            return self.slopes.loss_weights(weight)
        return None if self.weight is None else (self.weight / self.weight.mean())[:, None]
