"""Rules for estimators that sum up kernels: kernel ridge, support vectors, kernel features."""

from functools import reduce
from operator import mul

import numpy as np
from scipy.sparse import issparse
from sklearn.decomposition import KernelPCA
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVR, NuSVR

from ..jets import Jet
from ..jets.elementary import cos, log, sin, sqrt
from ..jets.kernels import weighted_sum
from .pairwise import metric_kernel
from .registry import predicts_1d, propagate

__all__ = []


def _dense(array):
    return array.toarray() if issparse(array) else np.asarray(array)


@propagate.register
def _(step: KernelRidge, jet):
    options = {"gamma": step.gamma, "degree": step.degree, "coef0": step.coef0}
    kernel = metric_kernel(step, step.kernel, jet.value.shape[1], **options)
    weights = step.dual_coef_.reshape(len(step.X_fit_), -1)
    return weighted_sum(kernel, jet, _dense(step.X_fit_), weights)


@propagate.register(SVR)
@propagate.register(NuSVR)
def _(step, jet):
    options = {"gamma": step._gamma, "degree": step.degree, "coef0": step.coef0}
    kernel = metric_kernel(step, step.kernel, jet.value.shape[1], **options)
    vectors, weights = _dense(step.support_vectors_), _dense(step.dual_coef_).T
    return weighted_sum(kernel, jet, vectors, weights) + step.intercept_


predicts_1d.register(KernelRidge, lambda step: step.dual_coef_.ndim == 1)
for cls in (SVR, NuSVR):
    predicts_1d.register(cls, lambda step: True)


@propagate.register
def _(step: Nystroem, jet):
    names = "gamma", "degree", "coef0"
    options = {name: getattr(step, name) for name in names if getattr(step, name) is not None}
    kernel = metric_kernel(step, step.kernel, jet.value.shape[1], **options)
    return weighted_sum(kernel, jet, _dense(step.components_), step.normalization_.T)


@propagate.register
def _(step: KernelPCA, jet):
    options = {"gamma": step.gamma_, "degree": step.degree, "coef0": step.coef0}
    kernel = metric_kernel(step, step.kernel, jet.value.shape[1], **options)
    kept = step.eigenvalues_ > 0
    scaled = np.zeros_like(step.eigenvectors_)
    scaled[:, kept] = step.eigenvectors_[:, kept] / np.sqrt(step.eigenvalues_[kept])
    centre = step._centerer
    centred = scaled - scaled.mean(axis=0)  # centring the kernel's rows, done to the weights
    shift = centre.K_fit_rows_ @ centred
    return weighted_sum(kernel, jet, _dense(step.X_fit_), centred) - shift


@propagate.register
def _(step: RBFSampler, jet):
    angle = jet @ step.random_weights_ + step.random_offset_
    return cos(angle) * np.sqrt(2.0 / step.n_components)


@propagate.register
def _(step: SkewedChi2Sampler, jet):
    angle = log(jet + step.skewedness) @ step.random_weights_ + step.random_offset_
    return cos(angle) * np.sqrt(2.0 / step.n_components)


@propagate.register
def _(step: AdditiveChi2Sampler, jet):
    """Square roots and logarithms of positive features; a zero has no derivative."""
    interval = step.sample_interval or {1: 0.8, 2: 0.5, 3: 0.4}[step.sample_steps]
    logarithm = log(jet)
    root = sqrt(jet)
    columns = [root * np.sqrt(interval)]
    for j in range(1, step.sample_steps):
        factor = root * np.sqrt(2 * interval / np.cosh(np.pi * j * interval))
        angle = logarithm * (j * interval)
        columns += [factor * cos(angle), factor * sin(angle)]
    return Jet.concatenate(columns)


@propagate.register
def _(step: PolynomialCountSketch, jet):
    """Circular convolutions of count sketches, taken as products of their Fourier transforms."""
    jet = jet * np.sqrt(step.gamma)
    if step.coef0 != 0:
        one = np.full((len(jet.value), 1), np.sqrt(step.coef0))
        jet = Jet.concatenate([jet, Jet.constant(one, jet.order, jet.n_variables)])
    sketches = []
    for columns, signs in zip(step.indexHash_, step.bitHash_):
        matrix = np.zeros((jet.value.shape[1], step.n_components))
        np.add.at(matrix, (np.arange(len(columns)), columns), signs)
        sketches.append((jet @ matrix).map_parts(np.fft.fft))
    return reduce(mul, sketches).map_parts(lambda part: np.fft.ifft(part).real)
