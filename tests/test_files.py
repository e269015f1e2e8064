"""Files of fitted estimators: small, of no device, and without pickle."""

import io
import pickle
import re
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import skops.io
import torch
from fitted_files import ESTIMATORS, NETS, X, Y, fitted, places, sizes, table
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import PolynomialFeatures
from torch_modules import Residual

from sk_pydelt import NeuralNetworkInterpolator

DOCS = (Path(__file__).resolve().parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def trusted():
    names: dict = {}
    exec(re.search(r"```python\n(TRUSTED.*?)```", DOCS, re.S).group(1), names)
    return names["TRUSTED"]


TRUSTED = trusted()


def kind(name):
    """The key of an estimator in docs/files.md."""
    model = ESTIMATORS[name]
    if isinstance(model, NeuralNetworkInterpolator):
        return f"NeuralNetworkInterpolator(backend={model.backend!r})"
    return "interpolation." * ("drop-in" in name) + type(model).__name__


def same(one, other, name):
    for function in ("predict", "jacobian", "hessian"):
        ours, theirs = (getattr(model, function)(places(name)) for model in (one, other))
        assert_array_equal(ours, theirs)
    if np.isfinite(getattr(other, "noise_std_", np.nan)).all():
        for ours, theirs in zip(*(m.predict(places(name), return_std=True) for m in (one, other))):
            assert_array_equal(ours, theirs)


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


@each_estimator
def test_skops_needs_the_types_that_docs_list_and_gives_the_same_bits(name):
    data = skops.io.dumps(fitted(name))
    types = TRUSTED[kind(name)]
    assert set(skops.io.get_untrusted_types(data=data)) <= set(types)
    same(skops.io.loads(data, trusted=types), fitted(name), name)


def test_no_type_is_listed_in_vain():
    needed: dict = {key: set() for key in TRUSTED}
    for name in ESTIMATORS:
        data = skops.io.dumps(fitted(name))
        needed[kind(name)] |= set(skops.io.get_untrusted_types(data=data))
    assert needed == {key: set(types) for key, types in TRUSTED.items()}


def test_a_derivative_is_shared_without_pickle_too():
    derivative = fitted("spline").differentiate(2)
    types = [*TRUSTED["SplineInterpolator"], "sk_pydelt.calculus.derivative.Derivative"]
    again = skops.io.loads(skops.io.dumps(derivative), trusted=types)
    assert_array_equal(again(X), derivative(X))


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


def test_other_scalers_are_for_the_user_to_trust():
    model = clone(ESTIMATORS["spline"]).set_params(x_scaler=PolynomialFeatures(1)).fit(X, Y)
    again = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED["SplineInterpolator"])
    same(again, model, "")
