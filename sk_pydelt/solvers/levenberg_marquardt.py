"""Levenberg–Marquardt: damped steps of regularised nonlinear least squares, and when to stop."""

from functools import cached_property

from array_api_compat import array_namespace

__all__ = [
    "DenseJacobian",
    "DualEquations",
    "LevenbergMarquardt",
    "PrimalEquations",
    "bent",
    "factorise",
    "linearise",
    "solve_positive",
]

MAX_JACOBIAN = 2**24  # entries of a Jacobian held at once (128 MiB in float64): more are summed up
MAX_SIDE = 2**13  # side of the largest system (512 MiB in float64)
FIRST_DAMPING = 1e-2  # of the mean diagonal entry of JᵀJ
FIRST_LENGTH = 0.25  # of the first step, at most, relative to that of the weights
MAX_TRIALS = 40  # of damping in one step
LOSS_TOLERANCE = 1e-26  # a sum of squares as small as this is zero
STALL_TOLERANCE = 1e-9, 1e-18  # relative and absolute fall of the loss in a step ...
STALL_STEPS = 20  # ... that ends the search after so many steps in a row
STEP_TOLERANCE = 1e-15  # length of a step, relative to that of the weights
DIFFERENCE = 0.1  # of a step: how far along it its curvature is measured
MAX_BEND = 0.75  # twice the length of a bend, relative to that of its step, that is trusted
GRADIENT_TOLERANCE = 1e-18  # largest entry of half the gradient


def factorise(A):
    """A symmetric positive (semi-)definite matrix as a function that solves A x = b.

    By Cholesky; where rounding has made A indefinite, by its eigenvalues, the smallest of which
    are raised to the rounding error of the largest.

    Parameters
    ----------
    A : tensor of shape (k, k)

    Returns
    -------
    callable
        From b, a tensor of shape (k, q), to x of the same shape.
    """
    xp = array_namespace(A)
    factor, failed = xp.linalg.cholesky_ex(A)
    if not failed:
        return lambda b: b.cholesky_solve(factor)
    values, vectors = xp.linalg.eigh(A)
    floor = len(values) * xp.finfo(A.dtype).eps * values.abs().max()
    inverse = 1 / values.clamp(min=floor)[:, None]
    return lambda b: vectors @ ((vectors.T @ b) * inverse)


def solve_positive(A, b):
    """Solve A x = b, b (k, q), for a symmetric positive (semi-)definite matrix, by `factorise`."""
    return factorise(A)(b)


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

    def gram(self, inverse=None):
        """J diag(inverse) Jᵀ, (n, n); J Jᵀ for None."""
        return (self.J if inverse is None else self.J * inverse) @ self.J.T

    def traces(self, M):
        """Traces of M K for the Gram matrix K of each weight alone, (P,); M (n, n) symmetric."""
        return ((M @ self.J) * self.J).sum(0)


class PrimalEquations:
    """The linearised problem as a system of the size of the weights.

    Parameters
    ----------
    blocks : iterable of (J, r) with J of shape (n_block, P) and r of shape (n_block,)
    transposed_times : callable, default=None
        From u (n,) to Jᵀ u (P,); only `bend` needs it.
    """

    def __init__(self, blocks, transposed_times=None):
        self.gram, self.gradient, residuals = 0, 0, []
        for J, r in blocks:
            self.gram = self.gram + J.T @ J
            self.gradient = self.gradient + J.T @ r
            residuals.append(r)
        self.r = array_namespace(*residuals).concat(residuals) if residuals else None
        self.transposed_times = transposed_times

    def step(self, w, prior, damping):
        """The p that minimises |r + J p|² + Σ prior (w + p)² + damping |p|²; None is no prior."""
        A = self.gram.clone()
        A.diagonal().add_(damping if prior is None else prior + damping)
        self._solve = factorise(A)
        return -self._solve(self.half_gradient(w, prior)[:, None])[:, 0]

    def bend(self, p, slope):
        """How the last step p is to bend: see `DualEquations.bend`."""
        curvature = (self.transposed_times(slope) - self.gram @ p) / DIFFERENCE
        return -self._solve(curvature[:, None])[:, 0]

    def fall(self, w, prior, damping, p):
        """By how much the last step p lowers |r + J p|² + Σ prior (w + p)²."""
        return float(p @ (damping * p - self.half_gradient(w, prior)))

    def half_gradient(self, w, prior):
        """Half the gradient of |r|² + Σ prior w²."""
        return self.gradient if prior is None else self.gradient + prior * w

    def scale(self):
        """The mean diagonal entry of JᵀJ."""
        return float(self.gram.diagonal().mean())


