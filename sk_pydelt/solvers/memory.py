"""How much memory a fit needs, and whether the machine has it."""

import os

__all__ = ["least_squares_bytes", "machine_memory", "require_memory"]


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
