"""Values and jets of a fitted skorch net, from arrays to arrays and from tensors to tensors."""

from contextlib import nullcontext

import numpy as np
import torch

from ...jets import Jet
from ...jets.parts import MANY_ROWS
from .skorch_net import SkorchNet
from .threads import multiplications, one_thread

__all__ = ["predict", "propagate", "propagate_tensors"]

PREDICT_ROWS = 1024  # rows that pass through the net at a time, so that they stay in the cache


def predict(net: SkorchNet, X: np.ndarray) -> np.ndarray:
    """Values of the net at X (n, p), of shape (n, q)."""
    module = net.module_
    with torch.inference_mode(), one_thread(multiplications(module, len(X))):
        blocks = _tensor(X, module).split(PREDICT_ROWS)
        return np.concatenate([_array(module(block)) for block in blocks])


def propagate(net: SkorchNet, jet: Jet) -> Jet:
    """Pass a jet of arrays through the net."""
    module = net.module_
    # Not in inference mode, where torch has no rule for the jvp of a jvp under vmap (issue 138800).
    with torch.no_grad(), one_thread(multiplications(module, len(jet.value))):
        tensors = jet.map_parts(lambda part: _tensor(part, module))
        return net.kind.propagate(module, tensors).map_parts(_array)


def propagate_tensors(net: SkorchNet, jet: Jet) -> Jet:
    """Pass a jet of tensors through the net on their device; autograd goes back to them alone.

    Raises
    ------
    ValueError
        The tensors are on another device than the net.
    """
    module, value = net.module_, jet.value
    parameter = next(module.parameters())
    if value.device != parameter.device:
        raise ValueError(
            f"X is on {value.device} and the net on {parameter.device}: bring them together, by "
            f"X.to({str(parameter.device)!r}) or by a fit with device={str(value.device)!r}."
        )
    recorded = any(part.requires_grad for part in jet.parts)
    mode = nullcontext() if recorded else torch.no_grad()
    with mode, _threads(module, value):
        tensors = jet.map_parts(lambda part: part.to(parameter.dtype))
        found = net.kind.propagate(module, tensors, frozen=recorded)
        if parameter.dtype == value.dtype:
            return found
        return found.map_parts(lambda part: part.to(value.dtype))


def _threads(module, value):
    """One thread for few rows on the processor; a GPU has its own."""
    if value.device.type != "cpu":
        return nullcontext()
    return one_thread(multiplications(module, len(value)))


def _tensor(array, module):
    parameter = next(module.parameters())
    kind = {"dtype": parameter.dtype, "device": parameter.device}
    if array.ndim == 3 and array.shape[1] >= MANY_ROWS and not array.strides[1]:  # all alike
        return torch.tensor(array[:, :1], **kind).expand(array.shape)
    return torch.tensor(array, **kind)


def _array(tensor):
    return tensor.cpu().numpy().astype(np.float64, copy=False)