class DualEquations:
    r"""The linearised problem as a system of the size of the residuals.

    With :math:`B = \operatorname{diag}(\text{prior}) + \mu I`, the step is
    :math:`p = p_0 - B^{-1} J^T v`, :math:`p_0 = -B^{-1}\,\text{prior}\,w`, where
    :math:`(I + J B^{-1} J^T)\,v = r + J p_0` (the Woodbury identity, without its cancellation).

    Parameters
    ----------
    jacobian : DenseJacobian, or any operator with its methods
    r : tensor of shape (n,)
    """

    def __init__(self, jacobian, r):
        self.jacobian, self.r = jacobian, r

    @cached_property
    def gradient(self):
        """Jᵀ r, half the gradient of |r|²."""
        return self.jacobian.transposed_times(self.r)

    @cached_property
    def gram(self):
        """J Jᵀ, (n, n)."""
        return self.jacobian.gram()

    def step(self, w, prior, damping):
        """The p that minimises |r + J p|² + Σ prior (w + p)² + damping |p|²; None is no prior."""
        if prior is None or not prior.any():  # one Gram matrix serves all dampings
            self._inverse, start, r = 1 / damping, None, self.r
            A = self.gram * self._inverse
        else:
            self._inverse = 1 / (prior + damping)
            start = -self._inverse * prior * w
            r = self.r + self.jacobian.times(start)
            A = self.jacobian.gram(self._inverse)
        A.diagonal().add_(1)
        self._solve = factorise(A)
        p, left = self._back(r)
        p = p if start is None else p.add_(start)
        # J p is v - r; in float32 rounding would spoil that.
        double = array_namespace(p).finfo(p.dtype).bits == 64
        self.change = left - self.r if double else self.jacobian.times(p)
        return p

    def _back(self, r):
        left = self._solve(r[:, None])[:, 0]
        return self.jacobian.transposed_times(left).mul_(-self._inverse), left

    def bend(self, p, slope):
        r"""How the last step p is to bend, so that it follows the curved map of residuals.

        That is half the geodesic acceleration, :math:`-H^{-1} J^T r''(p, p) / 2` with H the matrix
        that p solves, and r'' by a finite difference.

        Parameters
        ----------
        p : tensor of shape (P,)
        slope : tensor of shape (n,)
            (r(w + h p) - r(w)) / h, with h = `DIFFERENCE`.

        Returns
        -------
        tensor of shape (P,)
        """
        return self._back((slope - self.change) / DIFFERENCE)[0]

    def fall(self, w, prior, damping, p):
        """By how much the last step p lowers |r + J p|² + Σ prior (w + p)²."""
        data = -self.change @ (2 * self.r + self.change)
        return float(data if prior is None else data - (prior * p) @ (2 * w + p))

    def half_gradient(self, w, prior):
        """Half the gradient of |r|² + Σ prior w²."""
        return self.gradient if prior is None else self.gradient + prior * w

    def scale(self):
        """The mean diagonal entry of JᵀJ."""
        return float(self.gram.trace()) / self.jacobian.shape[1]


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
    if rows >= n_rows:
        operator, r = jacobian(slice(None))
        return PrimalEquations([(operator.dense(), r)], operator.transposed_times)
    starts = range(0, n_rows, rows)
    parts = [slice(start, start + rows) for start in starts]

    def transposed_times(u):  # Jacobians are computed anew: cheap beside their products
        blocks = zip(parts, u.split(rows * n_outputs))
        return sum(jacobian(part)[0].transposed_times(block) for part, block in blocks)

    blocks = ((operator.dense(), r) for operator, r in map(jacobian, parts))
    return PrimalEquations(blocks, transposed_times)


