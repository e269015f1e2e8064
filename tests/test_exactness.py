"""Derivatives against nested torch.func, Richardson differences and mpmath, in hard units.

The tolerances are relative to the size of the derivative's field, see `oracles.relative_error`.
"""

import numpy as np
import pytest
import torch
from oracles import (
    MPMATH_ACTIVATIONS,
    TORCH_ACTIVATIONS,
    forward,
    mpmath_derivatives,
    nested_derivatives,
    perceptron,
    relative_error,
    richardson,
)
from problems import hard_X, hard_y, mild_X
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from sk_pydelt import NeuralNetworkInterpolator, SplineInterpolator, differentiate
from sk_pydelt.chain import propagate
from sk_pydelt.jets import Jet

TORCH_FUNC, DIFFERENCES, ROUNDING = 1e-10, 1e-6, 1e-12
MAX_ORDER = {1: 6, 2: 3, 3: 3}
KINKED = {"relu": 1e-4, "elu": 1e-4}  # step of the differences, so that few reach across a kink

CENTRING = [
    StandardScaler(),
    MinMaxScaler(),
    MinMaxScaler((-2, 3), clip=True),
    MaxAbsScaler(),
    MaxAbsScaler(clip=True),
    RobustScaler(),
    RobustScaler(quantile_range=(5, 95), unit_variance=True),
    None,
]
NOT_CENTRING = [
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
    RobustScaler(with_centering=False, with_scaling=False),
    RobustScaler(with_centering=False, unit_variance=True),
    RobustScaler(with_scaling=False, unit_variance=True),
    "passthrough",
]
each_scaler = pytest.mark.parametrize("scaler", CENTRING + NOT_CENTRING, ids=str)
each_dimension = pytest.mark.parametrize("n_features", [1, 2, 3])
each_activation = pytest.mark.parametrize("activation", TORCH_ACTIVATIONS)


def fitted(X, activation="swish", **options):
    """A net trained for some steps: its exactness does not depend on how good the fit is."""
    options = {"omega_0": 3.0, "epochs": 20, "learning_rate": 0.02, "random_state": 1} | options
    return NeuralNetworkInterpolator((7, 5), activation, **options).fit(X, hard_y(X))


def full_tensor(model, order, X):
    """Derivatives with all axes, (n, m, d, ..., d), also for one feature."""
    values = differentiate(model, order)(X)
    return values.reshape(*values.shape[:2], *(X.shape[1],) * order)


def step_sizes(X, relative=1e-2):
    return relative * np.ptp(X, axis=0) / 2


def top_order(model, n_features):
    return 1 if getattr(model, "activation", None) == "relu" else MAX_ORDER[n_features]


def check_torch_func(model, X, net=perceptron):
    tensors = nested_derivatives(lambda x: forward(model, x, net), X, top_order(model, X.shape[1]))
    for k, expected in enumerate(tensors, 1):
        assert relative_error(full_tensor(model, k, X), expected) < TORCH_FUNC, f"order {k}"


def check_differences(model, X, steps, max_order=6):
    """Order k is the difference quotient of order k - 1, and order 1 that of predict."""
    for k in range(1, min(max_order, top_order(model, X.shape[1])) + 1):
        lower = model.predict if k == 1 else lambda rows, k=k: full_tensor(model, k - 1, rows)
        slopes = [richardson(lower, X, axis, step) for axis, step in enumerate(steps)]
        expected = np.stack(slopes, axis=-1)
        assert relative_error(full_tensor(model, k, X), expected) < DIFFERENCES, f"order {k}"


@each_dimension
@each_activation
def test_activation_against_torch_func(activation, n_features):
    X = hard_X(30, n_features)
    check_torch_func(fitted(X, activation), X)


@each_dimension
@each_activation
def test_activation_against_differences(activation, n_features):
    """Places are scaled by StandardScaler, which rounds them least, so that steps can be small."""
    X = hard_X(30, n_features)
    steps = step_sizes(X, KINKED.get(activation, 1e-2))
    check_differences(fitted(X, activation, x_scaler=StandardScaler()), X, steps)


def as_parts(scaler, place):
    """Options and pipeline that put a scaler in one of the three places where it may stand."""
    if place != "step":
        return {place: scaler}, lambda net: net
    step = "passthrough" if scaler is None else scaler
    return {}, lambda net: make_pipeline(step, net)


@pytest.mark.parametrize("place", ["x_scaler", "y_scaler", "step"])
@each_scaler
def test_scaler_in_every_place(scaler, place):
    centred = place != "x_scaler" or any(scaler is s for s in CENTRING)
    X = hard_X(25, 2) if centred else mild_X(25, 2)
    options, wrap = as_parts(scaler if scaler in (None, "passthrough") else clone(scaler), place)
    net = NeuralNetworkInterpolator((6,), "tanh", epochs=5, random_state=0, **options)
    model = wrap(net).fit(X, hard_y(X))
    off_centre = abs(X - (X.max(axis=0) + X.min(axis=0)) / 2) / np.ptp(X, axis=0)
    inside = X[(off_centre < 0.4).all(axis=1)]  # away from where it clips
    assert len(inside) > 5
    check_torch_func(model, inside)
    check_differences(model, inside, step_sizes(X, 3e-2))


