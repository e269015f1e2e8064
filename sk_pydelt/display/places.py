"""Values and derivatives of a model at places along one of its features, or over two."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing

from ..calculus.values import values
from ..checks import check_places

__all__ = ["Found", "Table", "along", "averaged", "over"]

MAP_PLACES = 60  # along each feature of a map, at most

Alphas = list[tuple[int, ...]]


@dataclass(frozen=True)
class Table:
    """The columns of X, an array or a frame.

    Parameters
    ----------
    X : array or frame of shape (n, d)
    """

    X: Any

    @classmethod
    def of(cls, X: ArrayLike) -> "Table":
        """The table of X, checked."""
        X = check_places(X)
        return cls(X if hasattr(X, "columns") else np.asarray(X))

    def __len__(self) -> int:
        return len(self.X)

    def column(self, i: int) -> np.ndarray:
        """One column: shape (n,)."""
        return np.asarray(_safe_indexing(self.X, i, axis=1))

    def numbers(self, i: int) -> np.ndarray:
        """One column as numbers: shape (n,)."""
        return np.asarray(self.column(i), dtype=np.float64)

    def grid(self, i: int, n: int) -> np.ndarray:
        """Places along a column, from its least to its greatest value: shape (n,)."""
        numbers = self.numbers(i)
        return np.linspace(np.nanmin(numbers), np.nanmax(numbers), n)

    def typical(self) -> list[Any]:
        """Of each column the median, or where it holds no numbers the most frequent value."""
        return [_typical(self.column(i)) for i in range(self.X.shape[1])]

    def rows(self, columns: list[Any]) -> Any:
        """Rows of these columns, in the container of X."""
        if not hasattr(self.X, "columns"):
            return np.column_stack([np.asarray(c, dtype=np.float64) for c in columns])
        names = list(self.X.columns)
        return type(self.X)({name: list(column) for name, column in zip(names, columns)})

    def held(self, moved: dict[int, np.ndarray], fixed: list[Any]) -> Any:
        """Rows in which some columns move, and the others are held at one value each."""
        n = len(next(iter(moved.values())))
        return self.rows([moved.get(i, [value] * n) for i, value in enumerate(fixed)])

    def every(self, i: int, grid: np.ndarray, n_rows: int) -> Any:
        """Rows of X, evenly over it, n_rows of them at most, each with column i along the grid."""
        chosen = np.unique(np.linspace(0, len(self) - 1, n_rows).round().astype(int))
        columns = [np.repeat(self.column(j)[chosen], len(grid)) for j in range(self.X.shape[1])]
        columns[i] = np.tile(grid, len(chosen))
        return self.rows(columns)


def _typical(column):
    try:
        return float(np.nanmedian(column.astype(np.float64)))
    except (TypeError, ValueError):  # text
        found, counts = np.unique(column.astype(str), return_counts=True)
        return found[np.argmax(counts)]


@dataclass(frozen=True)
class Found:
    """What is drawn of a model with m outputs.

    Parameters
    ----------
    grids : list of arrays
        Places along one feature, (k,), or along each of two, (k,) and (l,).
    values : list of arrays
        Of each order: (k, m), or (k, l, m).
    stds : list of arrays of shape (k, m) or None
        Their standard deviations, None of an order of which the model knows none.
    rows : list of arrays of shape (n_rows, k, m), default=None
        What `values` are the averages of.
    """

    grids: list[np.ndarray]
    values: list[np.ndarray]
    stds: list[np.ndarray | None]
    rows: list[np.ndarray] | None = None

    def of_outputs(self, chosen: list[int]) -> "Found":
        """The same of some of the outputs."""
        values = [part[..., chosen] for part in self.values]
        stds = [None if std is None else std[..., chosen] for std in self.stds]
        rows = None if self.rows is None else [part[..., chosen] for part in self.rows]
        return Found(self.grids, values, stds, rows)


def along(
    model: BaseEstimator, table: Table, i: int, fixed: list[Any], alphas: Alphas, n: int
) -> Found:
    """Along feature i, with the others held, and with error bars of each order that has some."""
    grid = table.grid(i, n)
    places = table.held({i: grid}, fixed)
    pairs = [_with_std(model, places, alpha) for alpha in alphas]
    return Found([grid], [mean for mean, _ in pairs], [std for _, std in pairs])


def _with_std(model, places, alpha):
    """Values and their standard deviations (k, m), or None where none are known."""
    try:
        mean, std = values(model, places, alpha, return_std=True)
    except (TypeError, ValueError):  # of this model, or to such an order
        return _columns(values(model, places, alpha)[0]), None
    return _columns(mean), _columns(std)


def averaged(
    model: BaseEstimator, table: Table, i: int, alphas: Alphas, n: int, n_rows: int
) -> Found:
    """Along feature i, for rows of X as they are otherwise, and the average over these."""
    grid = table.grid(i, n)
    places = table.every(i, grid, n_rows)
    flat = [_columns(values(model, places, alpha)[0]) for alpha in alphas]
    rows = [value.reshape(-1, len(grid), value.shape[1]) for value in flat]
    return Found([grid], [value.mean(axis=0) for value in rows], [None] * len(alphas), rows)


def over(
    model: BaseEstimator, table: Table, pair: list[int], fixed: list[Any], alphas: Alphas, n: int
) -> Found:
    """Over two features, with the others held."""
    grids = [table.grid(i, min(n, MAP_PLACES)) for i in pair]
    mesh = [part.ravel() for part in np.meshgrid(*grids, indexing="ij")]
    places = table.held(dict(zip(pair, mesh)), fixed)
    flat = [_columns(values(model, places, alpha)[0]) for alpha in alphas]
    maps = [value.reshape(*map(len, grids), -1) for value in flat]
    return Found(grids, maps, [None] * len(alphas))


def _columns(found):
    """Values (n,) or (n, m) as (n, m)."""
    return found.reshape(len(found), -1)
