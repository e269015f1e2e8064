"""MacKay's evidence: priors and noise levels that are re-estimated while a net is fitted."""

from dataclasses import dataclass
from math import isfinite, pi
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from .levenberg_marquardt import DualEquations, PrimalEquations, bent

__all__ = [
    "EvidenceFit",
    "evidence_steps",
    "held_out_densities",
    "stacking_weights",
    "whitened_svd",
]

PRECISION_RANGE = 1e-10, 1e10  # of the priors, whose scaled data are near 1
MAX_NOISE_PRECISION = 1e14  # exact data of unit variance are interpolated to 1e-7
FIRST_DAMPING = 1e-3  # of the mean diagonal entry of JᵀJ
MAX_CONDITION = 1e9  # of C, above which its small eigenvalues are taken from J itself
MAX_TRIALS = 12  # of damping in one step
STALL_TOLERANCE = 1e-3  # change of the log evidence in a step ...
STALL_STEPS = 5  # ... that ends a fit after so many steps in a row


@dataclass
class EvidenceFit:
    """Where an evidence fit stands.

    Parameters
    ----------
    w : tensor of shape (P,)
        Weights.
    alpha : tensor of shape (G,)
        Prior precision of each group of weights.
    beta : tensor of shape (m,)
        Noise precision of each output.
    log_evidence : float
        Log marginal likelihood, in Laplace's approximation.
    dof : tensor of shape (m,)
        Effective degrees of freedom of each output.
    """

    w: Any
    alpha: Any
    beta: Any
    log_evidence: float = float("-inf")
    dof: Any = None
    n_iter: int = 0
    converged: bool = False
    damping: float | None = None
    growth: float = 2.0
    stalled: int = 0


class DualLaplace:
    r"""Laplace's approximation at w from a system of the size of the residuals.

    With J the Jacobian times :math:`\sqrt\beta`, A the prior precisions and
    :math:`C = I + J A^{-1} J^T`, the Hessian's log determinant is that of A and of C, and the
    effective number of parameters of a group is
    :math:`\gamma_g = \operatorname{tr}(C^{-1} J_g J_g^T)/\alpha_g`.
    """

    def __init__(self, problem, fit):
        self.problem, self.fit = problem, fit
        values, jacobian = problem.function.jacobian(fit.w, problem.X)
        self.residuals = problem.residuals(values)
        self.root = fit.beta.sqrt()
        self.jacobian = jacobian.scaled((problem.row_scale * self.root).flatten())
        self.equations = DualEquations(self.jacobian, (self.residuals * self.root).flatten())

    def move(self, p):
        """The weights at the end of a step, which follows the curved map of residuals."""
        return bent(self.fit.w, p, self.equations, self._whitened)

    def _whitened(self, w):
        values = self.problem.function.values(w, self.problem.X)
        return (self.problem.residuals(values) * self.root).flatten()

    def determine(self):
        """Log determinant, dof of each group, and n - γ of each output; None where singular."""
        fit, problem = self.fit, self.problem
        prior = fit.alpha[problem.groups]
        C = self.jacobian.gram(1 / prior)
        C.diagonal().add_(1)
        logdet, inverse = self._invert(C, prior)
        traces = self.jacobian.traces(inverse)
        dof = _sum_groups(traces, problem.classes, fit.alpha) / fit.alpha
        return logdet, dof, inverse.diagonal().view(self.residuals.shape).sum(0)

    def _invert(self, C, prior):
        """Log determinant and inverse of C; where rounding would spoil them, from J itself."""
        linalg = array_namespace(C).linalg
        if float(C.diagonal().max()) < MAX_CONDITION:
            factor, failed = linalg.cholesky_ex(C)
            if not failed:
                return 2 * float(factor.diagonal().log().sum()), factor.cholesky_inverse()
        U, s, _ = linalg.svd(self.jacobian.dense() / prior.sqrt(), full_matrices=False)
        return float((s**2).log1p().sum()), complement(U, s)


def complement(U, s):
    """(I + U s² Uᵀ)⁻¹, with nothing that cancels where U is square."""
    if len(U) <= U.shape[1]:
        return (U / (1 + s**2)) @ U.T
    inverse = -(U * (s**2 / (1 + s**2))) @ U.T
    inverse.diagonal().add_(1)
    return inverse


