"""Laplace's approximation of a model around its weights, from the smaller of two systems."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi
from typing import Any, NamedTuple

from ..jets.jacobian import Jacobian
from ..jets.namespace import namespace
from .damping import Damping
from .equations import DualEquations, Equations, PrimalEquations, Step, bent
from .positive import add_to_diagonal, cholesky, root_factor

__all__ = [
    "Determined",
    "DualLaplace",
    "EvidenceFit",
    "EvidencePoint",
    "EvidenceProblem",
    "Laplace",
    "PrimalLaplace",
    "laplace",
    "whitened_svd",
]

MAX_CONDITION = 1e9  # of C, above which its small eigenvalues are taken from J itself


class EvidencePoint(ABC):
    """Weights w, and what a problem knows of them.

    Attributes
    ----------
    problem : EvidenceProblem
    w : array of shape (P,)
    residuals : array of shape (n, m)
        Errors of the model's outputs, times the roots of what each counts.
    """

    problem: Any
    w: Any
    residuals: Any

    @property
    def squares(self) -> Any:
        """Sum of squared residuals of each output, (m,).

        A child may have further outputs, whose rows are not among `residuals`.
        """
        return (self.residuals**2).sum(0)

    @abstractmethod
    def jacobian(self) -> Jacobian:
        """Of the residuals by the weights, row by row: (n m, P). Only `bends` need it."""

    @abstractmethod
    def normal_equations(self) -> tuple[list, list]:
        """JᵀJ (P, P) and Jᵀr (P,) of each output. Only primal systems need them."""


class EvidenceProblem(ABC):
    """A model with m outputs and P weights, whose priors and noise are to be found.

    Groups of weights have a prior precision in common. A dual system is solved in the space of the
    residuals, a primal one in that of the weights.

    Attributes
    ----------
    counts : array of shape (m,)
        Sum over the samples of what an entry of each output counts.
    squares : array of shape (m,)
        Sum over the samples of each output's squared targets, times what they count; infinite
        where there is nothing to explain.
    n_rows : array of shape (m,)
        Number of residuals of each output.
    pool : array of shape (m, m)
        1 where two outputs have the same noise precision.
    groups : integer array of shape (P,)
        The group of each weight, from 0.
    membership : array of shape (n_groups, P)
        1 where a weight is in a group.
    classes : array of shape (n_groups, n_classes)
        1 where a class of weights, as of `Jacobian.traces`, is in a group.
    ceilings : array of shape (n_groups,)
        Largest prior precision of each group.
    dual : bool
        Always with `bends`.
    bends : bool
        Whether steps follow the curved map of residuals.
    """

    counts: Any
    squares: Any
    n_rows: Any
    pool: Any
    groups: Any
    membership: Any
    classes: Any
    ceilings: Any
    dual: bool
    bends: bool

    @abstractmethod
    def at(self, w: Any) -> EvidencePoint:
        """The problem at the weights w (P,)."""

    def log_likelihood(self, fit: "EvidenceFit") -> float:
        """Log density of the targets at the weights of a fit."""
        xp, squares = namespace(fit.beta), fit.point.squares
        return 0.5 * float((self.counts * xp.log(fit.beta / (2 * pi)) - fit.beta * squares).sum())

    def informed(self, fit: "EvidenceFit") -> "EvidenceFit":
        """A fit whose noise was estimated, with what is known of it in place.

        The problem of its point may be another, with other noise of single samples.
        """
        return fit

    def bounded(self, beta: Any, before: Any) -> Any:
        """Noise precisions (m,) as they may be, from those estimated and those before."""
        return beta


@dataclass(frozen=True)
class EvidenceFit:
    """Where an evidence fit stands.

    Attributes
    ----------
    point : EvidencePoint
    alpha : array of shape (n_groups,)
        Prior precision of each group of weights.
    beta : array of shape (m,)
        Noise precision of each output.
    log_evidence : float
        Log marginal likelihood, in Laplace's approximation.
    dof : array of shape (m,)
        Effective degrees of freedom of each output.
    milestone : float
        Log evidence when it was last compared.
    warm : bool
        Whether alpha and beta are still those of the start.
    """

    point: EvidencePoint
    alpha: Any
    beta: Any
    log_evidence: float = float("-inf")
    dof: Any = None
    n_iter: int = 0
    converged: bool = False
    damping: Damping | None = None
    milestone: float = float("-inf")
    warm: bool = True

    @property
    def w(self) -> Any:
        """Weights, (P,)."""
        return self.point.w


class Determined(NamedTuple):
    """What the data determine: log det of the Hessian over that of the prior; of each group γ; of
    each output n - γ."""

    log_determinant: float
    dof: Any
    left: Any


class Laplace(ABC):
    """Laplace's approximation around the weights of a fit.

    Attributes
    ----------
    equations : Equations
        Of the residuals times √β.
    """

    equations: Equations

    def __init__(self, problem: EvidenceProblem, fit: EvidenceFit) -> None:
        self.problem, self.fit, self.root = problem, fit, fit.beta**0.5

    @abstractmethod
    def determine(self) -> Determined | None:
        """What the data determine; None where the system is singular."""

    @abstractmethod
    def whitened_svd(self, root: Any) -> tuple[Any, Any, Any]:
        """See the function of this name; `root` (P,) holds the roots of the prior's precisions."""

    def move(self, step: Step) -> Any:
        """The weights at the end of a step."""
        if not self.problem.bends:
            return self.fit.w + step.p
        return bent(self.fit.w, step, self.equations.r, self._residuals)

    def _residuals(self, w):
        return self._whitened(self.problem.at(w))

    def _whitened(self, point):
        return (point.residuals * self.root).reshape(-1)

    def _jacobian(self):
        residuals = self.fit.point.residuals
        scale = namespace(residuals).ones_like(residuals) * self.root
        return self.fit.point.jacobian().scaled(scale.reshape(-1))


