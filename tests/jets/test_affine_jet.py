"""An affine map of a jet, part by part, and what is added to it and multiplied with it."""

import numpy as np
import pytest
from arrays import each_array
from numpy.testing import assert_allclose
from same_jets import assert_same_jet
from sklearn.preprocessing import StandardScaler

from sk_pydelt.chain import propagate_inverse
from sk_pydelt.jets import Jet
from sk_pydelt.jets.affine_jet import AffineJet

RNG = np.random.default_rng(0)
X, W, B = RNG.uniform(-1, 1, (5, 3)), RNG.uniform(-1, 1, (3, 2)), RNG.uniform(-1, 1, 2)


def pair(array, order=3):
    """The jet of an affine map, and the same with all parts computed."""
    inner = Jet.variables(array(X), order).square()
    return AffineJet(inner, array(W), array(B)), inner @ W + B


OPERATIONS = {
    "nothing": lambda jet: jet,
    "scaled and shifted": lambda jet: jet * np.array([2.0, -3.0]) + np.array([0.5, 1.0]),
    "numbers": lambda jet: 1.0 + 2.0 * jet,
    "subtracted and divided": lambda jet: (jet - np.array([0.5, 1.0])) / np.array([2.0, -3.0]),
    "by rows": lambda jet: jet * X[:, :1] + X[:, :2],
    "one row": lambda jet: jet * np.array([[2.0, -3.0]]),
    "with jets": lambda jet: jet * jet + jet,
    "columns": lambda jet: jet[:, 1],
    "power": lambda jet: (jet.square() + 1.0) ** 0.5,
}


@each_array
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_it_is_the_jet_that_it_stands_for(array, operation):
    found, expected = map(operation, pair(array))
    assert_same_jet(found, expected)
    assert_allclose(found.value, expected.value, rtol=1e-12)
    assert found.degree == expected.degree
    assert_allclose(found.coefficients(), expected.coefficients(), rtol=1e-12, atol=1e-14)


def test_a_part_that_is_not_asked_for_is_not_computed():
    scaler = StandardScaler().fit(RNG.uniform(-1, 1, (9, 2)))
    jet = propagate_inverse(scaler, pair(np.asarray)[0])
    assert jet.is_of_numpy
    jet.tensor(2)
    jet.partial((1, 0, 1))
    assert sorted(jet.known) == [2]
    assert pair(np.asarray)[0].degree == 2


def test_an_order_that_it_does_not_hold():
    with pytest.raises(ValueError, match="A jet of order 3 holds no derivatives of order 4"):
        pair(np.asarray)[0].part(4)
