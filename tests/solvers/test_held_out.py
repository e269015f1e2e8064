"""Densities of samples that a linear model is fitted without."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt.solvers import held_out


@pytest.mark.parametrize("n", [9, 10, 11])
@pytest.mark.parametrize("block", [1, 256])
def test_held_out_densities_are_those_of_a_gaussian_conditioned_on_the_rest(n, block, monkeypatch):
    monkeypatch.setattr(held_out, "BLOCK_FOLDS", block)
    rng, m = np.random.default_rng(0), 2
    G = rng.standard_normal((n * m, 4))
    C = np.eye(n * m) + G @ G.T
    target, beta = rng.standard_normal(n * m), np.array([2.0, 5.0])
    Q = np.linalg.inv(C)
    found = held_out.held_out_densities(
        lambda rows: Q[rows[:, :, None], rows[:, None]],
        (Q @ target).reshape(n, m),
        beta,
        3,
        n_repeats=1,
    )
    for fold in np.array_split(np.random.RandomState(0).permutation(n), -(-n // 3)):
        F = (fold[:, None] * m + np.arange(m)).ravel()
        R = np.setdiff1d(np.arange(n * m), F)
        gain = C[np.ix_(F, R)] @ np.linalg.inv(C[np.ix_(R, R)])
        spread = np.diag(C[np.ix_(F, F)] - gain @ C[np.ix_(R, F)])
        error = target[F] - gain @ target[R]
        density = -0.5 * (error**2 / spread + np.log(2 * np.pi * spread)) + 0.5 * np.log(
            np.tile(beta, len(fold))
        )
        assert_allclose(found[fold], density.reshape(-1, m).sum(axis=1), rtol=1e-9)
