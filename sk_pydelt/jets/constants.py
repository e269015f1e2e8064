"""Constants of NumPy as other libraries' arrays: small ones are brought to a device once."""

import sys
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

__all__ = ["brought", "is_exporting"]

MOST_ENTRIES = 4096  # of a constant that is kept


def brought(values: np.ndarray, array: Any, dtype: Any = None) -> Any:
    """Values of NumPy as an array of another one's library and device, not to be written to.

    Small ones are kept, by what they hold, so that a call brings nothing to a GPU that an earlier
    one has brought there: each copy is waited for.

    Parameters
    ----------
    values : array of NumPy
    array : array
    dtype : dtype of `array`'s library, default=None
        None is that of `values`.
    """
    if type(array) is np.ndarray:
        return values if dtype is None else values.astype(dtype, copy=False)
    if not is_torch_array(array) or values.size > MOST_ENTRIES or _is_recording():
        return array_namespace(array).asarray(values, dtype=dtype, device=array.device)
    return _kept(values.tobytes(), values.dtype, values.shape, dtype, array.device)


@lru_cache(maxsize=512)
def _kept(data, dtype_in, shape, dtype, device):
    torch = sys.modules["torch"]
    values = np.frombuffer(data, dtype_in).reshape(shape)
    with torch.inference_mode(False):  # else autograd could never take it
        return torch.tensor(values, dtype=dtype, device=device)


def _is_recording():
    """Whether a tensor that is made now belongs to a transform of torch.func or to an export."""
    return sys.modules["torch"]._C._are_functorch_transforms_active() or is_exporting()


def is_exporting() -> bool:
    """Whether torch.export records: what vmap updates in place would fix the number of rows."""
    return sys.modules["torch"].compiler.is_exporting()