class PrimalLaplace:
    r"""The same from a system of the size of the weights.

    :math:`\gamma_g = \sum_{i \in g} 1 - \alpha_g (H^{-1})_{ii}` with H the Hessian, and
    :math:`\beta_o \operatorname{tr}(J_o^T J_o H^{-1})` for an output.
    """

    def __init__(self, problem, fit):
        self.problem, self.fit = problem, fit
        self.grams, gradients, self.residuals = problem.normal_equations(fit.w)
        self.equations = PrimalEquations([])
        self.equations.gram = sum(b * G for b, G in zip(fit.beta, self.grams))
        self.equations.gradient = sum(b * g for b, g in zip(fit.beta, gradients))

    def move(self, p):
        """The weights at the end of a straight step: to bend it costs all Jacobians again."""
        return self.fit.w + p

    def determine(self):
        """Log determinant, dof of each group, and n - γ of each output; None where singular."""
        fit, problem = self.fit, self.problem
        prior = fit.alpha[problem.groups]
        H = self.equations.gram.clone()
        H.diagonal().add_(prior)
        factor, failed = array_namespace(H).linalg.cholesky_ex(H)
        if failed:
            return None
        inverse = factor.cholesky_inverse()
        logdet = 2 * float(factor.diagonal().log().sum()) - float(prior.log().sum())
        dof = _sum_groups(1 - prior * inverse.diagonal(), problem.groups, fit.alpha)
        used = [float((b * G * inverse).sum()) for b, G in zip(fit.beta, self.grams)]
        return logdet, dof, (len(self.residuals) - fit.beta.new_tensor(used)).clamp(min=1e-12)


def _sum_groups(values, groups, alpha):
    return alpha.new_zeros(len(alpha)).index_add_(0, groups, values)


def laplace(problem, fit):
    """The smaller of the two systems at the weights of a fit."""
    return (DualLaplace if problem.dual else PrimalLaplace)(problem, fit)


def _energy(problem, residuals, w, fit):
    """Twice the negative log posterior, up to constants."""
    prior = fit.alpha[problem.groups]
    return float((fit.beta * residuals**2).sum() + (prior * w**2).sum())


def evidence_steps(problem, fit, n_iter, n_warm=10):
    r"""Levenberg–Marquardt steps, each followed by MacKay's re-estimation.

    The log posterior :math:`-\tfrac12 \sum_o \beta_o |r_o|^2 - \tfrac12 \sum_g \alpha_g |w_g|^2`
    is raised by a damped Gauss–Newton step; then, with γ the effective numbers of parameters,

    .. math:: \alpha_g = \gamma_g / |w_g|^2, \qquad \beta_o = (n - \gamma_o) / |r_o|^2

    (MacKay 1992, "Bayesian interpolation"; Foresee & Hagan 1997). Both are bounded, so that data
    without noise are interpolated safely.

    Parameters
    ----------
    problem : object
        With `function` (values and Jacobian), `X`, `residuals(values)`, `row_scale`, `counts`,
        `pool`, `groups`, `classes`, `ceilings` of alpha, `dual` and `normal_equations(w)`.
    fit : EvidenceFit
        Where to start from; it is changed in place.
    n_iter : int
        Steps, at most.
    n_warm : int, default=10
        Steps from the start of a fit that leave alpha and beta as they are.
    """
    for _ in range(n_iter):
        if fit.converged:
            return
        local = laplace(problem, fit)
        energy = _energy(problem, local.residuals, fit.w, fit)
        determined = local.determine()
        if determined is None or not isfinite(energy):  # rounding: a milder problem
            fit.beta, fit.alpha = fit.beta / 10, fit.alpha * 2
            continue
        logdet, dof, left = determined
        residuals = _damped_step(problem, local, fit, energy)
        _record(problem, fit, energy, logdet, len(local.residuals) - left)
        fit.n_iter += 1
        if fit.n_iter >= n_warm:
            settled = residuals is None or fit.stalled >= STALL_STEPS
            fit.converged = settled and fit.n_iter > 2 * n_warm
            residuals = local.residuals if residuals is None else residuals
            _reestimate(problem, fit, dof, left, residuals)


