"""Places along one line: the jets of the first layers are those of any other places."""

import numpy as np
import pytest
from arrays import each_array
from same_jets import assert_same_jet

from sk_pydelt.jets import Jet
from sk_pydelt.jets.activations import ACTIVATIONS
from sk_pydelt.jets.line import is_one_line
from sk_pydelt.jets.parts import MANY_ROWS
from sk_pydelt.jets.perceptron import Dense, initial_layers, propagate

each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


def places(d):
    return np.random.default_rng(0).uniform(-1, 1, (MANY_ROWS + 3, d))


@each_array
@each_activation
@pytest.mark.parametrize(
    ("order", "direction", "widths"),
    [(1, [[1.5]], (1, 6, 2)), (4, [[-0.5]], (1, 6, 5, 2)), (3, [[0.5, -2.0, 0.0]], (3, 4, 5, 1))],
)
def test_the_same_jet_as_of_few_rows(array, activation, order, direction, widths):
    layers = initial_layers(widths, activation, 3.0, 0)
    layers = [Dense(array(weight), array(bias)) for weight, bias in layers]
    X = array(places(widths[0]))
    jet = Jet.variables(X, order, np.array(direction))
    few = [Jet.variables(X[rows : rows + 1], order, np.array(direction)) for rows in range(len(X))]
    assert is_one_line(jet)
    assert not is_one_line(few[0])
    expected = Jet.below([propagate(layers, activation, row) for row in few])
    assert_same_jet(propagate(layers, activation, jet), expected)


@each_array
@each_activation
def test_a_series_is_the_jet_of_a_line_of_slope_one(array, activation):
    z = array(places(2))
    jet = ACTIVATIONS[activation].taylor(Jet.variables(z[:, :1], 5))
    for k, part in enumerate(ACTIVATIONS[activation].series(z[:, :1], 5)):
        np.testing.assert_allclose(part, jet.part(k), rtol=1e-12, atol=1e-14)
    assert len(ACTIVATIONS[activation].series(z, 0)) == 1


def test_what_is_no_line():
    X = places(2)
    assert not is_one_line(Jet.variables(X, 2))
    assert not is_one_line(Jet.constant(X, 2, 1))
    assert not is_one_line(Jet.along(X, X[:, None]))
    assert not is_one_line(Jet.variables(X, 2, np.ones((1, 2))).square())
