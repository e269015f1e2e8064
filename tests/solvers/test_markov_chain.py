"""Chains of Gaussian states against the inverse of their whole precision matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_pydelt.solvers.markov_chain import MarkovChain


@pytest.mark.parametrize("n_states", [2, 3, 4, 5, 8, 12, 17])
@pytest.mark.parametrize(("m", "r"), [(1, 2), (2, 3), (3, 5)])
def test_functions_of_neighbours_have_the_covariance_of_all_states(n_states, m, r):
    rng = np.random.default_rng(n_states)
    links = rng.standard_normal((n_states - 1, r, 2 * m))
    whole = np.zeros((n_states - 1, r, n_states * m))
    for i, link in enumerate(links):
        whole[i, :, i * m : (i + 2) * m] = link
    if n_states == 2:  # fewer equations than unknowns
        links = np.concatenate([links, rng.standard_normal((1, m, 2 * m))], axis=1)
        whole = links
    whole = whole.reshape(-1, n_states * m)
    expected = np.linalg.pinv(whole.T @ whole)
    link, factors = rng.integers(0, n_states - 1, 20), rng.standard_normal((20, 2 * m))
    chain = MarkovChain(links)
    columns, entries = chain.rows(link, factors)
    root, wide = np.zeros((20, chain.n_numbers)), np.zeros((20, n_states * m))
    for i in range(20):
        np.add.at(root[i], columns[i], entries[i])
        wide[i, link[i] * m : (link[i] + 2) * m] = factors[i]
    expected = wide @ expected @ wide.T
    assert_allclose(root @ root.T, expected, atol=1e-7 * np.abs(expected).max())


def test_what_belongs_to_a_number_does_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    chain = MarkovChain(rng.standard_normal((9, 3, 4)))
    link, factors = rng.integers(0, 9, 6), rng.standard_normal((6, 4))
    for together, alone in zip(chain.rows(link, factors), chain.rows(link[2:3], factors[2:3])):
        assert_allclose(together[2:3], alone, rtol=1e-12)
