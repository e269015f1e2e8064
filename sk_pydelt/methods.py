"""The methods of calculus that models have."""

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from . import calculus

__all__ = ["DifferentiableMixin"]


class DifferentiableMixin:
    """Derivatives as methods: each is the function of `sk_pydelt.calculus` of the same name."""

    def differentiate(self, order: calculus.Order = 1) -> calculus.Derivative:
        """A derivative as a function of X; see `sk_pydelt.differentiate`."""
        return calculus.differentiate(self, order)

    @overload
    def gradient(self, X: ArrayLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def gradient(
        self, X: ArrayLike, return_std: Literal[True]
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def gradient(
        self, X: ArrayLike, return_std: bool
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def gradient(
        self, X: ArrayLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """First derivatives of the single output, (n, d); see `sk_pydelt.gradient`."""
        return calculus.gradient(self, X, return_std)

    @overload
    def jacobian(self, X: ArrayLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def jacobian(
        self, X: ArrayLike, return_std: Literal[True]
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def jacobian(
        self, X: ArrayLike, return_std: bool
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def jacobian(
        self, X: ArrayLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """First derivatives of all outputs, (n, m, d); see `sk_pydelt.jacobian`."""
        return calculus.jacobian(self, X, return_std)

    @overload
    def hessian(self, X: ArrayLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def hessian(self, X: ArrayLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def hessian(
        self, X: ArrayLike, return_std: bool
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def hessian(
        self, X: ArrayLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Second derivatives, (n, d, d) or (n, m, d, d); see `sk_pydelt.hessian`."""
        return calculus.hessian(self, X, return_std)

    def laplacian(self, X: ArrayLike) -> np.ndarray:
        """Sum of unmixed second derivatives, (n,) or (n, m); see `sk_pydelt.laplacian`."""
        return calculus.laplacian(self, X)

    def divergence(self, X: ArrayLike) -> np.ndarray:
        """Divergence of a vector field, (n,); see `sk_pydelt.divergence`."""
        return calculus.divergence(self, X)

    def curl(self, X: ArrayLike) -> np.ndarray:
        """Curl of a vector field, (n,) or (n, 3); see `sk_pydelt.curl`."""
        return calculus.curl(self, X)

    def strain_rate(self, X: ArrayLike) -> np.ndarray:
        """Strain-rate tensor of a velocity field, (n, d, d); see `sk_pydelt.strain_rate`."""
        return calculus.strain_rate(self, X)

    def vorticity(self, X: ArrayLike) -> np.ndarray:
        """Vorticity of a flow, the curl by another name; see `sk_pydelt.vorticity`."""
        return calculus.vorticity(self, X)

    def directional_derivative(
        self, X: ArrayLike, direction: ArrayLike, order: int = 1
    ) -> np.ndarray:
        """Derivative along a direction, (n,) or (n, m); see `sk_pydelt.directional_derivative`."""
        return calculus.directional_derivative(self, X, direction, order)

    def biharmonic(self, X: ArrayLike) -> np.ndarray:
        """Laplacian of the Laplacian, (n,) or (n, m); see `sk_pydelt.biharmonic`."""
        return calculus.biharmonic(self, X)

    def derivatives(self, X: ArrayLike, orders: Sequence[calculus.Order]) -> list[np.ndarray]:
        """Several mixed partials, each (n,) or (n, m); see `sk_pydelt.derivatives`."""
        return calculus.derivatives(self, X, orders)

    def average_marginal_effects(
        self, X: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> calculus.MarginalEffects:
        """Derivatives averaged over rows; see `sk_pydelt.average_marginal_effects`."""
        return calculus.average_marginal_effects(self, X, sample_weight=sample_weight)

    @overload
    def integrate(
        self, a: float, b: ArrayLike, *, tol: float = 1e-9, return_std: Literal[False] = False
    ) -> float | np.ndarray: ...

    @overload
    def integrate(
        self, a: float, b: ArrayLike, *, tol: float = 1e-9, return_std: Literal[True]
    ) -> tuple[float | np.ndarray, float | np.ndarray]: ...

    @overload
    def integrate(
        self, a: float, b: ArrayLike, *, tol: float = 1e-9, return_std: bool
    ) -> float | np.ndarray | tuple[float | np.ndarray, float | np.ndarray]: ...

    def integrate(
        self, a: float, b: ArrayLike, *, tol: float = 1e-9, return_std: bool = False
    ) -> float | np.ndarray | tuple[float | np.ndarray, float | np.ndarray]:
        """Integral of a curve from a to b; see `sk_pydelt.integrate`."""
        return calculus.integrate(self, a, b, tol=tol, return_std=return_std)
