"""The main frequency of a curve, by which the first layer of a net is scaled."""

import numpy as np

from ..samples import Samples
from .tails import within_fences

__all__ = ["main_frequency"]

MAX_FREQUENCIES = 1000
TABLE = 16  # waves kept, products of which are all others
SIGNIFICANCE = 4.0  # white noise at n places reaches a share of ln(n) / n times about two


def main_frequency(samples: Samples) -> float:
    r"""The frequency at which the periodogram of a curve is largest, in radians per unit of x.

    A sinusoid of frequency ω that is fitted to the targets explains the share
    :math:`2 |\sum_i c_i y_i e^{i \omega x_i}|^2 / (\sum_i c_i \sum_i c_i y_i^2)` of their squares
    (Schuster 1898; Scargle 1982). Frequencies are those of whole half periods in [-1, 1], up to one
    half period for each place.

    Parameters
    ----------
    samples : Samples
        Scaled to [-1, 1].

    Returns
    -------
    float
        0 where no frequency stands out from white noise, and where there are several features.
    """
    n = len(np.unique(samples.X))
    if samples.X.shape[1] > 1 or n < 3:
        return 0.0
    counts, y = samples.counts[:, : samples.y.shape[1]], samples.values
    if not samples.noise.is_normal:
        y = within_fences(y, samples.weight)
    total = counts.sum(axis=0)
    y = y - (counts * y).sum(axis=0) / np.where(total, total, 1.0)
    squares = (counts * y**2).sum(axis=0)
    y = (counts * y)[:, squares > 0] / np.sqrt((total * squares)[squares > 0])
    frequencies = np.pi / 2 * np.arange(1, min(n, MAX_FREQUENCIES))
    shares = _shares(samples.X[:, 0], y, len(frequencies))
    least = SIGNIFICANCE * np.log(n) / n * squares.size
    best = int(shares.argmax())
    return float(frequencies[best]) if 2 * shares[best] > least else 0.0


def _shares(x, y, n_frequencies):
    """Squared size of the sum of y exp(iωx) over the outputs, at ω = π/2, 2π/2, ..."""
    unit = 0.5j * np.pi * x[:, None]
    table = np.exp(unit * np.arange(1, 1 + TABLE)).T
    starts = range(0, n_frequencies, TABLE)
    sums = [table @ (np.exp(unit * start) * y) for start in starts]
    return (np.abs(np.concatenate(sums)) ** 2).sum(axis=1)[:n_frequencies]
