"""The spline of scaled samples: rows at one place merged, outliers weighed, periods folded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .explained import warn_user
from .samples import Samples
from .solvers.polyharmonic import PolyharmonicColumns, PolyharmonicSpline
from .solvers.reweighting import from_neighbours, reweighted
from .solvers.smoothing_choice import resolution
from .solvers.smoothing_curves import SplineColumns, fit_curve
from .solvers.smoothing_surfaces import fit_surface
from .solvers.surface_knots import fit_surface_by_knots
from .solvers.threads import one_blas_thread

__all__ = ["FittedSpline", "SplineFit", "merge_repeated", "spline_knots", "spline_values"]

SAME_PLACE = 1e-10  # of a feature's range: closer values are one place, apart by rounding
HIGHEST_SMOOTHED = 11  # degree of a curve: its values are right to some 1e-4 of their spread
MAX_CENTRES = 10_000  # several features: matrices of this size squared; above, fewer knots
MOST_FEATURES = 5  # of a surface of fewer knots than places
EXACT = 1e-8  # of the spread of y: a smaller scale of noise is rounding


class FittedSpline(NamedTuple):
    """A spline, and of each output λ, the degrees of freedom and the posterior.

    The spline is a `scipy.interpolate.BSpline` or `SplineColumns` of one feature, and a
    `PolyharmonicSpline` or `PolyharmonicColumns` of several. Where outputs differ in their samples
    or weights, each has a spline of its own. A posterior is None where nothing tells the noise.
    """

    spline: Any
    smoothing: np.ndarray
    dof: np.ndarray
    posteriors: Sequence[Any]


@dataclass(frozen=True)
class SplineFit:
    """How scaled samples are fitted.

    Parameters
    ----------
    degree : int
    smoothing : float or None
    robust : bool
    period : float or None
        Of the one scaled feature.
    """

    degree: int
    smoothing: float | None
    robust: bool = False
    period: float | None = None

    def __call__(self, samples: Samples) -> FittedSpline:
        """The spline of samples."""
        if self.robust and self.smoothing == 0:
            raise ValueError(
                "robust=True leaves samples out that are far from the spline, and with "
                "smoothing=0.0 it goes through all: set smoothing=None, or robust=False."
            )
        one = self._robust if self.robust else self._complete
        if samples.known.all() and not (self.robust and samples.y.shape[1] > 1):
            return one(samples)
        splines, chosen, dof, posteriors = zip(*map(one, samples.outputs()))
        if samples.X.shape[1] > 1:
            together: Any = PolyharmonicColumns(splines)
        else:
            together = SplineColumns([([i], spline) for i, spline in enumerate(splines)])
        alone = [p for (p,) in posteriors]
        return FittedSpline(together, np.concatenate(chosen), np.concatenate(dof), alone)

    def _complete(self, samples):
        """The spline of samples that were all measured."""
        n_features = samples.X.shape[1]
        _check_degree(self.degree, n_features, self.smoothing, self.period)
        X = samples.X if self.period is None else _folded(samples, self.period, self.smoothing)
        X, y, weight = merge_repeated(X, samples.y, samples.weight)
        noise = [resolution(column) ** 2 / 12 for column in samples.y.T]
        arguments = X, y, weight, self.degree, self.smoothing, noise
        if n_features == 1:
            with one_blas_thread(len(X)):
                return FittedSpline(*fit_curve(*arguments, self.period))
        with one_blas_thread(min(len(X), MAX_CENTRES) ** 3):
            surface, *others = self._surface(*arguments)
        return FittedSpline(PolyharmonicSpline(*surface, self.degree), *others)

    def _surface(self, X, *others):
        if len(X) <= MAX_CENTRES:
            found, *rest = fit_surface(X, *others)
            return (X, *found), *rest
        if self.smoothing == 0:
            raise ValueError(
                f"A spline goes through at most {MAX_CENTRES} places of several features, for its "
                "memory grows as their square: set smoothing=None, or a small smoothing, by which "
                f"fewer kernels are fitted to all samples; got {len(X)} places."
            )
        if X.shape[1] > MOST_FEATURES:
            raise ValueError(
                f"A spline of more than {MOST_FEATURES} features takes at most {MAX_CENTRES} "
                "distinct places, for its memory grows as their square, and fewer kernels would "
                "be too far apart: fit to fewer samples, or a NeuralNetworkInterpolator; got "
                f"{len(X)} places of {X.shape[1]} features."
            )
        found = fit_surface_by_knots(X, *others)
        _warn_of_detail(len(found[0][0]), found[2].max())
        return found

    def _robust(self, output):
        """The spline of one output with weights that leave outliers out."""
        own = np.ones(len(output)) if output.weight is None else output.weight
        root = np.sqrt(own)

        def fit(factors):
            kept = factors > 0
            found = self._complete(replace(output[kept], weight=(own * factors)[kept]))
            residuals = root * (output.y - spline_values(found.spline, output.X))[:, 0]
            return found, residuals, found.dof[0]

        least = max(EXACT, resolution(output.y[:, 0]) / np.sqrt(12))
        found, scale = reweighted(fit, root * from_neighbours(output.X, output.y[:, 0]), least)
        return found._replace(posteriors=[p and p.of_variance(scale**2) for p in found.posteriors])


def merge_repeated(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct places in ascending order, the weighted mean of y at each, and its weight."""
    weight = np.ones(len(X)) if weight is None else weight
    places = np.column_stack([_group(column) for column in X.T])
    _, first, row = np.unique(places, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(row.ravel(), weight)
    means = [np.bincount(row.ravel(), weight * column) / total for column in y.T]
    return X[first], np.column_stack(means), total


def _group(values):
    """Number the groups of values that are equal but for rounding, in ascending order."""
    order = np.argsort(values)
    gaps = np.diff(values[order], prepend=values[order[0]])
    number = np.empty(len(values), dtype=int)
    number[order] = np.cumsum(gaps > SAME_PLACE * np.ptp(values))
    return number


def _folded(samples, period, smoothing):
    """Places within one period, from that after the widest gap."""
    first, y = samples.X.min(), samples.y
    phase = (samples.X[:, 0] - first) % period
    phase[phase > period * (1 - SAME_PLACE)] = 0.0
    order = np.argsort(phase)
    if smoothing == 0:
        _refuse_jumps(phase[order], y[order], period)
    gaps = np.diff(phase[order], append=phase[order[0]] + period)
    start = phase[order[(np.argmax(gaps) + 1) % len(order)]]
    return (first + start + (phase - start) % period)[:, None]


def _refuse_jumps(phase, y, period):
    """Raise a ValueError where values at one place of a period differ."""
    same = np.diff(phase) <= SAME_PLACE * period
    apart = np.abs(np.diff(y, axis=0)).max(axis=1)
    if (same & (apart > 1e-8 * max(np.ptp(y), np.finfo(float).tiny))).any():
        raise ValueError(
            "A periodic spline with smoothing=0.0 goes through the samples, but samples that are "
            "whole periods apart, such as the first and the last with periodic=True, differ by up "
            f"to {apart[same].max():.2g} of the scaled y: give them the same value, or smooth."
        )


def _check_degree(degree, n_features, smoothing, period):
    curve = n_features == 1
    if period is not None and not curve:
        raise ValueError(
            f"periodic takes one feature; got {n_features}. For several features give "
            "periodic=False, or make the sine and cosine of the one that repeats features."
        )
    if curve and degree > HIGHEST_SMOOTHED and smoothing != 0:
        raise ValueError(
            f"A degree above {HIGHEST_SMOOTHED} loses too much to rounding where samples are "
            f"smoothed: set degree={HIGHEST_SMOOTHED} or lower, or smoothing=0.0; got "
            f"degree={degree}."
        )
    if degree % 2 == 0 and not (curve and smoothing == 0 and period is None):
        raise ValueError(
            f"This spline cannot be of even degree, which only smoothing=0.0 of one feature can, "
            f"and FITPACK's to degree 4: set degree={degree - 1} or degree={degree + 1}; got "
            f"degree={degree}."
        )


def _warn_of_detail(n_knots, dof):
    """Say so where a surface of few kernels would follow more detail than they can."""
    if dof > n_knots / 2:
        warn_user(
            f"The samples have more detail than {n_knots} kernels can follow, which take {dof:.0f} "
            f"degrees of freedom: what is finer counts as noise. Fit parts of the range, of "
            f"{MAX_CENTRES} places at most, or a NeuralNetworkInterpolator.",
            UserWarning,
        )


def spline_values(spline: Any, X: np.ndarray) -> np.ndarray:
    """Values at places X (n, d): shape (n, q)."""
    return spline(X[:, 0] if X.shape[1] == 1 else X)


def spline_knots(spline: Any, samples: Samples) -> np.ndarray:
    """The first and the last place of one feature, and the knots between them, ascending."""
    if samples.X.shape[1] > 1:
        return np.empty(0)
    first, last = samples.X.min(), samples.X.max()
    knots = np.unique(np.concatenate(_knots(spline)))
    return np.r_[first, knots[(knots > first) & (knots < last)], last]


def _knots(spline):
    if hasattr(spline, "parts"):
        return [knots for _, part in spline.parts for knots in _knots(part)]
    return [spline.t]
