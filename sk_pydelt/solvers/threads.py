"""Libraries of linear algebra kept on the thread that calls them, where steps are small."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["OneThread", "one_blas_thread"]


class OneThread:
    """One thread for a library, as long as anyone is inside.

    Threads that wait for each other at the end of operations of microseconds slow a small net
    down, by a hundred times where another process needs the processor too; and sums that are cut
    in as many pieces as there are threads end in other bits.

    Parameters
    ----------
    read : callable
        How many threads the library uses; any object that `write` takes.
    write : callable
        Tells it to use so many; None is one.
    limit : float
        Multiplications in a step above which a second processor is worth it.
    per_thread : bool, default=False
        Whether the number is that of the thread that sets it, so that each gives it back.
    """

    def __init__(
        self,
        read: Callable[[], Any],
        write: Callable[[Any], None],
        limit: float,
        per_thread: bool = False,
    ) -> None:
        self.read, self.write, self.limit, self.per_thread = read, write, limit, per_thread
        self.lock = threading.Lock()
        self.before = self.held = None  # the number before, and that inside once it is written
        self.inside: set[object] = set()

    @contextmanager
    def __call__(self, n_multiplications: float) -> Iterator[None]:
        """Around small steps, of so many multiplications each."""
        if n_multiplications > self.limit:
            yield
            return
        token = object()  # not a count: an interrupt between any two lines leaves nothing behind
        try:
            with self.lock:
                self.before = self.before if self.inside else self.read()
                self.inside.add(token)
                self.held = None
                self.write(None)
                self.held = self.read()
            yield
        finally:
            try:
                self._leave(token)
            except BaseException:  # an interrupt on the way out must not keep the one thread
                self._leave(token)
                raise

    def _leave(self, token):
        """Give the number back where nobody needs the one thread any more; may be done twice."""
        with self.lock:
            self.inside.discard(token)
            last = self.per_thread or not self.inside
            if self.before is not None and last and self.held in (None, self.read()):
                self.held = None  # decided, else a user has set another number meanwhile
                self.write(self.before)


@lru_cache(maxsize=1)
def _blas():
    """The BLAS libraries of NumPy and SciPy."""
    import scipy.linalg  # noqa: F401  so that its BLAS is among those loaded

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _read():
    return [library.num_threads for library in _blas()]


def _write(numbers):
    for library, number in zip(_blas(), numbers or [1] * len(_blas())):
        library.set_num_threads(number)


one_blas_thread = OneThread(_read, _write, limit=2**32)
