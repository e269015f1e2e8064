"""MacKay's evidence: priors and noise levels re-estimated while a net is fitted."""

from dataclasses import dataclass
from math import isfinite, log, pi

from array_api_compat import array_namespace

from .levenberg_marquardt import DualEquations, PrimalEquations, solve_positive

__all__ = ["EvidenceFit", "fit_evidence"]

PRECISION_RANGE = 1e-10, 1e10  # of the priors
MAX_NOISE_PRECISION = 1e14  # exact data of unit variance are interpolated to 1e-7
FIRST_DAMPING = 1e-3
MAX_TRIALS = 12
DUAL_ADVANTAGE = 1.5  # a dual system costs this much less to set up than a primal one of its size


@dataclass
class EvidenceFit:
    """Where an evidence fit stands.

    Parameters
    ----------
    w : tensor of shape (P,)
    alpha : tensor of shape (G,)
        Prior precision of each group of weights.
    beta : tensor of shape (m,)
        Noise precision of each output.
    log_evidence : float
        Log marginal likelihood in Laplace's approximation.
    dof : tensor of shape (m,)
        Effective number of parameters that each output's data determine.
    n_iter : int
    """

    w: object
    alpha: object
    beta: object
    damping: float = None
    growth: float = 2.0
    log_evidence: float = float("-inf")
    dof: object = None
    n_iter: int = 0
    converged: bool = False


class _Dual:
    """Evidence quantities of the linearised net, from a system of the size of the residuals."""

    def __init__(self, problem, w, fit):
        self.problem, self.w = problem, w
        self.values, jacobian = problem.function.jacobian(w, problem.X)
        self.r = problem.residuals(self.values)
        self.scale = problem.row_scale(fit.beta)
        self.jacobian = jacobian.scaled(self.scale.flatten())
        self.equations = DualEquations(self.jacobian, (self.r * fit.beta.sqrt()).flatten())

    def step(self, prior, damping):
        return self.equations.step(self.w, prior, damping)

    def determine(self, fit):
        """Log determinant of C = I + J A⁻¹ Jᵀ, and the dof of each group and output."""
        xp = array_namespace(self.w)
        prior = fit.alpha[self.problem.groups]
        C = self.jacobian.gram(1 / prior)
        C.diagonal().add_(1)
        factor, failed = xp.linalg.cholesky_ex(C)
        if failed:
            return None
        inverse = factor.cholesky_inverse()
        logdet = 2 * float(factor.diagonal().log().sum())
        traces = self.jacobian.traces(inverse)
        dof = fit.alpha.new_zeros(len(fit.alpha)).index_add_(0, self.problem.classes, traces)
        left = inverse.diagonal().view(self.r.shape).sum(0)  # n - γ of each output, > 0
        return logdet, dof / fit.alpha, left


class _Primal:
    """The same from a system of the size of the weights."""

    def __init__(self, problem, w, fit):
        self.problem, self.w = problem, w
        grams, gradient, r = problem.normal_equations(w)
        self.grams, self.r = grams, r
        self.equations = PrimalEquations([])
        self.equations.gram = sum(b * G for b, G in zip(fit.beta, grams))
        self.equations.gradient = sum(b * g for b, g in zip(fit.beta, gradient))

    def step(self, prior, damping):
        return self.equations.step(self.w, prior, damping)

    def determine(self, fit):
        xp = array_namespace(self.w)
        prior = fit.alpha[self.problem.groups]
        H = self.equations.gram.clone()
        H.diagonal().add_(prior)
        factor, failed = xp.linalg.cholesky_ex(H)
        if failed:
            return None
        inverse = factor.cholesky_inverse()
        logdet = 2 * float(factor.diagonal().log().sum()) - float(prior.log().sum())
        kept = fit.alpha.new_zeros(len(fit.alpha)).index_add_(
            0, self.problem.groups, 1 - prior * inverse.diagonal()
        )
        used = [float((b * G * inverse).sum()) for b, G in zip(fit.beta, self.grams)]
        return logdet, kept, len(self.r) - fit.beta.new_tensor(used)


def _energy(problem, r, w, fit):
    """Twice the negative log posterior, up to constants."""
    return float((fit.beta * r**2).sum() + (fit.alpha[problem.groups] * w**2).sum())


def _log_evidence(problem, energy, logdet, fit):
    counts = problem.counts
    return 0.5 * (
        float((counts * fit.beta.log()).sum()) - energy - logdet - float(counts.sum()) * log(2 * pi)
    )


def fit_evidence(problem, fit, n_iter, n_warm=0, tol=1e-3):
    """Levenberg–Marquardt steps, each followed by a re-estimation of alpha and beta."""
    stalled = 0
    for _ in range(n_iter):
        kind = _Dual if problem.dual else _Primal
        local = kind(problem, fit.w, fit)
        energy = _energy(problem, local.r, fit.w, fit)
        prior = fit.alpha[problem.groups]
        determined = local.determine(fit)
        if determined is None or not isfinite(energy):
            fit.beta = (fit.beta / 10)
            fit.alpha = fit.alpha * 2
            fit.n_iter += 1
            continue
        logdet, dof, left = determined
        evidence = _log_evidence(problem, energy, logdet, fit)
        w, r = _damped_step(problem, local, fit, prior, energy)
        fit.n_iter += 1
        change = abs(evidence - fit.log_evidence)
        fit.log_evidence = evidence
        fit.dof = (len(local.r) - left)
        if fit.n_iter > n_warm:
            stalled = stalled + 1 if change < tol else 0
            if w is None or stalled >= 5:
                fit.converged = True
                break
        if w is not None:
            fit.w = w
        else:
            r = local.r
        if fit.n_iter >= n_warm:
            _reestimate(problem, fit, dof, left, r)
    return fit


def _reestimate(problem, fit, dof, left, r):
    """MacKay's fixed point: alpha = γ / |w|², beta = (n - γ) / |r|²."""
    squared = fit.alpha.new_zeros(len(fit.alpha)).index_add_(0, problem.groups, fit.w**2)
    fit.alpha = ((dof + 1e-3) / (squared + 1e-10)).clamp(*PRECISION_RANGE)
    left = left + problem.counts - len(r)
    fit.beta = (left / (r**2).sum(0).clamp(min=1e-300)).clamp(max=MAX_NOISE_PRECISION)


def _damped_step(problem, local, fit, prior, energy):
    """A step that lowers the energy, or None."""
    gradient = local.equations.gradient + prior * fit.w
    if fit.damping is None:
        fit.damping = FIRST_DAMPING * max(local.equations.scale(), float(prior.min()))
    for _ in range(MAX_TRIALS):
        p = local.step(prior, fit.damping)
        new = fit.w + p
        r = problem.residuals(problem.function.values(new, problem.X))
        fall = energy - _energy(problem, r, new, fit)
        predicted = float(p @ (fit.damping * p - gradient))
        if fall > 0 and predicted > 0:
            fit.damping *= max(1 / 3, 1 - (2 * fall / predicted - 1) ** 3)
            fit.damping = max(fit.damping, 1e-12)
            fit.growth = 2.0
            return new, r
        fit.damping *= fit.growth
        fit.growth *= 2
    fit.growth = 2.0
    return None, None