class DualLaplace(Laplace):
    r"""From a system of the size of the residuals.

    With J the Jacobian times :math:`\sqrt\beta`, A the prior precisions and
    :math:`C = I + J A^{-1} J^T`, the Hessian's log determinant is that of A and of C, and the
    effective number of parameters of a group is
    :math:`\gamma_g = \operatorname{tr}(C^{-1} J_g J_g^T)/\alpha_g`.
    """

    def __init__(self, problem: EvidenceProblem, fit: EvidenceFit) -> None:
        super().__init__(problem, fit)
        self.jacobian = self._jacobian()
        self.equations = DualEquations(self.jacobian, self._whitened(fit.point))

    def determine(self) -> Determined | None:
        fit, problem = self.fit, self.problem
        prior = fit.alpha[problem.groups]
        C = add_to_diagonal(self.jacobian.gram(1 / prior), 1)
        log_determinant, inverse = self._invert(C, prior)
        dof = (problem.classes @ self.jacobian.traces(inverse)) / fit.alpha
        left = inverse.diagonal().reshape(fit.point.residuals.shape).sum(0)
        return Determined(log_determinant, dof, left)

    def whitened_svd(self, root: Any) -> tuple[Any, Any, Any]:
        svd = namespace(root).linalg.svd
        U, s, Vh = svd(self.jacobian.dense() / root, full_matrices=False)
        return U, s, Vh.T

    def _invert(self, C, prior):
        """Log determinant and inverse of C; where rounding would spoil them, from J itself."""
        factor = cholesky(C) if float(C.diagonal().max()) < MAX_CONDITION else None
        if factor is None:
            xp, root = namespace(C), (self.jacobian.dense() / prior**0.5).T
            unit = xp.eye(C.shape[0], dtype=C.dtype, device=C.device)
            factor = root_factor(xp.concat([unit, root]))
        return factor.log_determinant(), factor.inverse()


class PrimalLaplace(Laplace):
    r"""From a system of the size of the weights.

    :math:`\gamma_g = \sum_{i \in g} 1 - \alpha_g (H^{-1})_{ii}` with H the Hessian, and
    :math:`\beta_o \operatorname{tr}(J_o^T J_o H^{-1})` for an output.
    """

    def __init__(self, problem: EvidenceProblem, fit: EvidenceFit) -> None:
        super().__init__(problem, fit)
        self.grams, gradients = fit.point.normal_equations()
        self.gram = sum(b * G for b, G in zip(fit.beta, self.grams))
        gradient = sum(b * g for b, g in zip(fit.beta, gradients))
        bends = (self._whitened(fit.point), self._transposed_times) if problem.bends else ()
        self.equations = PrimalEquations(self.gram, gradient, *bends)

    def _transposed_times(self, u):
        return self._jacobian().transposed_times(u)

    def determine(self) -> Determined | None:
        fit, problem = self.fit, self.problem
        xp = namespace(fit.alpha)
        prior = fit.alpha[problem.groups]
        factor = cholesky(add_to_diagonal(self.gram + 0.0, prior))
        if factor is None:
            return None
        log_determinant = factor.log_determinant() - float(xp.log(prior).sum())
        inverse = factor.inverse() if len(self.grams) > 1 else None
        diagonal = factor.inverse_diagonal() if inverse is None else inverse.diagonal()
        shares = 1 - prior * diagonal
        dof = problem.membership @ shares
        used = self._used(inverse, shares)
        left = (problem.n_rows - used).clip(min=1e-12)
        return Determined(log_determinant, dof, left)

    def whitened_svd(self, root: Any) -> tuple[Any, Any, Any]:
        squares, V = namespace(root).linalg.eigh(self.gram / root / root[:, None])
        return None, squares.clip(min=0) ** 0.5, V

    def _used(self, inverse, shares):
        """Parameters that each output determines; together they are the sum of the shares."""
        if inverse is None:
            return shares.sum()[None]
        pairs = zip(self.fit.beta, self.grams)
        return namespace(shares).stack([b * (G * inverse).sum() for b, G in pairs])


def laplace(problem: EvidenceProblem, fit: EvidenceFit) -> Laplace:
    """The smaller of the two systems at the weights of a fit."""
    return (DualLaplace if problem.dual else PrimalLaplace)(problem, fit)


def whitened_svd(problem: EvidenceProblem, fit: EvidenceFit) -> tuple[Any, Any, Any]:
    """Singular vectors U (n m, r) and V (P, r), and values s (r,), of the Jacobian √β J A^-½.

    The posterior covariance of the weights is A^-½ (I - V diag(s² / (1 + s²)) Vᵀ) A^-½. From
    primal equations, U is None.
    """
    return laplace(problem, fit).whitened_svd(fit.alpha[problem.groups] ** 0.5)
