"""Modules of a user that cannot be built, trained or read: each refused by what is wrong."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from small_nets import small
from torch import nn

SOLVERS = ["adam", "lbfgs", "lm"]


class Layer(nn.Module):
    """What a case puts `change` after."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, X):
        return self.change(self.layer(X))


class Other(Layer):
    def forward(self, X, time):
        return self.layer(X)


class Frozen(Layer):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs)
        self.requires_grad_(False)


class NoWeights(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()

    def forward(self, X):
        return X.sin()


def changed(change):
    return type("Changed", (Layer,), {"change": staticmethod(change)})


SHAPE, REAL = r"must return one array of shape \(n, n_outputs\)", "must be real numbers that a grad"
REFUSED = {
    "(n,)": (changed(lambda y: y[:, 0]), ValueError, SHAPE + r".* it returned shape \(2,\)"),
    "a tuple": (changed(lambda y: (y, y)), ValueError, SHAPE + ".* it returned tuple"),
    "nothing": (changed(lambda y: None), ValueError, SHAPE + ".* it returned NoneType"),
    "a number": (changed(lambda y: y.sum()), ValueError, SHAPE + r".* returned shape \(\)"),
    "fewer rows": (changed(lambda y: y[1:]), ValueError, SHAPE),
    "more columns": (changed(lambda y: torch.cat([y, y], 1)), ValueError, SHAPE),
    "an array": (changed(lambda y: y.detach().numpy()), ValueError, REAL),
    "constants": (changed(lambda y: y.detach()), ValueError, REAL + ".* without a gradient"),
    "whole numbers": (changed(lambda y: y.long()), ValueError, REAL),
    "complex": (changed(lambda y: 1j * y), ValueError, REAL + ".*complex128"),
    "two arguments": (Other, TypeError, "forward is called with one tensor.*argument: 'time'"),
    "nothing to train": (NoWeights, ValueError, "NoWeights has no parameters that require a grad"),
    "all is held": (Frozen, ValueError, "Frozen has no parameters that require a gradient"),
    "other arguments": (nn.Linear, TypeError, "called with n_features=.*argument: 'in_features'"),
    "no module": (lambda n_features, n_outputs: 3, TypeError, "module must be a .* returned 3"),
    "a class": (lambda n_features, n_outputs: nn.Linear, TypeError, "returned <class .*Linear'>"),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_net(data, solver, case):
    module, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        small(module=module, solver=solver, epochs=2).fit(*data)


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_that_are_held_stay(data, solver):
    """A layer that requires no gradient is no part of what is fitted."""

    class Half(nn.Sequential):
        def __init__(self, n_features, n_outputs):
            hidden = nn.Linear(n_features, 5).requires_grad_(False)
            nn.init.constant_(hidden.weight, 0.5)
            super().__init__(hidden, nn.Tanh(), nn.Linear(5, n_outputs))

    net = small(module=Half, solver=solver, epochs=20).fit(*data)
    assert_array_equal(net.net_.module_[0].weight, np.full((5, 2), 0.5))
    assert net.loss_curve_[-1] < net.loss_curve_[0]
