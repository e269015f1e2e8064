"""How a standard deviation passes back through the scaler of a target."""

import numpy as np

from ..jets import Jet
from .registry import propagate_inverse

__all__ = ["output_scale"]


def output_scale(scaler, n_outputs) -> np.ndarray:
    """What the inverse of a scaler multiplies each output by, which may only be shifted besides.

    Parameters
    ----------
    scaler : fitted transformer
    n_outputs : int

    Returns
    -------
    array of shape (n_outputs,), positive

    Raises
    ------
    TypeError
        The inverse is not such a map: standard deviations do not pass through it.
    """
    places = np.array([[0.0] * n_outputs, [1.0] * n_outputs])
    jet = propagate_inverse(scaler, Jet.variables(places, 2))
    slopes = jet.tensor(1)
    if slopes.shape[1] == n_outputs and not np.any(jet.tensor(2)):
        scale = np.diagonal(slopes[0])
        if np.all(slopes == np.diag(scale)):
            return np.abs(scale)
    raise TypeError(
        f"The standard deviation does not pass through the inverse of {scaler}: scale the target "
        "by a transformer that scales and shifts each output alone, such as StandardScaler()."
    )
