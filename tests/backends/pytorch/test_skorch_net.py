"""The skorch net of a PyTorch fit: what it leaves behind, and what its user may do with it."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch import NeuralNetRegressor
from small_nets import small
from torch_modules import Residual
from waits import Waits


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


def test_losses_are_read_once_an_epoch(data):
    counts = []
    for batch_size in (7, 15):
        with Waits() as waits:
            net = small(batch_size=batch_size, epochs=3).fit(*data)
        counts.append(waits.read)
        batches = -(-len(data[0]) // batch_size)
        assert net.net_.history[:, "train_batch_count"] == [batches] * 3
    assert counts[0] == counts[1]


def test_the_net_does_not_keep_the_samples(data):
    X, y = np.tile(data[0], (500, 1)), np.tile(data[1], (500, 1))
    sizes = [
        len(pickle.dumps(small(epochs=1, early_stopping=True).fit(X[:n], y[:n])))
        for n in (20, len(X))
    ]
    assert sizes[1] < sizes[0] + 100
