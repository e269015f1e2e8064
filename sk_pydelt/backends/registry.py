"""The backends by name: how one is added, found, and told from what it lacks."""

from collections.abc import Callable

from ..samples import Samples
from .contract import Backend, FitSpec, NetSpec
from .features import FEATURES, as_written, asked_for
from .pytorch import PyTorchBackend
from .tensorflow import TensorFlowBackend

__all__ = ["OURS", "backend_names", "feature_table", "get_backend", "refuse", "register_backend"]

_BACKENDS: dict[str, Backend | Callable[[], Backend]] = {
    "pytorch": PyTorchBackend(),
    "tensorflow": TensorFlowBackend(),
}
OURS = tuple(_BACKENDS)


def register_backend(name: str, backend: Backend | Callable[[], Backend]) -> None:
    """Add a backend, so that ``NeuralNetworkInterpolator(backend=name)`` fits by it.

    A process that loads a fitted estimator from a file needs the backend registered too: it is
    best done in the module that defines the class of the nets, which the file names.

    Parameters
    ----------
    name : str
        A name registered before is given to the new backend, but for those of this package.
    backend : Backend, or a callable without parameters that gives one
        Such as its class. A callable is called when the backend is first used.

    Raises
    ------
    ValueError
        A name of this package's own backends, or a backend that supports what is no feature.
    TypeError
        Something that is no backend and cannot be called.
    """
    if name in OURS:
        raise ValueError(
            f"{name!r} is a backend of sk_pydelt itself: register yours under another name."
        )
    if not isinstance(backend, Backend) and not callable(backend):
        raise TypeError(
            "backend must be a sk_pydelt.backends.Backend, or a callable without parameters that "
            f"gives one; got {backend!r}."
        )
    _BACKENDS[name] = _checked(backend) if isinstance(backend, Backend) else backend


def backend_names() -> tuple[str, ...]:
    """The names that ``NeuralNetworkInterpolator(backend=...)`` takes."""
    return tuple(_BACKENDS)


def get_backend(name: str) -> Backend:
    """The backend of a name.

    Raises
    ------
    ValueError
        A name that is not registered.
    TypeError
        A registered callable that gives something else than a backend.
    """
    if name not in _BACKENDS:
        raise ValueError(
            f"The 'backend' parameter must be one of {', '.join(map(repr, _BACKENDS))}, or a name "
            "that sk_pydelt.backends.register_backend has been told in this process. Got "
            f"{name!r} instead."
        )
    backend = _BACKENDS[name]
    if not isinstance(backend, Backend):
        backend = _BACKENDS[name] = _checked(backend())
    return backend


def _checked(backend):
    """Refuse what is no backend, or supports something that no fit asks for."""
    if not isinstance(backend, Backend):
        raise TypeError(f"A backend must be a sk_pydelt.backends.Backend; got {backend!r}.")
    unknown = sorted(backend.supports - set(FEATURES))
    if unknown:
        raise ValueError(
            f"{type(backend).__name__}.supports names what is no feature: {unknown}. Use names of "
            f"sk_pydelt.backends.FEATURES: {', '.join(FEATURES)}."
        )
    return backend


def refuse(name: str, net: NetSpec, fit: FitSpec, samples: Samples) -> None:
    """Refuse a fit that asks for what the backend of a name does not support.

    Raises
    ------
    ValueError
        It says what was asked for, which backends have it, and what else to do.
    """
    supported = get_backend(name).supports
    for feature in asked_for(net, fit, samples):
        if feature.name in supported:
            continue
        others = [other for other in _BACKENDS if feature.name in get_backend(other).supports]
        elsewhere = f"use backend={' or '.join(map(repr, others))}, or " if others else "use "
        written = as_written(feature, net, fit)
        what = feature.name if feature.name == "y=nan" else feature.parameter
        instead = f"no {what}" if "..." in written else "another value"
        raise ValueError(f"{written} is not in backend={name!r}: {elsewhere}{instead}.")


def feature_table(names: tuple[str, ...] = OURS) -> str:
    """What each backend has, as the table in docs/backends.md."""
    rows = [["", *(f"`{name}`" for name in names)], ["---"] * (len(names) + 1)]
    for feature in FEATURES.values():
        has = (feature.name in get_backend(name).supports for name in names)
        rows.append([feature.shown, *("yes" if yes else "no" for yes in has)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
