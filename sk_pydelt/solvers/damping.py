"""The damped loop that Levenberg–Marquardt and evidence fits share: one accepted step."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .equations import Equations, Step

__all__ = ["Damping", "descend"]


class Damping(NamedTuple):
    """Nielsen's damping μ, which the gain ratio moves.

    H. B. Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05; Madsen, Nielsen &
    Tingleff 2004, algorithm 3.16.
    """

    value: float
    growth: float = 2.0

    def lowered(self, gain: float, least: float) -> "Damping":
        """After a step that fell by `gain` times what was predicted."""
        return Damping(max(self.value * max(1 / 3, 1 - (2 * gain - 1) ** 3), least))

    def raised(self) -> "Damping":
        """After a step that did not fall."""
        return Damping(self.value * self.growth, 2 * self.growth)


def descend(
    equations: Equations,
    w: Any,
    energy: float,
    damping: Damping,
    move: Callable[[Step], tuple[Any, float]],
    *,
    prior: Any = None,
    max_trials: int,
    least: float,
    lengths: tuple[float, float] = (0.0, float("inf")),
) -> tuple[Any, float, Damping]:
    """Try steps of more and more damping until one falls.

    Parameters
    ----------
    equations : Equations
        The problem, linearised at w.
    w : array of shape (P,)
    energy : float
        What is to fall.
    damping : Damping
        To begin with.
    move : callable
        From a step to the point that it leads to, and the energy there. A NaN is no fall.
    prior : array of shape (P,), default=None
        Of `Equations.step`.
    max_trials : int
    least : float
        The damping never falls below it.
    lengths : (float, float)
        A step as short as the first ends the search, one longer than the second is not tried out.

    Returns
    -------
    point : as of `move`, or None where there is no such step
    energy : float
        There.
    damping : Damping
        For the next step.
    """
    shortest, longest = lengths
    for _ in range(max_trials):
        step = equations.step(w, prior, damping.value)
        squared = float(step.p @ step.p)
        if squared <= shortest**2:
            break
        if squared <= longest**2:
            point, reached = move(step)
            if energy > reached and step.fall > 0:
                return point, reached, damping.lowered((energy - reached) / step.fall, least)
        damping = damping.raised()
    return None, energy, damping
