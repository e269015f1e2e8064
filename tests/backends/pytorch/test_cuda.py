"""Fits on a GPU; skipped where torch finds none."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sk_pydelt import NeuralNetworkInterpolator

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")

X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
Y = np.column_stack([np.sin(2 * X[:, 0]) * X[:, 1], np.cos(X[:, 0] + X[:, 1])])


class OwnModule(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, n_outputs)
        )

    def forward(self, X):
        return self.layers(X)


CASES = {
    "adam": {},
    "lbfgs": {"solver": "lbfgs"},
    "float32": {"dtype": "float32"},
    "batches": {"batch_size": 16, "dropout_rate": 0.1, "batch_norm": True},
    "early stopping": {"early_stopping": True, "patience": 5},
    "module": {"module": OwnModule},
}


def fitted(device, **options):
    net = NeuralNetworkInterpolator((16, 16), epochs=40, random_state=0, device=device, **options)
    return net.fit(X, Y)


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_fit_is_reproducible_and_leaves_the_global_generators(options):
    before = torch.cuda.get_rng_state(), torch.get_rng_state()
    first, second = fitted("cuda", **options), fitted("cuda", **options)
    assert next(first.net_.module_.parameters()).is_cuda
    assert np.array_equal(first.predict(X), second.predict(X))
    assert torch.equal(before[0], torch.cuda.get_rng_state())
    assert torch.equal(before[1], torch.get_rng_state())


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_same_function_and_derivatives_as_its_weights_on_the_cpu(options):
    net = fitted("cuda", **options)
    rtol = 1e-4 if "dtype" in options else 1e-11
    expected = [net.predict(X), *(net.differentiate(k)(X) for k in (1, 2, 3))]
    net.net_.module_.to("cpu")
    actual = [net.predict(X), *(net.differentiate(k)(X) for k in (1, 2, 3))]
    for on_gpu, on_cpu in zip(expected, actual):
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=rtol, atol=rtol * np.abs(on_cpu).max())


def test_same_fit_as_on_the_cpu():
    on_gpu, on_cpu = fitted("cuda"), fitted("cpu")
    np.testing.assert_allclose(on_gpu.predict(X), on_cpu.predict(X), rtol=1e-6, atol=1e-8)


def test_auto_takes_the_gpu_and_pickles():
    net = fitted("auto")
    assert next(net.net_.module_.parameters()).is_cuda
    again = pickle.loads(pickle.dumps(net))
    assert np.array_equal(net.jacobian(X), again.jacobian(X))
