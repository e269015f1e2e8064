"""Kernels as functions of jets, and their sums, products and powers."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, inf
from typing import Any

import numpy as np

from .elementary import exp, row_sum, tanh
from .jet import Jet
from .radial import in_row_blocks

__all__ = [
    "Constant",
    "Dot",
    "Power",
    "Product",
    "Sum",
    "cosine",
    "laplacian",
    "tanh_kernel",
    "weighted_sum",
]


def weighted_sum(kernel: Any, left: Jet, right: np.ndarray, weights: np.ndarray) -> Jet:
    """Sum over points (N, d) of a kernel times weights (N, m): a jet of shape (n, m)."""
    if hasattr(kernel, "weighted_sum"):
        return kernel.weighted_sum(left, right, weights)
    entries = comb(left.n_variables + left.order, left.order) * len(right)
    return in_row_blocks(lambda rows: kernel(rows, right) @ weights, left, entries)


def _dot(left, right):
    """Scalar products of rows: (n, N), or (n, 1) of the rows of two jets."""
    return row_sum(left * right) if isinstance(right, Jet) else left @ right.T


@dataclass
class Constant:
    """The kernel that is a constant."""

    value: float
    smoothness: float = inf

    def __call__(self, left: Jet, right: Any) -> Jet:
        n_columns = 1 if isinstance(right, Jet) else len(right)
        value = np.full((len(left.value), n_columns), float(self.value))
        return Jet.constant(value, left.order, left.n_variables)


@dataclass
class Dot:
    """The kernel x·x' + constant."""

    constant: float = 0.0
    smoothness: float = inf

    def __call__(self, left: Jet, right: Any) -> Jet:
        return _dot(left, right) + self.constant

    def weighted_sum(self, left: Jet, right: np.ndarray, weights: np.ndarray) -> Jet:
        return left @ (right.T @ weights) + self.constant * weights.sum(axis=0)


@dataclass
class Sum:
    """The sum of two kernels."""

    first: Any
    second: Any

    @property
    def smoothness(self) -> float:
        return min(self.first.smoothness, self.second.smoothness)

    def __call__(self, left: Jet, right: Any) -> Jet:
        return self.first(left, right) + self.second(left, right)

    def weighted_sum(self, left: Jet, right: np.ndarray, weights: np.ndarray) -> Jet:
        parts = [weighted_sum(k, left, right, weights) for k in (self.first, self.second)]
        return parts[0] + parts[1]


@dataclass
class Product:
    """The product of two kernels."""

    first: Any
    second: Any
    smoothness = Sum.smoothness

    def __call__(self, left: Jet, right: Any) -> Jet:
        return self.first(left, right) * self.second(left, right)

    def weighted_sum(self, left: Jet, right: np.ndarray, weights: np.ndarray) -> Jet:
        for constant, other in ((self.first, self.second), (self.second, self.first)):
            if isinstance(constant, Constant):
                return weighted_sum(other, left, right, weights * constant.value)
        entries = comb(left.n_variables + left.order, left.order) * len(right)
        return in_row_blocks(lambda rows: self(rows, right) @ weights, left, entries)


@dataclass
class Power:
    """A power of a kernel."""

    kernel: Any
    exponent: float

    @property
    def smoothness(self) -> float:
        return self.kernel.smoothness

    def __call__(self, left: Jet, right: Any) -> Jet:
        return self.kernel(left, right) ** self.exponent


def tanh_kernel(gamma: float, coef0: float) -> Callable:
    """The kernel tanh(γ x·x' + coef0)."""
    return lambda left, right: tanh(_dot(left, right) * gamma + coef0)


def cosine(left: Jet, right: np.ndarray) -> Jet:
    """Cosine of the angle between rows; rows of zeros have none, and are flat."""
    size = np.linalg.norm(right, axis=1)
    unit = right / np.where(size, size, 1.0)[:, None]
    empty = ~left.value.any(axis=1, keepdims=True)
    squared = row_sum(left.square()) + empty
    return (left @ unit.T) / squared**0.5 * ~empty


def laplacian(gamma: float) -> Callable:
    """exp(-γ Σ|x - x'|); at a kink the side above is taken."""

    def kernel(left, right):
        total = 0
        for j, column in enumerate(right.T):
            step = left[:, j] - column
            total = total + step * np.where(step.value < 0, -1.0, 1.0)
        return exp(total * -gamma)

    return kernel
