"""The Gaussian process whose mean is a smoothing spline of several features: its covariance."""

import numpy as np

from ..jets import Jet
from ..jets.blocks import row_slices, rows_within
from ..jets.pairs import both_arguments, covariance_blocks
from ..jets.radial import Radial, distance_power
from .surface_modes import SurfaceModes, kernel_factor, monomials

__all__ = ["SurfacePosterior"]


class SurfacePosterior:
    r"""A random surface with the kernel :math:`\tau^2 \varphi(|x - x'|)`, given samples of it.

    A polyharmonic smoothing spline is its mean, with a flat prior for polynomials (Wahba,
    Spline Models for Observational Data, 1990, chapter 2). With orthonormal polynomials ψ at the
    samples, κ the kernel less its part along them, s the eigenvalues of κ between the weighted
    samples and h what the eigenvectors make of κ, the covariance is

    .. math:: \frac{\sigma^2}{W} \left(\psi^T \psi' + \frac{1}{\lambda} \left(\kappa -
              \sum_j \frac{h_j h_j'}{s_j + \lambda}\right)\right).

    `root` has what comes from the values at the samples, the rest what a surface varies by
    beside those. Derivatives of order (degree + 1) / 2 and above have no finite variance.

    Parameters
    ----------
    modes : SurfaceModes
    smoothing : float, positive
        λ: τ² = `variance` / (λ W), W the sum of the weights.
    variance : float
        σ², of the noise of a sample of weight one.
    """

    def __init__(self, modes: SurfaceModes, smoothing: float, variance: float) -> None:
        self.modes, self.smoothing, self.variance = modes, smoothing, variance

    def of_variance(self, variance: float) -> "SurfacePosterior":
        """The same with another variance of the noise."""
        return SurfacePosterior(self.modes, self.smoothing, variance)

    def __deepcopy__(self, memo: dict) -> "SurfacePosterior":
        return self  # nothing in it changes

    def root(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """A root (n, r) of the covariance of a partial derivative at n places, but for the rest."""
        s, lam = self._spectrum, self.smoothing
        psi, h, _ = self._parts(jet, index)
        return np.sqrt(self._unit) * np.hstack([psi, h / np.sqrt(s * (s + lam))])

    def rest_variance(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """What it varies by beside its root: (n,)."""
        known = self._known(*self._parts(jet, index))
        return self._unit / self.smoothing * np.maximum(-known, 0.0)

    def rest_between(self, jet: Jet, index: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray:
        """What it and another derivative at the same place vary by together, beside: (n,)."""
        (psi, h, g), (others, eigen, kernel) = (self._parts(jet, i) for i in (index, other))
        along = np.sum(psi * kernel + g * others - psi @ self._between_polynomials * others, axis=1)
        known = along + np.sum(h * eigen / self._spectrum, axis=1)
        left, right = both_arguments(jet, tuple(map(max, index, other)))
        prior = self._factor * self._kernel(left, right).partial((*index, *other))[:, 0]
        return self._unit / self.smoothing * (prior - known)

    def rest_covariance(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """The same as a matrix (n, n)."""
        psi, h, g = self._parts(jet, index)
        prior = np.empty((len(psi), len(psi)))
        for rows, block in covariance_blocks(self._kernel, jet, index):
            prior[rows, rows.start :], prior[rows.start :, rows] = block, block.T
        along = psi @ (g - psi @ self._between_polynomials / 2).T
        known = along + along.T + (h / self._spectrum) @ h.T
        rest = prior * self._factor - known
        np.fill_diagonal(rest, np.maximum(np.diagonal(rest), 0.0))
        return self._unit / self.smoothing * rest

    def rest_of_sums(self, jet: Jet, index: tuple[int, ...], weights: np.ndarray) -> np.ndarray:
        """The same of weighted sums over the places, with weights (k, n): (k,)."""
        psi, h, g = (weights @ part for part in self._parts(jet, index))
        prior = np.zeros(len(weights))
        for rows, block in covariance_blocks(self._kernel, jet, index):
            block[:, block.shape[0] :] *= 2  # the covariance is symmetric
            prior += ((weights[:, rows] @ block) * weights[:, rows.start :]).sum(axis=1)
        rest = prior * self._factor - self._known(psi, h, g)
        return self._unit / self.smoothing * np.maximum(rest, 0.0)

    def _known(self, psi, h, g):
        """What of the variance of the kernel the samples know."""
        along = np.sum((2 * g - psi @ self._between_polynomials) * psi, axis=1)
        return along + np.sum(h**2 / self._spectrum, axis=1)

    @property
    def _unit(self):
        """Variance of the noise of all samples together."""
        return self.variance / self.modes.weight.sum()

    @property
    def _kernel(self):
        return Radial(distance_power(self.modes.degree), self.modes.length)

    @property
    def _factor(self):
        return kernel_factor(self.modes.degree) * self.modes.length**self.modes.degree

    @property
    def _spectrum(self):
        values = self.modes.spectrum[0]
        return values[values > 0]

    @property
    def _between_polynomials(self):
        return self.modes.polynomials[0].T @ self.modes.across

    def _parts(self, jet, index):
        """A partial derivative of ψ (n, r), of h (n, k) and of the kernel along ψ (n, r)."""
        entries = sum(len(part) for part in jet.parts) * len(self.modes.X)
        slices = row_slices(len(jet.value), rows_within(entries))
        blocks = [self._parts_of_rows(jet[rows], index) for rows in slices]
        return [np.concatenate(some) for some in zip(*blocks)]

    def _parts_of_rows(self, jet, index):
        modes, (U, T) = self.modes, self.modes.polynomials
        values, vectors = modes.spectrum
        columns = [(jet[:, i] - x) / modes.length for i, x in enumerate(modes.origin)]
        tail = Jet.concatenate(monomials(columns, (modes.degree - 1) // 2))
        psi = tail.partial(index) @ T
        k = self._factor * self._kernel(jet, modes.X).partial(index) * modes.root
        V = vectors[:, values > 0]
        return psi, k @ V - psi @ (modes.across.T @ V), k @ U
