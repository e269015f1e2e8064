"""Levenberg–Marquardt: damped steps of regularised nonlinear least squares, and when to stop."""

from functools import cached_property

from array_api_compat import array_namespace

__all__ = [
    "DenseJacobian",
    "DualEquations",
    "LevenbergMarquardt",
    "PrimalEquations",
    "linearise",
    "solve_positive",
]

MAX_JACOBIAN = 2**24  # entries of a Jacobian held at once (128 MiB in float64): more are summed up
MAX_SIDE = 2**13  # side of the largest system (512 MiB in float64)
FIRST_DAMPING = 1e-2  # of the mean diagonal entry of JᵀJ
MAX_TRIALS = 40  # of damping in one step
LOSS_TOLERANCE = 1e-26  # a sum of squares as small as this is zero
STALL_TOLERANCE = 1e-9, 1e-18  # relative and absolute fall of the loss in a step ...
STALL_STEPS = 20  # ... that ends the search after so many steps in a row
STEP_TOLERANCE = 1e-15  # length of a step, relative to that of the weights
GRADIENT_TOLERANCE = 1e-18  # largest entry of half the gradient


def solve_positive(A, b):
    """Solve A x = b for a symmetric positive (semi-)definite matrix.

    By Cholesky; where rounding has made A indefinite, by its eigenvalues, the smallest of which
    are raised to the rounding error of the largest.

    Parameters
    ----------
    A : tensor of shape (k, k)
    b : tensor of shape (k, q)

    Returns
    -------
    tensor of shape (k, q)
    """
    xp = array_namespace(A)
    factor, failed = xp.linalg.cholesky_ex(A)
    if not failed:
        return b.cholesky_solve(factor)
    values, vectors = xp.linalg.eigh(A)
    floor = len(values) * xp.finfo(A.dtype).eps * values.abs().max()
    return vectors @ ((vectors.T @ b) / values.clamp(min=floor)[:, None])


class DenseJacobian:
    """A Jacobian held as a matrix: the interface that `DualEquations` asks of an operator.

    Parameters
    ----------
    J : tensor of shape (n, P)
    """

    def __init__(self, J):
        self.J = J
        self.shape = tuple(J.shape)

    def scaled(self, scale):
        """The Jacobian with each row times a number, scale (n,)."""
        return DenseJacobian(self.J * scale[:, None])

    def dense(self):
        """The matrix."""
        return self.J

    def times(self, p):
        """J p, (n,)."""
        return self.J @ p

    def transposed_times(self, u):
        """Jᵀ u, (P,)."""
        return self.J.T @ u

    def gram(self, inverse):
        """J diag(inverse) Jᵀ, (n, n)."""
        return (self.J * inverse) @ self.J.T

    def traces(self, M):
        """Traces of M K for the Gram matrix K of each weight alone, (P,); M (n, n) symmetric."""
        return ((M @ self.J) * self.J).sum(0)


class PrimalEquations:
    """The linearised problem as a system of the size of the weights.

    Parameters
    ----------
    blocks : iterable of (J, r) with J of shape (n_block, P) and r of shape (n_block,)
    """

    def __init__(self, blocks):
        self.gram, self.gradient = 0, 0
        for J, r in blocks:
            self.gram = self.gram + J.T @ J
            self.gradient = self.gradient + J.T @ r

    def step(self, w, prior, damping):
        """The p that minimises |r + J p|² + Σ prior (w + p)² + damping |p|²."""
        A = self.gram.clone()
        A.diagonal().add_(prior + damping)
        return -solve_positive(A, (self.gradient + prior * w)[:, None])[:, 0]

    def scale(self):
        """The mean diagonal entry of JᵀJ."""
        return float(self.gram.diagonal().mean())


class DualEquations:
    r"""The linearised problem as a system of the size of the residuals.

    With :math:`B = \operatorname{diag}(\text{prior}) + \mu I`, the step is
    :math:`p = p_0 - B^{-1} J^T (I + J B^{-1} J^T)^{-1} (r + J p_0)`,
    :math:`p_0 = -B^{-1}\,\text{prior}\,w` (the Woodbury identity, without its cancellation).

    Parameters
    ----------
    jacobian : DenseJacobian, or any operator with its methods
    r : tensor of shape (n,)
    """

    def __init__(self, jacobian, r):
        self.jacobian, self.r = jacobian, r
        self.gradient = jacobian.transposed_times(r)

    @cached_property
    def _gram(self):
        ones = array_namespace(self.gradient).ones_like(self.gradient)
        return self.jacobian.gram(ones)

    def step(self, w, prior, damping):
        """The p that minimises |r + J p|² + Σ prior (w + p)² + damping |p|²."""
        if not prior.any():  # one Gram matrix serves all dampings
            A = self._gram.clone()
            A.diagonal().add_(damping)
            return -self.jacobian.transposed_times(solve_positive(A, self.r[:, None])[:, 0])
        inverse = 1 / (prior + damping)
        p0 = -inverse * prior * w
        A = self.jacobian.gram(inverse)
        A.diagonal().add_(1)
        dual = solve_positive(A, (self.r + self.jacobian.times(p0))[:, None])[:, 0]
        return p0 - inverse * self.jacobian.transposed_times(dual)

    def scale(self):
        """The mean diagonal entry of JᵀJ."""
        return float(self._gram.trace()) / len(self.gradient)


