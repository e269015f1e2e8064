"""How much memory a fit needs, and whether the machine has it."""

import os
from functools import lru_cache

import numpy as np

__all__ = ["keep_freed_memory", "least_squares_bytes", "machine_memory", "require_memory"]

KEPT = 2**25 - 2**16  # bytes: glibc learns from nothing larger than 32 MiB


def machine_memory() -> float:
    """Bytes of memory that the machine has; infinite where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return float("inf")


def least_squares_bytes(n_residuals: int, n_weights: int, itemsize: int = 8) -> int:
    """Bytes of the Jacobian and of the smaller of its two Gram matrices with its factor."""
    smaller = min(n_residuals, n_weights)
    return itemsize * (n_residuals * n_weights + 2 * smaller**2 + 4 * n_weights)


def require_memory(what: str, n_bytes: float) -> None:
    """Refuse what takes more memory than the machine has, before it is taken.

    Parameters
    ----------
    what : str
        What was asked for, as the subject of "needs".
    n_bytes : float

    Raises
    ------
    MemoryError
    """
    if n_bytes > (most := machine_memory()):
        raise MemoryError(
            f"{what} needs about {n_bytes / 1e9:,.1f} GB of memory, and this machine has "
            f"{most / 1e9:,.1f} GB. Ask for fewer units in hidden_layers, or give fewer samples."
        )


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Let the allocator keep some 64 MB of what arrays give back, from now on in this process.

    glibc returns large blocks to the system as they are freed, and the pages of the next one cost
    anew: a third of the time of a step with matrices of a few megabytes. It keeps twice the largest
    block that it has seen freed, up to 64 MiB (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD).
    Nothing changes with other allocators, nor where the environment has thresholds of glibc's own.
    """
    np.empty(KEPT, dtype=np.uint8)
