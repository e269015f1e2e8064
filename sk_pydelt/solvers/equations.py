"""A least-squares problem, linearised: the smaller of two systems, and its damped steps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from itertools import accumulate
from typing import Any, NamedTuple

from ..jets.blocks import row_slices, rows_within
from ..jets.jacobian import DenseJacobian, Jacobian
from ..jets.namespace import namespace
from .positive import add_to_diagonal, factorise

__all__ = ["DualEquations", "Equations", "PrimalEquations", "Step", "bent", "linearise"]

MAX_JACOBIAN = 2**24  # entries of a Jacobian held at once (128 MiB in float64): more are summed up
MAX_SIDE = 2**13  # side of the largest system (512 MiB in float64)
DIFFERENCE = 0.1  # of a step: how far along it its curvature is measured
MAX_BEND = 0.75  # twice the length of a bend, relative to that of its step, that is trusted


class Step(NamedTuple):
    r"""A damped step from w.

    Attributes
    ----------
    p : array of shape (P,)
        It minimises |r + J p|² + Σ prior (w + p)² + damping |p|².
    fall : float
        By how much p lowers |r + J p|² + Σ prior (w + p)².
    bend : callable
        From the rate (r(w + h p) - r(w)) / h, (n,), with h = `DIFFERENCE`, to how p is to bend so
        that it follows the curved map of residuals. That is half the geodesic acceleration,
        :math:`-H^{-1} J^T r''(p, p) / 2` with H the matrix that p solves.
    """

    p: Any
    fall: float
    bend: Callable[[Any], Any]


class Equations(ABC):
    """The linearised problem |r + J p|² at one place.

    Attributes
    ----------
    r : array of shape (n,)
        Residuals.
    gradient : array of shape (P,)
        Jᵀ r, half the gradient of |r|².
    """

    r: Any
    gradient: Any

    @abstractmethod
    def step(self, w: Any, prior: Any, damping: float) -> Step:
        """The damped step from w; a `prior` (P,) or None for none."""

    @abstractmethod
    def scale(self) -> float:
        """The mean diagonal entry of JᵀJ."""

    def half_gradient(self, w: Any, prior: Any) -> Any:
        """Half the gradient of |r|² + Σ prior w²."""
        return self.gradient if prior is None else self.gradient + prior * w


class PrimalEquations(Equations):
    """The linearised problem as a system of the size of the weights.

    Parameters
    ----------
    gram : array of shape (P, P)
        JᵀJ.
    gradient : array of shape (P,)
    r : array of shape (n,), default=None
    transposed_times : callable, default=None
        From u (n,) to Jᵀ u (P,). Only bends need r and it.
    """

    def __init__(
        self,
        gram: Any,
        gradient: Any,
        r: Any = None,
        transposed_times: Callable[[Any], Any] | None = None,
    ) -> None:
        self.gram, self.gradient = gram, gradient
        self.r, self.transposed_times = r, transposed_times

    @classmethod
    def of_blocks(
        cls, blocks: Iterable[tuple[Any, Any]], transposed_times: Callable | None = None
    ) -> "PrimalEquations":
        """From pairs (J, r), of shapes (n_block, P) and (n_block,)."""
        gram, gradient, residuals = 0, 0, []
        for J, r in blocks:
            gram = gram + J.T @ J
            gradient = gradient + J.T @ r
            residuals.append(r)
        r = namespace(residuals[0]).concat(residuals)
        return cls(gram, gradient, r, transposed_times)

    def step(self, w: Any, prior: Any, damping: float) -> Step:
        A = add_to_diagonal(self.gram + 0.0, damping if prior is None else prior + damping)
        factor, gradient = factorise(A), self.half_gradient(w, prior)
        p = -factor.solve(gradient)

        def bend(rate):
            curvature = (self.transposed_times(rate) - self.gram @ p) / DIFFERENCE
            return -factor.solve(curvature)

        return Step(p, float(p @ (damping * p - gradient)), bend)

    def scale(self) -> float:
        return float(self.gram.diagonal().mean())


class DualEquations(Equations):
    r"""The linearised problem as a system of the size of the residuals.

    With :math:`B = \operatorname{diag}(\text{prior}) + \mu I`, the step is
    :math:`p = p_0 - B^{-1} J^T v`, :math:`p_0 = -B^{-1}\,\text{prior}\,w`, where
    :math:`(I + J B^{-1} J^T)\,v = r + J p_0` (the Woodbury identity, without its cancellation).

    Parameters
    ----------
    jacobian : Jacobian
    r : array of shape (n,)
    """

    def __init__(self, jacobian: Jacobian, r: Any) -> None:
        self.jacobian, self.r = jacobian, r

    @cached_property
    def gradient(self) -> Any:
        return self.jacobian.transposed_times(self.r)

    @cached_property
    def gram(self) -> Any:
        """J Jᵀ, (n, n)."""
        return self.jacobian.gram()

    def step(self, w: Any, prior: Any, damping: float) -> Step:
        if prior is None:  # one Gram matrix serves all dampings
            inverse, start, r = 1 / damping, None, self.r
            A = self.gram * inverse
        else:
            inverse = 1 / (prior + damping)
            start = -inverse * prior * w
            r = self.r + self.jacobian.times(start)
            A = self.jacobian.gram(inverse)
        factor = factorise(add_to_diagonal(A, 1))
        left = factor.solve(r)
        p = self.jacobian.transposed_times(left) * -inverse
        p = p if start is None else p + start
        # J p is v - r; in float32 rounding would spoil that.
        double = namespace(p).finfo(p.dtype).bits == 64
        change = left - self.r if double else self.jacobian.times(p)

        def bend(rate):
            curved = factor.solve((rate - change) / DIFFERENCE)
            return self.jacobian.transposed_times(curved) * -inverse

        return Step(p, self._fall(w, prior, p, change), bend)

    def _fall(self, w, prior, p, change):
        data = -change @ (2 * self.r + change)
        return float(data if prior is None else data - (prior * p) @ (2 * w + p))

    def scale(self) -> float:
        return float(self.gram.diagonal().sum()) / self.jacobian.shape[1]


def linearise(
    jacobian: Callable[[slice], tuple[Jacobian, Any]],
    n_rows: int,
    n_outputs: int,
    n_weights: int,
    more: Sequence[tuple[int, Callable[[], tuple[Jacobian, Any]]]] = (),
) -> Equations:
    """The smaller of the two systems, in bounded memory.

    Parameters
    ----------
    jacobian : callable ``slice -> (operator, r)``
        Jacobian, of shape (k, P), and residuals, (k,), of the rows in a slice.
    n_rows, n_outputs, n_weights : int
    more : sequence of (int, callable)
        Blocks of further residuals: how many, and what gives their Jacobian and them.

    Returns
    -------
    PrimalEquations or DualEquations

    Raises
    ------
    ValueError
        Neither system fits into memory.
    """
    n_residuals = n_rows * n_outputs + sum(size for size, _ in more)
    if n_residuals <= min(n_weights, MAX_SIDE):
        return DualEquations(*_joined([jacobian(slice(None)), *(block() for _, block in more)]))
    if n_weights > MAX_SIDE:
        raise ValueError(
            "solver='lm' solves a linear system of the size of the net or of the data, whichever "
            f"is smaller, and at most {MAX_SIDE}: here the net has {n_weights} weights and the "
            f"data {n_residuals} residuals. Use solver='lbfgs' or solver='adam', or a smaller net."
        )
    rows = rows_within(n_weights * n_outputs, MAX_JACOBIAN)
    if rows >= n_rows and not more:
        operator, r = jacobian(slice(None))
        return PrimalEquations.of_blocks([(operator.dense(), r)], operator.transposed_times)
    parts = row_slices(n_rows, rows)
    blocks: list[tuple[int, Callable]] = [
        ((part.stop - part.start) * n_outputs, partial(jacobian, part)) for part in parts
    ]
    blocks += more
    stops = list(accumulate(size for size, _ in blocks))

    def transposed_times(u):  # Jacobians are computed anew: cheap beside their products
        ends = zip(blocks, [0, *stops], stops)
        return sum(block()[0].transposed_times(u[start:stop]) for (_, block), start, stop in ends)

    pairs = (block() for _, block in blocks)
    return PrimalEquations.of_blocks(((J.dense(), r) for J, r in pairs), transposed_times)


def _joined(pairs):
    """Jacobians and residuals below each other."""
    if len(pairs) == 1:
        return pairs[0]
    xp = namespace(pairs[0][1])
    J = xp.concat([operator.dense() for operator, _ in pairs])
    return DenseJacobian(J), xp.concat([r for _, r in pairs])


def bent(w: Any, step: Step, r: Any, residuals: Callable[[Any], Any]) -> Any:
    """The end of a step from w, where residuals are r, bent where the bend can be trusted.

    Parameters
    ----------
    w : array of shape (P,)
    step : Step
    r : array of shape (n,)
    residuals : callable, w -> array of shape (n,)
    """
    p = step.p
    bend = step.bend((residuals(w + DIFFERENCE * p) - r) / DIFFERENCE)
    short = 4 * float(bend @ bend) <= MAX_BEND**2 * float(p @ p)  # not so for a NaN
    return w + p + bend if short else w + p
