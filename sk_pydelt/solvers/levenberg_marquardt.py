"""Levenberg–Marquardt: steps of regularised nonlinear least squares, and when to stop."""

from abc import ABC, abstractmethod
from typing import Any

from .damping import Damping, descend
from .equations import Equations, bent

__all__ = ["LeastSquares", "LevenbergMarquardt", "Point"]

FIRST_DAMPING = 1e-2  # of the mean diagonal entry of JᵀJ
FIRST_LENGTH = 0.25  # of the first step, at most, relative to that of the weights
MAX_TRIALS = 40  # of damping in one step
LEAST_DAMPING = 1e-30
LOSS_TOLERANCE = 1e-26  # a sum of squares as small as this is zero
STALL_TOLERANCE = 1e-9, 1e-18  # relative and absolute fall of the loss in a step ...
STALL_STEPS = 20  # ... that ends the search after so many steps in a row
STEP_TOLERANCE = 1e-15  # length of a step, relative to that of the weights
GRADIENT_TOLERANCE = 1e-18  # largest entry of half the gradient


class Point(ABC):
    """Weights w, and what a problem knows of them.

    Attributes
    ----------
    w : array of shape (P,)
    r : array of shape (n,)
        Residuals.
    loss : float
        |r|² + Σ prior w².
    equations : Equations
        The problem, linearised here.
    """

    w: Any
    r: Any

    @property
    @abstractmethod
    def loss(self) -> float: ...

    @property
    @abstractmethod
    def equations(self) -> Equations: ...


class LeastSquares(ABC):
    """A sum of squares of residuals r(w), and of weights: F(w) = |r(w)|² + Σ prior w².

    Attributes
    ----------
    prior : array of shape (P,), or None for none
    bends : bool
        Whether steps are to follow the curved map of residuals.
    """

    prior: Any = None
    bends: bool = True

    @abstractmethod
    def at(self, w: Any) -> Point:
        """The problem at the weights w (P,)."""


class LevenbergMarquardt:
    r"""Damped Gauss–Newton steps that minimise F(w) = |r(w)|² + Σ prior w².

    A step p solves :math:`(J^T J + \operatorname{diag}(\text{prior}) + \mu I)\,p = -g` with g half
    the gradient. It is bent by half its geodesic acceleration, where that is short beside p
    (Transtrum & Sethna 2012, "Improvements to the Levenberg-Marquardt algorithm for nonlinear
    least-squares minimization", arXiv:1201.5885), which halves the number of steps or better:
    what a straight step gains along one direction it loses to the curvature of the others. The
    gain ratio, the fall of F over the fall of its linearised model, decides whether a step is
    taken, and moves the damping μ (see `Damping`). The first step is bounded by the length of the
    weights (Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory"): until then
    the size of the damping is a guess, and too small a one costs trials.

    Parameters
    ----------
    problem : LeastSquares

    Attributes
    ----------
    damping : Damping or None
        None before the first step.
    stop_reason : {"gradient", "step", "loss"} or None
        Set when there is nothing left to gain: a vanishing gradient, no step that lowers F,
        or a loss that is zero or does not fall any more.
    """

    def __init__(self, problem: LeastSquares) -> None:
        self.problem = problem
        self.damping: Damping | None = None
        self.stalled = 0
        self.stop_reason: str | None = None

    def step(self, point: Point) -> Point:
        """One accepted step, by as many trials of the damping as it takes.

        Returns
        -------
        Point
            The new one, or the old one where `stop_reason` says so.
        """
        if point.loss <= LOSS_TOLERANCE:
            self.stop_reason = "loss"
            return point
        size, longest = float(point.w @ point.w) ** 0.5, float("inf")
        damping = self.damping
        if damping is None:
            damping = Damping(FIRST_DAMPING * (point.equations.scale() or 1.0))
            longest = FIRST_LENGTH * size or longest
        new, loss, self.damping = descend(
            point.equations,
            point.w,
            point.loss,
            damping,
            lambda step: self._move(point, step),
            prior=self.problem.prior,
            max_trials=MAX_TRIALS,
            least=LEAST_DAMPING,
            lengths=(STEP_TOLERANCE * size, longest),
        )
        if new is None:
            gradient = point.equations.half_gradient(point.w, self.problem.prior)
            flat = float(abs(gradient).max()) <= GRADIENT_TOLERANCE
            self.stop_reason = "gradient" if flat else "step"
            return point
        self._watch(point.loss, loss)
        return new

    def _move(self, point, step):
        at, w = self.problem.at, point.w + step.p
        if self.problem.bends:
            w = bent(point.w, step, point.r, lambda w: at(w).r)
        new = at(w)
        return new, new.loss

    def _watch(self, loss, new_loss):
        relative, absolute = STALL_TOLERANCE
        small = loss - new_loss < max(relative * loss, absolute)
        self.stalled = self.stalled + 1 if small else 0
        if self.stalled == STALL_STEPS:
            self.stop_reason = "loss"
