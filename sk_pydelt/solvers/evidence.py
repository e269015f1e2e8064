"""MacKay's evidence: priors and noise levels that are re-estimated while a model is fitted."""

from dataclasses import replace
from math import isfinite

from ..jets.namespace import namespace
from .damping import Damping, descend
from .laplace import EvidenceFit, EvidenceProblem, laplace

__all__ = ["evidence_steps", "is_exact"]

PRECISION_RANGE = 1e-10, 1e10  # of the priors, whose scaled data are near 1
MAX_NOISE_PRECISION = 1e14  # exact data of unit variance are interpolated to 1e-7
FIRST_DAMPING = 1e-3  # of the mean diagonal entry of JᵀJ
LEAST_DAMPING = 1e-12
MAX_TRIALS = 12  # of damping in one step
MAX_WARM = 30  # steps that leave alpha and beta as they are, where the model finds no signal
UNEXPLAINED = 0.5  # of the targets' squares: so much is left of an output without a signal
EXACT = 1e-4  # of the targets' squares: data of which no more is left are followed ever closer ...
EXACT_TOLERANCE = 1e-3  # ... and this is the tolerance
WINDOW = 5  # steps over which the log evidence is compared


def _energy(point, fit, prior):
    """Twice the negative log posterior, up to constants."""
    return float((fit.beta * point.squares).sum() + (prior * point.w) @ point.w)


def evidence_steps(
    fit: EvidenceFit, n_iter: int, n_warm: int = 10, tolerance: float = 1e-3
) -> EvidenceFit:
    r"""Levenberg–Marquardt steps, each followed by MacKay's re-estimation.

    The log posterior :math:`-\tfrac12 \sum_o \beta_o |r_o|^2 - \tfrac12 \sum_g \alpha_g |w_g|^2`
    is raised by a damped Gauss–Newton step; then, with γ the effective numbers of parameters,

    .. math:: \alpha_g = \gamma_g / |w_g|^2, \qquad \beta_o = (n - \gamma_o) / |r_o|^2

    (MacKay 1992, "Bayesian interpolation"; Foresee & Hagan 1997). Both are bounded, so that data
    without noise are interpolated safely.

    A model that explains nothing is a fixed point of these formulas: beta is one over the variance
    of the targets, and then no weight is worth its prior, each alpha grows and none comes back. A
    net that starts nearly linear and is to follow an oscillation is there for some steps. So alpha
    and beta wait, at most `MAX_WARM` steps, until half of each output's squares is explained, or no
    step lowers the energy.

    Parameters
    ----------
    fit : EvidenceFit
        Where to start from.
    n_iter : int
        Steps, at most.
    n_warm : int, default=10
        Steps from the start of a fit that leave alpha and beta as they are, at least.
    tolerance : float, default=1e-3
        Nats in a step, by which the log evidence changes over `WINDOW` steps: less ends the fit.
        At most `EXACT_TOLERANCE` where `is_exact`.

    Returns
    -------
    EvidenceFit
    """
    for _ in range(n_iter):
        if fit.converged:
            break
        fit = _evidence_step(fit.point.problem, fit, n_warm, tolerance)
    return fit


def is_exact(problem: EvidenceProblem, fit: EvidenceFit) -> bool:
    """Whether hardly anything is left of the targets, but for rounding."""
    left = problem.counts / fit.beta > EXACT * problem.squares
    return not bool((left & (problem.squares > 0)).any())


def _evidence_step(problem, fit, n_warm, tolerance):
    local, prior = laplace(problem, fit), fit.alpha[problem.groups]
    energy, determined = _energy(fit.point, fit, prior), local.determine()
    if determined is None or not isfinite(energy):  # rounding: a milder problem
        return replace(fit, beta=fit.beta / 10, alpha=fit.alpha * 2, n_iter=fit.n_iter + 1)
    log_evidence = _log_evidence(problem, fit, prior, determined)
    compared = fit.n_iter % WINDOW == 0
    nats = min(tolerance, EXACT_TOLERANCE) if is_exact(problem, fit) else tolerance
    settled = compared and abs(log_evidence - fit.milestone) < WINDOW * nats
    point, damping = _damped_step(problem, local, fit, energy, prior)
    warm = fit.warm and _waits(problem, point, fit.n_iter + 1, n_warm)
    moved = EvidenceFit(
        point or fit.point,
        fit.alpha,
        fit.beta,
        log_evidence,
        problem.n_rows - determined.left,
        fit.n_iter + 1,
        (point is None or settled) and not fit.warm and fit.n_iter + 1 > 2 * n_warm,
        damping,
        log_evidence if compared else fit.milestone,
        warm,
    )
    return moved if warm else problem.informed(_reestimated(problem, moved, determined))


def _waits(problem, point, n_iter, n_warm):
    """Whether alpha and beta stay as they are after so many steps."""
    if n_iter < n_warm:
        return True
    if point is None or n_iter >= MAX_WARM:
        return False
    unexplained = point.squares > UNEXPLAINED * problem.squares
    return bool(unexplained.any())


def _log_evidence(problem, fit, prior, determined):
    costs = float((prior * fit.w) @ fit.w) + determined.log_determinant
    return problem.log_likelihood(fit) - 0.5 * costs


def _reestimated(problem, fit, determined):
    """MacKay's fixed point, within bounds."""
    xp = namespace(fit.alpha)
    low, high = PRECISION_RANGE
    alpha = (determined.dof + 1e-3) / (problem.membership @ fit.w**2 + 1e-10)
    alpha = xp.minimum(alpha.clip(min=low, max=high), problem.ceilings)
    # A weight counts as copies.
    left = (determined.left + problem.counts - problem.n_rows).clip(min=1e-12)
    noise = (problem.pool @ fit.point.squares) / (problem.pool @ left)
    beta = problem.bounded(1 / noise.clip(min=1 / MAX_NOISE_PRECISION), fit.beta)
    return replace(fit, alpha=alpha, beta=beta)


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
    point, _, lowered = descend(local.equations, fit.w, energy, damping, move, **limits)
    return point, lowered if point else damping  # where nothing falls, the next problem is another
