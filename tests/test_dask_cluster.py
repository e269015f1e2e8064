"""sk_pydelt.dask and joblib's "dask" on a real cluster of two processes, on this machine alone."""

import logging
import os
import signal
import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from small_nets import small

import sk_pydelt.dask as lazy
from sk_pydelt import BayesianNeuralNetworkInterpolator, SplineInterpolator
from sk_pydelt.bayesian.team import Team

X = np.random.default_rng(0).uniform(-1, 1, (400, 2))
FIELD = np.column_stack([np.sin(X[:, 0]) * X[:, 1], X[:, 0] ** 2])
T = np.linspace(0, 6, 40)[:, None]
NOISY = np.sin(T).ravel() + 0.1 * np.random.default_rng(0).standard_normal(40)
LOOPBACK = {"host": "127.0.0.1", "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def client():
    """A client of two processes of one thread each."""
    quiet = {"silence_logs": logging.CRITICAL}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, **LOOPBACK, **quiet) as cluster,
        Client(cluster) as client,
    ):
        yield client


def places():
    return da.from_array(X, chunks=(20, 2))


def test_nothing_listens_to_other_machines(client):
    addresses = [client.scheduler.address, *client.scheduler_info()["workers"]]
    assert all(address.startswith("tcp://127.0.0.1:") for address in addresses)


def test_two_processes_compute_what_one_does(client):
    model = SplineInterpolator().fit(X[:50], FIELD[:50])
    found = lazy.curl(model, places())
    assert_allclose(found.compute(), model.curl(X), rtol=1e-9, atol=1e-12)


def test_error_bars_of_two_processes(client):
    options = {"n_init": 1, "max_iter": 10, "random_state": 0}
    model = BayesianNeuralNetworkInterpolator((4,), "tanh", **options).fit(T, NOISY)
    both = lazy.differentiate(model)(da.from_array(T, chunks=(10, 1)), return_std=True)
    expected = model.differentiate(1)(T, return_std=True)
    for one, other in zip(client.gather(client.compute(both)), expected):
        assert_allclose(one, other, rtol=1e-9)


SEARCHES = {
    "spline": (SplineInterpolator(), {"degree": [3, 5]}),
    "pytorch": (small(), {"hidden_layers": [(4,), (8,)]}),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_on_a_cluster_gives_the_same_bits(client, name):
    model, grid = SEARCHES[name]
    here = GridSearchCV(model, grid, cv=3).fit(T, NOISY)
    with parallel_config("dask"):
        there = GridSearchCV(model, grid, cv=3, n_jobs=-1).fit(T, NOISY)
    for key in ("split0_test_score", "mean_test_score", "params"):
        assert_array_equal(there.cv_results_[key], here.cv_results_[key])
    assert_array_equal(there.predict(T), here.predict(T))


def test_a_bayesian_fit_on_a_cluster_gives_the_same_bits(client):
    model = BayesianNeuralNetworkInterpolator(n_init=1, max_iter=4, random_state=0)
    here = model.fit(T, NOISY).predict(T, return_std=True)
    with parallel_config("dask"):
        there = model.set_params(n_jobs=2).fit(T, NOISY).predict(T, return_std=True)
    assert_array_equal(there, here)


def test_a_worker_that_dies_in_the_middle_loses_nothing(client, tmp_path):
    died = tmp_path / "died"

    def read(block, block_id=None):
        if block_id[0] == 12 and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    model = SplineInterpolator().fit(X[:50], FIELD[:50])
    expected = lazy.jacobian(model, places()).compute(scheduler="sync")
    rows = places().map_blocks(read, dtype=float, meta=np.empty((0, 0)))
    before = set(client.run(os.getpid).values())
    assert_array_equal(lazy.jacobian(model, rows).compute(), expected)
    assert died.exists()
    client.wait_for_workers(2)
    assert set(client.run(os.getpid).values()) != before


HOST = f"""
import os, time
from distributed import LocalCluster
cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, **{LOOPBACK})
print(os.getpid(), cluster.scheduler_address, flush=True)
time.sleep(600)
"""


@pytest.fixture
def other_cluster():
    """The process that is a cluster, and a client of it."""
    command = [sys.executable, "-c", HOST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        try:
            address = host.stdout.readline().split()[1]
            with Client(address, timeout=60) as client:
                yield host, client
        finally:
            host.kill()


def test_a_cluster_that_is_gone_is_said(other_cluster):
    host, _ = other_cluster
    with (
        parallel_config("dask"),
        Team(None, None, verbose=False) as team,
        pytest.raises(ConnectionError, match="workers .* are gone.*cluster that runs"),
    ):
        list(team.map(os.kill, [(host.pid, signal.SIGKILL)] * 2))
    model = SplineInterpolator().fit(X[:50], FIELD[:50])
    with pytest.raises(ConnectionError, match=r"lost its cluster, tcp://127.*client\.close"):
        lazy.curl(model, places())
