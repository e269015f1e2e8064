"""The two kinds of torch nets: outputs with slopes, and as functions of their weights."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch_modules import plain

from sk_pydelt.backends import NetSpec
from sk_pydelt.backends.pytorch.arrays import as_array
from sk_pydelt.backends.pytorch.batches import Rows
from sk_pydelt.backends.pytorch.module_function import ModuleFunction
from sk_pydelt.backends.pytorch.perceptron_net import PerceptronNet
from sk_pydelt.backends.pytorch.user_module import UserModule
from sk_pydelt.jets.activations import ACTIVATIONS


def built(kind):
    make, arguments = kind.module(seed=0)
    return make(**arguments).double()


def weights(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach()


@pytest.fixture
def rows():
    """Six places with two directions each."""
    draw = np.random.default_rng(0).standard_normal
    X, directions = torch.tensor(draw((6, 2))), torch.tensor(draw((6, 2, 2)))
    return Rows(X, torch.zeros(6, 9, dtype=torch.float64), None, directions)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_outputs_are_those_of_torch_func_and_of_the_same_net_on_arrays(activation, rows):
    kind = PerceptronNet(NetSpec(2, 3, (5, 4), activation, omega_0=2.0))
    module = built(kind)
    slopes = torch.stack([torch.func.jacrev(module)(x) for x in rows.X]).detach()
    expected = torch.einsum("nmp,nap->nam", slopes, rows.directions).flatten(1)
    with torch.no_grad():
        outputs = kind.outputs(module, rows)
        assert_allclose(outputs[:, :3], module(rows.X), rtol=1e-14)
        assert_allclose(kind.outputs(module, rows._replace(directions=None)), module(rows.X))
    assert_allclose(outputs[:, 3:], expected, rtol=1e-10, atol=1e-12)
    forward = kind.weight_function(module).forward(
        weights(module).numpy(), rows.jet.map_parts(as_array)
    )
    assert_allclose(forward.columns(), outputs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("with_slopes", [False, True])
def test_the_jacobian_of_a_users_module(rows, with_slopes):
    kind = UserModule(NetSpec(2, 2, module=plain))
    module, rows = built(kind), rows if with_slopes else rows._replace(directions=None)
    function, w = kind.weight_function(module), weights(module).numpy()
    assert isinstance(function, ModuleFunction)
    jet = rows.jet.map_parts(as_array)
    forward = function.forward(w, jet)
    with torch.no_grad():
        assert_allclose(forward.columns(), kind.outputs(module, rows), rtol=1e-12)
    J, step = forward.jacobian().dense(), 1e-6
    for i in range(0, len(w), 3):  # against central differences
        shift = step * np.eye(len(w))[i]
        sides = [function.forward(w + s * shift, jet).columns() for s in (1, -1)]
        column = ((sides[0] - sides[1]) / (2 * step)).ravel()
        assert_allclose(J[:, i], column, rtol=1e-6, atol=1e-8)
