"""Around the import of a framework: where it is missing, say how it is installed."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["needs"]


@contextmanager
def needs(backend: str, packages: str, install: str) -> Iterator[None]:
    """Raise an ImportError for a module that is missing.

    Parameters
    ----------
    backend : str
    packages : str
        What the backend needs, in words.
    install : str
        What to give ``pip install``.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f"backend={backend!r} needs {packages}, and the module {error.name!r} is missing: "
            f"pip install {install}"
        ) from error
