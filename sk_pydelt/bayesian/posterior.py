"""What is left of a fitted net for predictions: its weights, and how far they are known."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..jets import Jet
from ..samples import Samples
from ..solvers.laplace import EvidenceFit, whitened_svd
from ..solvers.threads import one_blas_thread
from .polynomial import PolynomialNet
from .problem import Net, NetProblem
from .tails import Tails

__all__ = ["Posterior"]


@dataclass(frozen=True)
class Posterior:
    r"""A net and the Gaussian that its weights are thought to follow.

    Covariance :math:`A^{-1/2} (I - V \operatorname{diag}(s^2/(1+s^2)) V^T) A^{-1/2}`, with A the
    precisions of the prior and s and V the singular values and vectors of the whitened Jacobian of
    the samples, times the square of `width`. These are found when they are first asked for, and not
    kept in files: samples and weights, from which they follow, are smaller by far.

    Parameters
    ----------
    net : Perceptron or PolynomialNet
    samples : Samples
        Shared by all nets that were fitted to them.
    w : array of shape (P,)
    alpha : array of shape (n_groups,)
    beta : array of shape (n_targets,)
    tails : Tails or None
        What the fit has found of outliers; None where noise is normal.
    is_level : bool, default=False
        Whether w is not the mode, but a line's whose slopes are taken for zero. Then the covariance
        is that of second moments about w: what the slopes may be, and how far the line of the data
        is from them.
    width : float, default=1.0
        Factor of all standard deviations, as from `misfit.band_widths`.
    """

    net: Net
    samples: Samples
    w: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    tails: Tails | None
    is_level: bool = False
    width: float = 1.0

    def __deepcopy__(self, memo: dict) -> "Posterior":
        return self  # nothing in it changes

    def __getstate__(self) -> dict:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def propagate(self, jet: Jet) -> Jet:
        """Pass a jet of scaled places through the net."""
        return self.net.propagate(self.w, jet)

    @cached_property
    def factor(self) -> "CovarianceFactor | np.ndarray":
        """A square root of the weights' covariance."""
        problem = NetProblem(self.net, self.samples, self.tails)
        beta = self.beta * problem.information
        fit = EvidenceFit(problem.at(self.w), self.alpha, beta)
        with one_blas_thread(problem.work):
            _, s, V = whitened_svd(problem, fit)
        deviation = self.width * self.alpha[problem.groups] ** -0.5
        factor = CovarianceFactor(deviation, np.ascontiguousarray(V), s)
        return _about_level(problem, fit, factor, self.width) if self.is_level else factor

    def with_slopes(self) -> "Posterior":
        """Of a constant, that of the line whose slopes are taken for zero.

        Their priors are worth one sample (unit information, Kass & Wasserman 1995).
        """
        X, m, counts = self.samples.X, len(self.w), self.samples.counts.sum(axis=1)
        squares = counts @ X**2 / counts.sum()
        slopes = np.where(squares > 0, squares, 1.0) * self.beta.min()
        net, alpha = PolynomialNet(X.shape[1], m, 1), np.append(slopes, self.alpha)
        w = np.append(np.zeros(net.n_weights - m), self.w)
        return replace(self, net=net, w=w, alpha=alpha, is_level=True)

    def partial(self, jet: Jet, index: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """One partial derivative, (n, m), and its Jacobian by the weights, (n, m, P)."""
        forward = self.net.forward(self.w, jet)
        return forward.result.partial(index), forward.partial_jacobian(index)


def _about_level(problem, fit, factor, width):
    """A square root (P, r + 1) of the second moments about weights that are not the mode."""
    _, gradients = fit.point.normal_equations()
    gradient = np.einsum("m,mp->p", fit.beta, gradients) + fit.alpha[problem.groups] * fit.w
    root = np.eye(problem.net.n_weights) @ factor
    return np.column_stack([root, root @ (gradient @ root) / width**2])


class CovarianceFactor:
    r"""The factor :math:`A^{-1/2}\,[\,V (1+s^2)^{-1/2},\; I - V V^T\,]`, as products with it.

    Nothing in it cancels, however well the data determine the weights. Where V is square, its
    second part is left out.

    Parameters
    ----------
    deviation : array of shape (P,)
        Standard deviation of each weight in the prior, A^-½, times what widens all.
    V : array of shape (P, r), of orthonormal columns
    s : array of shape (r,)
    """

    __array_ufunc__ = None  # array @ factor is ours to answer

    def __init__(self, deviation: np.ndarray, V: np.ndarray, s: np.ndarray) -> None:
        self.deviation, self.V, self.shrink = deviation, V, 1 / np.sqrt(1 + s**2)
        n_weights, rank = V.shape
        self.shape = n_weights, rank if rank == n_weights else rank + n_weights

    def __rmatmul__(self, jacobian: np.ndarray) -> np.ndarray:
        """A Jacobian (..., P) by the weights times the factor."""
        z = (jacobian * self.deviation).reshape(-1, len(self.deviation))
        inside = z @ self.V
        found = inside * self.shrink
        if found.shape[1] < self.shape[1]:
            found = np.concatenate([found, z - inside @ self.V.T], axis=1)
        return found.reshape(*jacobian.shape[:-1], self.shape[1])

    def __matmul__(self, z: np.ndarray) -> np.ndarray:
        """The factor times standard normal numbers (r, k): deviations of the weights, (P, k)."""
        first, rest = np.split(z, [len(self.shrink)])
        total = self.V @ (first * self.shrink[:, None])
        if len(rest):
            total = total + rest - self.V @ (self.V.T @ rest)
        return total * self.deviation[:, None]
