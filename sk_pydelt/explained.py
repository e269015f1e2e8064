"""The share of the variance of y that a fit explains; one that is hardly a constant's warns."""

import sys
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

__all__ = ["explained_shares", "measured_r2", "warn_of_constants", "warn_user"]

LEAST_EXPLAINED = 0.01  # of the variance of an output: less is a constant
MIN_SAMPLES = 4  # what is fitted to fewer may be a constant by chance
INTERNAL = "sk_pydelt", "sklearn", "joblib"  # packages in which no user's line stands


def explained_shares(
    y: np.ndarray, fitted: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """The share of the variance of each output that a fit explains, R².

    Parameters
    ----------
    y, fitted : array of shape (n, m)
        NaN in y is not measured, and counts nothing.
    weight : array of shape (n,), default=None

    Returns
    -------
    array of shape (m,)
        NaN for an output that does not vary, or has fewer than four samples.
    """
    weight = np.ones(len(y)) if weight is None else weight
    return np.array([_share(*pair, weight) for pair in zip(y.T, fitted.T)])


def _share(y, fitted, weight):
    known = ~np.isnan(y)
    y, fitted, weight = y[known], fitted[known], weight[known]
    if len(y) < MIN_SAMPLES:
        return np.nan
    deviations = np.stack([y - fitted, y - np.average(y, weights=weight)])
    spread = np.abs(deviations[1]).max()
    if spread <= 10 * np.finfo(float).eps * np.abs(y).max():  # constant but for rounding
        return np.nan
    left, total = np.average((deviations / spread) ** 2, axis=1, weights=weight)
    return 1 - left / total


def measured_r2(y: np.ndarray, fitted: np.ndarray, weight: np.ndarray | None) -> float:
    """R² as `sklearn.metrics.r2_score` has it, of the entries of y that were measured.

    Parameters
    ----------
    y, fitted : array of shape (n, m)
        NaN in y is not measured, and counts nothing.
    weight : array of shape (n,) or None

    Returns
    -------
    float
        The mean over the outputs, those left out of which fewer than two values are known.
    """
    known = ~np.isnan(y)
    if known.all():
        return float(r2_score(y, fitted, sample_weight=weight))
    judged = np.flatnonzero(known.sum(axis=0) > 1)
    if not len(judged):
        raise ValueError(
            "Input y contains NaN, and of no output are two values known, as R² asks: score at "
            f"more rows; got {len(y)}."
        )
    rows = [(j, known[:, j]) for j in judged]
    shares = [
        r2_score(y[i, j], fitted[i, j], sample_weight=None if weight is None else weight[i])
        for j, i in rows
    ]
    return float(np.mean(shares))


def warn_of_constants(
    y: np.ndarray, fitted: np.ndarray, weight: np.ndarray | None, advice: str
) -> None:
    """Warn of a fit that explains less than a hundredth of the variance of an output.

    Parameters
    ----------
    y, fitted, weight : as of `explained_shares`
    advice : str
        What to try where y does depend on X, after "the fit cannot follow it: ".

    Warns
    -----
    ConvergenceWarning
    """
    shares = explained_shares(y, fitted, weight)
    if not (shares < LEAST_EXPLAINED).any():
        return
    worst = int(np.nanargmin(shares))
    share, output = shares[worst], f" (output {worst})" if len(shares) > 1 else ""
    found = f"explains {max(0.0, share):.1%} of the variance of y{output} and is hardly more than"
    if share < -LEAST_EXPLAINED:
        found = f"has R² = {share:.2g} for y{output} and is further from it than"
    warn_user(
        f"The fit {found} a constant. Either y does not depend on X, or the fit cannot follow it: "
        f"{advice}.",
        ConvergenceWarning,
    )


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the line of the user's that called, through however many calls of ours."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in INTERNAL:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
