"""How a standard deviation passes back through the scaler of a target."""

import numpy as np
from sklearn.base import BaseEstimator

from ..jets import Jet
from .registry import propagate_inverse

__all__ = ["output_factors"]


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
        The inverse is not such a map: standard deviations do not pass through it.
    """
    points = np.array([[0.0] * n_outputs, [1.0] * n_outputs])
    jet = propagate_inverse(scaler, Jet.variables(points, 2))
    first = jet.tensor(1)
    if first.shape[1] == n_outputs and not np.any(jet.tensor(2)):
        factors = np.diagonal(first[0])
        if np.all(first == np.diag(factors)):
            return factors.copy()
    raise TypeError(
        f"The standard deviation does not pass through the inverse of {scaler}: scale the target "
        "by a transformer that scales and shifts each output alone, such as StandardScaler()."
    )
