"""The rules for Gaussian processes: their mean and the standard deviation of its derivatives."""

from functools import singledispatch
from math import comb, inf

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp

from ..jets import Jet, multi_indices
from ..jets.kernels import Constant, Dot, Power, Product, Sum, weighted_sum
from ..jets.radial import (
    BLOCK_ENTRIES,
    Radial,
    exp_sine_squared,
    gaussian,
    in_row_blocks,
    matern,
    rational_quadratic,
)
from .pairwise import metric_kernel
from .registry import propagate, propagate_std, propagate_sum_std

__all__ = ["jet_kernel"]


@singledispatch
def jet_kernel(kernel):
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
    mean = weighted_sum(jet_kernel(step.kernel_), jet, np.asarray(step.X_train_, float), weights)
    return mean * step._y_train_std + step._y_train_mean


@propagate_std.register
def _(step: GaussianProcessRegressor, jet, index):
    r"""Of the posterior's derivative :math:`∂^α f`, for a process without its noise.

    .. math:: \mathrm{Var} = ∂_x^α ∂_{x'}^α k(x, x')|_{x'=x} - \sum_i (L^{-1} ∂_x^α k(X, x))_i^2

    with the Cholesky factor L of the training covariance (Rasmussen & Williams 2006, 9.4).
    """
    kernel, places = _smooth_kernel(step, index), np.asarray(step.X_train_, dtype=float)
    variance = _prior_variance(kernel, jet, index) - _explained(step, kernel, jet, index, places)
    return _std(step, variance)


@propagate_sum_std.register
def _(step: GaussianProcessRegressor, jet, index, weights):
    """The same of weighted sums, by the covariance of each pair of places."""
    kernel, places = _smooth_kernel(step, index), np.asarray(step.X_train_, dtype=float)
    covariance = sum(
        weights[:, part] @ kernel(jet[part], places).partial(index)
        for part in _row_slices(len(jet.value), len(jet.parts) * len(places))
    )
    solved = solve_triangular(step.L_, covariance.T, lower=True, check_finite=False)
    prior = _prior_variance_of_sums(kernel, jet, index, weights)
    return _std(step, prior - (solved**2).sum(axis=0))


def _smooth_kernel(step, index):
    """The kernel of jets, where its functions have the derivative of that order."""
    kernel = jet_kernel(step.kernel_)
    if sum(index) >= getattr(kernel, "smoothness", inf):
        raise ValueError(
            f"The derivative of order {sum(index)} has no standard deviation: functions of the "
            f"kernel {step.kernel_} are not smooth enough. Use a Matern kernel of larger nu."
        )
    return kernel


def _std(step, variance):
    """In units of the targets, of each output: (n, m)."""
    scale = np.atleast_1d(step._y_train_std)
    return np.sqrt(np.maximum(variance, 0.0))[:, None] * scale


def _explained(step, kernel, jet, index, places):
    """How much of the prior variance the samples take away: shape (n,)."""

    def block(rows):
        covariance = kernel(rows, places).partial(index)
        solved = solve_triangular(step.L_, covariance.T, lower=True, check_finite=False)
        return Jet.constant((solved**2).sum(axis=0)[:, None], rows.order, rows.n_variables)

    entries = sum(len(part) for part in jet.parts) * len(places)
    return in_row_blocks(block, jet, entries).value[:, 0]


def _prior_variance(kernel, jet, index):
    """The kernel's derivative by both of its arguments, at one point: shape (n,)."""
    left, right = (_in_twice_the_variables(jet, index, side) for side in (0, 1))
    return kernel(left, right).partial((*index, *index))[:, 0]


def _row_slices(n_rows, entries_per_row):
    size = max(1, BLOCK_ENTRIES // max(1, entries_per_row))
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def _prior_variance_of_sums(kernel, jet, index, weights):
    """The same of weighted sums: the quadratic form of the weights (k, n), of shape (k,)."""
    left, right = (_in_twice_the_variables(jet, index, side) for side in (0, 1))
    n_terms = comb(left.n_variables + left.order, left.order)
    total = np.zeros(len(weights))
    for part in _row_slices(len(jet.value), len(jet.value) * n_terms):
        rows, others = left[part], right[part.start :]  # the covariance is symmetric
        size = len(rows.value), len(others.value)
        pairs = _repeated(rows, np.repeat, size[1]), _repeated(others, _tiled, size[0])
        covariance = kernel(*pairs).partial((*index, *index)).reshape(size)
        covariance[:, size[0] :] *= 2
        total += ((weights[:, part] @ covariance) * weights[:, part.start :]).sum(axis=1)
    return total


def _repeated(jet, repeat, times):
    return jet.map_parts(lambda part: repeat(part, times, axis=1))


def _tiled(part, times, axis):
    return np.concatenate([part] * times, axis=axis)


def _in_twice_the_variables(jet, index, side):
    """The jet as a function of the first or second half of twice as many variables."""
    q, order = jet.n_variables, 2 * sum(index)
    parts = []
    for k, part in enumerate(jet.parts[: sum(index) + 1]):
        place = {alpha: i for i, alpha in enumerate(multi_indices(2 * q, k))}
        wide = np.zeros((len(place), *jet.value.shape))
        rows = [place[_widen(alpha, q, side)] for alpha in multi_indices(q, k)]
        wide[rows] = part
        parts.append(wide)
    return Jet(parts, order, 2 * q)


def _widen(alpha, q, side):
    return (*alpha, *(0,) * q) if side == 0 else (*(0,) * q, *alpha)
