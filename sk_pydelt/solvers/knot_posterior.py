"""The Gaussian process whose mean is a surface of few knots: its covariance."""

from dataclasses import dataclass, replace

import numpy as np

from ..jets import Jet
from ..jets.blocks import row_slices, rows_within
from ..jets.radial import Radial, distance_power
from .surface_modes import kernel_factor, monomials

__all__ = ["KnotPosterior"]


@dataclass(frozen=True)
class KnotPosterior:
    r"""A random sum of kernels at knots and of polynomials, given samples of it.

    With orthonormal polynomials ψ at the samples, and functions h of kernels at the knots less
    their parts along ψ, that the penalty and the samples see apart with eigenvalues s, the
    covariance is :math:`\frac{\sigma^2}{W} (\psi^T \psi' + \sum_j h_j h_j' / (s_j + \lambda))`.
    What a surface varies by beside sums of kernels at the knots is left out.

    Parameters
    ----------
    knots : array of shape (k, d)
    coefficients : array of shape (k, r)
        Those of the kernels in each :math:`h_j / \sqrt{s_j + \lambda}`.
    powers : array of shape (p, q)
        Coefficients of the monomials in each ψ.
    across : array of shape (q, r)
        The parts of the functions along ψ.
    origin : array of shape (d,)
    length : float
        The unit of the polynomial's powers.
    degree : int
    total : float
        W, the sum of the weights.
    variance : float
        σ², of the noise of a sample of weight one.
    """

    knots: np.ndarray
    coefficients: np.ndarray
    powers: np.ndarray
    across: np.ndarray
    origin: np.ndarray
    length: float
    degree: int
    total: float
    variance: float

    def __deepcopy__(self, memo: dict) -> "KnotPosterior":
        return self  # nothing in it changes

    def of_variance(self, variance: float) -> "KnotPosterior":
        """The same with another variance of the noise."""
        return replace(self, variance=variance)

    def root(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """A root (n, r) of the covariance of a partial derivative at n places."""
        entries = sum(len(part) for part in jet.parts) * len(self.knots)
        slices = row_slices(len(jet.value), rows_within(entries))
        found = np.concatenate([self._root_of_rows(jet[rows], index) for rows in slices])
        return np.sqrt(self.variance / self.total) * found

    def _root_of_rows(self, jet, index):
        columns = [(jet[:, i] - x) / self.length for i, x in enumerate(self.origin)]
        tail = Jet.concatenate(monomials(columns, (self.degree - 1) // 2))
        psi = tail.partial(index) @ self.powers
        kernel = Radial(distance_power(self.degree), self.length)(jet, self.knots).partial(index)
        factor = kernel_factor(self.degree) * self.length**self.degree
        return np.hstack([psi, factor * kernel @ self.coefficients - psi @ self.across])

    def rest_variance(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """What it varies by beside its root, which is nothing: (n,)."""
        return np.zeros(len(jet.value))

    def rest_covariance(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """The same as a matrix (n, n)."""
        return np.zeros((len(jet.value),) * 2)

    def rest_of_sums(self, jet: Jet, index: tuple[int, ...], weights: np.ndarray) -> np.ndarray:
        """The same of weighted sums over the places, with weights (k, n): (k,)."""
        return np.zeros(len(weights))
