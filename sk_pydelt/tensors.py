"""Tensors that users bring as places: of torch they are taken, of TensorFlow refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import is_torch_array

from .checks import check_numbers, check_places
from .jets.namespace import namespace, refuse_gradients

__all__ = ["in_numpy", "is_tensor", "like_given", "refuse_foreign", "stand_in"]


def is_tensor(X: Any) -> bool:
    """Whether X is a tensor of torch, for which results are tensors."""
    return is_torch_array(X)


def refuse_foreign(X: Any) -> None:
    """Raise a TypeError for a tensor of TensorFlow, whose tape would lose what is computed here."""
    if type(X).__module__.partition(".")[0] == "tensorflow":
        raise TypeError(
            "X is a tensor of TensorFlow, and what is computed here is no part of its graph: a "
            "GradientTape would find no gradient, without a word. Give X.numpy(), and ask "
            "sk_pydelt.differentiate for derivatives by X; tensors of torch give tensors."
        )


def stand_in(X: Any) -> np.ndarray:
    """An array of the shape of a tensor, and of zeros, for the checks that ask for no more.

    Raises
    ------
    TypeError, ValueError
        A tensor of a kind, or with numbers of axes, that no array of places can have.
    """
    kind = str(X.dtype).removeprefix("torch.")
    if X.layout != namespace(X).strided or not hasattr(np, kind):
        return check_places(X.detach())
    shape = np.broadcast_to(np.zeros((), kind), tuple(X.shape))
    return check_numbers(check_places(shape), "X")


def like_given(found: Any, X: Any) -> Any:
    """Results as a tensor on X's device, of X's precision, or float64 where X holds integers."""
    dtype = X.dtype if X.dtype.is_floating_point else namespace(X).float64
    return (found if is_tensor(found) else X.new_tensor(found, dtype=dtype)).to(X.device, dtype)


def in_numpy(function: Callable[[np.ndarray], Any], X: Any, who: Any) -> Any:
    """What a function of places finds for a tensor of them: a tensor, or a tuple of tensors.

    Raises
    ------
    TypeError
        Autograd records X, and would lose it in the arithmetic of `who`.
    """
    refuse_gradients([X], type(who).__name__)
    found = function(check_numbers(X.detach(), "X"))
    if isinstance(found, tuple):
        return tuple(like_given(part, X) for part in found)
    return like_given(found, X)
