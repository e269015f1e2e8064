"""How a standard deviation passes back through the scaler of a target."""

import numpy as np
from sklearn.base import BaseEstimator

from ..jets import Jet
from .registry import propagate_inverse

__all__ = ["affine_inverse", "linear_factors", "output_factors"]


def output_factors(scaler: BaseEstimator, n_outputs: int) -> np.ndarray:
    """What the inverse of a scaler multiplies each output by, which may only be shifted besides.

    Parameters
    ----------
    scaler : fitted transformer
    n_outputs : int

    Returns
    -------
    array of shape (n_outputs,)
        Negative where the scaler turns an output round.

    Raises
    ------
    TypeError
        The inverse is not such a map: covariances between places do not pass through it.
    """
    linear = affine_inverse(scaler, n_outputs)
    if linear is not None:
        matrix, _ = linear
        factors = np.diagonal(matrix)
        if np.array_equal(matrix, np.diag(factors)):
            return factors.copy()
    raise TypeError(
        f"Covariances between places, and so the spread of integrals and averages, do not pass "
        f"through the inverse of {scaler}: take them from functions drawn, sk_pydelt.sample, or "
        "scale the target by a transformer that scales and shifts each output alone, such as "
        "StandardScaler()."
    )


def affine_inverse(scaler: BaseEstimator, n_scaled: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The inverse of a scaler as a matrix (m, n_scaled) and an offset (m,); None where it is none.

    Parameters
    ----------
    scaler : fitted transformer
    n_scaled : int
        Number of scaled outputs.
    """
    points = np.array([[0.0] * n_scaled, [1.0] * n_scaled])
    jet = propagate_inverse(scaler, Jet.variables(points, 2))
    first = jet.tensor(1)
    if np.any(jet.tensor(2)) or not np.array_equal(first[0], first[1]):
        return None
    return first[0], jet.value[0]


def linear_factors(scaler: BaseEstimator, n_outputs: int) -> np.ndarray | None:
    """`output_factors`, or None where the inverse does more than scale and shift each output."""
    try:
        return output_factors(scaler, n_outputs)
    except (TypeError, ValueError):  # ValueError: not defined at 0 or 1
        return None
