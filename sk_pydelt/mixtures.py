"""Mixtures of Gaussians: what follows from their components, lists of `Component`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .chain import propagate_inverse
from .chain.latents import Index, Joint, Latent
from .components import Component
from .jets import Jet

__all__ = [
    "MixtureLatent",
    "draw_from_mixture",
    "join_mixtures",
    "mixture_covariance",
    "mixture_mean",
    "mixture_variance",
    "move_mixture",
    "sum_mixtures",
]

Mixture = Sequence[Component]


def sum_mixtures(left: Mixture, right: Mixture) -> list[Component]:
    """The mixture of sums of numbers."""
    return [a.plus(b) for a, b in zip(left, right)]


def join_mixtures(blocks: Sequence[Mixture]) -> list[Component]:
    """One mixture from those of blocks of rows."""
    return [some[0].joined(some) for some in zip(*blocks)]


def mixture_mean(parts: Mixture) -> np.ndarray:
    """Mean: (n, m)."""
    return np.asarray(sum(part.weight * part.mean for part in parts))


def mixture_variance(parts: Mixture) -> np.ndarray:
    """Variance, by the law of total variance: (n, m)."""
    mean = mixture_mean(parts)
    each = (part.weight * (part.variance() + (part.mean - mean) ** 2) for part in parts)
    return np.asarray(sum(each))


def mixture_covariance(parts: Mixture) -> np.ndarray:
    """Covariance between the n numbers of each output, by the same law: (n, n, m)."""
    mean, total = mixture_mean(parts), np.zeros(())
    for part in parts:
        apart = part.mean - mean
        total = total + part.weight * (part.covariance() + apart[:, None] * apart)
    return total


def draw_from_mixture(
    parts: Mixture, n_samples: int, rng: np.random.RandomState
) -> tuple[list[Any], np.ndarray]:
    """Functions drawn from each component, and an order of all."""
    counts = rng.multinomial(n_samples, [part.weight for part in parts])
    drawn = [part.draw(count, rng) for part, count in zip(parts, counts)]
    return drawn, rng.permutation(n_samples)


def move_mixture(parts: Mixture, draws: list[Any], order: np.ndarray) -> np.ndarray:
    """The numbers of functions drawn: (n, m, n_samples)."""
    drawn = [part.mean[..., None] + part.moved(some) for part, some in zip(parts, draws)]
    return np.concatenate(drawn, axis=2)[..., order]


class MixtureLatent(Latent):
    """The random function behind an interpolator with error bars, of scaled targets.

    Parameters
    ----------
    step : fitted ProbabilisticInterpolator
    jet : Jet of shape (n, n_features_in)
    drawn : pair, default=None
        As from `draw_from_mixture`, for the same functions at these and at other places.
    """

    def __init__(self, step: Any, jet: Jet, drawn: tuple | None = None) -> None:
        self.step, self.jet, self.drawn = step, step._enter(jet), drawn

    def joints(self, indices: Sequence[Index]) -> list[Joint]:
        mixtures = [self.step._mixture_scaled(self.jet, index) for index in indices]
        return [_joint(parts) for parts in zip(*mixtures)]

    def draws(
        self, indices: Sequence[Index], n_samples: int, rng: np.random.RandomState
    ) -> np.ndarray:
        mixtures = [self.step._mixture_scaled(self.jet, index) for index in indices]
        drawn = self.drawn or draw_from_mixture(mixtures[0], n_samples, rng)
        return np.stack([move_mixture(parts, *drawn) for parts in mixtures], axis=1)

    def noise(self) -> np.ndarray:
        noise = self.step._normal_noise()
        return np.broadcast_to(noise, (len(self.jet.value), len(noise)))

    def inverse(self, jet: Jet) -> Jet:
        return propagate_inverse(self.step.y_scaler_, jet)


def _joint(parts):
    """The joint distribution of derivatives from the components of each."""
    mean = np.stack([part.mean for part in parts], axis=1)
    covariance = np.empty((len(mean), len(parts), *mean.shape[1:]))
    for i, one in enumerate(parts):
        for j, other in enumerate(parts[: i + 1]):
            covariance[:, i, j] = covariance[:, j, i] = one.variance_with(other)
    return Joint(parts[0].weight, mean, covariance)
