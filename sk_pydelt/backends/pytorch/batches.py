"""Samples as tensors: all rows at once, or shuffled mini-batches."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch.utils.data import TensorDataset

from ...jets import Jet
from ...samples import Samples
from .generator import SeededGenerator

__all__ = ["Batches", "Rows", "data_set"]


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

    @property
    def jet(self) -> Jet:
        """X, and as the jet's variables the directions; of order 0 where there are none."""
        return Jet.along(self.X, self.directions)


def data_set(samples: Samples, dtype: torch.dtype, device: str) -> TensorDataset:
    """The fields of `Rows` that scaled samples have, as tensors."""
    arrays = (samples.X, samples.targets, samples.loss_weights, samples.directions)
    given = (array for array in arrays if array is not None)
    return TensorDataset(*(torch.tensor(array, dtype=dtype, device=device) for array in given))


class Batches:
    """Iterator over tensors as they are: the whole set, or shuffled mini-batches.

    Parameters
    ----------
    dataset : TensorDataset
        Of the fields of `Rows`, the last of which may be left out.
    batch_size : int
    generator : SeededGenerator, default=None
        Shuffles the rows anew each epoch; None keeps their order.
    min_rows : int, default=1
        A last batch with fewer rows than this is added to the one before.
    """

    def __init__(
        self,
        dataset: TensorDataset,
        batch_size: int,
        generator: SeededGenerator | None = None,
        min_rows: int = 1,
    ) -> None:
        self.tensors = dataset.tensors
        self.batch_size = batch_size
        self.generator = generator
        self.min_rows = min_rows

    def __iter__(self) -> Iterator[Rows]:
        n = len(self.tensors[0])
        if self.batch_size >= n:
            yield Rows(*self.tensors)
            return
        order = torch.arange(n)
        if self.generator is not None:
            order = torch.randperm(n, generator=self.generator.on("cpu"))
        *chunks, last = order.split(self.batch_size)
        if len(last) < self.min_rows:
            last = torch.cat([chunks.pop(), last])
        for rows in (*chunks, last):
            rows = rows.to(self.tensors[0].device)
            yield Rows(*(tensor[rows] for tensor in self.tensors))
