"""A net's loss as a sum of squares, for `solver="lm"` of every backend."""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, Protocol

from ..jets import Jet
from ..jets.blocks import row_slices, rows_within
from ..jets.jacobian import DenseJacobian, Jacobian
from ..jets.namespace import namespace
from ..law_rows import LawRows
from ..solvers.equations import Equations, linearise
from ..solvers.levenberg_marquardt import LeastSquares, Point

__all__ = ["NetLeastSquares", "Pass", "WeightFunction"]

LAW_ENTRIES = 2**20  # of a functional whose rows are linearised at once


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
    laws : sequence of LawRows
        Of arrays such as y; for a `Perceptron` only, whose `ForwardPass` combines derivatives.
    """

    def __init__(
        self,
        function: WeightFunction,
        jet: Jet,
        y: Any,
        weight: Any,
        prior: Any,
        laws: Sequence[LawRows] = (),
    ) -> None:
        xp = namespace(y)
        self.function, self.jet, self.y, self.prior = function, jet, y, prior
        weight = xp.ones_like(y[:, :1]) if weight is None else weight
        self.scale = (weight / (y.shape[0] * y.shape[1])) ** 0.5
        self.laws = [block for rows in laws for block in self._blocks(rows)]
        self.bends = xp.finfo(y.dtype).bits == 64  # else rounded away

    @staticmethod
    def _blocks(rows):
        """Pairs of rows of a law and the root of what each counts."""
        size = rows_within(rows.functional.shape[1] * rows.functional.shape[2], LAW_ENTRIES)
        scale = (rows.weight / len(rows)) ** 0.5
        return [(rows[part], scale) for part in row_slices(len(rows), size)]

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
        r = [(problem.scale * (self._pass.columns() - problem.y)).reshape(-1)]
        r += [self._law(rows, scale)[1] for rows, scale in problem.laws]
        self.r = r[0] if len(r) == 1 else namespace(r[0]).concat(r)

    @cached_property
    def loss(self) -> float:
        """|r|² + Σ prior w²."""
        squares, prior = self.r @ self.r, self.problem.prior
        return float(squares if prior is None else squares + prior @ self.w**2)

    @cached_property
    def equations(self) -> Equations:
        """The problem, linearised here."""
        n, m = self.problem.y.shape
        more = [
            (rows.target.shape[0] * rows.target.shape[1], partial(self._law_equations, rows, scale))
            for rows, scale in self.problem.laws
        ]
        return linearise(self._rows, n, m, self.w.shape[0], more)

    def _law(self, rows, scale):
        """The pass of a law's places, and its errors."""
        forward = self.problem.function.forward(self.w, rows.jet)
        return forward, (scale * (forward.combined(rows.functional) - rows.target)).reshape(-1)

    def _law_equations(self, rows, scale):
        forward, r = self._law(rows, scale)
        J = scale * forward.combined_jacobian(rows.functional)
        return DenseJacobian(J.reshape(-1, J.shape[2])), r

    def _rows(self, part):
        problem, n = self.problem, self.problem.y.shape[1]
        whole = part == slice(None)
        forward = self._pass if whole else problem.function.forward(self.w, problem.jet[part])
        scale = namespace(problem.y).broadcast_to(problem.scale, problem.y.shape)[part]
        end = problem.y.shape[0] if whole else part.stop
        r = self.r[(part.start or 0) * n : end * n]
        return forward.jacobian().scaled(scale.reshape(-1)), r
