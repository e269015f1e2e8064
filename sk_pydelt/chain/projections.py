"""Rules for transformers that are linear maps: principal components and their kin."""

import numpy as np
from sklearn.decomposition import (
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.random_projection import BaseRandomProjection

from .arrays import any_array
from .registry import propagate, propagate_inverse, propagate_transform

__all__ = []


def _whitening(step):
    """Standard deviation of each component where they are scaled to 1, else 1."""
    scale = np.sqrt(step.explained_variance_) if step.whiten else np.ones(len(step.components_))
    return np.maximum(scale, np.finfo(scale.dtype).eps)


@propagate.register(PCA)
@propagate.register(IncrementalPCA)
@any_array
def _(step, jet):
    return ((jet - step.mean_) @ step.components_.T) / _whitening(step)


@propagate_inverse.register(PCA)
@propagate_inverse.register(IncrementalPCA)
@any_array
def _(step, jet):
    return (jet * _whitening(step)) @ step.components_ + step.mean_


@propagate.register
@any_array
def _(step: TruncatedSVD, jet):
    return jet @ step.components_.T


@propagate_inverse.register
@any_array
def _(step: TruncatedSVD, jet):
    return jet @ step.components_


@propagate.register
@any_array
def _(step: FastICA, jet):
    return (jet - step.mean_ if step.whiten else jet) @ step.components_.T


@propagate_inverse.register
@any_array
def _(step: FastICA, jet):
    jet = jet @ step.mixing_.T
    return jet + step.mean_ if step.whiten else jet


@propagate.register
@any_array
def _(step: FactorAnalysis, jet):
    """Mean of the latent variables given the row (Bishop 2006, "Pattern Recognition", 12.66)."""
    loadings = step.components_ / step.noise_variance_
    precision = np.eye(len(loadings)) + loadings @ step.components_.T
    return (jet - step.mean_) @ (loadings.T @ np.linalg.inv(precision))


@propagate.register
@any_array
def _(step: BaseRandomProjection, jet):
    matrix = step.components_
    return jet @ np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix).T


@propagate.register
@any_array
def _(step: NeighborhoodComponentsAnalysis, jet):
    return jet @ step.components_.T


@propagate_transform.register
@any_array
def _(step: LinearDiscriminantAnalysis, jet):
    jet = (jet - step.xbar_) @ step.scalings_ if step.solver == "svd" else jet @ step.scalings_
    return jet[:, : step._max_components]
