"""Interpolators with error bars: what follows from the distribution of the fitted function."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import reduce
from numbers import Integral
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from .base import BaseInterpolator
from .calculus.evaluation import Order, check_one_spread, check_order
from .calculus.reach import require_numbers, without_overflow_warnings
from .chain import latent, propagate, propagate_cov, propagate_std, propagate_sum_std
from .chain.links import draws_of_link, moments_of_link
from .chain.target import linear_factors, output_factors
from .components import Component
from .jets import Jet, multi_indices
from .jets.blocks import map_row_blocks, row_slices
from .mixtures import (
    MixtureLatent,
    draw_from_mixture,
    join_mixtures,
    mixture_covariance,
    mixture_mean,
    mixture_variance,
    move_mixture,
    sum_mixtures,
)
from .state import reads_one_state
from .tensors import in_numpy, is_tensor

__all__ = ["ProbabilisticInterpolator"]

BLOCK_ROWS = 256  # rows whose roots of the covariance are held at once


class ProbabilisticInterpolator(BaseInterpolator):
    r"""An interpolator that knows how its function and all derivatives of it are distributed.

    A child fills two hooks beside those of `BaseInterpolator`, in scaled space: `_mixture_scaled`
    and `_noise_scaled`. Standard deviations and covariances of values and of derivatives of any
    order, those of integrals, through pipelines too, and draws of functions follow from them.

    With weights :math:`w_k`, means :math:`\mu_k` and covariances :math:`C_k` of the components,
    and :math:`\mu = \sum_k w_k \mu_k`, the covariance between places is that of the law of total
    variance,

    .. math:: \sum_k w_k \left(C_k + (\mu_k - \mu)(\mu_k - \mu)^T\right).

    The fit is by `BaseInterpolator.fit`, or by that of `SobolevInterpolator` where a child has both
    for parents.
    """

    @abstractmethod
    def _mixture_scaled(self, jet: Jet, index: tuple[int, ...]) -> list[Component]:
        """The distribution of one partial derivative at the places of a jet, all scaled.

        The orders in `index` are those by the jet's variables. As many components of the same
        weights must come for whatever rows.
        """

    @abstractmethod
    def _noise_scaled(self) -> np.ndarray:
        """Standard deviation of the noise of each scaled target, (m,)."""

    @property
    @reads_one_state
    def noise_std_(self) -> float | np.ndarray:
        """Standard deviation of the noise, in units of y: a number, or (m,) where y was 2-D.

        NaN where `y_scaler` does more than scale and shift each output alone.
        """
        check_is_fitted(self)
        noise = self._noise_scaled()
        return self._each_output(noise * self._units_of_y(len(noise)))

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[False] = False, return_cov: Literal[False] = False
    ) -> np.ndarray: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[True], return_cov: Literal[False] = False
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[False] = False, *, return_cov: Literal[True]
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    @reads_one_state
    def predict(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Values of the fitted function, and its standard deviation or covariance.

        Parameters
        ----------
        X : array-like of shape (n, d)
        return_std : bool, default=False
            Whether to return the standard deviation of the function, without noise. Where
            `y_scaler` does more than scale and shift, it is that of the distribution after the
            inverse, around the mean that `sk_pydelt.expectation` gives.
        return_cov : bool, default=False
            Whether to return the covariance of the function between the places of X instead.

        Returns
        -------
        array of shape (n,) or (n, m), as y was, in its units
        array of the same shape
            With ``return_std=True``.
        array of shape (n, n) or (n, n, m)
            With ``return_cov=True``, in units of y squared: entry (i, j) is the covariance of the
            function's values at rows i and j. Memory grows as the square of n.

        Raises
        ------
        ValueError
            Both `return_std` and `return_cov`.
        TypeError
            `return_cov` where `y_scaler` does more than scale and shift each output alone;
            `return_std` where it mixes outputs.

        Examples
        --------
        The mean of a noisy sine over a period, and how well it is known:

        >>> import numpy as np
        >>> from sk_pydelt import BayesianNeuralNetworkInterpolator
        >>> x = np.linspace(0, 6, 60).reshape(-1, 1)
        >>> y = np.sin(x).ravel() + 0.1 * np.random.default_rng(0).standard_normal(60)
        >>> model = BayesianNeuralNetworkInterpolator((8,), "tanh", random_state=0).fit(x, y)
        >>> values, cov = model.predict(x[:50], return_cov=True)
        >>> cov.shape, bool(np.sqrt(cov.mean()) < np.sqrt(np.diagonal(cov)).mean())
        ((50, 50), True)
        """
        check_one_spread(return_std, return_cov)
        if is_tensor(X):
            return in_numpy(lambda places: self.predict(places, return_std, return_cov), X, self)
        places = self._checked(X)
        values = self._values(places)
        if not (return_std or return_cov):
            return values
        function = (0,) * places.shape[1]
        spread = propagate_cov if return_cov else propagate_std

        def block(rows):
            return spread(self, Jet.variables(rows, 0), function)

        with without_overflow_warnings():
            found = block(places) if return_cov else map_row_blocks(block, places, BLOCK_ROWS)
        require_numbers(found, places, lambda row, near: block(near))
        return values, found[..., 0] if self._y_ndim == 1 else found

    @reads_one_state
    def sample(
        self,
        X: ArrayLike,
        n_samples: int = 1,
        order: Order = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Draw functions, or derivatives of them, from the posterior.

        Parameters
        ----------
        X : array-like of shape (n, d)
        n_samples : int, default=1
        order : int, tuple of int or dict of int, default=0
            0 is the functions themselves, a tuple (one order for each feature) one mixed partial,
            and so is a dict from names of features to their orders; with one feature an int k is
            the k-th derivative.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        array of shape (n_samples, n) or (n_samples, n, m), as y was
            In the units of y, over those of the features for derivatives. Each draw is one function
            at all rows, and the same functions for an int `random_state` at other rows.

        Raises
        ------
        ValueError
            An order that does not fit the features; `n_samples` that is no whole number >= 0;
            places so far from the samples that draws leave float64.
        TypeError
            A `y_scaler` whose inverse has no derivative.
        """
        constraints = {
            "n_samples": [Interval(Integral, 0, None, closed="left")],
            "random_state": ["random_state"],
        }
        asked = {"n_samples": n_samples, "random_state": random_state}
        validate_parameter_constraints(constraints, asked, "sample")
        places, index = self._checked(X), self._index(order)
        rng = check_random_state(random_state)

        def block(rows):
            return _functions(self, Jet.variables(rows, sum(index)), index, draws)

        with without_overflow_warnings():
            first = _mixture(self, Jet.variables(places[:1], sum(index)), index)
            draws = draw_from_mixture(first, n_samples, rng)
            found = map_row_blocks(block, places, BLOCK_ROWS)
        require_numbers(found, places, lambda row, near: block(near))
        samples = found.transpose(2, 0, 1)
        return samples[..., 0] if self._y_ndim == 1 else samples

    def _index(self, order):
        """One order for each feature."""
        d = self.n_features_in_
        zero = (0,) * d
        if isinstance(order, Integral | tuple) and order in (0, zero):
            return zero
        order = check_order(order, self)
        if isinstance(order, tuple):
            return order
        if d > 1:
            raise ValueError(
                f"order must be 0 or a tuple with one order for each of the {d} features, such as "
                f"{(1, *zero[1:])}; got {order!r}."
            )
        return (order,)

    def _units_of_y(self, n_outputs):
        """What one scaled unit of each output is in units of y; NaN where it is no fixed number."""
        factors = linear_factors(self.y_scaler_, n_outputs)
        return np.full(n_outputs, np.nan) if factors is None else abs(factors)

    def _normal_noise(self):
        """Standard deviation of the noise of each scaled target, where it is normal."""
        return self._noise_scaled()


@latent.register
@reads_one_state
def _(step: ProbabilisticInterpolator, jet):
    return MixtureLatent(step, jet)


@propagate_std.register
@reads_one_state
def _(step: ProbabilisticInterpolator, jet, index):
    factors = linear_factors(step.y_scaler_, propagate(step, jet[:0]).value.shape[1])
    if factors is None:
        return moments_of_link(latent(step, jet), index)[1]
    powers = _powers(step, jet)
    blocks = _blocks(step, jet, index, powers)
    variance = np.concatenate([mixture_variance(parts) for _, parts in blocks])
    return np.ldexp(np.sqrt(variance), -powers @ index) * abs(factors)


@propagate_sum_std.register
@reads_one_state
def _(step: ProbabilisticInterpolator, jet, index, weights):
    powers = _powers(step, jet)
    blocks = _blocks(step, jet, index, powers)
    sums = ([part.sums(weights[:, rows]) for part in parts] for rows, parts in blocks)
    variance = mixture_variance(reduce(sum_mixtures, sums))
    std = np.ldexp(np.sqrt(variance), -powers @ index)
    return std * abs(output_factors(step.y_scaler_, variance.shape[-1]))


@propagate_cov.register
@reads_one_state
def _(step: ProbabilisticInterpolator, jet, index):
    powers = _powers(step, jet)
    covariance = mixture_covariance(
        join_mixtures([parts for _, parts in _blocks(step, jet, index, powers)])
    )
    covariance = np.ldexp(covariance, -2 * powers @ index)
    return covariance * output_factors(step.y_scaler_, covariance.shape[-1]) ** 2


def _mixture(step, jet, index) -> list[Component]:
    """The scaled mixture from the jet of X, not scaled."""
    return step._mixture_scaled(step._enter(jet), index)


def _powers(step, jet):
    """Of each variable, the power of two by which it moves the scaled features by about one."""
    lines = step._enter(jet[:1]).parts[1:2] or [np.ones((jet.n_variables, 1, 1))]
    return 1 - np.frexp(np.abs(lines[0]).max(axis=(1, 2), initial=0.0))[1]


def _stretched(jet, powers):
    """The jet by variables that are multiplied by powers of two."""
    by_degree = [np.array(multi_indices(jet.n_variables, k)) @ powers for k in range(jet.order + 1)]
    parts = [np.ldexp(part, p[:, None, None]) for part, p in zip(jet.parts, by_degree)]
    return Jet(parts, jet.order, jet.n_variables)


def _blocks(step, jet, index, powers) -> Iterator[tuple[slice, list[Component]]]:
    """Blocks of rows of a jet, with the mixture of one of its derivatives there.

    The derivative is by variables times 2^powers, so that squares of it stay within float64.
    """
    for rows in row_slices(len(jet.value), BLOCK_ROWS):
        entered = _stretched(step._enter(jet[rows]), powers)
        yield rows, step._mixture_scaled(entered, index)


def _functions(step, jet, index, draws):
    """A derivative of the functions drawn, in units of y: (n, m, n_samples)."""
    parts = _mixture(step, jet, index)
    mean = mixture_mean(parts)
    factors = linear_factors(step.y_scaler_, mean.shape[1])
    if factors is None:
        n_samples, rng = len(draws[1]), np.random.RandomState(0)  # nothing more is drawn
        return draws_of_link(MixtureLatent(step, jet, draws), index, n_samples, rng)
    average = propagate(step, jet).partial(index)[..., None]
    return average + factors[:, None] * (move_mixture(parts, *draws) - mean[..., None])
