"""Laws at places, scaled: rows of linear conditions on the Taylor coefficients of a net."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .jets import Jet

__all__ = ["LawRows"]


@dataclass(frozen=True)
class LawRows:
    """Some linear laws at the same places, which scaled functions are to fulfil.

    With c the Taylor coefficients of all outputs at a place, by the variables of the jet, term by
    term, the laws are ``functional @ c = target``. Both are of order one where scaled data are.

    Parameters
    ----------
    jet : Jet of shape (k, p)
        The scaled places, and how they move with the variables.
    functional : array of shape (k, L, n_terms q)
    target : array of shape (k, L)
    units : array of shape (L,)
        What one of these units is in those of each law.
    names : tuple of str
        Of the L laws.
    weight : float, default=1.0
        What the mean squared error of each counts beside that of the values.
    """

    jet: Jet
    functional: np.ndarray
    target: np.ndarray
    units: np.ndarray
    names: tuple[str, ...]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, rows: slice) -> "LawRows":
        picked = self.jet[rows], self.functional[rows], self.target[rows]
        return LawRows(*picked, self.units, self.names, self.weight)

    def map_arrays(self, function: Callable[[Any], Any]) -> "LawRows":
        """The same with other arrays: tensors of a framework, in its precision."""
        arrays = self.jet.map_parts(function), function(self.functional), function(self.target)
        return LawRows(*arrays, self.units, self.names, self.weight)
