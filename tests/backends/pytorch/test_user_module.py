"""A user's own module in the PyTorch backend: built, trained, differentiated, refused."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_nets import small
from torch_modules import Residual, TwinOfTheBuiltIn, plain

from sk_pydelt import differentiate
from sk_pydelt.backends.pytorch.perceptron import MultilayerPerceptron


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_users_module_is_differentiated_as_the_built_in_net(data, dtype):
    X, y = data
    built_in = small(batch_norm=True, dropout_rate=0.1, epochs=30, dtype=dtype).fit(X, y)
    twin = small(module=TwinOfTheBuiltIn, epochs=1, dtype=dtype).fit(X, y)
    assert not isinstance(twin.net_.module_, MultilayerPerceptron)
    state = built_in.net_.module_.layers.state_dict()
    twin.net_.module_.layers.load_state_dict(state)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    assert_allclose(twin.predict(X), built_in.predict(X), rtol=tolerance)
    for order in (1, 2, 3, (1, 2), (0, 3)):
        expected = built_in.differentiate(order)(X)
        derivative = twin.differentiate(order)(X)
        assert derivative.dtype == np.float64
        assert_allclose(derivative, expected, rtol=tolerance, atol=tolerance * expected.std())


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_users_module_is_trained_and_evaluated(data, solver):
    X, y = data
    net = small(module=Residual, solver=solver, epochs=100, alpha=1e-4).fit(X, y)
    assert net.loss_curve_[-1] < 0.5 * net.loss_curve_[0]
    assert_array_equal(net.predict(X), net.predict(X))
    step = [0.0, 1e-5]
    slope = (net.predict(X + step) - net.predict(X - step)) / 2e-5
    assert_allclose(net.jacobian(X)[:, :, 1], slope, rtol=1e-6, atol=1e-7)


def test_a_module_may_come_from_a_function(data):
    net = small(module=plain).fit(*data)
    assert [type(layer).__name__ for layer in net.net_.module_] == ["Linear", "Tanh", "Linear"]
    assert net.hessian(data[0]).shape == (23, 2, 2, 2)


def test_a_modules_class_may_be_local(data):
    class Local(TwinOfTheBuiltIn):
        pass

    X, y = data
    net = small(module=Local).fit(X, y)
    derivative = differentiate(net, 1)
    before = derivative(X)
    assert copy.deepcopy(net).net_.module_ is not net.net_.module_
    net.fit(X, -y)
    assert_array_equal(derivative(X), before)


@pytest.mark.parametrize("batch_size", [22, 1])
def test_a_modules_batch_norm_survives_a_last_batch_of_one_row(data, batch_size):
    if batch_size == 1:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            small(module=Residual, batch_size=1).fit(*data)
        return
    net = small(module=Residual, batch_size=batch_size).fit(*data)
    assert net.net_.history[-1]["train_batch_count"] == 1


def test_an_instance_of_a_module_is_refused(data):
    with pytest.raises(TypeError, match=r"Pass module=Residual itself; got an instance"):
        small(module=Residual(2, 2)).fit(*data)


@pytest.mark.parametrize("options", [{"dropout_rate": 0.1}, {"batch_norm": True}])
def test_a_module_refuses_the_parameters_of_the_built_in_layers(data, options):
    with pytest.raises(
        ValueError, match=f"module=.* brings its own layers. Use {next(iter(options))}"
    ):
        small(module=Residual, **options).fit(*data)


def test_something_else_than_a_callable_is_refused(data):
    with pytest.raises(ValueError, match="'module'.*callable"):
        small(module="mlp").fit(*data)


def test_derivatives_in_threads_are_those_of_one_thread(data):
    """Eight estimators, differentiated and fitted to known slopes side by side."""
    X, y = data
    slopes = np.full((*y.shape, 2), np.nan)
    slopes[:5] = 0.5
    nets = [small(module=plain, random_state=seed).fit(X, y) for seed in range(4)]
    known = {"module": plain, "solver": "lm", "epochs": 3}
    tasks = [lambda net=net: net.jacobian(X) for net in nets] * 3
    tasks += [lambda net=net: net.differentiate(2)(X) for net in nets] * 3
    tasks += [lambda seed=seed: _slopes_fit(X, y, slopes, known, seed) for seed in range(8)]
    alone = [task() for task in tasks]
    with ThreadPoolExecutor(8) as pool:
        for found, expected in zip(pool.map(lambda task: task(), tasks), alone):
            assert_array_equal(found, expected)


def _slopes_fit(X, y, slopes, options, seed):
    return small(**options, random_state=seed).fit(X, y, dy=slopes).predict(X)
