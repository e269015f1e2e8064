"""The learning rate of each epoch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, isfinite, pi
from numbers import Real

from .contract import FitSpec

__all__ = ["Schedule", "learning_rate", "one_of_many"]


def _constant(epoch: int, epochs: int) -> float:
    return 1.0


def _invscaling(epoch: int, epochs: int) -> float:
    return (epoch + 1) ** -0.5


def _cosine(epoch: int, epochs: int) -> float:
    return 0.5 * (1 + cos(pi * min(epoch / epochs, 1.0)))


# By name: the factor of the learning rate in an epoch (from 0) of so many.
FACTORS: dict[str, Callable[[int, int], float]] = {
    "constant": _constant,
    "invscaling": _invscaling,
    "cosine": _cosine,
}


@dataclass(frozen=True)
class Schedule:
    """A schedule by name over so many epochs, as a function of the epoch."""

    name: str
    epochs: int

    def __call__(self, epoch: int) -> float:
        return FACTORS[self.name](epoch, self.epochs)


def one_of_many(fit: FitSpec, epochs: int) -> FitSpec:
    """A part of a fit, of so many epochs, with the schedule of the whole; it shows no bar."""
    schedule = fit.learning_rate_schedule
    if isinstance(schedule, str) and schedule != "constant":
        schedule = Schedule(schedule, fit.epochs)
    part = replace(fit, epochs=epochs, warm_start=True, verbose=False)
    return replace(part, learning_rate_schedule=schedule)


def learning_rate(fit: FitSpec, epoch: int) -> float:
    """The learning rate of an epoch, of which the first is 0.

    Raises
    ------
    ValueError
        A schedule that gives no positive, finite number.
    """
    schedule = fit.learning_rate_schedule
    if isinstance(schedule, str):
        return fit.learning_rate * FACTORS[schedule](epoch, fit.epochs)
    factor = schedule(epoch)
    if not isinstance(factor, Real) or not (isfinite(factor) and factor >= 0):
        raise ValueError(
            "learning_rate_schedule must give the factor of learning_rate in an epoch, a number "
            f">= 0; in epoch {epoch} it gave {factor!r}."
        )
    return fit.learning_rate * float(factor)
