"""Random state, global generators, threads, copies and files: a net disturbs nothing."""

import copy
import os
import pickle
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from small_nets import small
from torch_modules import Residual, plain

from sk_pydelt import differentiate

SETTINGS = {
    "adam": {},
    "lbfgs": {"solver": "lbfgs"},
    "mini-batches": {"batch_size": 7, "batch_norm": True},
    "dropout": {"dropout_rate": 0.3},
    "early stopping": {"early_stopping": True, "patience": 3},
    "large validation set": {"early_stopping": True, "validation_split": 0.8},
    "float32 sines": {"activation": "sine", "dtype": "float32"},
    "module": {"module": Residual, "batch_size": 7},
    "function": {"module": plain, "solver": "lbfgs"},
}
each_setting = pytest.mark.parametrize("setting", SETTINGS)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (30, 2))
    return X, np.column_stack([np.sin(3 * X[:, 0]) * X[:, 1], X[:, 0] ** 2])


def of_setting(setting, **parameters):
    return small(**{**SETTINGS[setting], **parameters})


def outcome(net, X):
    """All that a fit computes, as bytes."""
    return net.predict(X).tobytes(), net.jacobian(X).tobytes(), tuple(net.loss_curve_)


def global_states():
    """The states of the global generators, as values to compare."""
    name, keys, *rest = np.random.get_state()
    return (name, keys.tobytes(), *rest), torch.get_rng_state().tolist(), random.getstate()


@each_setting
def test_an_int_gives_the_same_fit_and_another_int_another(data, setting):
    X, y = data
    first = outcome(of_setting(setting).fit(X, y), X)
    torch.manual_seed(99)
    np.random.seed(99)
    assert outcome(of_setting(setting).fit(X, y), X) == first
    net = of_setting(setting, random_state=1).fit(X, y)
    assert outcome(net, X) != first
    assert outcome(net.set_params(random_state=0).fit(X, y), X) == first


def test_the_order_of_mini_batches_follows_the_random_state(data):
    nets = [of_setting("mini-batches", random_state=seed).fit(*data).net_ for seed in (0, 0, 1)]
    first, again, other = (
        net.iterator_train__generator.on("cpu").get_state().tolist() for net in nets
    )
    assert first == again != other


@each_setting
def test_an_int_leaves_the_global_generators_alone(data, setting):
    X, y = data
    before = global_states()
    net = of_setting(setting).fit(X, y)
    net.predict(X)
    net.differentiate(1)(X)
    assert global_states() == before


@each_setting
def test_none_follows_the_global_generators(data, setting):
    X, y = data
    outcomes = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        np.random.seed(seed)
        outcomes.append(outcome(of_setting(setting, random_state=None).fit(X, y), X))
    outcomes.append(outcome(of_setting(setting, random_state=None).fit(X, y), X))
    assert outcomes[0] == outcomes[1]
    assert len(set(outcomes)) == 3


def test_a_random_state_is_drawn_from(data):
    X, y = data

    def two_fits(state):
        return [outcome(of_setting("adam", random_state=state).fit(X, y), X) for _ in range(2)]

    first, second = two_fits(np.random.RandomState(5))
    assert first != second
    assert two_fits(np.random.RandomState(5)) == [first, second]


def test_fits_in_threads_do_not_disturb_each_other(data):
    X, y = data
    names = [*SETTINGS, "module", "function", "dropout"]
    seeds = range(len(names))
    alone = [outcome(of_setting(n, random_state=s).fit(X, y), X) for n, s in zip(names, seeds)]
    together = threading.Barrier(4)
    before = global_states()

    def fit(job):
        name, seed = job
        together.wait(10)
        return outcome(of_setting(name, random_state=seed).fit(X, y), X)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fit, zip(names, seeds))) == alone
    assert global_states() == before


@each_setting
def test_copies_predict_the_same_and_clones_are_unfitted(data, setting):
    X, y = data
    net = of_setting(setting).fit(X, y)
    expected = outcome(net, X)
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert outcome(copied, X) == expected
        assert outcome(copied.fit(X, y), X) == expected
    assert vars(clone(net)).keys() == net.get_params().keys()
    assert outcome(clone(net).fit(X, y), X) == expected


def test_a_verbose_net_can_be_pickled(data, capfd):
    net = of_setting("adam", verbose=True).fit(*data)
    assert outcome(pickle.loads(pickle.dumps(net)), data[0]) == outcome(net, data[0])
    capfd.readouterr()


@pytest.mark.parametrize("setting", ["adam", "module"])
def test_a_derivative_is_pickled_and_stays_what_it_was(data, setting):
    X, y = data
    net = of_setting(setting).fit(X, y)
    derivative = differentiate(net, 2)
    before = derivative(X)
    net.fit(X, 2 * y[::-1])
    for copied in (derivative, copy.deepcopy(derivative), pickle.loads(pickle.dumps(derivative))):
        assert_array_equal(copied(X), before)
    assert np.abs(net.differentiate(2)(X) - before).max() > 0


LOAD = """
import sys
import joblib
import numpy as np

nets, derivatives, X = joblib.load(sys.argv[1])
np.save(sys.argv[2], [[net.predict(X), *np.moveaxis(net.jacobian(X), 2, 0)] for net in nets])
np.save(sys.argv[3], [derivative(X) for derivative in derivatives])
"""


def test_a_file_gives_the_same_in_a_fresh_process(data, tmp_path):
    X, y = data
    nets = [of_setting(setting).fit(X, y) for setting in SETTINGS]
    derivatives = [differentiate(net, 2) for net in nets]
    file, values, seconds = (tmp_path / name for name in ("nets.joblib", "1.npy", "2.npy"))
    joblib.dump((nets, derivatives, X), file)
    command = [sys.executable, "-c", LOAD, *map(str, (file, values, seconds))]
    path = {"PYTHONPATH": str(Path(__file__).parent)}  # where torch_modules is
    environment = {**os.environ, **path}
    subprocess.run(command, check=True, env=environment, cwd=Path(__file__).parents[1])
    for net, derivative, value, second in zip(nets, derivatives, np.load(values), np.load(seconds)):
        assert_array_equal(value, [net.predict(X), *np.moveaxis(net.jacobian(X), 2, 0)])
        assert_array_equal(second, derivative(X))
