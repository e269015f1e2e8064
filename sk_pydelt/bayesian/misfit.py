"""How much of what a net leaves of its samples is its own misfit, and not their noise."""

from collections.abc import Sequence

import numpy as np

from .candidate import Candidate
from .entrant import Entrant

__all__ = ["band_widths"]

LEAST_DOF = 0.5  # of a column of the targets, relative to their mean
LEAST_NOISE_DOF = (
    3.0  # degrees of freedom of noise, as far as they count: of two, t has no variance
)
ALL = slice(None)  # rows
Peer = tuple[Candidate, slice | np.ndarray]  # a net, and the rows of the samples it is fitted to


def band_widths(nets: Sequence[Candidate], entrants: Sequence[Entrant]) -> list[float]:
    r"""Factor of each net by which standard deviations are above those of Laplace's posterior.

    Laplace's posterior takes what a net leaves of N samples for noise, which averages out: in the
    mean over the samples, :math:`\gamma / N` of its variance is left in the values, with γ the
    effective number of parameters. But noise is common to all nets. What a net alone leaves is its
    misfit, and its values have all of that. With c the squared correlation of what it leaves with
    what another leaves of the same samples, that which is closest, variances are

    .. math:: 1 + (1 - c) \frac{N}{\gamma}

    times Laplace's: hardly more in noisy data, and several times as much in exact data, of which
    each net leaves something else. Of several columns of targets, outputs and slopes, the one that
    determines fewest parameters counts, but by half of their mean γ at least: a column may be
    noise alone. Nets that began at the same weights are no two nets.

    Noise that is estimated is known as well as N - γ degrees of freedom ν tell: errors follow
    Student's t, whose variance is :math:`\nu / (\nu - 2)` times as large.

    Parameters
    ----------
    nets : sequence of Candidate
        Those of the average.
    entrants : sequence of Entrant
        What competed; of those in the average, nets of the folds and stuck ones are compared, too.

    Returns
    -------
    list of float
        1 for a net that nothing can be compared with.
    """
    return [_width(net, _peers(net, nets, entrants)) for net in nets]


def _peers(net, nets, entrants):
    """Other nets, each with the rows of the samples of this one that it is fitted to."""
    X, averaged = net.samples.X, [entrant for entrant in entrants if entrant.weight]
    whole = [other for other in nets if other is not net]
    whole += [other for entrant in averaged for other in entrant.stuck]
    peers: list[Peer] = [(other, ALL) for other in whole if np.array_equal(other.samples.X, X)]
    for entrant in averaged:
        if entrant.nets and np.array_equal(entrant.samples.X, X):
            peers += [(other, rest) for other, (_, rest) in zip(entrant.nets, entrant.folds)]
    return [peer for peer in peers if peer[0].seed != net.seed] or peers


def _width(net, peers):
    residuals = net.fit.point.residuals
    shares = [_common(residuals[rows], other.fit.point.residuals) for other, rows in peers]
    m = net.problem.n_targets
    n, dof = np.count_nonzero(net.problem.row_scale) / m, net.fit.dof[:m]
    least = max(dof.min(), LEAST_DOF * dof.mean(), 1.0)
    misfit = 1 + (1 - max(shares, default=1.0)) * n / least
    left = max(net.noise_dof.min(), LEAST_NOISE_DOF)
    return float(np.sqrt(misfit / (1 - 2 / left)))  # the variance of t by that of a normal one


def _common(residuals, others):
    """Share of the variance of residuals that others have, too, in the mean over the columns."""
    with np.errstate(invalid="ignore"):  # nothing is left of a column
        product = np.maximum((residuals * others).sum(axis=0), 0.0)
        shares = product**2 / ((residuals**2).sum(axis=0) * (others**2).sum(axis=0))
    return float(np.nan_to_num(shares, nan=1.0).mean())
