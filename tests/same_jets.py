"""What jets are compared by."""

from itertools import product

from numpy.testing import assert_allclose


def indices(n_variables, max_order):
    """All multi-indices up to an order, found the slow way."""
    every = product(range(max_order + 1), repeat=n_variables)
    return [alpha for alpha in every if sum(alpha) <= max_order]


def assert_same_jet(actual, expected, atol=1e-13):
    assert (actual.order, actual.n_variables) == (expected.order, expected.n_variables)
    for k in range(actual.order + 1):
        assert_allclose(actual.tensor(k), expected.tensor(k), rtol=1e-12, atol=atol)
