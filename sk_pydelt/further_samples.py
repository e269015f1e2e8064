"""Further samples, to watch training by or to go on with: checked and scaled as those before."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

from .base import BaseInterpolator
from .checks import check_measured, check_numbers, check_rows, check_weight
from .samples import Samples
from .scaling import apply

__all__ = ["further_samples"]


def further_samples(
    model: BaseInterpolator, data: tuple[Any, ...], n_outputs: int, name: str
) -> Samples:
    """Scaled samples, by the scalers that are fitted.

    Parameters
    ----------
    model : BaseInterpolator
        With its fitted scalers.
    data : (Xv, yv) or (Xv, yv, sample_weight)
    n_outputs : int
        Columns of y in the fit.
    name : str
        What the data are, for messages.

    Raises
    ------
    ValueError
        Another number of arrays, or such as do not fit the samples.
    """
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise ValueError(
            f"{name} must be (Xv, yv), or (Xv, yv, sample_weight), as X and y are; got "
            f"{type(data).__name__}{f' of {len(data)}' if hasattr(data, '__len__') else ''}."
        )
    X, y = model._checked(data[0]), check_numbers(data[1], f"y of {name}")
    check_rows(X, y)
    options = {"ensure_2d": False, "ensure_all_finite": "allow-nan", "input_name": f"y of {name}"}
    y = check_array(y, dtype=np.float64, **options)
    if y.ndim != model._y_ndim or y.reshape(len(y), -1).shape[1:] != (n_outputs,):
        wanted = "(n,)" if model._y_ndim == 1 else f"(n, {n_outputs})"
        raise ValueError(
            f"y of {name} must have shape {wanted}, as in the fit; got shape {y.shape}."
        )
    weight, kept = check_weight(data[2] if len(data) == 3 else None, X)
    X, y = X[kept], y.reshape(len(y), -1)[kept]
    check_measured(y)
    scaled = apply(model.x_scaler_.transform, model._hold(X))
    return Samples(scaled, apply(model.y_scaler_.transform, y), weight)
