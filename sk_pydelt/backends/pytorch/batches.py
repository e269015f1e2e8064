"""Samples as tensors: all rows at once, or shuffled mini-batches."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from skorch.dataset import Dataset

from ...jets import Jet
from ...law_rows import LawRows
from ...samples import Samples
from .generator import SeededGenerator

__all__ = ["Batches", "RowSet", "Rows", "data_set", "law_tensors"]


class Rows(NamedTuple):
    """Rows of tensors, as a training step takes them.

    Parameters
    ----------
    X : tensor of shape (n, p)
    y : tensor of shape (n, q), or (n, q (1 + d)) with slopes along d directions beside the values
    weight : tensor of shape (n, 1) or of y's, of mean 1; or None
    directions : tensor of shape (n, d, p), or None where no slopes are fitted
    """

    X: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor | None = None
    directions: torch.Tensor | None = None

    def take(self, rows: torch.Tensor) -> "Rows":
        """Some of the rows."""
        X, y, *others = self
        return Rows(X[rows], y[rows], *(None if part is None else part[rows] for part in others))

    @property
    def jet(self) -> Jet:
        """X, and as the jet's variables the directions; of order 0 where there are none."""
        return Jet.along(self.X, self.directions)


class RowSet(Dataset):
    """Rows of tensors as skorch's data set, of which its callbacks take X and y.

    Parameters
    ----------
    rows : Rows
    n_outputs : int
        Columns of their y that are values.
    """

    def __init__(self, rows: Rows, n_outputs: int) -> None:
        super().__init__(rows.X, rows.y[:, :n_outputs], length=len(rows.X))
        self.rows = rows


def data_set(samples: Samples, dtype: torch.dtype, device: str) -> RowSet:
    """Scaled samples as tensors."""

    def tensor(array: Any) -> Any:
        return None if array is None else torch.tensor(array, dtype=dtype, device=device)

    arrays = (samples.X, samples.targets, samples.loss_weights, samples.directions)
    return RowSet(Rows(*map(tensor, arrays)), samples.y.shape[1])


def law_tensors(rows: LawRows, dtype: torch.dtype, device: str) -> LawRows:
    """Laws at their places, as tensors."""
    return rows.map_arrays(lambda array: torch.tensor(array, dtype=dtype, device=device))


class Batches:
    """Iterator over tensors as they are: the whole set, or shuffled mini-batches.

    Parameters
    ----------
    dataset : RowSet
    batch_size : int
    generator : SeededGenerator, default=None
        Shuffles the rows anew each epoch; None keeps their order.
    min_rows : int, default=1
        A last batch with fewer rows than this is added to the one before.
    """

    def __init__(
        self,
        dataset: RowSet,
        batch_size: int,
        generator: SeededGenerator | None = None,
        min_rows: int = 1,
    ) -> None:
        self.rows = dataset.rows
        self.batch_size = batch_size
        self.generator = generator
        self.min_rows = min_rows

    def __iter__(self) -> Iterator[Rows]:
        n = len(self.rows.X)
        if self.batch_size >= n:
            yield self.rows
            return
        order = torch.arange(n)
        if self.generator is not None:
            order = torch.randperm(n, generator=self.generator.on("cpu"))
        *chunks, last = order.to(self.rows.X.device).split(self.batch_size)
        if len(last) < self.min_rows:
            last = torch.cat([chunks.pop(), last])
        for rows in (*chunks, last):
            yield self.rows.take(rows)
