"""All of it on a GPU: fits, values, derivatives, tensors; skipped where torch finds none."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from skorch.callbacks import EpochScoring
from torch import nn

import sk_pydelt
from sk_pydelt import LinearLaw, NeuralNetworkInterpolator, SplineInterpolator
from sk_pydelt.jets import Jet
from sk_pydelt.jets.activations import ACTIVATIONS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")

DEVICE = "cuda"
X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
Y = np.column_stack([np.sin(2 * X[:, 0]) * X[:, 1], np.cos(X[:, 0] + X[:, 1])])


class OwnModule(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, n_outputs)
        )

    def forward(self, X):
        return self.layers(X)


CASES = {
    "adam": {},
    "lbfgs": {"solver": "lbfgs"},
    "float32": {"dtype": "float32"},
    "batches": {"batch_size": 16, "dropout_rate": 0.1, "batch_norm": True},
    "early stopping": {"early_stopping": True, "patience": 5},
    "module": {"module": OwnModule},
}


def fitted(device, **options):
    net = NeuralNetworkInterpolator((16, 16), epochs=40, random_state=0, device=device, **options)
    return net.fit(X, Y)


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_fit_is_reproducible_and_leaves_the_global_generators(options):
    before = torch.cuda.get_rng_state(), torch.get_rng_state()
    first, second = fitted(DEVICE, **options), fitted(DEVICE, **options)
    assert next(first.net_.module_.parameters()).is_cuda
    assert np.array_equal(first.predict(X), second.predict(X))
    assert torch.equal(before[0], torch.cuda.get_rng_state())
    assert torch.equal(before[1], torch.get_rng_state())


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_same_function_and_derivatives_as_its_weights_on_the_cpu(options):
    net = fitted(DEVICE, **options)
    rtol = 1e-4 if "dtype" in options else 1e-11
    expected = [net.predict(X), *(net.differentiate(k)(X) for k in (1, 2, 3))]
    net.net_.module_.to("cpu")
    actual = [net.predict(X), *(net.differentiate(k)(X) for k in (1, 2, 3))]
    for on_gpu, on_cpu in zip(expected, actual):
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=rtol, atol=rtol * np.abs(on_cpu).max())


def test_same_fit_as_on_the_cpu():
    on_gpu, on_cpu = fitted(DEVICE), fitted("cpu")
    np.testing.assert_allclose(on_gpu.predict(X), on_cpu.predict(X), rtol=1e-6, atol=1e-8)


def test_auto_takes_the_gpu_and_pickles():
    net = fitted("auto")
    assert next(net.net_.module_.parameters()).is_cuda
    again = pickle.loads(pickle.dumps(net))
    assert np.array_equal(net.jacobian(X), again.jacobian(X))


FUNCTIONS = {
    "predict": lambda model, X: model.predict(X),
    "order 3": lambda model, X: sk_pydelt.differentiate(model, 3)(X),
    "mixed": lambda model, X: sk_pydelt.differentiate(model, (1, 2))(X),
    "derivatives": lambda model, X: sk_pydelt.derivatives(model, X, [(1, 0), (0, 2)])[1],
    "direction": lambda model, X: sk_pydelt.directional_derivative(model, X, [1.0, -2.0], 2),
} | {
    name: getattr(sk_pydelt, name)
    for name in ("jacobian", "hessian", "laplacian", "divergence", "curl")
    + ("strain_rate", "vorticity", "biharmonic")
}
PIPELINES = {
    "alone": lambda net: net,
    "scaled": lambda net: make_pipeline(
        StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), net
    ),
    "polynomial": lambda net: make_pipeline(PolynomialFeatures(2, include_bias=False), net),
    "numpy before": lambda net: make_pipeline(PowerTransformer(), StandardScaler(), net),
    "search": lambda net: GridSearchCV(net, {"alpha": [0.0]}, cv=2),
}
each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
each_pipeline = pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)


def net_on(device, **options):
    defaults = {"epochs": 10, "random_state": 0, "solver": "lbfgs"}
    return NeuralNetworkInterpolator((8, 6), device=device, **defaults | options)


def assert_near(found, expected, rtol=1e-9):
    found = torch.as_tensor(found).detach().cpu()
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def moved_to_the_processor(model):
    """The same fitted model, whose net is on the processor."""
    model = pickle.loads(pickle.dumps(model))
    last = getattr(model, "best_estimator_", model)
    last = last[-1] if hasattr(last, "steps") else last
    last.net_.module_.to("cpu")
    return model


@each_pipeline
@each_function
def test_arrays_and_tensors_give_what_the_processor_gives(make, function):
    model = make(net_on(DEVICE)).fit(X, Y)
    expected = function(moved_to_the_processor(model), X)
    found = function(model, X)
    assert isinstance(found, np.ndarray)
    assert_near(found, expected)
    if function is FUNCTIONS["predict"] and not hasattr(model, "jacobian"):
        return  # scikit-learn's own, which hands on arrays
    found = function(model, torch.tensor(X, device=DEVICE))
    assert found.device.type == DEVICE
    assert found.dtype == torch.float64
    assert_near(found, expected)


@pytest.mark.parametrize("options", [{}, {"module": OwnModule}, {"dtype": "float32"}])
@pytest.mark.parametrize("name", ["predict", "jacobian", "laplacian"])
def test_autograd_on_the_device(options, name):
    model = net_on(DEVICE, **options).fit(X, Y)
    places = torch.tensor(X[:3], device=DEVICE, requires_grad=True)
    function = FUNCTIONS[name]
    if "dtype" not in options:
        assert torch.autograd.gradcheck(lambda X: function(model, X), (places,))
    (slopes,) = torch.autograd.grad(model.predict(places).sum(), places)
    assert_near(slopes, model.jacobian(X[:3]).sum(axis=1), 1e-4 if "dtype" in options else 1e-9)
    assert all(parameter.grad is None for parameter in model.net_.module_.parameters())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_jets_of_every_activation(activation):
    z = torch.linspace(-2, 2, 9, dtype=torch.float64).reshape(-1, 1)
    for order in (1, 4):
        taylor = ACTIVATIONS[activation].taylor
        expected, found = (taylor(Jet.variables(at, order)) for at in (z, z.to(DEVICE)))
        for k in range(order + 1):
            assert_near(found.tensor(k), expected.tensor(k).numpy(), 1e-12)


def test_more_rows_than_a_block_of_the_processor():
    model, rows = net_on(DEVICE).fit(X, Y), np.tile(X, (1200, 1))
    expected = moved_to_the_processor(model)
    for name in ("predict", "jacobian", "hessian"):
        assert_near(FUNCTIONS[name](model, rows), FUNCTIONS[name](expected, rows))


def test_a_large_net_is_passed_in_blocks_that_fit():
    model = net_on(DEVICE, solver="adam", epochs=1).set_params(hidden_layers=(512, 512)).fit(X, Y)
    rows = torch.tensor(np.tile(X, (5000, 1)), device=DEVICE)
    found = sk_pydelt.differentiate(model, (4, 0))(rows)
    assert found.shape == (300_000, 2)
    assert_near(found[:60], sk_pydelt.differentiate(model, (4, 0))(X), 1e-8)


def test_steps_of_numpy_alone():
    places = torch.tensor(X, device=DEVICE)
    for model in (SplineInterpolator(), make_pipeline(PowerTransformer(), net_on(DEVICE))):
        model.fit(X, Y)
        found = sk_pydelt.jacobian(model, places)
        assert found.device.type == DEVICE
        assert_near(found, sk_pydelt.jacobian(model, X))
        with pytest.raises(TypeError, match="computes in NumPy, where autograd cannot follow"):
            sk_pydelt.jacobian(model, places.clone().requires_grad_())
    values, std = SplineInterpolator().fit(X, Y).predict(places, return_std=True)
    assert values.device.type == std.device.type == DEVICE


def test_a_scaler_without_a_rule():
    double = FunctionTransformer(lambda y: 2 * y, lambda y: y / 2)
    model = net_on(DEVICE, y_scaler=double).fit(X, Y)
    assert_near(model.predict(torch.tensor(X, device=DEVICE)), model.predict(X))


def test_curves():
    model, rows = net_on(DEVICE).fit(X[:, :1], Y[:, 0]), np.linspace(0.6, 1.9, 200).reshape(-1, 1)
    expected, places = moved_to_the_processor(model), torch.tensor(rows, device=DEVICE)
    assert_near(model.predict(places), expected.predict(rows))
    for order in (1, 2, 4):
        assert_near(model.differentiate(order)(places), expected.differentiate(order)(rows), 1e-8)


def test_two_devices():
    places = torch.tensor(X), torch.tensor(X, device=DEVICE)
    for model, elsewhere in zip((net_on(DEVICE), net_on("cpu")), places):
        model.fit(X, Y)
        for function in (model.predict, model.jacobian):
            with pytest.raises(
                ValueError, match="X is on .* and the net on .*: bring them together"
            ):
                function(elsewhere)


def test_fits_to_tensors_on_the_device():
    found = fitted(DEVICE).fit(torch.tensor(X, device=DEVICE), torch.tensor(Y, device=DEVICE))
    assert np.array_equal(found.predict(X), fitted(DEVICE).predict(X))
    assert found.score(torch.tensor(X, device=DEVICE), torch.tensor(Y)) == found.score(X, Y)


LAW = LinearLaw({(0, 0, 0): 1.0, 1: 2.0}, 0.5, X[:10])
TRAINING = {
    "laws": {"laws": [LAW]},
    "laws, lbfgs": {"laws": [LAW], "solver": "lbfgs"},
    "optimizer": {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}},
    "schedule": {"learning_rate_schedule": "cosine", "max_grad_norm": 0.5},
    "batch normalisation": {"batch_norm": True, "batch_size": 32},
}


@pytest.mark.parametrize("options", TRAINING.values(), ids=TRAINING)
def test_training_ends_where_it_does_on_the_processor(options):
    nets = [fitted(device, **options) for device in (DEVICE, "cpu")]
    losses = [net.loss_curve_[-1] for net in nets]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    assert_near(nets[0].predict(X), nets[1].predict(X), 1e-6)


@pytest.mark.parametrize("form", [{}, {"batch_norm": True}, {"optimizer": "sgd"}])
def test_all_batches_of_an_epoch_are_an_epoch_of_fit(form):
    options = {"random_state": 0, "device": DEVICE, "early_stopping": False, **form}
    whole = NeuralNetworkInterpolator((8,), epochs=3, batch_size=20, shuffle=False, **options).fit(
        X, Y
    )
    scalers = {"x_scaler": MinMaxScaler((-1, 1)).fit(X), "y_scaler": StandardScaler().fit(Y)}
    net = NeuralNetworkInterpolator((8,), epochs=3, **scalers, **options)
    for _ in range(3):
        for start in range(0, 60, 20):
            net.partial_fit(X[start : start + 20], Y[start : start + 20])
    assert_near(net.predict(X), whole.predict(X), 1e-12)


def test_slopes_and_callbacks():
    dy = np.stack([np.ones_like(X), np.zeros_like(X)], axis=1)
    callback = EpochScoring("neg_mean_squared_error", name="score", lower_is_better=False)
    nets = [
        NeuralNetworkInterpolator((8,), epochs=20, random_state=0, device=device).fit(X, Y, dy=dy)
        for device in (DEVICE, "cpu")
    ]
    assert_near(nets[0].jacobian(X), nets[1].jacobian(X), 1e-6)
    watched = fitted(DEVICE, callbacks=[("score", callback)], early_stopping=True)
    seen = watched.net_.history[:, "score"]
    assert len(seen) == watched.n_iter_
    assert np.isfinite(seen).all()


def test_what_stays_of_numpy():
    model = net_on(DEVICE).fit(X, Y[:, 0])
    effects = sk_pydelt.average_marginal_effects(model, torch.tensor(X, device=DEVICE))
    assert_near(effects.average, sk_pydelt.average_marginal_effects(model, X).average)
    curve = net_on(DEVICE).fit(X[:, :1], X[:, 0] ** 2)
    expected = sk_pydelt.integrate(moved_to_the_processor(curve), -0.5, 0.5)
    assert abs(sk_pydelt.integrate(curve, -0.5, 0.5) - expected) < 1e-9