def bent(w, p, equations, residuals):
    """The end of a step from w along p, bent where the bend is short enough to be trusted."""
    change = residuals(w + DIFFERENCE * p) - equations.r
    bend = equations.bend(p, change / DIFFERENCE)
    short = 4 * float(bend @ bend) <= MAX_BEND**2 * float(p @ p)  # not so for a NaN
    return (w + p).add_(bend) if short else w + p


class LevenbergMarquardt:
    r"""Damped Gauss–Newton steps that minimise F(w) = |r(w)|² + Σ prior w².

    A step p solves :math:`(J^T J + \operatorname{diag}(\text{prior}) + \mu I)\,p = -g` with g half
    the gradient. It is bent by half its geodesic acceleration, where that is short beside p
    (Transtrum & Sethna 2012, "Improvements to the Levenberg-Marquardt algorithm for nonlinear
    least-squares minimization", arXiv:1201.5885), which halves the number of steps or better:
    what a straight step gains along one direction it loses to the curvature of the others. The
    gain ratio, the fall of F over the fall of its linearised model, decides whether a step is
    taken, and moves the damping μ (Nielsen 1999, "Damping parameter in Marquardt's method",
    IMM-REP-1999-05; Madsen, Nielsen & Tingleff 2004, algorithm 3.16). The first step is bounded by
    the length of the weights (Moré 1978, "The Levenberg-Marquardt algorithm: implementation and
    theory"): until then the size of the damping is a guess, and too small a one costs trials.

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

    def step(self, w, loss, equations, evaluate, prior=None, residuals=None):
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
        prior : tensor of shape (P,), default=None
            None is no prior.
        residuals : callable, w -> tensor of shape (n,), default=None
            r, by which steps are bent; None keeps them straight.

        Returns
        -------
        w : tensor of shape (P,)
            The new weights, or the old where `stop_reason` says so.
        loss : float
            F there.
        """
        if loss <= LOSS_TOLERANCE:
            return self._stop("loss", w, loss)
        size, longest = float(w @ w), float("inf")
        if self.damping is None:
            self.damping = FIRST_DAMPING * (equations.scale() or 1.0)
            longest = FIRST_LENGTH**2 * size or longest
        for _ in range(MAX_TRIALS):
            p = equations.step(w, prior, self.damping)
            length = float(p @ p)
            if length <= STEP_TOLERANCE**2 * size:
                break
            if length > longest:
                self._raise_damping()
                continue
            new = w + p if residuals is None else bent(w, p, equations, residuals)
            new_loss = evaluate(new)
            if self._accept(loss - new_loss, equations.fall(w, prior, self.damping, p)):
                self._watch(loss, new_loss)
                return new, new_loss
        flat = float(equations.half_gradient(w, prior).abs().max()) <= GRADIENT_TOLERANCE
        return self._stop("gradient" if flat else "step", w, loss)

    def _accept(self, fall, predicted):
        """Whether F falls (a NaN is no fall), with the damping moved accordingly."""
        if fall > 0 and predicted > 0:
            self.damping *= max(1 / 3, 1 - (2 * fall / predicted - 1) ** 3)
            self.damping = max(self.damping, 1e-30)
            self.growth = 2.0
            return True
        self._raise_damping()
        return False

    def _raise_damping(self):
        self.damping *= self.growth
        self.growth *= 2

    def _watch(self, loss, new_loss):
        relative, absolute = STALL_TOLERANCE
        small = loss - new_loss < max(relative * loss, absolute)
        self.stalled = self.stalled + 1 if small else 0
        if self.stalled == STALL_STEPS:
            self.stop_reason = "loss"

    def _stop(self, reason, w, loss):
        self.stop_reason = reason
        return w, loss
