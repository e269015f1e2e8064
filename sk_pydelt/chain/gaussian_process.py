"""The rules for Gaussian processes: their mean and the standard deviation of its derivatives."""

from collections.abc import Callable, Iterator
from functools import singledispatch
from math import inf

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp

from ..jets import Jet
from ..jets.blocks import row_slices, rows_within
from ..jets.kernels import Constant, Dot, Power, Product, Sum, weighted_sum
from ..jets.pairs import both_arguments, covariance_blocks
from ..jets.radial import Radial, exp_sine_squared, gaussian, matern, rational_quadratic
from .pairwise import metric_kernel
from .registry import predicts_1d, propagate, propagate_cov, propagate_std, propagate_sum_std

__all__ = [
    "covariances_with_samples",
    "jet_kernel",
    "output_scale",
    "smooth_kernel",
    "whitened",
]


@singledispatch
def jet_kernel(kernel: gp.Kernel) -> Callable[..., Jet]:
    """A kernel of `sklearn.gaussian_process` as a function of jets.

    Parameters
    ----------
    kernel : fitted kernel

    Returns
    -------
    callable, ``(left, right) -> Jet``
        `left` is a jet of shape (n, d); `right` an array (N, d), for a jet of shape (n, N), or
        another jet (n, d), row by row, for a jet of shape (n, 1). Its attribute `smoothness` (inf
        where it has none) bounds the orders whose standard deviation exists.
    """
    name = type(kernel).__name__
    raise TypeError(
        f"The kernel {name} cannot be differentiated: no rule says how. Use another kernel, or "
        f"register it with sk_pydelt.chain.gaussian_process.jet_kernel.register({name})(rule), "
        "where rule(kernel) returns a function of jets."
    )


@jet_kernel.register
def _(kernel: gp.RBF):
    return Radial(gaussian, kernel.length_scale)


@jet_kernel.register
def _(kernel: gp.Matern):
    profile = gaussian if kernel.nu == inf else matern(kernel.nu)
    return Radial(profile, kernel.length_scale, smoothness=kernel.nu)


@jet_kernel.register
def _(kernel: gp.RationalQuadratic):
    return Radial(rational_quadratic(kernel.alpha), kernel.length_scale)


@jet_kernel.register
def _(kernel: gp.ExpSineSquared):
    return Radial(exp_sine_squared(kernel.length_scale, kernel.periodicity))


@jet_kernel.register
def _(kernel: gp.ConstantKernel):
    return Constant(kernel.constant_value)


@jet_kernel.register
def _(kernel: gp.WhiteKernel):
    return Constant(0.0)  # between different points, and of the function without its noise


@jet_kernel.register
def _(kernel: gp.DotProduct):
    return Dot(kernel.sigma_0**2)


@jet_kernel.register
def _(kernel: gp.PairwiseKernel):
    options = kernel.pairwise_kernels_kwargs or {}
    return metric_kernel(kernel, kernel.metric, None, gamma=kernel.gamma, **options)


@jet_kernel.register
def _(kernel: gp.Sum):
    return Sum(jet_kernel(kernel.k1), jet_kernel(kernel.k2))


@jet_kernel.register
def _(kernel: gp.Product):
    return Product(jet_kernel(kernel.k1), jet_kernel(kernel.k2))


@jet_kernel.register
def _(kernel: gp.Exponentiation):
    return Power(jet_kernel(kernel.kernel), kernel.exponent)


@propagate.register
def _(step: GaussianProcessRegressor, jet):
    weights = step.alpha_.reshape(len(step.X_train_), -1)
    samples = np.asarray(step.X_train_, dtype=float)
    mean = weighted_sum(jet_kernel(step.kernel_), jet, samples, weights)
    return mean * step._y_train_std + step._y_train_mean


@predicts_1d.register
def _(step: GaussianProcessRegressor):
    return step.alpha_.ndim == 1 or step.alpha_.shape[1] == 1


@propagate_std.register
def _(step: GaussianProcessRegressor, jet, index):
    r"""Of the posterior's derivative :math:`∂^α f`, for a process without its noise.

    .. math:: \mathrm{Var} = ∂_x^α ∂_{x'}^α k(x, x')|_{x'=x} - \sum_i (L^{-1} ∂_x^α k(X, x))_i^2

    with the Cholesky factor L of the training covariance (Rasmussen & Williams 2006, 9.4).
    """
    kernel = smooth_kernel(step, index)
    blocks = covariances_with_samples(step, kernel, jet, index)
    explained = np.concatenate([(whitened(step, block) ** 2).sum(axis=0) for _, block in blocks])
    left, right = both_arguments(jet, index)
    prior = kernel(left, right).partial((*index, *index))[:, 0]
    return np.sqrt(np.maximum(prior - explained, 0.0))[:, None] * output_scale(step)


@propagate_sum_std.register
def _(step: GaussianProcessRegressor, jet, index, weights):
    """The same of weighted sums, by the covariance of each pair of places."""
    kernel = smooth_kernel(step, index)
    blocks = covariances_with_samples(step, kernel, jet, index)
    explained = whitened(step, sum(weights[:, rows] @ block for rows, block in blocks))
    variance = -(explained**2).sum(axis=0)
    for rows, block in covariance_blocks(kernel, jet, index):
        block[:, block.shape[0] :] *= 2  # the covariance is symmetric
        variance += ((weights[:, rows] @ block) * weights[:, rows.start :]).sum(axis=1)
    return np.sqrt(np.maximum(variance, 0.0))[:, None] * output_scale(step)


@propagate_cov.register
def _(step: GaussianProcessRegressor, jet, index):
    """The same as a matrix between places."""
    kernel, n = smooth_kernel(step, index), len(jet.value)
    blocks = covariances_with_samples(step, kernel, jet, index)
    explained = whitened(step, np.concatenate([block for _, block in blocks]))
    covariance = np.empty((n, n))
    for rows, block in covariance_blocks(kernel, jet, index):
        covariance[rows, rows.start :], covariance[rows.start :, rows] = block, block.T
    covariance -= explained.T @ explained
    np.fill_diagonal(covariance, np.maximum(np.diagonal(covariance), 0.0))
    return covariance[..., None] * output_scale(step) ** 2


def smooth_kernel(step: GaussianProcessRegressor, index: tuple[int, ...]) -> Callable[..., Jet]:
    """The kernel of jets, where its functions have the derivative of that order."""
    kernel = jet_kernel(step.kernel_)
    if sum(index) >= getattr(kernel, "smoothness", inf):
        raise ValueError(
            f"The derivative of order {sum(index)} has no standard deviation: functions of the "
            f"kernel {step.kernel_} are not smooth enough. Use a Matern kernel of larger nu."
        )
    return kernel


def output_scale(step: GaussianProcessRegressor) -> np.ndarray:
    """Unit of each output: (m,)."""
    return np.atleast_1d(step._y_train_std)


def covariances_with_samples(
    step: GaussianProcessRegressor, kernel: Callable[..., Jet], jet: Jet, index: tuple[int, ...]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows with their prior covariances (k, N) with the samples."""
    samples = np.asarray(step.X_train_, dtype=float)
    entries = sum(len(part) for part in jet.parts) * len(samples)
    for rows in row_slices(len(jet.value), rows_within(entries)):
        yield rows, kernel(jet[rows], samples).partial(index)


def whitened(step: GaussianProcessRegressor, covariance: np.ndarray) -> np.ndarray:
    """L⁻¹ times covariances (k, N) with the samples: (N, k), what these say of k numbers."""
    return solve_triangular(step.L_, covariance.T, lower=True, check_finite=False)
