"""Fitted state that changes at once: fits work aside, readers stay with what they began with."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["ChangesAtOnce", "fits_at_once", "reads_one_state", "snapshot"]

Function = TypeVar("Function", bound=Callable)
Model = TypeVar("Model")


class ChangesAtOnce:
    """A model whose whole state is in its ``__dict__``, and is replaced by a fit in one step.

    A child's `fit` is decorated by `fits_at_once`; what reads the fitted state, by
    `reads_one_state`.
    """


def snapshot(model: Model) -> Model:
    """The model as it is now, whatever becomes of it later; one of another kind as it is.

    The copy is shallow: a fit replaces what an estimator holds, and never writes to it.
    """
    if not isinstance(model, ChangesAtOnce):
        return model
    copy = object.__new__(type(model))
    copy.__dict__ = vars(model).copy()
    return copy


def fits_at_once(fit: Function) -> Function:
    """A `fit` that works on a copy, and makes its state that of the estimator in one step.

    So a fit that fails or is broken off changes nothing, and whoever reads the estimator meanwhile
    sees the old state or the new one. Parameters set meanwhile stay as they were set.
    """

    @wraps(fit)
    def fit_aside(self, *args: Any, **kwargs: Any) -> Any:
        before, aside = vars(self).copy(), snapshot(self)
        fit(aside, *args, **kwargs)
        set_meanwhile = {
            name: value
            for name, value in vars(self).copy().items()
            if not _is_fitted_state(name) and value is not before.get(name, before)
        }
        self.__dict__ = vars(aside) | set_meanwhile
        return self

    return fit_aside  # type: ignore[return-value]  # of the same signature


def _is_fitted_state(name):
    return name.startswith("_") or name.endswith("_")


def reads_one_state(function: Function) -> Function:
    """A method, or a function of a model, that sees one state of it from beginning to end."""

    @wraps(function)
    def of_snapshot(model: Any, *args: Any, **kwargs: Any) -> Any:
        return function(snapshot(model), *args, **kwargs)

    return of_snapshot  # type: ignore[return-value]  # of the same signature