@each_dimension
def test_batch_norm(n_features):
    X = hard_X(30, n_features)
    net = fitted(X, batch_norm=True, epochs=100)
    check_torch_func(net, X)
    check_differences(net, X, step_sizes(X))


def test_dropout_is_off():
    X = hard_X(30, 2)
    net = fitted(X, dropout_rate=0.3)
    layers = net.net_.module_.layers
    net.net_.module_.layers = torch.nn.Sequential(
        *(layer for layer in layers if type(layer).__name__ != "Dropout")
    )
    check_torch_func(net, X)
    check_differences(net, X, step_sizes(X))


class Ridge(torch.nn.Module):
    """A net as users bring it: sin and a product of two layers, a skip around them."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.a, self.b = torch.nn.Linear(n_features, 5), torch.nn.Linear(n_features, 5)
        self.last = torch.nn.Linear(5, n_outputs)
        self.skip = torch.nn.Linear(n_features, n_outputs, bias=False)

    def forward(self, X):
        return self.last(torch.sin(self.a(X)) * torch.tanh(self.b(X))) + self.skip(X)


def ridge_forward(model, x):
    w = dict(model.net_.module_.named_parameters())
    a, b = (w[f"{name}.weight"] @ x + w[f"{name}.bias"] for name in "ab")
    hidden = torch.sin(a) * torch.tanh(b)
    return w["last.weight"] @ hidden + w["last.bias"] + w["skip.weight"] @ x


@each_dimension
def test_module_of_the_user(n_features):
    X = hard_X(10, n_features)
    net = fitted(X, module=Ridge)
    with torch.no_grad():
        check_torch_func(net, X, net=ridge_forward)
    check_differences(net, X, step_sizes(X), max_order=3)  # nested torch.func is slow above


def test_module_of_the_user_behind_another_net():
    """The jet that comes in is no straight line: all its coefficients must reach the module."""
    X = mild_X(15, 2)
    outer, inner = (fitted(X, module=Ridge, random_state=seed) for seed in (0, 1))
    jet = propagate(outer, propagate(inner, Jet.variables(X, 3)))

    def composed(x):
        return forward(outer, forward(inner, x, ridge_forward), ridge_forward)

    with torch.no_grad():
        for k, expected in enumerate(nested_derivatives(composed, X, 3), 1):
            assert relative_error(jet.tensor(k), expected) < TORCH_FUNC


@pytest.mark.parametrize("activation", sorted(MPMATH_ACTIVATIONS))
@pytest.mark.parametrize(
    ("x_scaler", "tolerance"), [(StandardScaler(), ROUNDING), (MinMaxScaler((-1, 1)), 1e-8)]
)
def test_high_orders_against_mpmath(activation, x_scaler, tolerance):
    """To order 10 near 1e6. MinMaxScaler itself rounds X, by 1e6 / 3 units in the last place."""
    X = hard_X(6, 1)
    net = fitted(X, activation, x_scaler=x_scaler)
    net.fit(X, hard_y(X)[:, 0])
    expected = np.array([mpmath_derivatives(net, x, 10) for x in X[:, 0]])
    actual = np.column_stack([net.differentiate(k)(X) for k in range(1, 11)])
    assert relative_error(actual, expected) < tolerance


def test_tiny_targets_and_a_tiny_range_against_mpmath():
    """Where differences cannot reach: places 1e-9 apart around 1, targets of 1e-12 around 1e-3."""
    X = 1 + 1e-9 * np.arange(8.0).reshape(-1, 1)
    y = 1e-3 + 1e-12 * np.sin(np.arange(8.0))
    net = fitted(X, x_scaler=StandardScaler()).fit(X, y)
    expected = np.array([mpmath_derivatives(net, x, 6) for x in X[:, 0]])
    actual = np.column_stack([net.differentiate(k)(X) for k in range(1, 7)])
    assert relative_error(actual, expected) < ROUNDING


@pytest.mark.parametrize("smoothing", [None, 0.0])
@pytest.mark.parametrize(
    ("n_features", "degree", "max_order"), [(1, 3, 1), (1, 7, 4), (1, 9, 5), (2, 5, 3), (3, 5, 3)]
)
def test_spline_against_differences(n_features, degree, max_order, smoothing):
    """Up to some orders below the degree: above, differences see the kinks at the knots."""
    X = hard_X(60, n_features)
    spline = SplineInterpolator(smoothing, degree, StandardScaler()).fit(X, hard_y(X))
    inside = X.mean(axis=0) + 0.8 * (hard_X(20, n_features, seed=1) - X.mean(axis=0))
    for k in range(1, max_order + 1):
        lower = spline.predict if k == 1 else lambda rows, k=k: full_tensor(spline, k - 1, rows)
        steps = step_sizes(X, 3e-3)
        slopes = [richardson(lower, inside, axis, step) for axis, step in enumerate(steps)]
        error = relative_error(full_tensor(spline, k, inside), np.stack(slopes, axis=-1))
        assert error < DIFFERENCES, f"order {k}"
