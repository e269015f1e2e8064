"""How much a GPU likes to hold at a time: the one place where blocks of rows are made for it."""

from functools import partial
from weakref import WeakKeyDictionary

import torch

from ...jets.blocks import Home
from .skorch_net import SkorchNet

__all__ = ["home"]

SHARE = 0.25  # of the free memory, for all that passes through the net at a time
MOST_ROWS = 2**20  # enough for every multiprocessor, whatever the memory
KINDS = "reserved", "allocated"
COLUMNS: WeakKeyDictionary[torch.nn.Module, int] = WeakKeyDictionary()


def home(net: SkorchNet) -> Home:
    """The GPU of a net, and how rows are brought there."""
    module = net.module_
    device = next(module.parameters()).device
    return Home(partial(torch.as_tensor, device=device), partial(_rows, device, module), _leave)


def _leave(found, out):
    torch.from_numpy(out).copy_(found)


def _rows(device, module, n_terms):
    """Rows of so many Taylor coefficients that pass at a time through a module's layers."""
    held = torch.cuda.memory_stats_as_nested_dict(device)  # in a tenth of the time of one of them
    reserved, allocated = (held[f"{kind}_bytes"]["all"]["current"] for kind in KINDS)
    free = torch.cuda.mem_get_info(device)[0] + reserved - allocated
    return rows_of(free, _columns(module) * n_terms)


def _columns(module):
    """Columns of all layers, counted once: it takes as long as small kernels do."""
    if module not in COLUMNS:
        COLUMNS[module] = sum(part.shape[0] for part in module.parameters() if part.ndim)
    return COLUMNS[module]


def rows_of(free: int, entries_per_row: int) -> int:
    """Rows of so many float64 numbers each that a number of free bytes holds at a time.

    >>> rows_of(80 * 2**30, 2 * 128 * 5)
    1048576
    >>> rows_of(2**30, 2 * 256 * 66)
    992
    """
    return max(1, min(MOST_ROWS, int(SHARE * free) // (8 * entries_per_row)))
