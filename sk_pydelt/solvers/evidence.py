"""MacKay's evidence: priors and noise levels that are re-estimated while a model is fitted."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite, pi
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from ..jets.jacobian import Jacobian
from .damping import Damping, descend
from .equations import DualEquations, Equations, PrimalEquations, Step, bent
from .positive import add_to_diagonal, cholesky

__all__ = [
    "EvidenceFit",
    "EvidencePoint",
    "EvidenceProblem",
    "evidence_steps",
    "held_out_densities",
    "whitened_svd",
]

PRECISION_RANGE = 1e-10, 1e10  # of the priors, whose scaled data are near 1
MAX_NOISE_PRECISION = 1e14  # exact data of unit variance are interpolated to 1e-7
FIRST_DAMPING = 1e-3  # of the mean diagonal entry of JᵀJ
LEAST_DAMPING = 1e-12
MAX_CONDITION = 1e9  # of C, above which its small eigenvalues are taken from J itself
MAX_TRIALS = 12  # of damping in one step
STALL_TOLERANCE = 1e-3  # change of the log evidence in a step ...
STALL_STEPS = 5  # ... that ends a fit after so many steps in a row


class EvidencePoint(ABC):
    """Weights w, and what a problem knows of them.

    Attributes
    ----------
    w : array of shape (P,)
    residuals : array of shape (n, m)
        Errors of the model's outputs, times the roots of what each counts.
    """

    w: Any
    residuals: Any

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
    """

    point: EvidencePoint
    alpha: Any
    beta: Any
    log_evidence: float = float("-inf")
    dof: Any = None
    n_iter: int = 0
    converged: bool = False
    damping: Damping | None = None
    stalled: int = 0

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

    def __init__(self, problem: EvidenceProblem, fit: EvidenceFit):
        self.problem, self.fit, self.root = problem, fit, fit.beta**0.5

    @abstractmethod
    def determine(self) -> Determined | None:
        """What the data determine; None where the system is singular."""

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
        scale = array_namespace(residuals).broadcast_to(self.root, residuals.shape)
        return self.fit.point.jacobian().scaled(scale.reshape(-1))


class DualLaplace(Laplace):
    r"""From a system of the size of the residuals.

    With J the Jacobian times :math:`\sqrt\beta`, A the prior precisions and
    :math:`C = I + J A^{-1} J^T`, the Hessian's log determinant is that of A and of C, and the
    effective number of parameters of a group is
    :math:`\gamma_g = \operatorname{tr}(C^{-1} J_g J_g^T)/\alpha_g`.
    """

    def __init__(self, problem: EvidenceProblem, fit: EvidenceFit):
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

    def _invert(self, C, prior):
        """Log determinant and inverse of C; where rounding would spoil them, from J itself."""
        if float(C.diagonal().max()) < MAX_CONDITION and (factor := cholesky(C)):
            return factor.log_determinant(), factor.inverse()
        xp = array_namespace(C)
        U, s, _ = xp.linalg.svd(self.jacobian.dense() / prior**0.5, full_matrices=False)
        return float(xp.log1p(s**2).sum()), complement(U, s)


def complement(U: Any, s: Any) -> Any:
    """(I + U s² Uᵀ)⁻¹, with nothing that cancels where U is square."""
    if U.shape[0] <= U.shape[1]:
        return (U / (1 + s**2)) @ U.T
    return add_to_diagonal(-(U * (s**2 / (1 + s**2))) @ U.T, 1)


