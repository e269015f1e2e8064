"""Gaussians that mixtures are made of: what an estimator with error bars gives for some places."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from .jets import Jet

__all__ = ["Component", "LinearComponent", "ProcessComponent"]


class Component(ABC):
    """One Gaussian of a mixture, for n numbers of each of m outputs.

    What belongs to a number must not depend on which others there are.

    Parameters
    ----------
    weight : float
        Its share of the mixture.
    mean : array of shape (n, m)
    """

    weight: float
    mean: np.ndarray

    @abstractmethod
    def variance(self) -> np.ndarray:
        """Variance of each number, (n, m)."""

    def variance_with(self, other: Self) -> np.ndarray:
        """Covariance (n, m) of each number with one of another derivative at the same place."""
        raise TypeError(
            f"{type(self).__name__} does not tell how several derivatives vary together, which a "
            "target that is not just scaled and shifted asks for: give it variance_with(other), "
            "which returns an array (n, m)."
        )

    @abstractmethod
    def covariance(self) -> np.ndarray:
        """Covariance between the numbers of each output, (n, n, m)."""

    @abstractmethod
    def sums(self, weights: np.ndarray) -> Self:
        """That of weighted sums over the n numbers, with weights (k, n): k numbers."""

    @abstractmethod
    def plus(self, other: Self) -> Self:
        """That of the sums of these sums and others, over other numbers."""

    @abstractmethod
    def joined(self, others: Sequence[Self]) -> Self:
        """That of all the numbers of components of blocks, this one first among them."""

    @abstractmethod
    def draw(self, n_draws: int, rng: np.random.RandomState) -> Any:
        """Random functions, as `moved` takes them: they don't depend on the numbers."""

    @abstractmethod
    def moved(self, draws: Any) -> np.ndarray:
        """The numbers of functions drawn, less the mean: (n, m, n_draws)."""


@dataclass(frozen=True)
class LinearComponent(Component):
    """That of a model that is linear in its parameters: mean + jacobian @ factor @ z.

    Parameters
    ----------
    weight : float
    mean : array of shape (n, m)
    jacobian : array of shape (n, m, P)
        Derivatives by the P parameters of the model.
    factor : array of shape (P, r), or what multiplies as one from either side
        A square root of the parameters' covariance: z holds r standard normal numbers, the same for
        all n and all m.

    Examples
    --------
    A line a x + b at x = 0 and 2, whose a and b are known to 0.1 and 0.2:

    >>> import numpy as np
    >>> from sk_pydelt.components import LinearComponent
    >>> by_parameters = np.array([[[0.0, 1.0]], [[2.0, 1.0]]])
    >>> line = LinearComponent(1.0, np.array([[1.0], [3.0]]), by_parameters, np.diag([0.1, 0.2]))
    >>> line.variance().ravel().round(6)  # 0.2², and 2² 0.1² + 0.2²
    array([0.04, 0.08])
    >>> line.sums(np.array([[-0.5, 0.5]])).variance().round(6)  # of the slope
    array([[0.01]])
    """

    weight: float
    mean: np.ndarray
    jacobian: np.ndarray
    factor: Any

    @cached_property
    def root(self) -> np.ndarray:
        """A square root (n, m, r) of the covariance of the n numbers."""
        return self.jacobian @ self.factor

    def variance(self) -> np.ndarray:
        return self.variance_with(self)

    def variance_with(self, other: "LinearComponent") -> np.ndarray:
        return np.einsum("nmr,nmr->nm", self.root, other.root)

    def covariance(self) -> np.ndarray:
        roots = self.root.transpose(1, 0, 2)
        return (roots @ roots.transpose(0, 2, 1)).transpose(1, 2, 0)

    def sums(self, weights: np.ndarray) -> "LinearComponent":
        return self._with(weights @ self.mean, np.tensordot(weights, self.jacobian, 1))

    def plus(self, other: "LinearComponent") -> "LinearComponent":
        return self._with(self.mean + other.mean, self.jacobian + other.jacobian)

    def joined(self, others: Sequence["LinearComponent"]) -> "LinearComponent":
        means, jacobians = zip(*((part.mean, part.jacobian) for part in others))
        return self._with(np.concatenate(means), np.concatenate(jacobians))

    def draw(self, n_draws: int, rng: np.random.RandomState) -> np.ndarray:
        return self.factor @ rng.standard_normal((self.factor.shape[1], n_draws))

    def moved(self, draws: np.ndarray) -> np.ndarray:
        return self.jacobian @ draws

    def _with(self, mean, jacobian):
        return LinearComponent(self.weight, mean, jacobian, self.factor)


