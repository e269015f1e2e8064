"""Rules for linear models, and for those that are linear but for a link."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import issparse
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.base import ClassifierMixin
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import ARDRegression, BayesianRidge, RANSACRegressor
from sklearn.linear_model._base import LinearModel
from sklearn.linear_model._glm.glm import _GeneralizedLinearRegressor
from sklearn.linear_model._stochastic_gradient import BaseSGDRegressor
from sklearn.svm import LinearSVR

from ..jets import Jet
from ..jets.elementary import exp
from .arrays import any_array
from .latents import Index, Joint, Latent, latent
from .registry import (
    predicts_1d,
    propagate,
    propagate_cov,
    propagate_std,
    propagate_sum_std,
    propagate_transform,
    within,
)

__all__ = []


@any_array
def _affine(step, jet):
    """X @ coef_.T + intercept_, one column for each output."""
    coef = step.coef_.toarray() if issparse(step.coef_) else np.asarray(step.coef_)
    return jet @ np.atleast_2d(coef).T + step.intercept_


propagate.register(LinearModel, _affine)
propagate.register(BaseSGDRegressor, _affine)
propagate.register(LinearSVR, _affine)


@propagate.register
@any_array
def _(step: ClassifierMixin, jet):
    name = type(step).__name__
    raise TypeError(
        f"{name} cannot be differentiated: it predicts labels, which have no derivative. Use a "
        f"regressor, or register a rule with sk_pydelt.chain.propagate.register({name})(rule)."
    )


@propagate.register
@any_array
def _(step: _GeneralizedLinearRegressor, jet):
    link = step._base_loss.link
    if isinstance(link, LogLink):
        return exp(_affine(step, jet))
    if isinstance(link, IdentityLink):
        return _affine(step, jet)
    raise TypeError(
        f"{type(step).__name__} cannot be differentiated: its link {type(link).__name__} is not "
        "known. Register a rule with sk_pydelt.chain.propagate.register."
    )


@propagate.register
@any_array
def _(step: RANSACRegressor, jet):
    with within("estimator"):
        return propagate(step.estimator_, jet)


@propagate.register
def _(step: DummyRegressor, jet):
    value = np.broadcast_to(step.constant_, (len(jet.value), step.constant_.size))
    return Jet.constant(np.array(value, dtype=float), jet.order, jet.n_variables)


@any_array
def _predict_pls(step, jet):
    return _affine(step, jet - step._x_mean)


@any_array
def _project_pls(step, jet):
    return ((jet - step._x_mean) / step._x_std) @ step.x_rotations_


for cls in (PLSRegression, PLSCanonical, CCA):
    propagate.register(cls, _predict_pls)
    propagate_transform.register(cls, _project_pls)


@propagate.register
@any_array
def _(step: PLSSVD, jet):
    return ((jet - step._x_mean) / step._x_std) @ step.x_weights_


predicts_1d.register(LinearModel, lambda step: np.ndim(step.coef_) == 1)
for cls in (_GeneralizedLinearRegressor, BaseSGDRegressor, LinearSVR):
    predicts_1d.register(cls, lambda step: True)
for cls in (PLSRegression, PLSCanonical, CCA):
    predicts_1d.register(cls, lambda step: step._predict_1d)
predicts_1d.register(RANSACRegressor, lambda step: predicts_1d(step.estimator_))
predicts_1d.register(DummyRegressor, lambda step: step.n_outputs_ == 1)


def _factors(step, jet, index):
    """Derivatives of the centred features by which coefficients are multiplied: (n, p)."""
    found = (jet - step.X_offset_).partial(index)
    pruned = isinstance(step, ARDRegression)
    return found[:, step.lambda_ < step.threshold_lambda] if pruned else found


def _linear_std(step, factors):
    """Of the mean, by the posterior of the coefficients: without the noise."""
    variance = np.einsum("ni,ij,nj->n", factors, step.sigma_, factors)
    return np.sqrt(np.maximum(variance, 0.0))[:, None]


for cls in (BayesianRidge, ARDRegression):

    @propagate_std.register(cls)
    def _(step, jet, index):
        return _linear_std(step, _factors(step, jet, index))

    @propagate_sum_std.register(cls)
    def _(step, jet, index, weights):
        return _linear_std(step, weights @ _factors(step, jet, index))

    @propagate_cov.register(cls)
    def _(step, jet, index):
        factors = _factors(step, jet, index)
        return (factors @ step.sigma_ @ factors.T)[..., None]


class LinearLatent(Latent):
    """Bayesian linear models: their mean without the noise, by the posterior of the coefficients.

    Parameters
    ----------
    step : fitted BayesianRidge or ARDRegression
    jet : Jet of shape (n, n_features_in)
    """

    def __init__(self, step: BayesianRidge | ARDRegression, jet: Jet) -> None:
        self.step, self.jet = step, jet

    def joints(self, indices: Sequence[Index]) -> list[Joint]:
        factors, mean = self._factors(indices), self._mean(indices)
        between = np.einsum("nip,pq,njq->nij", factors, self.step.sigma_, factors)
        return [Joint(1.0, mean, between[..., None])]

    def draws(
        self, indices: Sequence[Index], n_samples: int, rng: np.random.RandomState
    ) -> np.ndarray:
        values, vectors = np.linalg.eigh(self.step.sigma_)
        z = rng.standard_normal((len(values), n_samples))
        moved = self._factors(indices) @ (vectors @ (np.sqrt(values.clip(min=0))[:, None] * z))
        return self._mean(indices)[..., None] + moved[:, :, None]

    def noise(self) -> np.ndarray:
        return np.full((len(self.jet.value), 1), self.step.alpha_**-0.5)

    def _mean(self, indices):
        jet = _affine(self.step, self.jet)
        return np.stack([jet.partial(index) for index in indices], axis=1)

    def _factors(self, indices):
        each = [_factors(self.step, self.jet, index) for index in indices]
        return np.stack(each, axis=1)


for cls in (BayesianRidge, ARDRegression):
    latent.register(cls, LinearLatent)
