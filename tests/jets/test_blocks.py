"""Row blocks: every row once, in order, in bounded memory."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_pydelt.jets import Jet
from sk_pydelt.jets.blocks import in_row_blocks, map_row_blocks, row_slices, rows_within


@pytest.mark.parametrize("n", [1, 2, 6, 7, 8, 13, 14, 15])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_blocks_give_what_all_rows_give(n, shape):
    X = np.random.default_rng(0).standard_normal((n, 4))
    tensor = np.random.default_rng(1).standard_normal((*shape, 4))

    def function(rows):
        return np.stack([tensor @ row for row in rows])

    result = map_row_blocks(function, X, 7)
    assert_array_equal(result, function(X))
    assert result.dtype == np.float64


@pytest.mark.parametrize(("n", "sizes"), [(7, [7]), (8, [7, 1]), (20, [7, 7, 6])])
def test_blocks_are_of_the_size_asked(n, sizes):
    seen = []

    def function(rows):
        seen.append(len(rows))
        return rows

    map_row_blocks(function, np.ones((n, 1)), 7)
    assert seen == sizes


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_the_type_of_the_results_is_kept(dtype):
    result = map_row_blocks(lambda rows: rows[:, 0].astype(dtype), np.ones((20, 1)), 7)
    assert result.dtype == dtype


def test_an_error_in_a_block_is_raised():
    def function(rows):
        if rows[0, 0] > 10:
            raise ZeroDivisionError("in a block")
        return rows

    with pytest.raises(ZeroDivisionError, match="in a block"):
        map_row_blocks(function, np.arange(20.0)[:, None], 7)


@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 20])
def test_slices_are_all_rows_in_order(n):
    slices = row_slices(n, 7)
    assert len(slices) == max(1, -(-n // 7))
    assert [row for rows in slices for row in range(n)[rows]] == list(range(n))


@pytest.mark.parametrize(("entries", "rows"), [(0, 100), (1, 100), (3, 33), (100, 1), (1000, 1)])
def test_as_many_rows_as_memory_allows(entries, rows):
    assert rows_within(entries, 100) == rows


@pytest.mark.parametrize("n", [0, 1, 7, 8, 20])
def test_jets_in_blocks_are_the_whole_jet(n):
    """Also where the degree of a block is less than that of another."""
    seen = []

    def function(jet):
        seen.append(len(jet.value))
        return jet.square() if len(seen) > 1 else jet * 2

    X = np.random.default_rng(0).standard_normal((n, 2))
    found = in_row_blocks(function, Jet.variables(X, 2), 10, 75)
    assert max(seen) <= 7
    expected = np.concatenate([2 * X[:7], X[7:] ** 2])
    assert_array_equal(found.value, expected)
    curvature = np.zeros((n, 2))
    curvature[7:, 0] = 2
    assert_array_equal(found.partial((2, 0)), curvature)


PEAK = """
import resource
import sys
import numpy as np
from sk_pydelt import NeuralNetworkInterpolator

UNIT = 2**20 if sys.platform == "darwin" else 2**10  # of ru_maxrss in a megabyte

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT

X = np.linspace(-1, 1, 400_000).reshape(-1, 1)
net = NeuralNetworkInterpolator((64, 32), epochs=1, random_state=0).fit(X[:100], X[:100, 0])
derivative = net.differentiate(1)
net.predict(X[:1000]), derivative(X[:1000])
before = peak()
values = net.predict(X)
after_values = peak()
slopes = derivative(X)
outputs = values.nbytes / 2**20, slopes.nbytes / 2**20
print(after_values - before - outputs[0], peak() - after_values - outputs[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no module resource")
def test_predictions_and_derivatives_of_many_rows_take_little_memory():
    """Both hidden layers of all 400,000 rows at once would be 300 MB."""
    run = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    megabytes = [float(word) for word in run.stdout.split()]
    assert max(megabytes) < 60, megabytes
