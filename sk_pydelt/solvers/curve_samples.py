"""Samples of a curve, and many of them condensed in few of the same moments."""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["CurveSamples", "Moments"]

TWO = 1 / 8  # of the width of a group: samples that spread by less are one place


@dataclass(frozen=True)
class CurveSamples:
    """Samples at ascending places, or what stands for more of them.

    Parameters
    ----------
    x : array of shape (k,), ascending
    y : array of shape (k, q)
    weight : array of shape (k,)
    n : int
        Number of samples that they stand for.
    within : array of shape (q,)
        Weighted sum of the squared residuals that are theirs whatever the curve.
    period : float or None
        After which the curve repeats.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    n: int
    within: np.ndarray
    period: float | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def length(self) -> float:
        """The length of the curve."""
        return float(np.ptp(self.x)) if self.period is None else self.period


@dataclass(frozen=True)
class Moments:
    """Groups of samples: weights, centres, and sums of products of deviations from these.

    Parameters
    ----------
    weight, x : arrays of shape (k,)
    y : array of shape (k, q)
    xx, xxx : arrays of shape (k,)
    xy, yy : arrays of shape (k, q)
    """

    weight: np.ndarray
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xxx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray

    @classmethod
    def of(cls, samples: CurveSamples) -> "Moments":
        """Those of groups of one sample each."""
        none, nothing = np.zeros(len(samples)), np.zeros_like(samples.y)
        return cls(samples.weight, samples.x, samples.y, none, none, nothing, nothing)

    def grouped(self, origin: float, width: float) -> "Moments":
        """Those of larger groups, of what lies in the same part, all of a width, from an origin."""
        group = np.cumsum(np.diff(np.floor((self.x - origin) / width), prepend=0) > 0)

        def summed(values):
            if values.ndim == 1:
                return np.bincount(group, values)
            return np.column_stack([np.bincount(group, column) for column in values.T])

        weight, w = summed(self.weight), self.weight[:, None]
        x, y = summed(self.weight * self.x) / weight, summed(w * self.y) / weight[:, None]
        a, b = self.x - x[group], self.y - y[group]
        return Moments(
            weight,
            x,
            y,
            summed(self.xx + self.weight * a**2),
            summed(self.xxx + 3 * a * self.xx + self.weight * a**3),
            summed(self.xy + w * a[:, None] * b),
            summed(self.yy + w * b**2),
        )

    def condensed(self, samples: CurveSamples, width: float) -> CurveSamples:
        """Two samples, or one, for each group, which have its moments.

        Their places and weights are those of Gauss' quadrature of two nodes, and their values those
        of the line through the group: all sums of powers of x to the third, of y and of x y are
        kept, so that squared residuals of cubics are right but for a constant of the samples.
        """
        variance = self.xx / self.weight
        spread = variance > (TWO * width) ** 2
        v = np.where(spread, variance, 1.0)
        skew = np.where(spread, self.xxx / self.weight / v, 0.0)
        root = np.sqrt(skew**2 + 4 * v)
        below, above = (skew - root) / 2, (skew + root) / 2
        slope = np.divide(
            self.xy, self.xx[:, None], out=np.zeros_like(self.xy), where=self.xx[:, None] > 0
        )
        shift = np.column_stack([np.where(spread, below, 0.0), above])
        share = np.column_stack([np.where(spread, above / root, 1.0), -below / root])
        kept = np.column_stack([np.ones_like(spread), spread])
        values = self.y[:, None] + slope[:, None] * shift[:, :, None]
        return replace(
            samples,
            x=(self.x[:, None] + shift)[kept],
            y=values[kept],
            weight=(self.weight[:, None] * share)[kept],
            within=np.maximum(self.yy - (slope * self.xy) * spread[:, None], 0.0).sum(axis=0),
        )
