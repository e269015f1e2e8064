"""Fits to files in the place of arrays: a block of rows after another, never all of them."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler
from small_nets import small

from sk_pydelt import row_blocks
from sk_pydelt.row_blocks import RowBlocks, is_read_in_rows

RNG = np.random.default_rng(0)
N = 700
X = RNG.uniform(-1, 1, (N, 2)).astype(np.float32)
Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 1]]).astype(np.float32)


def memmap(folder, array, name):
    path = folder / name
    np.save(path, array)
    return np.load(path, mmap_mode="r")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Of 128 rows, in runs of 16."""
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 128)
    monkeypatch.setattr(row_blocks, "RUN_ROWS", 16)


@pytest.fixture
def files(tmp_path):
    return memmap(tmp_path, X, "X.npy"), memmap(tmp_path, Y, "Y.npy")


def backend_or_skip(backend):
    if backend == "tensorflow":
        pytest.importorskip("tensorflow")
    return backend


class Rows:
    """A file of another package: rows can be read, and nothing else."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        found = self.array[rows]
        self.most = max(self.most, len(found))
        return found


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
@pytest.mark.parametrize(
    "parameters", [{}, {"batch_norm": True}, {"learning_rate_schedule": "cosine"}], ids=str
)
def test_rows_in_their_order_are_fitted_as_an_array_of_them(files, backend, parameters):
    options = {"batch_size": 32, "shuffle": False, "epochs": 4, "backend": backend_or_skip(backend)}
    net = small(**options, **parameters).fit(*files)
    whole = small(**options, **parameters).fit(X, Y)
    rtol = 1e-6 if parameters.get("learning_rate_schedule") else 1e-9
    assert_allclose(net.loss_curve_, whole.loss_curve_, rtol=rtol)
    assert_allclose(net.predict(X), whole.predict(X), rtol=rtol, atol=rtol)
    assert_allclose(net.differentiate(1)(X), whole.differentiate(1)(X), rtol=1e-6, atol=1e-6)


def test_shuffled_rows_are_each_seen_once_an_epoch():
    number = np.arange(N)[:, None]
    blocks = RowBlocks(number, number[:, 0], batch_size=32)
    first, second = (
        np.concatenate([X for X, _ in blocks.shuffled(np.random.RandomState(s))]) for s in (0, 1)
    )
    assert_array_equal(np.sort(first, axis=0), number)
    assert (first != second).any()
    rows, _ = next(blocks.shuffled(np.random.RandomState(0)))
    assert np.ptp(rows) > N / 2


def test_a_shuffled_fit_learns_and_repeats(files):
    options = {"batch_size": 32, "epochs": 30}
    net = small(**options).fit(*files)
    assert net.score(X, Y) > 0.9
    assert net.n_iter_ == len(net.loss_curve_) == 30
    assert_array_equal(small(**options).fit(*files).predict(X), net.predict(X))
    assert net.partial_fit(X[:40], Y[:40]).n_iter_ == 31


def test_never_more_than_a_run_is_read_of_a_file_of_another_package():
    rows = Rows(X), Rows(Y)
    assert is_read_in_rows(rows[0])
    net = small(batch_size=32, epochs=3).fit(*rows)
    assert rows[0].most <= 128
    assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
def test_memory_does_not_grow_with_the_rows(tmp_path, backend, monkeypatch):
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 4096)
    monkeypatch.setattr(row_blocks, "RUN_ROWS", 512)
    backend, peaks = backend_or_skip(backend), []
    for n in (8_000, 8_000, 64_000):
        file = memmap(tmp_path, RNG.uniform(-1, 1, (n, 8)).astype(np.float32), f"{n}.npy")
        net = small(batch_size=512, epochs=1, backend=backend)
        tracemalloc.start()
        net.fit(file, file[:, 0])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 64_000 * 8 * 8 / 2  # half of the whole in float64


def test_constant_features_are_held(files):
    X = np.column_stack([files[0], np.full(N, 3.0, np.float32)])
    with pytest.warns(UserWarning, match=r"Features \[2\] never vary"):
        net = small(batch_size=32).fit(Rows(X), files[1])
    assert_array_equal(net.jacobian(X)[..., 2], 0)


def test_fitted_scalers_and_warm_starts(files):
    scaler = MinMaxScaler((-1, 1)).fit([[-2, -2], [2, 2]])
    net = small(batch_size=32, x_scaler=scaler, epochs=2, warm_start=True).fit(*files)
    assert_array_equal(net.x_scaler_.scale_, scaler.scale_)
    assert net.fit(*files).n_iter_ == 4


@pytest.mark.parametrize(
    "parameters",
    [
        {"batch_size": None},
        {"solver": "lbfgs", "batch_size": None},
        {"x_scaler": RobustScaler()},
        {"y_scaler": QuantileTransformer(n_quantiles=50)},
        {"early_stopping": True},
        {"period": {0: 9.0}},
    ],
    ids=str,
)
def test_what_needs_all_rows_takes_them(files, parameters):
    net, whole = (small(**{"batch_size": 32, **parameters}).fit(*data) for data in (files, (X, Y)))
    assert_array_equal(net.predict(X), whole.predict(X))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, Y: (np.where(X.max() == X, np.nan, X), Y), "Input X contains NaN"),
        (lambda X, Y: (X, np.where(Y.max() == Y, np.inf, Y)), "Input y contains infinity"),
        (lambda X, Y: (X, np.where(np.arange(N)[:, None] == 5, np.nan, Y)), "y contains NaN"),
        (lambda X, Y: (X, np.column_stack([Y, np.full(N, np.nan)])), "NaN alone for output 2"),
        (lambda X, Y: (X, Y[:-1]), "X has 700 and y 699"),
        (lambda X, Y: (X.astype(float) + 1e9, Y), "feature 0 is up to 1.0e\\+09 and varies by"),
    ],
    ids=range(6),
)
def test_bad_rows(spoil, message):
    data = [Rows(np.asarray(array)) for array in spoil(X, Y)]
    with pytest.raises(ValueError, match=message):
        small(batch_size=32).fit(*data)


def test_a_break_keeps_the_net_of_the_last_whole_epoch(files):
    class Breaks(Rows):
        """The user presses Ctrl-C in the third epoch, after two passes for the scalers."""

        reads = 0

        def __getitem__(self, rows):
            self.reads += 1
            if self.reads == 1 + 2 * 6 + 2 * 6 + 3:  # of 6 blocks
                raise KeyboardInterrupt
            return super().__getitem__(rows)

    options = {"batch_size": 32, "shuffle": False}
    with pytest.warns(UserWarning, match="interrupted after 2 of 12 epochs"):
        net = small(**options).fit(Breaks(X), files[1])
    expected = small(epochs=2, **options).fit(*files)
    assert_array_equal(net.predict(X), expected.predict(X))
    assert (net.n_iter_, net.stop_reason_) == (2, "interrupted")


def test_gaps_in_y_count_nothing(files):
    gaps = np.where(np.arange(N)[:, None] % 9 == [0, 3], np.nan, Y)
    net = small(batch_size=32, epochs=30).fit(files[0], gaps)
    assert net.score(X, Y) > 0.9
