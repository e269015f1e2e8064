"""Jacobians by the weights as operators: a matrix, or a perceptron's in factors of its layers."""

from abc import ABC, abstractmethod
from typing import Any

from .namespace import namespace

__all__ = ["DenseJacobian", "Jacobian", "LayeredJacobian"]


class Jacobian(ABC):
    """A matrix of n rows and P columns, of which solvers need products only.

    Attributes
    ----------
    shape : tuple (n, P)
    """

    shape: tuple[int, int]

    @abstractmethod
    def scaled(self, scale: Any) -> "Jacobian":
        """The Jacobian with each row times a number, scale (n,)."""

    @abstractmethod
    def rows(self, part: slice) -> "Jacobian":
        """Some of its rows."""

    @abstractmethod
    def dense(self) -> Any:
        """The matrix (n, P)."""

    @abstractmethod
    def times(self, p: Any) -> Any:
        """J p, (n,)."""

    @abstractmethod
    def transposed_times(self, u: Any) -> Any:
        """Jᵀ u, (P,)."""

    @abstractmethod
    def gram(self, inverse: Any = None) -> Any:
        """J diag(inverse) Jᵀ, (n, n); J Jᵀ for None."""

    @abstractmethod
    def traces(self, M: Any) -> Any:
        """Traces of M K, M (n, n) symmetric, for the Gram matrix K of each class of weights.

        Classes are the weights themselves where nothing else is said.
        """


class DenseJacobian(Jacobian):
    """A Jacobian held as a matrix.

    Parameters
    ----------
    J : array of shape (n, P)
    """

    def __init__(self, J: Any) -> None:
        self.J = J
        self.shape = tuple(J.shape)

    def scaled(self, scale: Any) -> "DenseJacobian":
        return DenseJacobian(self.J * scale[:, None])

    def rows(self, part: slice) -> "DenseJacobian":
        return DenseJacobian(self.J[part, :])

    def dense(self) -> Any:
        return self.J

    def times(self, p: Any) -> Any:
        return self.J @ p

    def transposed_times(self, u: Any) -> Any:
        return self.J.T @ u

    def gram(self, inverse: Any = None) -> Any:
        return (self.J if inverse is None else self.J * inverse) @ self.J.T

    def traces(self, M: Any) -> Any:
        return ((M @ self.J) * self.J).sum(0)


class LayeredJacobian(Jacobian):
    r"""Jacobian of a perceptron by its weights, in factors of each layer.

    With δ the derivative of an output by a layer's sums :math:`z = W h + b`, the derivative by
    :math:`W_{ij}` is :math:`\delta_i h_j` and by :math:`b_i` is :math:`\delta_i`. So the matrix of
    n residuals by P weights needs never be formed: its Gram matrix is
    :math:`\sum_l \delta_l \delta_l^T \circ (h_l h_l^T + 1)`, at the cost of n² widths.

    The classes of `traces` are, layer by layer, the weights of each input of the layer, and the
    biases. The `inverse` of `gram` must be the same for all weights of a class.

    Parameters
    ----------
    factors : list of (delta, h), arrays of shape (n, n_out) and (n, n_in), in order of the layers
    """

    def __init__(self, factors: list) -> None:
        self.factors = factors
        n_weights = sum(delta.shape[1] * (h.shape[1] + 1) for delta, h in factors)
        self.shape = (factors[0][0].shape[0], n_weights)

    def scaled(self, scale: Any) -> "LayeredJacobian":
        return LayeredJacobian([(delta * scale[:, None], h) for delta, h in self.factors])

    def rows(self, part: slice) -> "LayeredJacobian":
        return LayeredJacobian([(delta[part, :], h[part, :]) for delta, h in self.factors])

    def dense(self) -> Any:
        delta, _ = self.factors[0]
        J = namespace(delta).empty(self.shape, dtype=delta.dtype, device=delta.device)
        start = 0
        for delta, h in self.factors:
            split, stop = _ends(start, delta, h)
            block = J[:, start:split].reshape(J.shape[0], delta.shape[1], h.shape[1])  # a view
            block[...] = delta[:, :, None] * h[:, None, :]
            J[:, split:stop] = delta
            start = stop
        return J

    def times(self, p: Any) -> Any:
        total, start = 0, 0
        for delta, h in self.factors:
            split, stop = _ends(start, delta, h)
            weight = p[start:split].reshape(delta.shape[1], -1)
            total = total + (delta * (h @ weight.T + p[split:stop])).sum(1)
            start = stop
        return total

    def transposed_times(self, u: Any) -> Any:
        parts = []
        for delta, h in self.factors:
            weighted = delta.T * u
            parts += [(weighted @ h).reshape(-1), weighted.sum(1)]
        return namespace(u).concat(parts)

    def gram(self, inverse: Any = None) -> Any:
        total, start = 0.0, 0
        for delta, h in self.factors:
            split, stop = _ends(start, delta, h)
            bias, scaled = 1, h
            if inverse is not None:
                bias, scaled = inverse[split], h * inverse[start : start + h.shape[1]]
            block = scaled @ h.T
            block += bias
            block *= delta @ delta.T
            total = total + block
            start = stop
        return total

    def traces(self, M: Any) -> Any:
        parts = []
        for delta, h in self.factors:
            D = delta @ delta.T
            D *= M
            parts += [((D @ h) * h).sum(0), D.sum().reshape(1)]
        return namespace(M).concat(parts)


def _ends(start, delta, h):
    """Where the weights of a layer that begin at `start` end, and where its biases do."""
    split = start + delta.shape[1] * h.shape[1]
    return split, split + delta.shape[1]
