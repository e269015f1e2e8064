"""Files of fitted estimators: small, and of no device."""

import io
import pickle
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from fitted_files import ESTIMATORS, NETS, X, Y, fitted, same, sizes, table
from torch_modules import Residual

from sk_pydelt import NeuralNetworkInterpolator

DOCS = (Path(__file__).resolve().parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)


@each_estimator
def test_a_file_holds_weights_scalers_and_history(name):
    file, weights, scalers, history = sizes(name)
    assert file <= 2 * (weights + scalers) + history
    assert len(pickle.dumps(deepcopy(fitted(name)))) <= file + 100


def test_the_table_in_docs_is_of_these_estimators():
    rows = [line.split("|")[1] for line in table()]
    assert [line.split("|")[1] for line in DOCS.splitlines() if line.startswith("|")] == rows


@each_estimator
def test_a_file_gives_the_same_bits(name):
    model = fitted(name)
    same(pickle.loads(pickle.dumps(model)), model, name)
    same(deepcopy(model), model, name)


class OfDevices(pickle.Pickler):
    """A pickler that knows what it has met."""

    def __init__(self, file):
        super().__init__(file)
        self.met = set()

    def reducer_override(self, value):
        self.met.add(type(value))
        return NotImplemented


@pytest.mark.parametrize("name", [name for name in NETS if "pytorch" in name])
def test_nothing_of_a_device_is_in_a_file(name):
    pickler = OfDevices(io.BytesIO())
    pickler.dump(fitted(name))
    assert NeuralNetworkInterpolator in pickler.met
    assert not {torch.Generator, torch.Tensor, torch.nn.Parameter, torch.device} & pickler.met


def test_a_net_fitted_where_there_was_a_gpu_opens_without_one(monkeypatch):
    net = deepcopy(fitted("pytorch, adam, dropout"))
    recipe = net.net_.recipe
    object.__setattr__(recipe.kind.spec, "device", "cuda:1")  # what a fit there would have kept
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    again = pickle.loads(pickle.dumps(net))
    same(again, fitted("pytorch, adam, dropout"), "")
    assert again.net_.device == "cpu"


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_own_module_is_pickled_without_its_optimizer(solver):
    options = {"module": Residual, "solver": solver, "random_state": 0}
    files = []
    for epochs in (1, 12):
        net = NeuralNetworkInterpolator(epochs=epochs, **options).fit(X, Y)
        files.append(len(pickle.dumps(net)))
        same(pickle.loads(pickle.dumps(net)), net, "")
    assert files[1] < files[0] + 200 * 12  # of history


@pytest.mark.parametrize("name", [name for name in NETS if "stopping" not in name])
def test_a_net_from_a_file_can_be_trained_on(name):
    net = pickle.loads(pickle.dumps(fitted(name)))
    before = net.predict(X)
    net.net_.partial_fit(net.x_scaler_.transform(X), net.y_scaler_.transform(Y[:, None]))
    assert not np.array_equal(net.predict(X), before)
