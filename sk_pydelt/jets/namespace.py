"""The functions that go with an array, by the array API standard."""

from typing import Any

import array_api_compat.numpy
import numpy as np
from array_api_compat import array_namespace

__all__ = ["namespace"]


def namespace(array: Any) -> Any:
    """The namespace of one array; that of NumPy's own is found without a search.

    Small nets ask for it a dozen times in a step of some hundred microseconds.
    """
    return array_api_compat.numpy if type(array) is np.ndarray else array_namespace(array)
