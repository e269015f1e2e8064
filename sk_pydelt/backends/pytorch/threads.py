"""Torch's threads: one is faster than several where the steps are small."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["SMALL_STEP", "multiplications", "one_thread"]

SMALL_STEP = 2**20  # multiplications below which a second processor costs more than it brings


def multiplications(module: torch.nn.Module, n_rows: int) -> int:
    """About how many multiplications it takes to pass so many rows through a module."""
    return n_rows * sum(p.numel() for p in module.parameters())


class _OneThread:
    """Torch's operations kept on the thread that calls them, as long as anyone is inside.

    Threads that wait for each other at the end of operations of microseconds slow a small net
    down, by a hundred times where another process needs the processor too.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = 0

    @contextmanager
    def __call__(self, n_multiplications: int) -> Iterator[None]:
        if n_multiplications > SMALL_STEP:
            yield
            return
        with self.lock:
            self.before = self.before if self.inside else torch.get_num_threads()
            self.inside += 1
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(self.before)
            with self.lock:
                self.inside -= 1


one_thread = _OneThread()
