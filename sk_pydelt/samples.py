"""Scaled samples as one noun: places, values, weights and known derivatives."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .jets import Jet
from .law_rows import LawRows
from .noise import NORMAL, Noise

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
        directions, target, known = self.directions[rows], self.target[rows], self.known[rows]
        return Slopes(directions, target, known, self.units, self.weight)

    @property
    def n_directions(self) -> int:
        """d, the number of directions at each row."""
        return self.directions.shape[1]

    def targets(self, y: np.ndarray) -> np.ndarray:
        """y (n, q) with the slopes beside it, direction by direction: (n, q (1 + d))."""
        return np.column_stack([y, self.target.reshape(len(y), -1)])

    def shares(self, weight: np.ndarray) -> np.ndarray:
        """What each slope counts, (n, q d) as in `targets`, where rows count `weight` (n,)."""
        return weight[:, None] * self.known.reshape(len(weight), -1)

    def loss_weights(self, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        r"""Weights under which the mean of squared errors of `targets` is the Sobolev loss.

        That is the weighted mean over the known values, which count `values` (n, q), plus
        `dy_weight` times that over the known slopes, whose rows count `weight` (n,).
        """
        parts = values, self.shares(weight)
        size, factors = sum(part.size for part in parts), (1.0, self.weight)
        scaled = [
            (1.0 if f is None else f) * size * part / (part.sum() or 1.0)
            for f, part in zip(factors, parts)
        ]
        return np.column_stack(scaled)


@dataclass(frozen=True)
class Samples:
    """Samples of a function, scaled, and of its derivatives where they are known.

    Parameters
    ----------
    X : array of shape (n, p)
    y : array of shape (n, q)
        NaN where it was not measured.
    weight : array of shape (n,), positive; or None
        What each row counts; None is 1 for all.
    slopes : Slopes or None
    noise : Noise, default=NORMAL
        What is known of it.
    held_out : Samples, default=None
        Those by which training is watched; they are of the whole, and not of a part of the rows.
    laws : tuple of LawRows
        What is known to hold, at places of its own: it is of no row, and selections keep it.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    slopes: Slopes | None = None
    noise: Noise = NORMAL
    held_out: "Samples | None" = None
    laws: tuple[LawRows, ...] = ()

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: Any) -> "Samples":
        weight = None if self.weight is None else self.weight[rows]
        slopes = None if self.slopes is None else self.slopes[rows]
        noise = self.noise[rows]
        return Samples(self.X[rows], self.y[rows], weight, slopes, noise, laws=self.laws)

    @property
    def known(self) -> np.ndarray:
        """Which entries of y were measured."""
        return ~np.isnan(self.y)

    @property
    def values(self) -> np.ndarray:
        """y, with zero where it was not measured."""
        return np.where(self.known, self.y, 0.0)

    def outputs(self) -> list["Samples"]:
        """The values of each output alone, of the rows where it was measured."""
        alone = (Samples(self.X, column[:, None], self.weight) for column in self.y.T)
        return [samples[rows] for samples, rows in zip(alone, self.known.T)]

    @property
    def n_directions(self) -> int:
        """Number of directions in which slopes may be known."""
        return 0 if self.slopes is None else self.slopes.n_directions

    @property
    def directions(self) -> np.ndarray | None:
        """Directions (n, d, p) along which slopes are known; None where there are no slopes."""
        return None if self.slopes is None else self.slopes.directions

    @property
    def loss_weights(self) -> np.ndarray | None:
        """Weights of mean 1 of each entry of `targets`, or (n, 1) of each row; None is all alike.

        The mean of squared errors under them is the loss, which for slopes is the Sobolev loss.
        """
        if self.slopes is not None:
            return self.slopes.loss_weights(self._shares, self._weights)
        if not self.known.all():
            return self._shares * self.y.size / (self._shares.sum() or 1.0)
        return None if self.weight is None else (self.weight / self.weight.mean())[:, None]

    @property
    def _weights(self):
        return np.ones(len(self)) if self.weight is None else self.weight

    @property
    def _shares(self):
        return self._weights[:, None] * self.known

    @property
    def jet(self) -> Jet:
        """The samples' places, and as its variables the directions of their slopes."""
        return Jet.along(self.X, self.directions)

    @property
    def targets(self) -> np.ndarray:
        """y, with the slopes beside it direction by direction: (n, q (1 + n_directions)).

        Zero where it is unknown.
        """
        return self.values if self.slopes is None else self.slopes.targets(self.values)

    @property
    def counts(self) -> np.ndarray:
        """What each entry of `targets` counts: its weight, zero where it is unknown."""
        if self.slopes is None:
            return self._shares
        weight = 1.0 if self.slopes.weight is None else self.slopes.weight
        return np.column_stack([self._shares, weight * self.slopes.shares(self._weights)])

    @property
    def noise_shares(self) -> np.ndarray:
        """Precision of the noise of each entry of `targets`, relative to that of its column."""
        found, values = np.ones(self.targets.shape), self._shares
        found[:, : values.shape[1]] = self.noise.shares(values)
        return found

    @property
    def noise_precision(self) -> np.ndarray:
        """Precision of the noise of each column of `targets`; NaN where it is to be estimated.

        That of slopes is known where it is tied to that of the values.
        """
        tied = self.slopes is not None and self.slopes.weight is not None
        known = self.noise.level(self._shares) ** -2
        return np.concatenate([known] + self.n_directions * [known if tied else np.nan * known])

    def distinct(self) -> "Samples":
        """The samples in an order of their own, copies merged into one of their common weight.

        So no fit depends on the order of rows, nor on whether copies are rows or weights.
        """
        y, slopes = self.y.round(12), self.slopes  # a scaler's rounding depends on the order
        columns = [self.X, self.values.round(12), self.known, *self.noise.columns]
        if slopes is not None:
            slopes = replace(slopes, target=slopes.target.round(12))
            parts = slopes.directions, slopes.target, slopes.known
            columns += [part.reshape(len(self), -1) for part in parts]
        _, first, copy = np.unique(
            np.column_stack(columns), axis=0, return_index=True, return_inverse=True
        )
        weight = np.bincount(copy.ravel(), self.weight).astype(float)
        return replace(replace(self, y=y, slopes=slopes)[first], weight=weight)
