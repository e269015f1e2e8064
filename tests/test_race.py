"""Which nets compete, and the samples they are given."""

import numpy as np
from numpy.testing import assert_array_equal

from sk_pydelt.race import Samples, portfolio


def test_the_portfolio_and_what_restricts_it():
    everything = portfolio(1)
    assert {"tanh", "swish", "sine", "rational"} <= {name for _, name, _ in everything}
    sines = portfolio(1, activation="sine")
    assert {name for _, name, _ in sines} == {"sine"}
    assert len({omega for *_, omega in sines}) > 2
    assert portfolio(2, (7,), "sine", 5) == [((7,), "sine", 5.0)]
    assert portfolio(3, (7,), "tanh") == [((7,), "tanh", 1.0)]


def test_copies_are_merged_whatever_their_order():
    X, y = np.array([[2.0], [1.0], [2.0], [2.0]]), np.array([[0.0], [3.0], [0.0], [5.0]])
    samples = Samples.distinct(X, y, np.array([1.0, 2.0, 4.0, 8.0]))
    assert_array_equal(samples.X[:, 0], [1, 2, 2])
    assert_array_equal(samples.y[:, 0], [3, 0, 5])
    assert_array_equal(samples.weight[:, 0], [2, 5, 8])
