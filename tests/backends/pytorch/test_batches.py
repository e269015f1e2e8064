"""Batches of the PyTorch backend: every row once an epoch, shuffled by a generator of their own."""

import pytest
import torch

from sk_pydelt.backends.pytorch.batches import Batches, Rows, RowSet
from sk_pydelt.backends.pytorch.generator import SeededGenerator


def numbered(n):
    """A data set whose rows, targets and weights carry their own number."""
    number = torch.arange(n, dtype=torch.float64)[:, None]
    return RowSet(Rows(number, 10 * number, 100 * number), 1)


@pytest.mark.parametrize(
    ("n", "batch_size", "min_rows", "sizes"),
    [
        (10, 10, 1, [10]),
        (10, 99, 1, [10]),
        (10, 4, 1, [4, 4, 2]),
        (9, 4, 1, [4, 4, 1]),
        (9, 4, 2, [4, 5]),
        (10, 4, 2, [4, 4, 2]),
        (3, 2, 2, [3]),
        (1, 1, 2, [1]),
    ],
)
def test_batches_hold_every_row_once_an_epoch(n, batch_size, min_rows, sizes):
    batches = Batches(numbered(n), batch_size, SeededGenerator(0), min_rows)
    for _ in range(3):
        epoch = list(batches)
        assert [len(X) for X, *_ in epoch] == sizes
        assert sorted(torch.cat([X for X, *_ in epoch]).ravel().tolist()) == list(range(n))
        for X, y, weight, _ in epoch:
            assert torch.equal(y, 10 * X)
            assert torch.equal(weight, 100 * X)


def orders(generator):
    """The order of the rows in three epochs."""
    batches = Batches(numbered(50), 7, generator)
    return [torch.cat([X for X, *_ in batches]).ravel().tolist() for _ in range(3)]


def test_batches_are_shuffled_anew_each_epoch_by_their_own_generator():
    before = torch.get_rng_state()
    first, second, third = orders(SeededGenerator(5))
    assert first != second != third != first
    assert orders(SeededGenerator(5)) == [first, second, third]
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_without_a_generator_keep_their_order():
    before = torch.get_rng_state()
    assert orders(None) == [list(range(50))] * 3
    assert torch.equal(torch.get_rng_state(), before)