def linearise(jacobian, n_rows, n_outputs, n_weights):
    """The smaller of the two systems, in bounded memory.

    Parameters
    ----------
    jacobian : callable ``slice -> (operator, r)``
        Jacobian, of shape (k, P), and residuals, (k,), of the rows in a slice.
    n_rows, n_outputs, n_weights : int

    Returns
    -------
    PrimalEquations or DualEquations

    Raises
    ------
    ValueError
        Neither system fits into memory.
    """
    n_residuals = n_rows * n_outputs
    if n_residuals <= min(n_weights, MAX_SIDE):
        return DualEquations(*jacobian(slice(None)))
    if n_weights > MAX_SIDE:
        raise ValueError(
            "solver='lm' solves a linear system of the size of the net or of the data, whichever "
            f"is smaller, and at most {MAX_SIDE}: here the net has {n_weights} weights and the "
            f"data {n_residuals} residuals. Use solver='lbfgs' or solver='adam', or a smaller net."
        )
    rows = max(1, MAX_JACOBIAN // (n_weights * n_outputs))
    parts = (jacobian(slice(start, start + rows)) for start in range(0, n_rows, rows))
    return PrimalEquations((operator.dense(), r) for operator, r in parts)


class LevenbergMarquardt:
    r"""Damped Gauss–Newton steps that minimise F(w) = |r(w)|² + Σ prior w².

    A step p solves :math:`(J^T J + \operatorname{diag}(\text{prior}) + \mu I)\,p = -g` with g half
    the gradient. The gain ratio, the fall of F over the fall of its linearised model, decides
    whether it is taken, and moves the damping μ (Nielsen 1999, "Damping parameter in Marquardt's
    method", IMM-REP-1999-05; Madsen, Nielsen & Tingleff 2004, algorithm 3.16).

    Attributes
    ----------
    damping : float or None
        μ; None before the first step.
    stop_reason : {"gradient", "step", "loss"} or None
        Set when there is nothing left to gain: a vanishing gradient, no step that lowers F,
        or a loss that is zero or does not fall any more.
    """

    def __init__(self):
        self.damping = None
        self.growth = 2.0
        self.stalled = 0
        self.stop_reason = None

    def step(self, w, loss, equations, evaluate, prior):
        """One accepted step, by as many trials of the damping as it takes.

        Parameters
        ----------
        w : tensor of shape (P,)
        loss : float
            F(w).
        equations : PrimalEquations or DualEquations
            At w.
        evaluate : callable, w -> float
            F.
        prior : tensor of shape (P,)

        Returns
        -------
        w : tensor of shape (P,)
            The new weights, or the old where `stop_reason` says so.
        loss : float
            F there.
        """
        gradient = equations.gradient + prior * w
        if self.damping is None:
            self.damping = FIRST_DAMPING * (equations.scale() or 1.0)
        if loss <= LOSS_TOLERANCE:
            return self._stop("loss", w, loss)
        if float(gradient.abs().max()) <= GRADIENT_TOLERANCE:
            return self._stop("gradient", w, loss)
        for _ in range(MAX_TRIALS):
            p = equations.step(w, prior, self.damping)
            if float(p.norm()) <= STEP_TOLERANCE * float(w.norm()):
                break
            new = w + p
            new_loss = evaluate(new)
            predicted = float(p @ (self.damping * p - gradient))
            if self._accept(loss - new_loss, predicted):
                self._watch(loss, new_loss)
                return new, new_loss
        return self._stop("step", w, loss)

    def _accept(self, fall, predicted):
        """Whether F falls (a NaN is no fall), with the damping moved accordingly."""
        if fall > 0 and predicted > 0:
            self.damping *= max(1 / 3, 1 - (2 * fall / predicted - 1) ** 3)
            self.damping = max(self.damping, 1e-30)
            self.growth = 2.0
            return True
        self.damping *= self.growth
        self.growth *= 2
        return False

    def _watch(self, loss, new_loss):
        relative, absolute = STALL_TOLERANCE
        small = loss - new_loss < max(relative * loss, absolute)
        self.stalled = self.stalled + 1 if small else 0
        if self.stalled == STALL_STEPS:
            self.stop_reason = "loss"

    def _stop(self, reason, w, loss):
        self.stop_reason = reason
        return w, loss
