"""Dense layers on arrays: values, jets, and Jacobians by the weights against torch.func."""

import numpy as np
import pytest
import torch
from arrays import each_array
from numpy.testing import assert_allclose, assert_array_equal
from oracles import relative_error

from sk_pydelt.jets import Jet
from sk_pydelt.jets.activations import ACTIVATIONS
from sk_pydelt.jets.perceptron import Perceptron, initial_layers, propagate

WIDTHS = 2, 5, 4, 3
each_activation = pytest.mark.parametrize("activation", sorted(ACTIVATIONS))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def weights(activation="tanh", widths=WIDTHS, seed=0):
    layers = initial_layers(widths, activation, 2.0, seed)
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def torch_net(activation):
    """The same net as a function of weights and one place, written by hand in torch."""
    functions = {
        "elu": torch.nn.functional.elu,
        "gelu": torch.nn.functional.gelu,
        "identity": lambda z: z,
        "mish": torch.nn.functional.mish,
        "relu": torch.relu,
        "rational": lambda z: (
            (1.1915 * z**3 + 1.5957 * z**2 + 0.5 * z + 0.0218) / (2.383 * z**2 + 1)
        ),
        "sigmoid": torch.sigmoid,
        "sine": torch.sin,
        "softplus": torch.nn.functional.softplus,
        "swish": torch.nn.functional.silu,
        "tanh": torch.tanh,
    }

    def net(w, x):
        layers = Perceptron(WIDTHS, activation).layers(w)
        for weight, bias in layers[:-1]:
            x = functions[activation](weight @ x + bias)
        return layers[-1].weight @ x + layers[-1].bias

    return net


def test_initial_layers_are_those_of_torch():
    torch_layers = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in ((3, 7), (7, 2))]
    generator = torch.Generator().manual_seed(5)
    for layer, n_in in zip(torch_layers, (3, 7)):
        for parameter in (layer.weight, layer.bias):
            with torch.no_grad():
                parameter.uniform_(-(n_in**-0.5), n_in**-0.5, generator=generator)
    found = initial_layers((3, 7, 2), "tanh", 30.0, 5)
    for ours, theirs in zip(found, torch_layers):
        assert_allclose(ours.weight, theirs.weight.detach(), rtol=1e-14, atol=1e-16)
        assert_allclose(ours.bias, theirs.bias.detach(), rtol=1e-14, atol=1e-16)


def test_sine_layers_begin_as_in_siren():
    """Sitzmann et al. 2020: the frequency is in the first layer's weights, phases are uniform."""
    first, second, last = initial_layers((4, 300, 300, 1), "sine", 12.0, 0)
    for part, bound in (
        (first.weight, 12 / 4),
        (first.bias, np.pi),
        (second.weight, (6 / 300) ** 0.5),
        (last.weight, 300**-0.5),
    ):
        assert 0.9 * bound < np.abs(part).max() <= bound
        assert abs(part.mean()) < 0.2 * bound


@each_array
@each_activation
def test_values_and_the_jacobian_by_the_weights(activation, array, rng):
    w, X, net = weights(activation), rng.standard_normal((6, 2)), Perceptron(WIDTHS, activation)
    expected = torch.func.vmap(torch_net(activation), (None, 0))(*map(torch.tensor, (w, X)))
    J = torch.func.vmap(torch.func.jacrev(torch_net(activation)), (None, 0))
    J = J(*map(torch.tensor, (w, X)))
    forward = net.forward(array(w), Jet.constant(array(X), 0, 1))
    assert_allclose(forward.columns(), expected, rtol=1e-12, atol=1e-14)
    jacobian = forward.jacobian()
    assert jacobian.shape == (18, net.n_weights)
    assert_allclose(jacobian.dense(), J.reshape(18, -1), rtol=1e-9, atol=1e-12)


