import numpy as np
import pytest


@pytest.fixture
def data():
    """Samples of two functions of two features of unequal units."""
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, (23, 2)) * [1e-3, 5.0]
    return X, np.column_stack([np.sin(1e3 * X[:, 0]) + X[:, 1], X[:, 1] ** 3])
