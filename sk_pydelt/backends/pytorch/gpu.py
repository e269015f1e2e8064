"""How much a GPU likes to hold at a time: the one place where blocks of rows are made for it."""

from functools import partial

import torch

from ...jets.blocks import Home
from .skorch_net import SkorchNet

__all__ = ["home"]

SHARE = 0.25  # of the free memory, for all that passes through the net at a time
MOST_ROWS = 2**20  # enough for every multiprocessor, whatever the memory
KINDS = "reserved", "allocated"


def home(net: SkorchNet) -> Home:
    """The GPU of a net, and how rows are brought there."""
    device = next(net.module_.parameters()).device
    columns = sum(part.shape[0] for part in net.module_.parameters() if part.ndim)
    return Home(partial(torch.as_tensor, device=device), partial(_rows, device, columns), _leave)


def _leave(found, out):
    torch.from_numpy(out).copy_(found)


def _rows(device, columns, n_terms):
    """Rows of so many Taylor coefficients that pass at a time through layers of so many columns."""
    held = torch.cuda.memory_stats_as_nested_dict(device)  # in a tenth of the time of one of them
    reserved, allocated = (held[f"{kind}_bytes"]["all"]["current"] for kind in KINDS)
    free = torch.cuda.mem_get_info(device)[0] + reserved - allocated
    return rows_of(free, columns * n_terms)


def rows_of(free: int, entries_per_row: int) -> int:
    """Rows of so many float64 numbers each that a number of free bytes holds at a time.

    >>> rows_of(80 * 2**30, 2 * 128 * 5)
    1048576
    >>> rows_of(2**30, 2 * 256 * 66)
    992
    """
    return max(1, min(MOST_ROWS, int(SHARE * free) // (8 * entries_per_row)))
