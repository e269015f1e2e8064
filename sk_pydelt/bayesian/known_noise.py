"""The noise that a user knows of: checked, and scaled as the targets are."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..chain import propagate
from ..checks import check_numbers
from ..jets import Jet

__all__ = ["check_noise_std", "scaled_noise_std", "student_dof"]

LEAST = 1e-7  # of the range of scaled targets: exact data are followed as near as that


def student_dof(noise: str, noise_dof: float | None) -> tuple[float, bool]:
    """Degrees of freedom of the noise, infinite where it is Gaussian, and whether to estimate them.

    A ValueError where they are given for Gaussian noise.
    """
    if noise == "gaussian" and noise_dof is not None:
        raise ValueError(
            f"noise_dof={noise_dof} is of noise='student', but noise='gaussian': set "
            "noise='student', or leave noise_dof at None."
        )
    return noise_dof or np.inf, noise == "student" and noise_dof is None


def check_noise_std(noise_std: Any, n: int, n_outputs: int, y_ndim: int) -> np.ndarray:
    """Known standard deviations of the noise as an array (n, m), or a ValueError."""
    std = np.asarray(check_numbers(noise_std, "noise_std"), dtype=float)
    rows, outputs = (n, 1), (n_outputs,)
    shapes = [(), outputs, rows, (n, n_outputs)] + [(n,)] * (y_ndim == 1 or n != n_outputs)
    if std.shape not in shapes:
        raise ValueError(
            f"noise_std must be a number, or hold one for each of {n_outputs} outputs, for each of "
            f"{n} samples as a column, or for each entry of y, in shape "
            f"{' or '.join(map(str, dict.fromkeys(shapes[1:])))}; got shape {std.shape}."
        )
    if not np.all((std > 0) & (std < np.inf)):
        wrong = std[~((std > 0) & (std < np.inf))].flat[0]
        raise ValueError(
            "noise_std must be finite and above 0, the standard deviation of the noise in units of "
            f"y: leave samples out that are not to be trusted, and for exact ones give what they "
            f"are rounded by; got {wrong}."
        )
    by_row = std.ndim == 1 and std.shape != outputs
    return np.broadcast_to(std[:, None] if by_row else std, (n, n_outputs))


def scaled_noise_std(std: np.ndarray, y: np.ndarray, y_scaler: BaseEstimator) -> np.ndarray:
    """Standard deviations (n, m) in units of y, in those of the scaled targets.

    By the rate of the scaler at each sample, which is exact where it only scales and shifts.
    Where y was not measured nothing counts.

    Raises
    ------
    TypeError
        A scaler that mixes outputs, or has no derivative.
    """
    y = np.where(np.isnan(y), np.nanmean(y, axis=0), y)
    rates = abs(propagate(y_scaler, Jet.variables(y, 1)).tensor(1))
    each = np.eye(y.shape[1], dtype=bool)
    if rates.shape[1:] != each.shape or rates[:, ~each].any():
        raise TypeError(
            f"noise_std is of each output, and {y_scaler} mixes them: use a y_scaler that changes "
            "each output alone, such as StandardScaler(), or noise_std=None."
        )
    return np.maximum(std * np.einsum("nmm->nm", rates), LEAST)
