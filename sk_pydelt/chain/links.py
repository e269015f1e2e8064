r"""Distributions of functions of normal ones: mean and spread of g(f) and of its derivatives.

At a place :math:`\partial^\alpha g(f)` is a polynomial in the derivatives of f up to α, with
coefficients g′(f), g″(f), … (Faà di Bruno). Given f these derivatives are normal, so that its mean
and that of its square follow exactly from few nodes of Gauss and Hermite; f itself takes many.
"""

from itertools import product
from math import factorial, prod

import numpy as np

from ..jets import Jet, multi_indices
from ..jets.blocks import row_slices, rows_within
from .latents import Index, Latent

__all__ = ["draws_of_link", "indices_below", "moments_of_link"]

NODES = 64  # for f, where g is smooth
MANY, MANY_REACH = 6001, 12.0  # where g has kinks: nodes, standard deviations as far as which
AGREEMENT, ROUNDING = 1e-6, 1e-12  # of two rules, in standard deviations of g(f) and of its mean
FAR = 6.5  # standard deviations of f beyond which it may leave the domain of g
MOST_NODES = 10**6
BLOCK_ENTRIES = 2**21  # numbers of nodes, places and derivatives held at a time
SINGULAR = 1e-12  # of a variance: what is left of it is rounding


def indices_below(index: Index) -> list[Index]:
    """All partial derivatives that a derivative of g(f) is made of, that of order zero first."""
    return sorted(product(*(range(k + 1) for k in index)), key=lambda some: (sum(some), some))


