"""Slopes of torch modules while they are trained, and derivatives by the weights."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch_modules import plain

from sk_pydelt.backends.pytorch.perceptron import MultilayerPerceptron
from sk_pydelt.backends.pytorch.slopes import (
    ModuleFunction,
    jet_of_places,
    values_and_slopes,
    weight_function,
)
from sk_pydelt.jets.activations import ACTIVATIONS


def perceptron(activation="tanh"):
    return MultilayerPerceptron(
        2,
        3,
        hidden_layers=(5, 4),
        activation=activation,
        omega_0=2.0,
        dropout_rate=0.0,
        batch_norm=False,
        dtype=torch.float64,
        device="cpu",
        seed=0,
    )


def weights(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach()


@pytest.fixture
def places():
    return torch.tensor(np.random.default_rng(0).standard_normal((6, 2 * 3)))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_slopes_are_those_of_torch_func_and_of_the_same_net_on_arrays(activation, places):
    module = perceptron(activation)
    X, directions = places[:, :2], places[:, 2:].view(6, 2, 2)
    slopes = torch.stack([torch.func.jacrev(module)(x) for x in X]).detach()
    expected = torch.einsum("nmp,nap->nam", slopes, directions).flatten(1)
    with torch.no_grad():
        outputs = values_and_slopes(module, places, 2)
        assert_allclose(outputs[:, :3], module(X), rtol=1e-14)
        assert_allclose(values_and_slopes(module, X, 0), module(X))
    assert_allclose(outputs[:, 3:], expected, rtol=1e-10, atol=1e-12)
    jet = jet_of_places(places, 2).map_parts(torch.Tensor.numpy)
    forward = weight_function(module).forward(weights(module).numpy(), jet)
    assert_allclose(forward.columns(), outputs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_directions", [0, 2])
def test_the_jacobian_of_a_users_module(places, n_directions):
    module = plain(2, 2).double()
    function, w = weight_function(module), weights(module)
    assert isinstance(function, ModuleFunction)
    rows = places[:4] if n_directions else places[:4, :2]
    jet = jet_of_places(rows, n_directions).map_parts(torch.Tensor.numpy)
    forward = function.forward(w.numpy(), jet)
    with torch.no_grad():
        outputs = values_and_slopes(module, rows, n_directions)
    assert_allclose(forward.columns(), outputs, rtol=1e-12)
    J, step = forward.jacobian().dense(), 1e-6
    for i in range(0, len(w), 3):  # against central differences
        shift = step * np.eye(len(w))[i]
        sides = [function.forward(w.numpy() + s * shift, jet).columns() for s in (1, -1)]
        column = ((sides[0] - sides[1]) / (2 * step)).ravel()
        assert_allclose(J[:, i], column, rtol=1e-6, atol=1e-8)
