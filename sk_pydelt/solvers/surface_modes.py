"""What the places of samples of several features make of a polyharmonic spline."""

from functools import cached_property, reduce
from math import factorial
from operator import mul

import numpy as np
from scipy.linalg import eigh, lapack, svd
from scipy.spatial.distance import cdist

from ..jets import multi_indices

__all__ = ["RANK", "SurfaceModes", "distance_kernel", "kernel_factor", "monomials"]

RANK = 1e-9  # relative singular values below this are zero: rounding of the scaled features


def monomials(columns: list, degree: int) -> list:
    """All monomials of columns (arrays or jets of one column each) up to a degree, by degree."""
    one = 0 * columns[0] + 1
    alphas = [alpha for k in range(degree + 1) for alpha in multi_indices(len(columns), k)]
    return [
        reduce(mul, [x**power for x, power in zip(columns, alpha) if power], one)
        for alpha in alphas
    ]


def kernel_factor(degree: int) -> float:
    """What makes the penalty of the kernel r^degree that of the B-spline in one feature."""
    return (-1) ** ((degree + 1) // 2) / (2 * factorial(degree))


def distance_kernel(distance: np.ndarray, degree: int) -> np.ndarray:
    """The kernel at distances: powers by products."""
    found, square = kernel_factor(degree) * distance, distance**2
    for _ in range(degree // 2):
        found *= square
    return found


def _projected(K, U):
    """K on the complement of orthonormal columns U, of whose space there is nothing left."""
    K = K - U @ (U.T @ K)
    K -= (K @ U) @ U.T
    return K


class SurfaceModes:
    """Functions that the penalty and the sum of squares see apart. Found when first asked for.

    Parameters
    ----------
    X : array of shape (n, d)
    weight : array of shape (n,)
    degree : int, odd
    """

    def __init__(self, X: np.ndarray, weight: np.ndarray, degree: int) -> None:
        self.X, self.weight, self.degree = X, weight, degree

    def __getstate__(self) -> dict:
        return {"X": self.X, "weight": self.weight, "degree": self.degree}

    @property
    def root(self) -> np.ndarray:
        """Roots of the weights, whose squares sum to one."""
        return np.sqrt(self.weight / self.weight.sum())

    @property
    def origin(self) -> np.ndarray:
        """The point in whose powers the polynomial is written."""
        return self.X.mean(axis=0)

    @cached_property
    def length(self) -> float:
        """The unit of the polynomial's powers."""
        return float(np.abs(self.X - self.origin).max()) or 1.0

    @cached_property
    def kernel(self) -> np.ndarray:
        """The kernel between all places, (n, n)."""
        return distance_kernel(cdist(self.X, self.X), self.degree)

    @cached_property
    def tail_columns(self) -> np.ndarray:
        """The monomials at all places, (n, q)."""
        columns = np.hsplit((self.X - self.origin) / self.length, self.X.shape[1])
        return np.hstack(monomials(columns, (self.degree - 1) // 2))

    @cached_property
    def polynomials(self) -> tuple[np.ndarray, np.ndarray]:
        """Orthonormal vectors (n, r) of weighted polynomials, and their coefficients (q, r)."""
        U, sizes, Vt = svd(self.root[:, None] * self.tail_columns, full_matrices=False)
        kept = sizes > RANK * sizes[0]
        return U[:, kept], Vt[kept].T / sizes[kept]

    @cached_property
    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues, ascending, and vectors of the weighted kernel beside the polynomials."""
        U = self.polynomials[0]
        K = _projected(self._weighted, U)
        K += (2 * abs(np.trace(K)) + np.abs(K).max()) * (U @ U.T)  # moves theirs to the far end
        values, vectors = eigh(K, overwrite_a=True)
        n = len(vectors) - U.shape[1]
        values = np.maximum(values[:n], 0.0)
        values[values < np.finfo(float).eps * np.abs(self.kernel).max()] = 0.0
        return values, vectors[:, :n]

    @property
    def _weighted(self):
        return self.root[:, None] * self.kernel * self.root

    def solved(self, lam: float, values: np.ndarray) -> tuple[np.ndarray, float] | None:
        """(κ + λ)⁻¹ of weighted values (n, q) beside the polynomials, and its trace there.

        By Cholesky's decomposition; None where rounding leaves no positive matrix.
        """
        U = self.polynomials[0]
        matrix = _projected(self._weighted, U)
        size = np.abs(matrix).max()
        matrix += size * (U @ U.T)  # that is not singular
        matrix.flat[:: len(matrix) + 1] += lam
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=1, overwrite_a=1)
        if failed:
            return None
        found, _ = lapack.dpotrs(factor, values - U @ (U.T @ values), lower=1)
        inverse, _ = lapack.dtrtri(factor, lower=1, overwrite_c=1)
        trace = np.einsum("ij,ij->", inverse, inverse) - U.shape[1] / (size + lam)
        return found - U @ (U.T @ found), trace

    @cached_property
    def across(self) -> np.ndarray:
        """The weighted kernel times the weighted polynomials' vectors, (n, r)."""
        return self.root[:, None] * (self.kernel @ (self.root[:, None] * self.polynomials[0]))
