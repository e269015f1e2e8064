"""How well a linearised model predicts samples that it is fitted without."""

from collections.abc import Callable

import numpy as np

from .student import log_density

__all__ = ["held_out_densities"]

BLOCK_FOLDS = 256  # folds whose blocks of Q are held at once


def held_out_densities(
    precision: Callable[[np.ndarray], np.ndarray],
    residuals: np.ndarray,
    beta: np.ndarray,
    fold_size: int = 3,
    n_repeats: int = 3,
    known: np.ndarray | bool = True,
    trust: np.ndarray | float = 1.0,
    dof: np.ndarray | float = np.inf,
) -> np.ndarray:
    r"""Log predictive density of each sample by the linearised net fitted without its fold.

    The whitened targets of the linearised net are Gaussian with covariance C. Given the others,
    those of a fold F have the precision :math:`Q_{FF}`, a block of :math:`Q = C^{-1}`, and errors
    :math:`Q_{FF}^{-1} r_F` with r the residuals of the net fitted to all samples: so the
    cross-validation of a linear model costs no fit (Rasmussen & Williams 2006, section 5.4.2).

    Parameters
    ----------
    precision : callable
        From positions (f, k) of whitened targets to the blocks of Q of each row, (f, k, k).
    residuals : array of shape (n, m)
        r, whitened.
    beta : array of shape (m,)
    fold_size : int, default=3
        Samples left out together. Single ones flatter nets that pass through all samples.
    n_repeats : int, default=3
        Partitions into folds, always the same, over which densities are averaged.
    known : array of bool of shape (n, m), default=True
        Entries that count.
    trust : array of shape (n, m), default=1.0
        Variance of the noise of samples not seen, in whitened units.
    dof : array of shape (m,), default=inf
        Degrees of freedom of the noise, as of Student's t. What the net does not know of a place
        is added to its squared scale.

    Returns
    -------
    array of shape (n,)
        Summed over the outputs.
    """
    n, m = residuals.shape
    trust = np.broadcast_to(trust, (n, m))
    rng, total = np.random.RandomState(0), np.zeros((n, m))
    for _ in range(n_repeats):
        for folds in _folds(rng.permutation(n), -(-n // fold_size)):
            each = *folds.shape, m
            positions = (folds[..., None] * m + np.arange(m)).reshape(len(folds), -1)
            covariance = np.linalg.inv(precision(positions) + 1e-15 * np.eye(positions.shape[1]))
            errors = covariance @ residuals[folds].reshape(len(folds), -1, 1)
            variance = covariance.diagonal(axis1=1, axis2=2).reshape(each)
            spread = np.maximum(variance, 1.0) - 1 + trust[folds]
            density = log_density(errors.reshape(each) ** 2 / spread, dof)
            total[folds] += density - 0.5 * np.log(spread)
    return np.where(known, total / n_repeats + 0.5 * np.log(beta), 0.0).sum(axis=1)


def _folds(rows, n_folds):
    """Blocks (f, k) of folds of k rows: so many folds, of which k differs by one at most."""
    size, n_longer = divmod(len(rows), n_folds)
    end = n_longer * (size + 1)
    for folds in rows[:end].reshape(-1, size + 1), rows[end:].reshape(-1, size):
        starts = range(0, len(folds), BLOCK_FOLDS)
        yield from (folds[start : start + BLOCK_FOLDS] for start in starts)
