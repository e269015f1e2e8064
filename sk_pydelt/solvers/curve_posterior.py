"""The Gaussian process whose mean is a smoothing spline of one feature: covariances in O(n)."""

from functools import cached_property
from math import factorial

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array

from ..jets import Jet
from .markov_chain import MarkovChain

__all__ = ["CurvePosterior"]

FINENESS, MOST_PARTS = 8, 16  # nodes in a bandwidth, and in a gap at most
NOISY = 100  # roundings that a number comes with
STRETCH, REACH = 1.3, 1e3  # of the gaps of nodes beyond the samples; of their range, how far


class CurvePosterior:
    r"""A curve whose m-th derivative is white noise, given samples of it.

    A smoothing spline is the mean of this process, with a flat prior for polynomials of degree
    m - 1 (Wahba, "Improper priors, spline smoothing and the problem of guarding against model
    errors in regression", JRSS B 40 (1978) 364). The states :math:`(f, f', \dots, f^{(m-1)})` at
    ascending nodes, the samples' places and some between and beyond them, are a `MarkovChain`:
    over a distance h a state changes by its Taylor polynomial and a noise of covariance

    .. math:: Q_{ij} = \tau^2 \frac{h^{2m-1-i-j}}{(2m-1-i-j)\,(m-1-i)!\,(m-1-j)!}.

    What a derivative of order below m varies by between its neighbouring nodes is added in closed
    form. Derivatives of order m and above have no finite variance.

    Parameters
    ----------
    places : array of shape (n,), ascending, n > m
    weight : array of shape (n,)
        The noise of a sample has the variance `variance` / weight.
    m : int
    smoothing : float, positive
        λ: the white noise has the intensity τ² = `variance` / (λ Σ weight).
    variance : float
        Of the noise of a sample of weight one.
    period : float, default=None
        After which the curve repeats: its state there is that at the first place.
    """

    def __init__(
        self,
        places: np.ndarray,
        weight: np.ndarray,
        m: int,
        smoothing: float,
        variance: float,
        period: float | None = None,
    ) -> None:
        self.places, self.weight, self.m = places, weight, m
        self.smoothing, self.variance, self.period = smoothing, variance, period

    def of_variance(self, variance: float) -> "CurvePosterior":
        """The same with another variance of the noise."""
        names = "places", "weight", "m", "smoothing", "period"
        same = {name: vars(self)[name] for name in names}
        return CurvePosterior(variance=variance, **same)

    def __deepcopy__(self, memo: dict) -> "CurvePosterior":
        return self  # nothing in it changes

    def __getstate__(self) -> dict:
        names = "places", "weight", "m", "smoothing", "variance", "period"
        return {name: vars(self)[name] for name in names}

    def root(self, jet: Jet, index: tuple[int, ...]) -> csr_array:
        """A root (n, r) of the covariance of a partial derivative at n places, but for the rest."""
        link, ends, *_ = self._between(jet, index)
        columns, entries = self._chain.rows(link, ends)
        bounds = np.arange(0, columns.size + 1, columns.shape[1])
        entries = np.sqrt(self.variance) * entries.ravel()
        return csr_array((entries, columns.ravel(), bounds), (len(link), self._chain.n_numbers))

    def rest_variance(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """What it varies by beside its root: (n,)."""
        *_, distance, own, bridged = self._between(jet, index)
        free = np.einsum("ni,nij,nj->n", own, self._noise(distance), own)
        return self.variance * np.maximum(free - (bridged**2).sum(axis=1), 0.0)

    def rest_between(self, jet: Jet, index: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray:
        """What it and another derivative at the same place vary by together, beside: (n,)."""
        *_, distance, own, bridged = self._between(jet, index)
        *_, others, others_bridged = self._between(jet, other)
        free = np.einsum("ni,nij,nj->n", own, self._noise(distance), others)
        return self.variance * (free - (bridged * others_bridged).sum(axis=1))

    def rest_covariance(self, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
        """The same as a matrix (n, n): zero between places of different links."""
        _, _, key, *numbers = self._between(jet, index)
        order = np.lexsort((numbers[0], key))
        covariance = np.zeros((len(key), len(key)))
        for group in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
            first, last, bridged = self._ordered(*(array[group] for array in numbers))
            upper = np.triu(first @ last.T)
            block = upper + np.triu(upper, 1).T - bridged @ bridged.T
            covariance[np.ix_(group, group)] = self.variance * block
        return covariance

    def rest_of_sums(self, jet: Jet, index: tuple[int, ...], weights: np.ndarray) -> np.ndarray:
        """The same of weighted sums over the places, with weights (k, n): (k,)."""
        _, _, key, *numbers = self._between(jet, index)
        order = np.lexsort((numbers[0], key))
        starts = np.flatnonzero(np.diff(key[order], prepend=key[order[0]] - 1))
        first, last, bridged = self._ordered(*(array[order] for array in numbers))
        sizes = np.diff(np.r_[starts, len(order)])
        return self.variance * np.array(
            [_quadratic(w, first, last, bridged, starts, sizes) for w in weights[:, order]]
        )

    @cached_property
    def _unit(self):
        """The bandwidth: of this length a state's numbers are of one size."""
        length = float(np.ptp(self.places)) if self.period is None else self.period
        return min((self.smoothing * length) ** (0.5 / self.m), length)

    @cached_property
    def _intensity(self):
        """τ² in units of the bandwidth and of the noise's variance."""
        return self._unit ** (2 * self.m - 1) / (self.smoothing * self.weight.sum())

    @property
    def _narrowest(self):
        """What f⁽ᵐ⁻¹⁾ bends by within links below this is less than the rounding of two ends."""
        return (NOISY * np.finfo(float).eps) ** (1 / self.m)

    @cached_property
    def _nodes(self):
        """Places in units of the bandwidth, from the first sample."""
        u = (self.places - self.places[0]) / self._unit
        u = u if self.period is None else np.append(u, self.period / self._unit)
        gaps = np.diff(u)
        parts = np.clip(np.ceil(FINENESS * gaps), 1, MOST_PARTS).astype(int)
        within = np.concatenate([np.arange(k) / k for k in parts])
        inner = np.repeat(u[:-1], parts) + within * np.repeat(gaps, parts)
        if self.period is not None:
            return np.append(inner, u[-1])
        first = min(1 / FINENESS, u[-1])
        n_beyond = int(np.ceil(np.log(REACH * u[-1] / first) / np.log(STRETCH)))
        beyond = np.cumsum(first * STRETCH ** np.arange(n_beyond))
        return np.r_[-beyond[::-1], inner, u[-1], u[-1] + beyond]

    @cached_property
    def _chain(self):
        """The chain of states at the nodes, scaled by powers of the bandwidth."""
        nodes, m = self._nodes, self.m
        root, sizes = self._noise_root(np.diff(nodes))
        links = np.zeros((len(nodes) - 1, m + 1, 2 * m))
        # D^-1 A(h) = A(1) D^-1: powers of h are taken out on either side
        links[:, :m, :m] = -np.linalg.solve(root, _taylor(np.ones(1), m)[0]) / sizes[:, None]
        links[:, :m, m:] = np.linalg.inv(root) / sizes[:, None]
        u = (self.places - self.places[0]) / self._unit
        at = np.searchsorted(nodes, u) - 1  # the link that ends there; at the first, the last one
        np.add.at(links, (at, m, m), np.sqrt(self.weight))
        return MarkovChain(links, closed=self.period is not None)

    def _noise_root(self, distance):
        """The noise over distances (n,) is that of sizes (n, m) times a root (m, m)."""
        m, k = self.m, np.arange(self.m)
        faculties = np.array([factorial(m - 1 - i) for i in k], dtype=float)
        unit = 1 / ((2 * m - 1 - np.add.outer(k, k)) * np.outer(faculties, faculties))
        sizes = np.sqrt(self._intensity) * distance[:, None] ** (m - 0.5 - k)
        return cholesky(unit[::-1, ::-1], lower=True)[::-1, ::-1], sizes

    def _noise(self, distance):
        """Covariance of the noise over distances (n,): (n, m, m)."""
        root, sizes = self._noise_root(distance)
        return sizes[:, :, None] * (root @ root.T) * sizes[:, None]

    def _ordered(self, distance, own, bridged):
        """Arrays (n, m) u, v and b: the covariance is u_i v_j - b_i b_j where i is not after j."""
        onward, back = _taylor(distance, self.m), _taylor(-distance, self.m)
        shared = _times(own, self._noise(distance))
        return _times(shared, back.transpose(0, 2, 1)), _times(own, onward), bridged

    def _between(self, jet, index):
        """How a derivative follows from the nodes on either side, and what it varies by beside.

        The link (n,); factors (n, 2m) of its two states; and for what else there is a number of
        its group (n,), the distance (n,) from one state, the factors (n, m) of what is added since,
        and the part (n, m) of it, whitened, that the other state knows.
        """
        nodes, m = self._nodes, self.m
        u, e = (jet.value[:, 0] - self.places[0]) / self._unit, np.zeros((len(jet.value), m))
        u = u if self.period is None else u % (self.period / self._unit)
        for k in range(jet.order + 1):  # a sum of factors times derivatives of the curve
            taylor = [np.full((1, 1), float(k == i)) for i in range(k + 1)]
            e[:, k] = jet.compose(taylor).partial(index)[:, 0] / factorial(k) / self._unit**k
        key = np.searchsorted(nodes, u, side="right") - 1
        link = np.clip(key, 0, len(nodes) - 2)
        before, after = key < 0, key > link
        h, distance = nodes[link + 1] - nodes[link], u - nodes[np.clip(key, 0, None)]
        from_near = _times(e, _taylor(distance, m))
        narrow = ~(before | after) & (h < self._narrowest)
        inside = ~(before | after | narrow)[:, None]
        left, right, bridged = self._bridge(e, np.where(inside[:, 0], distance, 0.0), h)
        ends = np.where(inside, np.c_[left, right], 0.0)
        ends[:, :m] += np.where((before | narrow)[:, None], from_near, 0.0)
        ends[:, m:] += np.where(after[:, None], from_near, 0.0)
        own = np.where(before[:, None], e * (-1.0) ** np.arange(m), e)
        return link, ends, key, np.abs(distance), own, np.where(inside, bridged, 0.0)

    def _bridge(self, e, distance, h):
        """Factors of the states on either side, and what the right one knows of the noise."""
        root, sizes = self._noise_root(h)
        onward = _taylor(h - distance, self.m)
        shared = _times(_times(e, self._noise(distance)), onward.transpose(0, 2, 1))
        bridged = solve_triangular(root, (shared / sizes).T).T
        right = solve_triangular(root.T, bridged.T, lower=True).T / sizes
        left = _times(e, _taylor(distance, self.m)) - _times(right, _taylor(h, self.m))
        return left, right, bridged


def _quadratic(w, first, last, bridged, starts, sizes):
    """Σ w_i w_j cov_ij over the groups of rows that begin at `starts`."""
    added = np.cumsum(w[:, None] * first, axis=0)
    before = np.repeat((added - w[:, None] * first)[starts], sizes, axis=0)  # of other groups
    upper = (w[:, None] * last) * (2 * (added - before) - w[:, None] * first)
    known = np.add.reduceat(w[:, None] * bridged, starts, axis=0)
    return max(upper.sum() - (known**2).sum(), 0.0)


def _times(rows, matrices):
    """Each row times its own matrix."""
    return (rows[:, None] @ matrices)[:, 0]


def _taylor(h, m):
    """The matrices (..., m, m) that take a state on by h (...), the noise left out."""
    k = np.arange(m)
    power = np.maximum(k - k[:, None], 0)
    faculties = np.array([factorial(i) for i in range(m)], dtype=float)
    return np.triu(h[..., None, None] ** power / faculties[power])