def moments_of_link(
    latent: Latent, index: Index, noise: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (n, m) of one partial derivative of g(f).

    Parameters
    ----------
    latent : Latent
    index : tuple of int
    noise : bool, default=False
        Whether of g(f + ε), ε the noise of a sample, the same at all places.

    Raises
    ------
    ValueError
        f lies where g has no derivatives, with a probability that counts; or the order is so high
        that it takes too many nodes.
    TypeError
        g mixes outputs.
    """
    indices = indices_below(index)
    joints, spread = latent.joints(indices), latent.noise() if noise else 0.0
    centre = np.asarray(sum(joint.weight * joint.mean for joint in joints))
    _require_each_alone(latent, centre[:1, 0])
    roots = [_root(joint.covariance, spread) for joint in joints]
    z, weights = _nodes(index, indices, _rule(latent, joints, roots))
    first = _derivatives(latent, centre[..., None], indices, index)[..., 0]
    mean, square = np.zeros_like(first), np.zeros_like(first)
    for rows in row_slices(len(first), rows_within(z.size * first.shape[1], BLOCK_ENTRIES)):
        for joint, root in zip(joints, roots):
            values = joint.mean[rows, ..., None] + np.einsum("nijm,js->nims", root[rows], z)
            off = _derivatives(latent, values, indices, index) - first[rows, :, None]
            mean[rows] += joint.weight * off @ weights
            square[rows] += joint.weight * off**2 @ weights
    return first + mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def draws_of_link(
    latent: Latent, index: Index, n_samples: int, rng: np.random.RandomState
) -> np.ndarray:
    """One partial derivative of g(f) of functions drawn, (n, m, n_samples)."""
    indices = indices_below(index)
    values = latent.draws(indices, n_samples, rng)
    return _derivatives(latent, values, indices, index)


def _nodes(index, indices, rule):
    """Nodes (K, S) and weights (S,) of independent normal numbers, the first by a rule.

    A derivative of order b is, in one of order a, in products of a / b at most.
    """
    counts = [sum(index) // sum(some) + 1 for some in indices[1:]]
    if (n_nodes := prod(counts) * len(rule[0])) > MOST_NODES:
        raise ValueError(
            f"The spread of a derivative of order {index} of a transformed target takes "
            f"{n_nodes:.0e} nodes at each place, and {MOST_NODES:.0e} are the most: ask for a "
            "lower order, or draw functions with sk_pydelt.sample."
        )
    rules = [rule] + [_gauss(count) for count in counts]
    z = np.stack([grid.ravel() for grid in np.meshgrid(*(nodes for nodes, _ in rules))])
    return z, np.ravel(prod(np.meshgrid(*(weights for _, weights in rules))))


def _gauss(count):
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes, weights / weights.sum()


def _near(nodes, weights):
    near = abs(nodes) < FAR
    return nodes[near], weights[near] / weights[near].sum()


def _rule(latent, joints, roots):
    """Nodes and weights for f: Gauss's where two of them agree, else many, for g has kinks."""
    rules = [_gauss(NODES), _gauss(NODES - 3)]
    try:
        found = [_moments(latent, joints, roots, rule) for rule in rules]
    except ValueError:
        rules = [_near(*rule) for rule in rules]
        try:
            found = [_moments(latent, joints, roots, rule) for rule in rules]
        except ValueError as error:
            raise ValueError(
                "The function that was fitted to the transformed target lies where the inverse "
                "transformation is not defined, with a probability that counts, so that y has no "
                f"mean and no spread: use another transformer of the target. {error}"
            ) from error
    (mean, square), (other, _) = found
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    if np.all(abs(mean - other) <= AGREEMENT * spread + ROUNDING * abs(mean)):
        return rules[0]
    nodes = np.linspace(-MANY_REACH, MANY_REACH, MANY)
    weights = np.exp(-(nodes**2) / 2)
    nodes = (nodes, weights / weights.sum())
    return nodes if len(rules[0][0]) == NODES else _near(*nodes)


def _moments(latent, joints, roots, rule):
    """Mean and mean square of g(f) in each component, (n, n_joints m)."""
    nodes, weights = rule
    found = []
    for joint, root in zip(joints, roots):
        values = joint.mean[:, :1, :, None] + root[:, :1, 0, :, None] * nodes
        off = _derivatives(latent, values, [(0,)], (0,))
        found.append((off @ weights, off**2 @ weights))
    means, squares = zip(*found)
    return np.hstack(means), np.hstack(squares)


def _derivatives(latent, values, indices, index):
    """A derivative of g(f), (n, m, S), from those of f: (n, K, m, S)."""
    n, _, m, n_draws = values.shape
    columns = values.transpose(1, 3, 0, 2).reshape(len(indices), n_draws * n, m)
    jet = latent.inverse(_jet(columns, indices, sum(index)))
    found = jet.partial(index)
    return found.reshape(n_draws, n, found.shape[1]).transpose(1, 2, 0)


def _jet(columns, indices, order):
    """A jet from its partial derivatives (K, n, m)."""
    q = len(indices[0])
    place = {some: i for i, some in enumerate(indices)}
    parts = [np.zeros((len(multi_indices(q, k)), *columns.shape[1:])) for k in range(order + 1)]
    for part, k in zip(parts, range(order + 1)):
        for row, some in enumerate(multi_indices(q, k)):
            if some in place:
                part[row] = columns[place[some]] / float(prod(map(factorial, some)))
    return Jet(parts, order, q)


def _root(covariance, noise):
    """Lower triangular roots (n, K, K, m) of covariances that may be singular.

    The first number of each has noise besides.
    """
    covariance, root = covariance.copy(), np.zeros_like(covariance)
    covariance[:, 0, 0] += np.square(noise)
    for j in range(covariance.shape[1]):
        left = covariance[:, :, j] - np.einsum("nikm,nkm->nim", root[:, :, :j], root[:, j, :j])
        free = left[:, j] > SINGULAR * covariance[:, j, j]
        scale = np.where(free, 1 / np.sqrt(np.where(free, left[:, j], 1.0)), 0.0)
        root[:, j:, j] = left[:, j:] * scale[:, None]
    return root


def _require_each_alone(latent: Latent, values: np.ndarray) -> None:
    """Raise a TypeError unless g takes each output by itself."""
    rates = latent.inverse(Jet.variables(values, 1)).tensor(1)
    each = np.eye(values.shape[1], dtype=bool)
    if rates.shape[1:] != each.shape or rates[:, ~each].any():
        raise TypeError(
            "Standard deviations and means do not pass through the inverse of a target's "
            "transformer that mixes outputs: use one that changes each output alone, such as "
            "PowerTransformer(), or draw functions with sk_pydelt.sample."
        )
