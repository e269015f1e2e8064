"""Tensors as the arrays that solvers compute on."""

from typing import Any

import torch

__all__ = ["as_array"]


def as_array(tensor: torch.Tensor) -> Any:
    """A NumPy view of a tensor on the processor, where LAPACK is fastest; others as they are."""
    return tensor.detach().numpy() if tensor.device.type == "cpu" else tensor.detach()
