"""The PyTorch backend: its batches, its threads, its skorch net, and a user's own module."""

import copy
import pickle
import threading

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch import NeuralNetRegressor
from torch.utils.data import TensorDataset
from torch_modules import Flattens, Residual, TwinOfTheBuiltIn, plain

from sk_pydelt import NeuralNetworkInterpolator, differentiate
from sk_pydelt.backends.pytorch.perceptron import Dropout, MultilayerPerceptron
from sk_pydelt.backends.pytorch.skorch_net import SMALL_STEP, Batches, one_thread


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, (23, 2)) * [1e-3, 5.0]
    return X, np.column_stack([np.sin(1e3 * X[:, 0]) + X[:, 1], X[:, 1] ** 3])


def small(**parameters):
    """A net that is fitted in milliseconds."""
    defaults = {"hidden_layers": (6, 5), "epochs": 12, "learning_rate": 0.01, "random_state": 0}
    return NeuralNetworkInterpolator(**{**defaults, **parameters})


def numbered(n):
    """A data set whose rows, targets and weights carry their own number."""
    number = torch.arange(n, dtype=torch.float64)[:, None]
    return TensorDataset(number, 10 * number, 100 * number)


@pytest.mark.parametrize(
    ("n", "batch_size", "min_rows", "sizes"),
    [
        (10, 10, 1, [10]),
        (10, 99, 1, [10]),
        (10, 4, 1, [4, 4, 2]),
        (9, 4, 1, [4, 4, 1]),
        (9, 4, 2, [4, 5]),
        (10, 4, 2, [4, 4, 2]),
        (3, 2, 2, [3]),
        (1, 1, 2, [1]),
    ],
)
def test_batches_hold_every_row_once_an_epoch(n, batch_size, min_rows, sizes):
    batches = Batches(numbered(n), batch_size, torch.Generator().manual_seed(0), min_rows)
    for _ in range(3):
        epoch = list(batches)
        assert [len(X) for X, _ in epoch] == sizes
        assert sorted(torch.cat([X for X, _ in epoch]).ravel().tolist()) == list(range(n))
        for X, (y, weight) in epoch:
            assert torch.equal(y, 10 * X)
            assert torch.equal(weight, 100 * X)


def orders(generator):
    """The order of the rows in three epochs."""
    batches = Batches(numbered(50), 7, generator)
    return [torch.cat([X for X, _ in batches]).ravel().tolist() for _ in range(3)]


def test_batches_are_shuffled_anew_each_epoch_by_their_own_generator():
    before = torch.get_rng_state()
    first, second, third = orders(torch.Generator().manual_seed(5))
    assert first != second != third != first
    assert orders(torch.Generator().manual_seed(5)) == [first, second, third]
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_without_a_generator_keep_their_order():
    before = torch.get_rng_state()
    assert orders(None) == [list(range(50))] * 3
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    before = torch.get_rng_state()
    dropout = Dropout(0.3, torch.Generator().manual_seed(0))
    ones = torch.ones(400, 500)
    dropped = dropout(ones)
    assert_allclose(dropped.unique(), [0, 1 / 0.7], rtol=1e-6)
    assert_allclose((dropped == 0).double().mean(), 0.3, atol=5e-3)
    assert not torch.equal(dropout(ones), dropped)
    assert dropout.eval()(ones) is ones
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture
def two_threads():
    """Torch told to use two threads, whatever it used before."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_one_thread_is_for_small_steps_and_gives_the_number_back():
    with one_thread(SMALL_STEP):
        assert torch.get_num_threads() == 1
        with one_thread(1):
            assert torch.get_num_threads() == 1
        with one_thread(SMALL_STEP + 1):
            pass
    assert torch.get_num_threads() == 2
    with one_thread(SMALL_STEP + 1):
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyboardInterrupt), one_thread(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_one_thread_gives_the_number_back_when_threads_overlap():
    inside, leave, counts = threading.Event(), threading.Event(), []

    def other():
        with one_thread(1):
            counts.append(torch.get_num_threads())
            inside.set()
            leave.wait(10)
        counts.append(torch.get_num_threads())

    thread = threading.Thread(target=other)
    with one_thread(1):
        thread.start()
        inside.wait(10)
    assert torch.get_num_threads() == 2
    leave.set()
    thread.join()
    assert counts == [1, 2]
    late = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert counts[-1] == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("module", [None, Residual])
def test_a_fit_leaves_torch_as_it_was(data, module):
    net = small(module=module, dtype="float32").fit(*data)
    net.predict(data[0])
    net.differentiate(2)(data[0])
    assert torch.get_num_threads() == 2
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_the_net_can_be_fitted_where_gradients_are_off(data):
    with torch.no_grad():
        inside = small().fit(*data).predict(data[0])
    assert_array_equal(inside, small().fit(*data).predict(data[0]))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_net_itself_predicts_and_scores_scaled_data(data, early_stopping):
    X, y = data
    net = small(early_stopping=early_stopping).fit(X, y)
    X, y = net.x_scaler_.transform(X), net.y_scaler_.transform(y)
    assert isinstance(net.net_, NeuralNetRegressor)
    expected = net.y_scaler_.transform(net.predict(data[0]))
    assert_allclose(net.net_.predict(X), expected, rtol=1e-12, atol=1e-14)
    assert net.net_.score(X, y) <= 1


def test_the_net_itself_can_be_trained_on(data):
    X, y = data
    net = small(epochs=6).fit(X, y)
    net.net_.partial_fit(net.x_scaler_.transform(X), net.y_scaler_.transform(y))
    assert len(net.net_.history) == 12
    losses = [epoch["train_loss"] for epoch in net.net_.history]
    assert_allclose(losses, small(epochs=12).fit(X, y).loss_curve_, rtol=1e-12)


def test_the_net_does_not_keep_the_samples(data):
    X, y = np.tile(data[0], (500, 1)), np.tile(data[1], (500, 1))
    sizes = [
        len(pickle.dumps(small(epochs=1, early_stopping=True).fit(X[:n], y[:n])))
        for n in (20, len(X))
    ]
    assert sizes[1] < sizes[0] + 100


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


@pytest.mark.parametrize("weighted", [False, True])
def test_a_module_of_the_wrong_shape_is_refused(data, weighted):
    X, y = data
    weight = np.ones(23) if weighted else None
    with pytest.raises(ValueError, match=r"must return .* = \(23, 1\) .* returned \(23,\)"):
        small(module=Flattens).fit(X, y[:, 0], sample_weight=weight)


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
