"""Transformations of torch.func, which take turns where they run in threads."""

import threading

__all__ = ["TURN"]

TURN = threading.RLock()
"""Held around every call of torch.func: its levels of differentiation belong to the process, so
that two threads inside at once leave each other's half done, or wrong without a word."""
