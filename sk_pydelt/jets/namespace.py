"""The functions that go with an array, by the array API standard, and arrays of another's kind."""

import sys
from collections.abc import Iterable
from numbers import Number
from typing import Any

import array_api_compat.numpy
import numpy as np
import scipy.special
from array_api_compat import array_namespace, is_torch_array

__all__ = [
    "alike",
    "as_numpy",
    "is_exporting",
    "namespace",
    "refuse_gradients",
    "special_functions",
]


def namespace(array: Any) -> Any:
    """The namespace of one array; that of NumPy's own is found without a search.

    Small nets ask for it a dozen times in a step of some hundred microseconds.
    """
    return array_api_compat.numpy if type(array) is np.ndarray else array_namespace(array)


def special_functions(array: Any) -> Any:
    """The special functions that take an array: its library's own, or SciPy's."""
    return getattr(namespace(array), "special", scipy.special)


def alike(constant: Any, array: Any) -> Any:
    """A constant as another array can be combined with it: of its library, device and dtype.

    Python's own numbers go with every array, and NumPy's arrays with each other, as they are.
    """
    if isinstance(constant, int | float):
        return constant
    if type(array) is np.ndarray:
        return as_numpy(constant) if is_torch_array(constant) else constant
    if isinstance(constant, Number):
        return constant.item()  # type: ignore[attr-defined]  # a number of NumPy's
    if is_torch_array(constant):
        same = constant.dtype == array.dtype and constant.device == array.device
        return constant if same else constant.to(array)
    xp = namespace(array)
    return xp.asarray(np.array(constant), dtype=array.dtype, device=array.device)


def as_numpy(array: Any) -> np.ndarray:
    """An array of any kind, on any device, as NumPy's; what autograd knows of it is lost."""
    return np.asarray(array.detach().cpu() if is_torch_array(array) else array)


def is_exporting() -> bool:
    """Whether torch.export records: what vmap updates in place would fix the number of rows."""
    return sys.modules["torch"].compiler.is_exporting()


def refuse_gradients(arrays: Iterable, who: str) -> None:
    """Raise a TypeError where autograd records an array, for `who` computes in NumPy."""
    if any(map(_is_recorded, arrays)):
        raise TypeError(
            f"{who} computes in NumPy, where autograd cannot follow, and X asks "
            "for gradients: give X.detach(). Derivatives by X come from sk_pydelt.differentiate, "
            "of any order and through every step."
        )


def _is_recorded(array):
    if not is_torch_array(array):
        return False
    xp = namespace(array)
    forward = xp.autograd.forward_ad.unpack_dual(array).tangent is not None
    return forward or (array.requires_grad and xp.is_grad_enabled())
