"""The functions that go with an array, by the array API standard, and arrays of another's kind."""

from collections.abc import Iterable
from math import isfinite
from numbers import Number
from typing import Any

import array_api_compat.numpy
import numpy as np
import scipy.special
from array_api_compat import array_namespace, is_torch_array

from .constants import brought

__all__ = [
    "alike",
    "all_finite",
    "as_numpy",
    "is_recorded",
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
    return brought(np.asarray(constant), array, array.dtype)


def as_numpy(array: Any) -> np.ndarray:
    """An array of any kind, on any device, as NumPy's; what autograd knows of it is lost."""
    return np.asarray(array.detach().cpu() if is_torch_array(array) else array)


def all_finite(array: Any) -> bool:
    """Whether all numbers are finite; of a tensor, whose device is waited for, a sum tells most.

    A sum that is finite has finite terms alone; one that is not may have overflown.
    """
    if not is_torch_array(array):
        return bool(namespace(array).isfinite(array).all())
    array = array.detach()
    return isfinite(float(array.sum())) or bool(array.isfinite().all())


def refuse_gradients(arrays: Iterable, who: str) -> None:
    """Raise a TypeError where autograd records an array, for `who` computes in NumPy."""
    if any(map(is_recorded, arrays)):
        raise TypeError(
            f"{who} computes in NumPy, where autograd cannot follow, and X asks "
            "for gradients: give X.detach(). Derivatives by X come from sk_pydelt.differentiate, "
            "of any order and through every step."
        )


def is_recorded(array: Any) -> bool:
    """Whether autograd records what is computed of an array."""
    if not is_torch_array(array):
        return False
    xp = namespace(array)
    forward = xp.autograd.forward_ad.unpack_dual(array).tangent is not None
    return forward or (array.requires_grad and xp.is_grad_enabled())
