"""The random function behind a Gaussian process: several of its derivatives together."""

from collections.abc import Sequence

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor

from ..jets import Jet
from ..jets.pairs import both_arguments, covariances_between
from .gaussian_process import covariances_with_samples, output_scale, smooth_kernel, whitened
from .latents import Index, Joint, Latent, latent
from .registry import propagate

__all__ = ["ProcessLatent"]


@latent.register(GaussianProcessRegressor)
class ProcessLatent(Latent):
    """The posterior of a Gaussian process, without its noise.

    Parameters
    ----------
    step : fitted GaussianProcessRegressor
    jet : Jet of shape (n, n_features_in)
    """

    def __init__(self, step: GaussianProcessRegressor, jet: Jet) -> None:
        self.step, self.jet = step, jet

    def joints(self, indices: Sequence[Index]) -> list[Joint]:
        top, n = indices[-1], len(self.jet.value)
        kernel, known = smooth_kernel(self.step, top), self._known(indices)
        prior = kernel(*both_arguments(self.jet, top))
        each = [[prior.partial((*a, *b))[:, 0] for b in indices] for a in indices]
        explained = np.einsum("Nin,Njn->nij", known, known)
        covariance = (
            np.reshape(each, (len(indices), len(indices), n)).transpose(2, 0, 1) - explained
        )
        return [Joint(1.0, self._mean(indices), covariance[..., None] * self._unit**2)]

    def draws(
        self, indices: Sequence[Index], n_samples: int, rng: np.random.RandomState
    ) -> np.ndarray:
        kernel, known = smooth_kernel(self.step, indices[-1]), self._known(indices)
        size = known.shape[1] * known.shape[2]
        flat = known.reshape(-1, size)
        prior = covariances_between(kernel, self.jet, indices).reshape(size, size)
        values, vectors = np.linalg.eigh(prior - flat.T @ flat)
        root = vectors * np.sqrt(values.clip(min=0))
        mean = self._mean(indices)
        z = rng.standard_normal((mean.shape[2], size, n_samples))
        moved = (root @ z).reshape(mean.shape[2], len(indices), len(mean), n_samples)
        return mean[..., None] + moved.transpose(2, 1, 0, 3) * self._unit[:, None]

    def noise(self) -> np.ndarray:
        """Of white kernels, and of `alpha` where it is one number."""
        places, kernel = self.jet.value, self.step.kernel_
        white = kernel.diag(places) - np.array([kernel(x[None], x[None])[0, 0] for x in places])
        if np.ndim(self.step.alpha):
            raise ValueError(
                "The noise of a new sample is not known where alpha is one number for each sample: "
                "ask for the mean without it, noise=False, or use a WhiteKernel."
            )
        return np.sqrt(white + self.step.alpha)[:, None] * self._unit

    @property
    def _unit(self):
        return output_scale(self.step)

    def _mean(self, indices):
        jet = propagate(self.step, self.jet)
        return np.stack([jet.partial(index) for index in indices], axis=1)

    def _known(self, indices):
        """What the samples say of each derivative: (N, K, n)."""
        kernel = smooth_kernel(self.step, indices[-1])
        each = []
        for index in indices:
            blocks = covariances_with_samples(self.step, kernel, self.jet, index)
            each.append(whitened(self.step, np.concatenate([block for _, block in blocks])))
        return np.stack(each, axis=1)
