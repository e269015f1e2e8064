"""How well a linearised model predicts samples that it is fitted without."""

from collections.abc import Callable

import numpy as np

from .student import log_density

__all__ = ["held_out_densities"]


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
        From positions (k,) of whitened targets, row by row, to the block of Q, (k, k).
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
        for fold in np.array_split(rng.permutation(n), -(-n // fold_size)):
            positions = (fold[:, None] * m + np.arange(m)).ravel()
            Q = precision(positions)
            Q[np.diag_indices_from(Q)] += 1e-15
            covariance = np.linalg.inv(Q)
            errors = covariance @ residuals[fold].ravel()
            spread = np.maximum(covariance.diagonal(), 1.0) - 1 + trust[fold].ravel()
            density = log_density((errors**2 / spread).reshape(-1, m), dof)
            total[fold] += density - 0.5 * np.log(spread.reshape(-1, m))
    return np.where(known, total / n_repeats + 0.5 * np.log(beta), 0.0).sum(axis=1)
