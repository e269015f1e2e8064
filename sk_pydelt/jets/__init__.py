"""Truncated Taylor arithmetic, and the functions that jets pass through.

Nothing here knows scikit-learn or a framework: arrays go in, arrays come out.
"""

from .jet import Jet
from .parts import multi_indices

__all__ = ["Jet", "multi_indices"]