def _record(problem, fit, energy, logdet, dof):
    """The log evidence, and how long it has not changed."""
    n = problem.counts
    constant = float((n * (fit.beta / (2 * pi)).log()).sum())
    evidence = 0.5 * (constant - energy - logdet)
    change = abs(evidence - fit.log_evidence)
    fit.stalled = fit.stalled + 1 if change < STALL_TOLERANCE else 0
    fit.log_evidence, fit.dof = evidence, dof


def _reestimate(problem, fit, dof, left, residuals):
    """MacKay's fixed point, within bounds."""
    squares = _sum_groups(fit.w**2, problem.groups, fit.alpha)
    low, high = PRECISION_RANGE
    fit.alpha = ((dof + 1e-3) / (squares + 1e-10)).clamp(low, high).minimum(problem.ceilings)
    left = (left + problem.counts - len(residuals)).clamp(min=1e-12)  # a weight counts as copies
    noise = (problem.pool @ (residuals**2).sum(0)) / (problem.pool @ left)
    fit.beta = 1 / noise.clamp(min=1 / MAX_NOISE_PRECISION)


def _damped_step(problem, local, fit, energy):
    """Move the weights to lower energy; the residuals there, or None if there is no such step."""
    prior = fit.alpha[problem.groups]
    gradient = local.equations.gradient + prior * fit.w
    if fit.damping is None:
        fit.damping = FIRST_DAMPING * max(local.equations.scale(), float(prior.min()))
    for _ in range(MAX_TRIALS):
        p = local.equations.step(fit.w, prior, fit.damping)
        new = local.move(p)
        residuals = problem.residuals(problem.function.values(new, problem.X))
        fall = energy - _energy(problem, residuals, new, fit)
        predicted = float(p @ (fit.damping * p - gradient))
        if fall > 0 and predicted > 0:
            fit.damping *= max(1 / 3, 1 - (2 * fall / predicted - 1) ** 3)
            fit.damping, fit.growth, fit.w = max(fit.damping, 1e-12), 2.0, new
            return residuals
        fit.damping, fit.growth = fit.damping * fit.growth, 2 * fit.growth
    fit.growth = 2.0
    return None


def whitened_svd(problem, fit):
    """Singular vectors U (n m, r) and V (P, r), and values s (r,), of the Jacobian √β J A^-½.

    The posterior covariance of the weights is A^-½ (I - V diag(s² / (1 + s²)) Vᵀ) A^-½. From
    primal equations, U is None.
    """
    local = laplace(problem, fit)
    root = fit.alpha[problem.groups].sqrt()
    linalg = array_namespace(root).linalg
    if problem.dual:
        U, s, Vh = linalg.svd(local.jacobian.dense() / root, full_matrices=False)
        return U, s, Vh.T
    squares, V = linalg.eigh(local.equations.gram / root / root[:, None])
    return None, squares.clamp(min=0).sqrt(), V


def held_out_densities(precision, residuals, beta, fold_size=3, n_repeats=3, known=True):
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


def stacking_weights(log_densities, n_iter=1000):
    r"""Weights of predictive densities whose mixture gives samples held out the highest density.

    Stacking (Yao, Vehtari, Simpson & Gelman 2018, "Using stacking to average Bayesian predictive
    distributions", Bayesian Anal. 13, 917): :math:`\sum_i \log \sum_k w_k p_k(y_i)` is raised by
    expectation maximisation, :math:`w_k \leftarrow \operatorname{mean}_i w_k p_k(y_i) / \sum_j w_j
    p_j(y_i)`, from equal weights.

    Parameters
    ----------
    log_densities : array of shape (n_models, n)
    n_iter : int

    Returns
    -------
    array of shape (n_models,), summing to 1

    Examples
    --------
    >>> import numpy as np
    >>> stacking_weights(np.array([[0.0, 0.0], [0.0, 0.0], [-9.0, -9.0]])).round(2)
    array([0.5, 0.5, 0. ])
    """
    densities = np.exp(log_densities - log_densities.max(axis=0))
    weights = np.full(len(densities), 1 / len(densities))
    for _ in range(n_iter):
        shares = weights[:, None] * densities
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return weights