@each_array
@each_activation
def test_slopes_and_their_jacobian_by_the_weights(activation, array, rng):
    w, X, V = weights(activation), rng.standard_normal((6, 2)), rng.standard_normal((2, 6, 2))
    net, oracle = Perceptron(WIDTHS, activation), torch_net(activation)

    def outputs(w, x, directions):
        slopes = torch.func.jacrev(oracle, argnums=1)(w, x)
        return torch.cat([oracle(w, x), *(slopes @ v for v in directions)])

    arguments = torch.tensor(w), torch.tensor(X), torch.tensor(V)
    expected = torch.func.vmap(outputs, (None, 0, 1))(*arguments)
    J = torch.func.vmap(torch.func.jacrev(outputs), (None, 0, 1))(*arguments)
    forward = net.forward(array(w), Jet([array(X)[None], array(V)], 1, 2))
    assert_allclose(forward.columns(), expected, rtol=1e-11, atol=1e-13)
    assert_allclose(forward.jacobian().dense(), J.flatten(0, 1), rtol=1e-9, atol=1e-12)


@each_array
@pytest.mark.parametrize("index", [(0, 0), (1, 0), (1, 1), (0, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("activation", ["tanh", "swish", "gelu", "mish", "rational", "sine"])
def test_the_jacobian_of_a_partial_derivative(activation, index, array, rng):
    """Against central differences by the weights of the partial derivative itself."""
    w, X, net = weights(activation), rng.uniform(-1, 1, (4, 2)), Perceptron(WIDTHS, activation)
    jet = Jet.variables(array(X), sum(index))
    found = np.asarray(net.forward(array(w), jet).partial_jacobian(index))
    jet = Jet.variables(X, sum(index))

    def partial(w):
        return net.forward(w, jet).result.partial(index)

    h = 1e-4 * np.eye(len(w))  # Richardson's extrapolation of central differences
    once, twice = (
        np.stack([(partial(w + k * e) - partial(w - k * e)) / (2e-4 * k) for e in h], axis=-1)
        for k in (1, 2)
    )
    assert relative_error(found, (4 * once - twice) / 3) < 1e-8


@each_array
@pytest.mark.parametrize("activation", ["tanh", "swish", "rational", "sine"])
def test_combinations_of_derivatives_and_their_jacobian_by_the_weights(activation, array, rng):
    """Of values, slopes and second derivatives, against torch.func's nested differentiation."""
    w, X = weights(activation), rng.uniform(-1, 1, (4, 2))
    net, oracle = Perceptron(WIDTHS, activation), torch_net(activation)
    functional = rng.standard_normal((4, 5, 6 * 3))

    def combined(w, x, functional):
        first = torch.func.jacfwd(oracle, argnums=1)
        H = torch.func.jacfwd(first, argnums=1)(w, x)
        J, squares = first(w, x), (H[:, 0, 0] / 2, H[:, 0, 1], H[:, 1, 1] / 2)
        return functional @ torch.cat([oracle(w, x), J[:, 0], J[:, 1], *squares])

    given = tuple(map(torch.tensor, (w, X, functional)))
    expected = torch.func.vmap(combined, (None, 0, 0))(*given)
    J = torch.func.vmap(torch.func.jacrev(combined), (None, 0, 0))(*given)
    forward = net.forward(array(w), Jet.variables(array(X), 2))
    assert_allclose(forward.combined(array(functional)), expected, rtol=1e-10, atol=1e-12)
    assert_allclose(forward.combined_jacobian(array(functional)), J, rtol=1e-9, atol=1e-11)


def test_a_jet_of_no_rows_has_a_jacobian_of_no_rows():
    net = Perceptron(WIDTHS, "tanh")
    forward = net.forward(weights(), Jet.variables(np.empty((0, 2)), 2))
    assert forward.partial_jacobian((1, 1)).shape == (0, 3, net.n_weights)


@each_array
def test_a_pass_forward_is_propagate(array, rng):
    w, net = array(weights()), Perceptron(WIDTHS, "tanh")
    jet = Jet.variables(array(rng.standard_normal((3, 2))), 3)
    expected = propagate(net.layers(w), "tanh", jet)
    for a, b in zip(net.forward(w, jet).result.parts, expected.parts):
        assert_array_equal(a, b)


def test_layers_are_views_in_the_order_of_torch_parameters():
    w = np.arange(float(Perceptron((2, 3, 1), "tanh").n_weights))
    first, last = Perceptron((2, 3, 1), "tanh").layers(w)
    assert_array_equal(first.weight, [[0, 1], [2, 3], [4, 5]])
    assert_array_equal(first.bias, [6, 7, 8])
    assert_array_equal(last.weight, [[9, 10, 11]])
    first.bias[0] = -1
    assert w[6] == -1
