import numpy as np
import pytest
import torch


@pytest.fixture
def data():
    """Samples of two functions of two features of unequal units."""
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, (23, 2)) * [1e-3, 5.0]
    return X, np.column_stack([np.sin(1e3 * X[:, 0]) + X[:, 1], X[:, 1] ** 3])


@pytest.fixture
def two_threads():
    """Torch told to use two threads, whatever it used before."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
