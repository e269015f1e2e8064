"""Highest derivatives in reverse are those that pass forward through the layers."""

import numpy as np
import pytest
from arrays import each_array
from same_jets import assert_same_jet

from sk_pydelt.jets import Jet
from sk_pydelt.jets.activations import ACTIVATIONS
from sk_pydelt.jets.perceptron import Dense, initial_layers, propagate
from sk_pydelt.jets.reverse import is_shorter

Z = np.random.default_rng(0).uniform(-1, 1, (5, 3))


def forward(layers, activation, jet):
    """Every derivative through every layer."""
    for k, (weight, bias) in enumerate(layers):
        jet = ACTIVATIONS[activation].taylor(jet) if k else jet
        jet = jet @ weight.T + bias
    return jet


@each_array
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("curved", [False, True], ids=["affine", "curved"])
def test_the_same_jet_as_forward(array, order, activation, curved):
    layers = initial_layers((3, 6, 5, 2), activation, 3.0, 0)
    layers = [Dense(array(weight), array(bias)) for weight, bias in layers]
    jet = Jet.variables(array(Z), order)
    jet = jet * jet[:, [1, 0, 2]] + jet if curved else jet
    assert is_shorter(jet, 2)
    assert_same_jet(propagate(layers, activation, jet), forward(layers, activation, jet))


def test_one_layer():
    (layer,) = initial_layers((3, 1), "tanh", 1.0, 0)
    for order in (1, 2):
        jet = Jet.variables(Z, order).square()
        assert_same_jet(propagate([layer], "tanh", jet), jet @ layer.weight.T + layer.bias)
    line = propagate([layer], "tanh", Jet.variables(Z, 2))
    assert not line.tensor(2).any()


def test_when_it_is_shorter():
    jet = Jet.variables(Z, 2)
    assert is_shorter(jet, 5)
    assert not is_shorter(jet, 6)
    assert not is_shorter(Jet.variables(Z, 3), 1)
    assert not is_shorter(Jet.variables(Z, 0), 1)
    assert not is_shorter(Jet.variables(Z[:, :1], 1), 1)
    assert not is_shorter(Jet.constant(Z, 1, 3), 1)
