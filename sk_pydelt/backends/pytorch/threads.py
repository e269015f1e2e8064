"""Torch's threads: one is faster than several where the steps are small."""

import torch

from ...solvers.threads import OneThread

__all__ = ["SMALL_STEP", "multiplications", "one_thread"]

SMALL_STEP = 2**20  # multiplications below which a second processor costs more than it brings


def multiplications(module: torch.nn.Module, n_rows: int) -> int:
    """About how many multiplications it takes to pass so many rows through a module."""
    return n_rows * sum(p.numel() for p in module.parameters())


def _write(number):
    torch.set_num_threads(number or 1)


one_thread = OneThread(torch.get_num_threads, _write, SMALL_STEP, per_thread=True)
