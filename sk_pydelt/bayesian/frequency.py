"""The main frequency of a curve, by which the first layer of a net is scaled."""

import numpy as np

from ..samples import Samples
from .tails import within_fences

__all__ = ["main_frequency"]

MAX_FREQUENCIES = 1000
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
    waves = (np.exp(1j * frequency * samples.X[:, 0]) for frequency in frequencies)
    shares = np.array([(np.abs(wave @ y) ** 2).sum() for wave in waves])
    least = SIGNIFICANCE * np.log(n) / n * squares.size
    best = int(shares.argmax())
    return float(frequencies[best]) if 2 * shares[best] > least else 0.0