class PrimalLaplace(Laplace):
    r"""From a system of the size of the weights.

    :math:`\gamma_g = \sum_{i \in g} 1 - \alpha_g (H^{-1})_{ii}` with H the Hessian, and
    :math:`\beta_o \operatorname{tr}(J_o^T J_o H^{-1})` for an output.
    """

    def __init__(self, problem: EvidenceProblem, fit: EvidenceFit):
        super().__init__(problem, fit)
        self.grams, gradients = fit.point.normal_equations()
        gram = sum(b * G for b, G in zip(fit.beta, self.grams))
        gradient = sum(b * g for b, g in zip(fit.beta, gradients))
        bends = (self._whitened(fit.point), self._transposed_times) if problem.bends else ()
        self.equations = PrimalEquations(gram, gradient, *bends)

    def _transposed_times(self, u):
        return self._jacobian().transposed_times(u)

    def determine(self) -> Determined | None:
        fit, problem = self.fit, self.problem
        xp = array_namespace(fit.alpha)
        prior = fit.alpha[problem.groups]
        factor = cholesky(add_to_diagonal(self.equations.gram + 0.0, prior))
        if factor is None:
            return None
        inverse = factor.inverse()
        log_determinant = factor.log_determinant() - float(xp.log(prior).sum())
        dof = problem.membership @ (1 - prior * inverse.diagonal())
        used = xp.stack([b * (G * inverse).sum() for b, G in zip(fit.beta, self.grams)])
        left = xp.clip(fit.point.residuals.shape[0] - used, min=1e-12)
        return Determined(log_determinant, dof, left)


def laplace(problem: EvidenceProblem, fit: EvidenceFit) -> Laplace:
    """The smaller of the two systems at the weights of a fit."""
    return (DualLaplace if problem.dual else PrimalLaplace)(problem, fit)


def _energy(point, fit, prior):
    """Twice the negative log posterior, up to constants."""
    return float((fit.beta * (point.residuals**2).sum(0)).sum() + (prior * point.w) @ point.w)


def evidence_steps(
    problem: EvidenceProblem, fit: EvidenceFit, n_iter: int, n_warm: int = 10
) -> EvidenceFit:
    r"""Levenberg–Marquardt steps, each followed by MacKay's re-estimation.

    The log posterior :math:`-\tfrac12 \sum_o \beta_o |r_o|^2 - \tfrac12 \sum_g \alpha_g |w_g|^2`
    is raised by a damped Gauss–Newton step; then, with γ the effective numbers of parameters,

    .. math:: \alpha_g = \gamma_g / |w_g|^2, \qquad \beta_o = (n - \gamma_o) / |r_o|^2

    (MacKay 1992, "Bayesian interpolation"; Foresee & Hagan 1997). Both are bounded, so that data
    without noise are interpolated safely.

    Parameters
    ----------
    problem : EvidenceProblem
    fit : EvidenceFit
        Where to start from.
    n_iter : int
        Steps, at most.
    n_warm : int, default=10
        Steps from the start of a fit that leave alpha and beta as they are.

    Returns
    -------
    EvidenceFit
    """
    for _ in range(n_iter):
        if fit.converged:
            break
        fit = _evidence_step(problem, fit, n_warm)
    return fit


def _evidence_step(problem, fit, n_warm):
    local, prior = laplace(problem, fit), fit.alpha[problem.groups]
    energy, determined = _energy(fit.point, fit, prior), local.determine()
    if determined is None or not isfinite(energy):  # rounding: a milder problem
        return replace(fit, beta=fit.beta / 10, alpha=fit.alpha * 2)
    found = _judged(problem, fit, energy, determined)
    point, damping = _damped_step(problem, local, fit, energy, prior)
    moved = replace(found, point=point or fit.point, damping=damping, n_iter=fit.n_iter + 1)
    if moved.n_iter < n_warm:
        return moved
    settled = point is None or moved.stalled >= STALL_STEPS
    moved = replace(moved, converged=settled and moved.n_iter > 2 * n_warm)
    return _reestimated(problem, moved, determined)


def _judged(problem, fit, energy, determined):
    """The fit with its log evidence, and how long that has not changed."""
    xp = array_namespace(fit.beta)
    constant = float((problem.counts * xp.log(fit.beta / (2 * pi))).sum())
    evidence = 0.5 * (constant - energy - determined.log_determinant)
    small = abs(evidence - fit.log_evidence) < STALL_TOLERANCE
    dof = fit.point.residuals.shape[0] - determined.left
    stalled = fit.stalled + 1 if small else 0
    return replace(fit, log_evidence=evidence, dof=dof, stalled=stalled)


