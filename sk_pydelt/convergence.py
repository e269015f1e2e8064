"""Whether the training of a net came to an end, or to grief: what its loss curves tell."""

from math import ceil

from sklearn.exceptions import ConvergenceWarning

from .explained import warn_user

__all__ = ["warn_of_epochs", "warn_of_leaps"]

LEAST_FALL = 0.01  # of the loss in the last tenth of the epochs, in constants' losses
LEAP = 100.0  # times its first value: where Adam's loss rises to that, the net is thrown off
LEFT = 0.1, 0.99  # of a constant's loss: less, and it came back; more, and it is a constant


def warn_of_epochs(curve: list[float], constant: float, epochs: int, solver: str) -> None:
    """Warn where L-BFGS or Levenberg–Marquardt, ended by `epochs`, would have gone on.

    Parameters
    ----------
    curve : list of float
        The loss that is watched at each epoch.
    constant : float
        That of a constant.
    epochs : int
    solver : {"lbfgs", "lm"}

    Warns
    -----
    ConvergenceWarning
    """
    if len(curve) < 2:
        return
    fall = curve[-1 - ceil(len(curve) / 10)] - curve[-1]
    if fall > LEAST_FALL * constant > 0:
        warn_user(
            f"epochs={epochs} are too few for solver={solver!r} to converge: in the "
            f"last tenth of them the loss fell from {curve[-1] + fall:.2g} to {curve[-1]:.2g}. "
            "Raise epochs; where y is noisy, with alpha or early_stopping=True.",
            ConvergenceWarning,
        )


def warn_of_leaps(curve: list[float], left: float, constant: float, learning_rate: float) -> None:
    """Warn where steps of Adam threw the net off, and it did not come back.

    Parameters
    ----------
    curve : list of float
        The loss of the training samples at each epoch.
    left : float
        The loss of the weights that are kept.
    constant : float
        That of a constant.
    learning_rate : float

    Warns
    -----
    ConvergenceWarning
    """
    if max(curve) > LEAP * curve[0] and LEFT[0] * constant < left < LEFT[1] * constant:
        warn_user(
            f"learning_rate={learning_rate:g} is too large: the loss rose from "
            f"{curve[0]:.2g} to {max(curve):.2g} during the fit, and {left / constant:.0%} of "
            "the loss of a constant is left. Lower it.",
            ConvergenceWarning,
        )
