"""Averages of predictive distributions."""

import numpy as np

__all__ = ["stacking_weights"]


def stacking_weights(log_densities: np.ndarray, n_iter: int = 1000) -> np.ndarray:
    r"""Weights of predictive densities whose mixture gives samples held out the highest density.

    Stacking (Yao, Vehtari, Simpson & Gelman 2018, "Using stacking to average Bayesian predictive
    distributions", Bayesian Anal. 13, 917): :math:`\sum_i \log \sum_k w_k p_k(y_i)` is raised by
    expectation maximisation, :math:`w_k \leftarrow \operatorname{mean}_i w_k p_k(y_i) / \sum_j w_j
    p_j(y_i)`, from equal weights.

    Parameters
    ----------
    log_densities : array of shape (n_models, n)
        Of no samples, all weights are alike.
    n_iter : int

    Returns
    -------
    array of shape (n_models,), summing to 1

    Examples
    --------
    >>> import numpy as np
    >>> stacking_weights(np.array([[0.0, 0.0], [0.0, 0.0], [-9.0, -9.0]])).round(2)
    array([0.5, 0.5, 0. ])
    """
    densities = np.exp(log_densities - log_densities.max(axis=0, initial=-np.inf))
    weights = np.full(len(densities), 1 / len(densities))
    for _ in range(n_iter if densities.size else 0):
        shares = weights[:, None] * densities
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return weights
