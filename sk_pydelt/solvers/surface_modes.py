"""What the places of samples of several features make of a polyharmonic spline."""

from functools import cached_property, reduce
from math import factorial
from operator import mul

import numpy as np
from scipy.linalg import eigh, svd
from scipy.spatial.distance import cdist

from ..jets import multi_indices

__all__ = ["RANK", "SurfaceModes", "kernel_factor", "monomials"]

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


def _project_out(K, U):
    """Eigenvalues, ascending, and eigenvectors of K on the complement of orthonormal columns U."""
    K = K - U @ (U.T @ K)
    K = K - (K @ U) @ U.T
    K += (2 * abs(np.trace(K)) + np.abs(K).max()) * (U @ U.T)  # moves theirs to the far end
    values, vectors = eigh(K, overwrite_a=True)
    n = len(K) - U.shape[1]
    return np.maximum(values[:n], 0.0), vectors[:, :n]


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
        return kernel_factor(self.degree) * cdist(self.X, self.X) ** self.degree

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
        weighted = self.root[:, None] * self.kernel * self.root
        values, vectors = _project_out(weighted, self.polynomials[0])
        values[values < np.finfo(float).eps * np.abs(self.kernel).max()] = 0.0
        return values, vectors

    @cached_property
    def across(self) -> np.ndarray:
        """The weighted kernel times the weighted polynomials' vectors, (n, r)."""
        return self.root[:, None] * (self.kernel @ (self.root[:, None] * self.polynomials[0]))
