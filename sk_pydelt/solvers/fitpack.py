"""FITPACK's smoothing: the fewest knots at which the squared residuals are within a bound."""

import numpy as np
from scipy.interpolate import BSpline, UnivariateSpline

from .smoothing_curves import SplineColumns

__all__ = ["HIGHEST_DEGREE", "fit_fitpack"]

HIGHEST_DEGREE = 5


def fit_fitpack(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, degree: int, bounds: np.ndarray
) -> tuple[SplineColumns, np.ndarray]:
    """The splines of columns of y (n, q) with Σ w r² at most `bounds` (q,), and their sizes.

    A size is the number of coefficients. A bound may be passed by 0.1 %. This is Dierckx'
    algorithm (Curve and Surface Fitting with Splines, 1993, chapter 5), as
    `scipy.interpolate.UnivariateSpline` has it. The places x (n,) are distinct and ascend.
    """
    degree, root = min(degree, len(x) - 1), np.sqrt(weight)
    parts = [([i], _spline(x, y[:, i], root, degree, max(0.0, b))) for i, b in enumerate(bounds)]
    return SplineColumns(parts), np.array([float(len(spline.c)) for _, spline in parts])


def _spline(x, y, root, degree, bound):
    if degree == 0:
        return BSpline(np.array([x[0] - 1, x[0] + 1]), y[:, None], 0)
    found = _Silent(x, y, root, k=degree, s=bound)
    if not np.isfinite(found.get_coeffs()).all():
        raise ValueError(
            "FITPACK finds no spline that leaves so little: give a larger smoothing, or None or "
            f"0.0; got smoothing={bound:.3g} in units of the scaled samples."
        )
    knots = np.pad(found.get_knots(), degree, mode="edge")
    return BSpline(knots, found.get_coeffs()[:, None], degree)


class _Silent(UnivariateSpline):
    """Without SciPy's warning of a bound that only interpolation meets.

    `warnings.catch_warnings` would silence it for all threads, and for good where two overlap.
    """

    def _reset_class(self):
        """Nothing: what comes after FITPACK's fit is that warning, and ways to evaluate."""
