"""The jet of X itself, which still knows the rows that it was made of."""

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing

from ..jets import Jet
from ..jets.namespace import alike, as_numpy

__all__ = ["RowsJet"]


class RowsJet(Jet):
    """The jet with which a model is entered; arithmetic makes an ordinary jet of it.

    A branch of columns that do not move is a constant, whatever it makes of them: that is how
    encoders of text stand beside what is differentiated.

    Parameters
    ----------
    jet : Jet of shape (n, d)
        NaN in columns that hold no numbers.
    source : frame, array or tensor of n rows and d columns, None without rows
        As a transformer takes it, but for a tensor.
    moving : array of bool of shape (d,)
        Columns that depend on the jet's variables.
    numeric : array of bool of shape (d,)
        Columns that hold numbers.
    """

    def __init__(self, jet: Jet, source: Any, moving: np.ndarray, numeric: np.ndarray) -> None:
        super().__init__(jet.parts, jet.order, jet.n_variables)
        self.source, self.moving, self.numeric = source, moving, numeric

    def columns(self, positions: np.ndarray) -> "RowsJet":
        """Some of the columns, as a `RowsJet` again."""
        source = self._readable_source()
        source = None if source is None else _safe_indexing(source, positions, axis=1)
        return RowsJet(self[:, positions], source, self.moving[positions], self.numeric[positions])

    def _readable_source(self):
        return as_numpy(self.source) if is_torch_array(self.source) else self.source

    def held(self, transform: Callable, n_columns: int) -> Jet:
        """What a transform makes of these rows, as a constant."""
        source = self._readable_source()
        made: Any = np.empty((0, n_columns)) if source is None else transform(source)
        values = np.asarray(made.toarray() if issparse(made) else made, dtype=np.float64)
        return Jet.constant(alike(values, self.value), self.order, self.n_variables)
