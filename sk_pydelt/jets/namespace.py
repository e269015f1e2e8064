"""The functions that go with an array, by the array API standard."""

from typing import Any

import array_api_compat.numpy
import numpy as np
import scipy.special
from array_api_compat import array_namespace

__all__ = ["namespace", "special_functions"]


def namespace(array: Any) -> Any:
    """The namespace of one array; that of NumPy's own is found without a search.

    Small nets ask for it a dozen times in a step of some hundred microseconds.
    """
    return array_api_compat.numpy if type(array) is np.ndarray else array_namespace(array)


def special_functions(array: Any) -> Any:
    """The special functions that take an array: its library's own, or SciPy's."""
    return getattr(namespace(array), "special", scipy.special)
