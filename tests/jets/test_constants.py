"""Constants of NumPy on a device: brought once, and bound to no transform of torch.func."""

import numpy as np
import torch

from sk_pydelt.jets.constants import MOST_ENTRIES, brought
from sk_pydelt.jets.namespace import alike

Z = torch.ones(2, dtype=torch.float64)


def test_what_is_brought_is_kept_by_what_it_holds():
    scale = np.array([1.5, 2.5])
    found = alike(scale, Z)
    assert alike(scale.copy(), Z) is found
    scale[0] = 7.0
    assert alike(scale, Z).tolist() == [7.0, 2.5]
    assert found.tolist() == [1.5, 2.5]
    assert alike(scale, Z.float()).dtype == torch.float32
    assert alike(scale.reshape(2, 1), Z).shape == (2, 1)
    assert brought(np.array([1, 2]), Z).dtype == torch.int64
    assert alike(scale, Z.to("meta")).device.type == "meta"


def test_large_ones_are_not_kept():
    large = np.zeros(MOST_ENTRIES + 1)
    assert alike(large, Z) is not alike(large, Z)


def test_one_that_was_made_without_gradients_takes_part_in_them():
    scale, places = np.array([0.125, 3.0]), Z.clone().requires_grad_()
    with torch.inference_mode():
        alike(scale, Z)
    (places * alike(scale, places)).sum().backward()
    assert places.grad.tolist() == [0.125, 3.0]


def test_one_that_was_made_in_a_transform_is_not_kept():
    scale = np.array([0.375, 5.0])

    def total(x):
        return (x * alike(scale, x)).sum()

    assert torch.func.grad(total)(Z).tolist() == [0.375, 5.0]
    assert total(Z) == 5.375
    assert torch.func.vmap(total)(Z[None]).tolist() == [5.375]


def test_arrays_of_numpy_are_as_they_are():
    scale = np.array([1.0])
    assert alike(scale, np.ones(1)) is scale
    assert brought(scale, np.ones(1)) is scale
