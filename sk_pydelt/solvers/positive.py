"""Symmetric positive definite matrices: factorised once, for solutions, inverse and determinant."""

from typing import Any

import numpy as np

from ..jets.namespace import namespace

__all__ = ["EigenFactor", "add_to_diagonal", "cholesky", "factorise", "root_factor"]


def add_to_diagonal(A: Any, d: Any) -> Any:
    """A (k, k), contiguous, with d, a number or (k,), added to its diagonal in place."""
    A.reshape(-1)[:: A.shape[0] + 1] += d
    return A


def cholesky(A: Any) -> "LapackFactor | TorchFactor | None":
    """The Cholesky factor of A (k, k); None where rounding has made A indefinite."""
    return (LapackFactor if isinstance(A, np.ndarray) else TorchFactor).of(A)


def root_factor(S: Any) -> "LapackFactor | TorchFactor":
    """The Cholesky factor of SᵀS, of S (m, k) of rank k, which is not squared: by QR."""
    return (LapackFactor if isinstance(S, np.ndarray) else TorchFactor).of_root(S)


def factorise(A: Any) -> "LapackFactor | TorchFactor | EigenFactor":
    """A symmetric positive (semi-)definite matrix A (k, k), by Cholesky or by its eigenvalues.

    Where rounding has made A indefinite the smallest eigenvalues are raised to the rounding error
    of the largest.
    """
    return cholesky(A) or EigenFactor(A)


class LapackFactor:
    """A Cholesky factor of a NumPy array, by LAPACK's potrf, potrs and potri.

    Each method is one call: on small matrices the checks of `scipy.linalg` would cost more.
    """

    def __init__(self, factor: Any, routines: Any) -> None:
        self._factor = factor
        self._potrs, self._potri, self._trtri = routines

    @classmethod
    def of(cls, A: Any) -> "LapackFactor | None":
        """The factor of A, None where A is not positive definite."""
        potrf, *others = _routines(A, ("potrf", "potrs", "potri", "trtri"))
        factor, failed = potrf(A.T, lower=1)  # of a symmetric matrix: A.T is in LAPACK's order
        return None if failed else cls(factor, others)

    @classmethod
    def of_root(cls, S: Any) -> "LapackFactor":
        """The factor of SᵀS."""
        from scipy.linalg import qr

        names = ("potrs", "potri", "trtri")
        root = qr(S, mode="r", overwrite_a=True, check_finite=False)[0][: S.shape[1]]
        return cls(np.asfortranarray(root.T), _routines(root, names))

    def solve(self, b: Any) -> Any:
        """A⁻¹ b, for b (k,)."""
        return self._potrs(self._factor, b, lower=1)[0]

    def inverse(self) -> Any:
        """A⁻¹, (k, k)."""
        inverse = self._potri(self._factor, lower=1)[0].T  # its upper triangle, zeros below
        both = inverse + inverse.T
        both.reshape(-1)[:: len(both) + 1] *= 0.5
        return both

    def inverse_diagonal(self) -> Any:
        """The diagonal of A⁻¹, (k,): at half the cost of the whole."""
        root = self._trtri(self._factor, lower=1)[0]
        return np.einsum("ij,ij->j", root, root)

    def log_determinant(self) -> float:
        """log det A."""
        return 2 * float(np.log(np.abs(self._factor.diagonal())).sum())


def _routines(A, names):
    """Routines of LAPACK for the type of A."""
    from scipy.linalg import lapack

    kind = "s" if A.dtype.itemsize == 4 else "d"
    return [getattr(lapack, kind + name) for name in names]


class TorchFactor:
    """A Cholesky factor of a tensor, on its device."""

    def __init__(self, factor: Any) -> None:
        self._factor = factor

    @classmethod
    def of(cls, A: Any) -> "TorchFactor | None":
        """The factor of A, None where A is not positive definite."""
        factor, failed = namespace(A).linalg.cholesky_ex(A)
        return None if failed else cls(factor)

    @classmethod
    def of_root(cls, S: Any) -> "TorchFactor":
        """The factor of SᵀS."""
        return cls(namespace(S).linalg.qr(S)[1].T)

    def solve(self, b: Any) -> Any:
        """A⁻¹ b, for b (k,)."""
        return b[:, None].cholesky_solve(self._factor)[:, 0]

    def inverse(self) -> Any:
        """A⁻¹, (k, k)."""
        return self._factor.cholesky_inverse()

    def inverse_diagonal(self) -> Any:
        """The diagonal of A⁻¹, (k,)."""
        return self.inverse().diagonal()

    def log_determinant(self) -> float:
        """log det A."""
        return 2 * float(self._factor.diagonal().abs().log().sum())


class EigenFactor:
    """A matrix by its eigenvalues, none of which is below the rounding error of the largest."""

    def __init__(self, A: Any) -> None:
        xp = namespace(A)
        values, self._vectors = xp.linalg.eigh(A)
        floor = A.shape[0] * xp.finfo(A.dtype).eps * float(abs(values).max())
        self._values = values.clip(min=floor)

    def solve(self, b: Any) -> Any:
        """A⁻¹ b, for b (k,)."""
        return self._vectors @ ((self._vectors.T @ b) / self._values)
