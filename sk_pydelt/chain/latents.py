"""The normal distributions behind a fitted model, of which its predictions are a function."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ..jets import Jet
from .registry import open_table, propagate_inverse

__all__ = ["Index", "Joint", "Latent", "Transformed", "latent"]

Index = tuple[int, ...]  # of a partial derivative: one order for each variable of a jet


class Joint(NamedTuple):
    """Normal distributions of K partial derivatives at each of n places, of m outputs.

    Parameters
    ----------
    weight : float
        Share in a mixture of such.
    mean : array of shape (n, K, m)
    covariance : array of shape (n, K, K, m)
        Between the derivatives of one output at one place.
    """

    weight: float
    mean: np.ndarray
    covariance: np.ndarray


class Latent(ABC):
    """A random function f whose derivatives are normal, or mixtures of such, at n places.

    What the model predicts is g(f), with g the `inverse` of what scaled the target.
    """

    @abstractmethod
    def joints(self, indices: Sequence[Index]) -> list[Joint]:
        """The mixture of joint distributions of partial derivatives of f at each place."""

    @abstractmethod
    def draws(
        self, indices: Sequence[Index], n_samples: int, rng: np.random.RandomState
    ) -> np.ndarray:
        """Partial derivatives of functions drawn, (n, K, m, n_samples): each one at all places."""

    @abstractmethod
    def noise(self) -> np.ndarray:
        """Standard deviation of the noise of a sample of f at each place, (n, m)."""

    def inverse(self, jet: Jet) -> Jet:
        """The jet of g(f) from that of f, row by row."""
        return jet


class Transformed(Latent):
    """That of a model whose predictions pass through the inverse of a transformer.

    Parameters
    ----------
    inner : Latent
    transformer : fitted transformer
    """

    def __init__(self, inner: Latent, transformer: BaseEstimator) -> None:
        self.inner, self.transformer = inner, transformer

    def joints(self, indices: Sequence[Index]) -> list[Joint]:
        return self.inner.joints(indices)

    def draws(
        self, indices: Sequence[Index], n_samples: int, rng: np.random.RandomState
    ) -> np.ndarray:
        return self.inner.draws(indices, n_samples, rng)

    def noise(self) -> np.ndarray:
        return self.inner.noise()

    def inverse(self, jet: Jet) -> Jet:
        return propagate_inverse(self.transformer, self.inner.inverse(jet))


@open_table
def latent(step: BaseEstimator, jet: Jet) -> Latent:
    """The random function behind a fitted regressor, at the places of a jet.

    Parameters
    ----------
    step : fitted regressor
    jet : Jet of shape (n, n_features_in)
        Of the order of the highest derivative that is asked for.

    Returns
    -------
    Latent

    Raises
    ------
    TypeError
        No rule is registered for the class of `step`.
    """
    name = type(step).__name__
    raise TypeError(
        f"{name} has no distribution: it is not known how its values and derivatives vary "
        "together. Use a BayesianNeuralNetworkInterpolator, a SplineInterpolator, a "
        "GaussianProcessRegressor, BayesianRidge or ARDRegression, or register a rule with "
        f"sk_pydelt.chain.latent.register({name})(rule), where rule(step, jet) returns a Latent."
    )
