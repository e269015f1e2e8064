"""The names that pydelt gives to parameters and attributes, taken, or led to where they are now."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

__all__ = ["alias", "moved", "takes_pydelt_names"]

Class = TypeVar("Class", bound=type)


def takes_pydelt_names(
    init: Callable[..., None], order: Sequence[str] = (), **ours: str
) -> Callable[..., None]:
    """An __init__ that takes parameters by pydelt's names too; ours[theirs] is the one set.

    Arguments by position are in pydelt's `order` where the first is a string, the name of a
    framework, which is the first of no class here. The signature, and so `get_params` and `clone`,
    stays that of `init`.
    """

    @wraps(init)
    def __init__(self, *args, **parameters):
        if order and args and isinstance(args[0], str):
            args, parameters = (), _by_name(order, args, parameters)
        for theirs in ours.keys() & parameters:
            if ours[theirs] in parameters:
                raise TypeError(f"{theirs} is pydelt's name of {ours[theirs]}: give one of them.")
            parameters[ours[theirs]] = parameters.pop(theirs)
        init(self, *args, **parameters)

    return __init__


def _by_name(order, args, parameters):
    if len(args) > len(order):
        raise TypeError(
            f"pydelt's order of arguments is {', '.join(order)}: give others by keyword; got "
            f"{len(args)} arguments by position."
        )
    named = dict(zip(order, args))
    if twice := sorted(named.keys() & parameters):
        raise TypeError(f"{', '.join(twice)} given twice: by position, and by keyword.")
    return named | parameters


def alias(ours: str) -> property:
    """An attribute that reads and sets another one."""

    def read(self):
        return getattr(self, ours)

    def write(self, value):
        setattr(self, ours, value)

    return property(read, write, doc=f"pydelt's name of `{ours}`.")


class _Moved:
    """An attribute that pydelt's class has: reading it here says where it is now."""

    def __init__(self, name, where):
        self.name, self.where = name, where

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        raise AttributeError(
            f"{type(instance).__name__} has no attribute {self.name!r}, which pydelt's has: "
            f"{self.where}."
        )


def moved(**where: str) -> Callable[[Class], Class]:
    """A decorator of a class: reading one of these attributes of pydelt's says where it is now."""

    def mark(cls):
        for name, place in where.items():
            setattr(cls, name, _Moved(name, place))
        return cls

    return mark
