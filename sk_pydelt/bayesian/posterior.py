"""What is left of a fitted net for predictions: its weights, and how far they are known."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..jets import Jet
from ..jets.perceptron import Perceptron, propagate
from ..samples import Samples
from ..solvers.laplace import EvidenceFit, whitened_svd
from ..solvers.threads import one_blas_thread
from .problem import NetProblem

__all__ = ["Posterior"]


@dataclass(frozen=True)
class Posterior:
    r"""A net and the Gaussian that its weights are thought to follow.

    Covariance :math:`A^{-1/2} (I - V \operatorname{diag}(s^2/(1+s^2)) V^T) A^{-1/2}`, with A the
    precisions of the prior and s and V the singular values and vectors of the whitened Jacobian of
    the samples. These are found when they are first asked for, and not kept in files: samples and
    weights, from which they follow, are smaller by far.

    Parameters
    ----------
    net : Perceptron
    samples : Samples
        Shared by all nets that were fitted to them.
    w : array of shape (P,)
    alpha : array of shape (n_groups,)
    beta : array of shape (n_targets,)
    """

    net: Perceptron
    samples: Samples
    w: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray

    def __deepcopy__(self, memo):
        return self  # nothing in it changes

    def __getstate__(self):
        return {name: vars(self)[name] for name in self.__dataclass_fields__}

    def propagate(self, jet: Jet) -> Jet:
        """Pass a jet of scaled places through the net."""
        return propagate(self.net.layers(self.w), self.net.activation, jet)

    @cached_property
    def _spectrum(self):
        """A^-½ (P,), V (P, r) and s (r,)."""
        problem = NetProblem(self.net, self.samples)
        fit = EvidenceFit(problem.at(self.w), self.alpha, self.beta)
        with one_blas_thread(problem.work):
            _, s, V = whitened_svd(problem, fit)
        return self.alpha[problem.groups] ** -0.5, np.ascontiguousarray(V), s

    def roots(self, jacobian: np.ndarray) -> np.ndarray:
        """Square roots of the covariance of what has the Jacobian (..., P) by the weights.

        Returns
        -------
        array of shape (..., r)
            Its product with standard normal numbers (r,) is a draw, less the mean.
        """
        deviation, V, s = self._spectrum
        z = (jacobian * deviation).reshape(-1, len(deviation))
        inside = z @ V
        found = inside / np.sqrt(1 + s**2)
        if V.shape[1] < V.shape[0]:
            found = np.concatenate([found, z - inside @ V.T], axis=1)
        return found.reshape(*jacobian.shape[:-1], -1)

    def variances(self, jacobian: np.ndarray) -> np.ndarray:
        """Variances (...) of what has the Jacobian (..., P) by the weights."""
        return (self.roots(jacobian) ** 2).sum(axis=-1)

    def partial(self, jet: Jet, index: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """One partial derivative, (n, m), and the square roots of its covariance, (n, m, r)."""
        forward = self.net.forward(self.w, jet)
        return forward.result.partial(index), self.roots(forward.partial_jacobian(index))
