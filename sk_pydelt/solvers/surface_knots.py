"""Surfaces of many samples: polyharmonic splines of fewer kernels than there are places."""

from functools import partial

import numpy as np
from scipy.linalg import eigh, qr
from scipy.spatial.distance import cdist

from ..jets import multi_indices
from ..jets.blocks import row_slices, rows_within
from .knot_posterior import KnotPosterior
from .sample_cells import Cells, in_cells
from .smoothing_choice import Smoothed, choose_smoothing, rounding
from .surface_modes import SurfaceModes, distance_kernel

__all__ = ["KnotSurface", "fit_surface_by_knots"]

MOST_KNOTS = 1500
CELLS = 16  # for each knot: the samples in one of them are their mean
NONE = 1e-13  # of the largest: a smaller eigenvalue of the penalty is rounding
BLOCK_ENTRIES = 2**22  # of the kernel held at a time


class KnotSurface:
    """Sums of kernels at knots, and of polynomials, that samples in cells and a penalty see apart.

    With B the kernels at the samples, the functions b = Lᵀ Zᵀ c, of which Z Zᵀ leaves no
    polynomial and Zᵀ Φ Z = L Lᵀ is the penalty, have the penalty |b|². The eigenvalues s are those
    of their products at the samples, polynomials taken away.

    Parameters
    ----------
    cells : Cells
    degree : int, odd
    """

    def __init__(self, cells: Cells, degree: int) -> None:
        self.cells, self.degree = cells, degree
        self.knots = in_cells(cells.X, cells.y, cells.weight, MOST_KNOTS).X
        self.straight = SurfaceModes(cells.X, cells.weight, degree)
        self._orthogonal, self.powers = self.straight.polynomials
        self.root = _unit_penalty(self.knots, degree)
        self._values = self._at(cells.X)
        G = self.straight.root[:, None] * self._values
        self.across = self._orthogonal.T @ G
        G -= self._orthogonal @ self.across
        spectrum, vectors = eigh(G.T @ G, driver="evd")
        self.spectrum = np.maximum(spectrum, 0.0)
        bent = self.straight.root[:, None] * cells.y
        bent = bent - self._orthogonal @ (self._orthogonal.T @ bent)
        self._parts = vectors.T @ (G.T @ bent)
        self._beside = np.sum(bent**2, axis=0) + cells.within / cells.weight.sum()
        self.root, self.across = self.root @ vectors, self.across @ vectors

    def _at(self, X):
        """The values at places X (n, d) of functions of unit penalty: (n, r)."""
        found = np.empty((len(X), self.root.shape[1]))
        for rows in row_slices(len(X), rows_within(len(self.knots), BLOCK_ENTRIES)):
            kernel = distance_kernel(cdist(X[rows], self.knots), self.degree)
            found[rows] = kernel @ self.root
        return found

    def smooth(self, output: int, n: int, lam: float) -> Smoothed:
        """What λ does to the n samples of an output that are in the cells."""
        s, squared = self.spectrum, self._parts[:, output] ** 2
        squares = self._beside[output] - np.sum(squared * (s + 2 * lam) / (s + lam) ** 2)
        trace = n - self._orthogonal.shape[1] - np.sum(s / (s + lam))
        return Smoothed(max(squares, 0.0), np.sum(squared / (s + lam) ** 2), trace)

    def coefficients(self, smoothing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the kernels (k, q) and of the polynomial, of outputs smoothed by λ (q,)."""
        b = self._parts / (self.spectrum[:, None] + smoothing)
        straight, d = self.straight, self.cells.X.shape[1]
        c = self.root @ b
        bent = straight.root[:, None] * self.cells.y
        tail = self.powers @ (self._orthogonal.T @ bent - self.across @ b)
        degrees = [k for k in range((self.degree + 1) // 2) for _ in multi_indices(d, k)]
        return c, tail / straight.length ** np.c_[degrees]

    def posterior(self, lam: float, smoothed: Smoothed) -> KnotPosterior | None:
        """The process whose mean is the surface; None where nothing tells the noise."""
        if not (lam > 0 and smoothed.trace > 0):
            return None
        total = self.cells.weight.sum()
        narrowed = np.sqrt(self.spectrum + lam)
        return KnotPosterior(
            knots=self.knots,
            coefficients=self.root / narrowed,
            powers=self.powers,
            across=self.across / narrowed,
            origin=self.straight.origin,
            length=self.straight.length,
            degree=self.degree,
            total=total,
            variance=total * smoothed.squares / smoothed.trace,
        )


def _unit_penalty(knots, degree):
    """Coefficients (k, r) of sums of kernels without a polynomial, whose penalties are one."""
    modes = SurfaceModes(knots, np.ones(len(knots)), degree)
    columns = modes.tail_columns
    Z = qr(columns)[0][:, columns.shape[1] :]
    sizes, vectors = eigh(Z.T @ modes.kernel @ Z, driver="evd")
    kept = sizes > NONE * sizes[-1]
    return Z @ (vectors[:, kept] / np.sqrt(sizes[kept]))


def fit_surface_by_knots(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    degree: int,
    smoothing: float | None,
    noise: float | list[float] = 0.0,
) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray, list[KnotPosterior | None]]:
    """As `fit_surface`, of kernels at fewer knots: these, coefficients, origin and polynomial.

    Samples are means over cells, of which a knot has `CELLS`, and knots means over larger ones. The
    penalty is that of `fit_surface`, so that λ means the same (Wood, "Thin plate regression
    splines", JRSS B 65 (2003) 95, section 2.1: a knot-based approximation).
    """
    surface = KnotSurface(in_cells(X, y, weight, CELLS * MOST_KNOTS), degree)
    s, n, halving = surface.spectrum, len(X), 2.0 ** (degree + X.shape[1])
    bounds = 1e-2 * max(s[s > 0][0], 1e-15 * s[-1]), 1e4 * s[-1]
    chosen, smoothed = np.full(y.shape[1], smoothing or 0.0), []
    for i, least in enumerate(np.broadcast_to(noise, y.shape[1])):
        smooth = partial(surface.smooth, i, n)
        if smoothing is None:
            floor, n_free = rounding(y[:, i], weight), surface.powers.shape[1]
            chosen[i] = choose_smoothing(smooth, bounds, n, n_free, halving, floor, least)
        smoothed.append(smooth(chosen[i]))
    c, tail = surface.coefficients(chosen)
    dof = n - np.array([one.trace for one in smoothed])
    posteriors = [surface.posterior(*pair) for pair in zip(chosen, smoothed)]
    return (surface.knots, c, surface.straight.origin, tail), chosen, dof, posteriors
