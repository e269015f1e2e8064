"""What the tests of the chain's rules share: samples, and a rule against its own step."""

import warnings

import numpy as np
from numpy.testing import assert_allclose

from sk_pydelt.estimator_checks import assert_slopes
from sk_pydelt.jets import Jet

TOLERANCES = (1e-6, 1e-5, 1e-5)  # of derivatives of order 1, 2 and 3 against differences

RNG = np.random.RandomState(0)
X = RNG.uniform(0.5, 2.5, (60, 3))
y = np.exp(np.sin(X[:, 0]) + 0.3 * X[:, 1] * X[:, 2])
Y = np.column_stack([y, np.cos(X[:, 0]) * X[:, 1]])
ROWS = RNG.uniform(0.6, 2.4, (12, 3))


def check_rule(rule, function, rows=ROWS, *, step=1e-3, max_order=3, rtol=1e-11):
    """The jet's value is the function, and each order is the slope of the one below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of derivatives that vanish almost everywhere
        empty = rule(Jet.variables(rows[:0], max_order))
        jet = rule(Jet.variables(rows, max_order))
    assert empty.value.shape == (0, jet.value.shape[1])

    def table(places):
        return np.asarray(function(places), dtype=float).reshape(len(places), -1)

    expected = table(rows)
    assert_allclose(jet.value, expected, rtol=rtol, atol=rtol * abs(expected).max())
    lower = table
    for k in range(1, max_order + 1):
        assert np.isfinite(jet.tensor(k)).all()
        assert_slopes(lower, jet.tensor(k), rows, TOLERANCES[k - 1], step)

        def lower(places, k=k):
            return rule(Jet.variables(places, k)).tensor(k)