def _reestimated(problem, fit, determined):
    """MacKay's fixed point, within bounds."""
    xp, residuals = array_namespace(fit.alpha), fit.point.residuals
    low, high = PRECISION_RANGE
    alpha = (determined.dof + 1e-3) / (problem.membership @ fit.w**2 + 1e-10)
    alpha = xp.minimum(xp.clip(alpha, min=low, max=high), problem.ceilings)
    # A weight counts as copies.
    left = xp.clip(determined.left + problem.counts - residuals.shape[0], min=1e-12)
    noise = (problem.pool @ (residuals**2).sum(0)) / (problem.pool @ left)
    return replace(fit, alpha=alpha, beta=1 / xp.clip(noise, min=1 / MAX_NOISE_PRECISION))


def _damped_step(problem, local, fit, energy, prior):
    """The point at the end of a step to lower energy, None if there is no such step; damping."""
    damping = fit.damping
    if damping is None:
        least = max(local.equations.scale(), float(prior.min()))
        damping = Damping(FIRST_DAMPING * least)

    def move(step):
        point = problem.at(local.move(step))
        return point, _energy(point, fit, prior)

    limits = {"prior": prior, "max_trials": MAX_TRIALS, "least": LEAST_DAMPING}
    point, _, damping = descend(local.equations, fit.w, energy, damping, move, **limits)
    return point, damping if point else Damping(damping.value)


def whitened_svd(problem: EvidenceProblem, fit: EvidenceFit) -> tuple[Any, Any, Any]:
    """Singular vectors U (n m, r) and V (P, r), and values s (r,), of the Jacobian √β J A^-½.

    The posterior covariance of the weights is A^-½ (I - V diag(s² / (1 + s²)) Vᵀ) A^-½. From
    primal equations, U is None.
    """
    local = laplace(problem, fit)
    root = fit.alpha[problem.groups] ** 0.5
    xp = array_namespace(root)
    if problem.dual:
        U, s, Vh = xp.linalg.svd(local.jacobian.dense() / root, full_matrices=False)
        return U, s, Vh.T
    squares, V = xp.linalg.eigh(local.equations.gram / root / root[:, None])
    return None, xp.clip(squares, min=0) ** 0.5, V


def held_out_densities(
    precision: Callable[[np.ndarray], np.ndarray],
    residuals: np.ndarray,
    beta: np.ndarray,
    fold_size: int = 3,
    n_repeats: int = 3,
    known: np.ndarray | bool = True,
) -> np.ndarray:
    r"""Log predictive density of each sample by the linearised net fitted without its fold.

    The whitened targets of the linearised net are Gaussian with covariance C. Given the others,
    those of a fold F have the precision :math:`Q_{FF}`, a block of :math:`Q = C^{-1}`, and errors
    :math:`Q_{FF}^{-1} r_F` with r the residuals of the net fitted to all samples: so the
    cross-validation of a linear model costs no fit (Rasmussen & Williams 2006, section 5.4.2).

    Parameters
    ----------
    precision : callable
        From places (k,) of whitened targets, row by row, to the block of Q, (k, k).
    residuals : array of shape (n, m)
        r, whitened.
    beta : array of shape (m,)
    fold_size : int, default=3
        Samples left out together. Single ones flatter nets that pass through all samples.
    n_repeats : int, default=3
        Partitions into folds, always the same, over which densities are averaged.
    known : array of bool of shape (n, m), default=True
        Entries that count.

    Returns
    -------
    array of shape (n,)
        Summed over the outputs.
    """
    n, m = residuals.shape
    rng, total = np.random.RandomState(0), np.zeros((n, m))
    for _ in range(n_repeats):
        for fold in np.array_split(rng.permutation(n), -(-n // fold_size)):
            places = (fold[:, None] * m + np.arange(m)).ravel()
            Q = precision(places)
            Q[np.diag_indices_from(Q)] += 1e-15
            covariance = np.linalg.inv(Q)
            errors = covariance @ residuals[fold].ravel()
            spread = np.maximum(covariance.diagonal(), 1.0)
            density = -0.5 * (errors**2 / spread + np.log(2 * pi * spread))
            total[fold] += density.reshape(-1, m)
    return np.where(known, total / n_repeats + 0.5 * np.log(beta), 0.0).sum(axis=1)
