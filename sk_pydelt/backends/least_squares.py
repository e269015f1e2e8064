"""A net's loss as a sum of squares, for `solver="lm"` of every backend."""

from functools import cached_property
from typing import Any, Protocol

from ..jets import Jet
from ..jets.jacobian import Jacobian
from ..jets.namespace import namespace
from ..solvers.equations import Equations, linearise
from ..solvers.levenberg_marquardt import LeastSquares, Point

__all__ = ["NetLeastSquares", "Pass", "WeightFunction"]


class Pass(Protocol):
    """A net's outputs at some places, from which their derivatives by the weights start."""

    def columns(self) -> Any:
        """Values, with slopes along each variable of the jet beside them: (n, m (1 + q))."""

    def jacobian(self) -> Jacobian:
        """Derivatives of `columns`, row by row, by the weights: (n m (1 + q), P)."""


class WeightFunction(Protocol):
    """A net as a function of its weights w (P,); `sk_pydelt.jets.perceptron.Perceptron` is one."""

    def forward(self, w: Any, jet: Jet) -> Pass:
        """Pass the jet of places, of order 0 or 1, through the net."""


class NetLeastSquares(LeastSquares):
    """The mean squared error of a net, and an L2 penalty, as a sum of squares.

    Parameters
    ----------
    function : WeightFunction
    jet : Jet of shape (n, p)
        The places, and as its variables the directions of known slopes.
    y : array of shape (n, m)
        Targets, known slopes included.
    weight : array of shape (n, 1) or (n, m), or None
        What each entry of y counts; None is 1 for all.
    prior : array of shape (P,), or None for no penalty
    """

    def __init__(self, function: WeightFunction, jet: Jet, y: Any, weight: Any, prior: Any) -> None:
        xp = namespace(y)
        self.function, self.jet, self.y, self.prior = function, jet, y, prior
        weight = xp.ones_like(y[:, :1]) if weight is None else weight
        self.scale = (weight / (y.shape[0] * y.shape[1])) ** 0.5
        self.bends = xp.finfo(y.dtype).bits == 64  # else rounded away

    def at(self, w: Any) -> "NetPoint":
        """The net with the weights w (P,)."""
        return NetPoint(self, w)


class NetPoint(Point):
    """A net's weights, its errors, and the pass forward that led to them.

    Parameters
    ----------
    problem : NetLeastSquares
    w : array of shape (P,)
    """

    def __init__(self, problem: NetLeastSquares, w: Any) -> None:
        self.problem, self.w = problem, w
        self._pass = problem.function.forward(w, problem.jet)
        self.r = (problem.scale * (self._pass.columns() - problem.y)).reshape(-1)

    @cached_property
    def loss(self) -> float:
        """|r|² + Σ prior w²."""
        squares, prior = self.r @ self.r, self.problem.prior
        return float(squares if prior is None else squares + prior @ self.w**2)

    @cached_property
    def equations(self) -> Equations:
        """The problem, linearised here."""
        n, m = self.problem.y.shape
        return linearise(self._rows, n, m, self.w.shape[0])

    def _rows(self, part):
        problem, n = self.problem, self.problem.y.shape[1]
        whole = part == slice(None)
        forward = self._pass if whole else problem.function.forward(self.w, problem.jet[part])
        scale = namespace(problem.y).broadcast_to(problem.scale, problem.y.shape)[part]
        r = self.r if whole else self.r[part.start * n : part.stop * n]
        return forward.jacobian().scaled(scale.reshape(-1)), r