@dataclass(frozen=True)
class ProcessComponent(Component):
    """The only one of a Gaussian process: numbers are a root times normal ones, and a rest.

    Parameters
    ----------
    mean : array of shape (n, m)
    posteriors : list of m posteriors
        Each has ``root(jet, index)``, an array (n, r), sparse or not, and of what the numbers vary
        by beside it ``rest_variance``, (n,), ``rest_covariance``, (n, n), and with weights (k, n)
        ``rest_of_sums``, (k,). The rest is left out of draws.
    index : tuple of int
        Which derivative.
    jets : tuple of Jet
        Blocks of the places where.
    weights : tuple of arrays (k, n_rows)
        For each block: the numbers are weighted sums over all places. Empty where they aren't.
    """

    mean: np.ndarray
    posteriors: Sequence[Any]
    index: tuple[int, ...]
    jets: tuple[Jet, ...]
    weights: tuple[np.ndarray, ...] = ()
    weight: float = 1.0

    @cached_property
    def jet(self) -> Jet:
        """All the places."""
        return Jet.below(list(self.jets))

    def variance(self) -> np.ndarray:
        of_one = self._sum_variance if self.weights else self._variance
        return np.stack([of_one(posterior) for posterior in self.posteriors], axis=1)

    def variance_with(self, other: "ProcessComponent") -> np.ndarray:
        each = [self._variance_with(other, posterior) for posterior in self.posteriors]
        return np.stack(each, axis=1)

    def _variance_with(self, other, posterior):
        roots = (posterior.root(part.jet, part.index) for part in (self, other))
        rest = posterior.rest_between(self.jet, self.index, other.index)
        return _products(*roots) + rest

    def _variance(self, posterior):
        rest = posterior.rest_variance(self.jet, self.index)
        return _squares(posterior.root(self.jet, self.index)) + rest

    def _sum_variance(self, posterior):
        weights = np.hstack(self.weights)
        rest = posterior.rest_of_sums(self.jet, self.index, weights)
        pairs = zip(self.jets, self.weights)
        return rest + _squares(
            sum(_product(w, posterior.root(jet, self.index)) for jet, w in pairs)
        )

    def covariance(self) -> np.ndarray:
        return np.stack([self._covariance(posterior) for posterior in self.posteriors], axis=2)

    def _covariance(self, posterior):
        root = posterior.root(self.jet, self.index)
        rest = posterior.rest_covariance(self.jet, self.index)
        return rest + (root @ root.T if isinstance(root, np.ndarray) else (root @ root.T).toarray())

    def sums(self, weights: np.ndarray) -> "ProcessComponent":
        return replace(self, mean=weights @ self.mean, weights=(weights,))

    def plus(self, other: "ProcessComponent") -> "ProcessComponent":
        mean, weights = self.mean + other.mean, self.weights + other.weights
        return replace(self, mean=mean, jets=self.jets + other.jets, weights=weights)

    def joined(self, others: Sequence["ProcessComponent"]) -> "ProcessComponent":
        mean = np.concatenate([part.mean for part in others])
        return replace(self, mean=mean, jets=tuple(jet for part in others for jet in part.jets))

    def draw(self, n_draws: int, rng: np.random.RandomState) -> list[np.ndarray]:
        sizes = [posterior.root(self.jet, self.index).shape[1] for posterior in self.posteriors]
        return [rng.standard_normal((size, n_draws)) for size in sizes]

    def moved(self, draws: list[np.ndarray]) -> np.ndarray:
        pairs = zip(self.posteriors, draws)
        return np.stack([p.root(self.jet, self.index) @ z for p, z in pairs], axis=1)


def _products(one, other):
    """Sum of the products in each row."""
    both = one * other if isinstance(one, np.ndarray) else one.multiply(other)
    return np.asarray(both.sum(axis=1)).ravel()


def _squares(root):
    """Sum of the squares of each row."""
    return (root**2).sum(axis=1) if isinstance(root, np.ndarray) else root.power(2).sum(axis=1)


def _product(weights, root):
    """The product, sparse where the root is."""
    return weights @ root if isinstance(root, np.ndarray) else csr_array(weights) @ root
