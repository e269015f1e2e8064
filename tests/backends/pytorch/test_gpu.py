"""Rows that are brought to a device block by block: here tensors on the processor stand for it."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler
from small_nets import small
from waits import Waits

import sk_pydelt
from sk_pydelt.backends import registry
from sk_pydelt.backends.pytorch import PyTorchBackend
from sk_pydelt.backends.pytorch.gpu import rows_of
from sk_pydelt.jets.blocks import Home

X = np.random.default_rng(0).uniform(0.5, 2, (20, 2))
Y = np.column_stack([np.sin(X[:, 0]) * X[:, 1], np.cos(X.sum(axis=1))])
ENTERED = []


def enter(values):
    ENTERED.append(values)
    return torch.tensor(values)


def leave(found, out):
    out[...] = found


class OnADevice(PyTorchBackend):
    """Nets to which rows are brought as tensors, seven at a time."""

    def home(self, net):
        return Home(enter, lambda n_terms: 7, leave)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(registry._BACKENDS, "on-a-device", OnADevice())


MODELS = {
    "alone": lambda backend: small(backend=backend),
    "scaled": lambda backend: make_pipeline(StandardScaler(), small(backend=backend)),
    "numpy before": lambda backend: make_pipeline(
        PowerTransformer(), StandardScaler(), small(backend=backend)
    ),
    "search": lambda backend: GridSearchCV(small(backend=backend), {"alpha": [0.0]}, cv=2),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_each_row_goes_in_once(make):
    on_device, expected = (make(backend).fit(X, Y) for backend in ("on-a-device", "pytorch"))
    for function in (sk_pydelt.jacobian, sk_pydelt.hessian, sk_pydelt.curl, predict):
        ENTERED.clear()
        found = function(on_device, X)
        assert isinstance(found, np.ndarray)
        assert_allclose(found, function(expected, X), rtol=1e-10, atol=1e-13)
        assert [len(rows) for rows in ENTERED] == [7, 7, 6]


def predict(model, X):
    return model.predict(X)


def test_a_scaler_without_a_rule_is_followed_on_the_processor():
    double = FunctionTransformer(lambda y: 2 * y, lambda y: y / 2)
    on_device, expected = (
        small(backend=backend, y_scaler=double).fit(X, Y) for backend in ("on-a-device", "pytorch")
    )
    assert np.array_equal(on_device.predict(X), expected.predict(X))


def test_far_places_are_found_out_on_the_device():
    model = small(backend="on-a-device", dtype="float32").fit(X, Y)
    far = np.vstack([X[:9], [[1e300, -1e300]]])
    for function in (model.predict, model.jacobian):
        with pytest.raises(ValueError, match="at row 9 of X, .* is no finite number"):
            function(far)


@pytest.mark.parametrize("name", ["predict", "jacobian", "hessian", "differentiate"])
def test_a_second_call_waits_for_two_numbers_alone(name):
    model, places = small().fit(X, Y), torch.tensor(X)
    function = model.differentiate(3) if name == "differentiate" else getattr(model, name)
    function(places)
    with Waits() as waits:
        function(places)
    assert (waits.brought, waits.read) == (0, 2)


def test_rows_on_a_gpu_are_many():
    assert PyTorchBackend().home(small().fit(X, Y).net_) is None
    columns, terms = 2 * (64 + 64 + 1), 5
    assert 2**17 < rows_of(16 * 2**30, columns * terms) <= 2**20
    assert rows_of(10, columns) == 1
