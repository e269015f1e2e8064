"""Optimizers, schedules, clipping and samples to be watched by, as parameters of the nets."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from small_nets import small

X = np.linspace(0, 3, 40)[:, None]
Y = np.sin(2 * X[:, 0])
both_backends = pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])


def by_hand(net, optimizer, rates, max_norm=None):
    """Losses of full-batch steps of torch's own optimizer from the same weights."""
    module = small(epochs=1, learning_rate=1e-300).fit(X, Y).net_.module_
    scaled = net.x_scaler_.transform(X), net.y_scaler_.transform(Y[:, None])
    X_, y_ = map(torch.tensor, scaled)
    steps, losses = optimizer(module.parameters()), []
    for rate in rates:
        steps.param_groups[0]["lr"] = rate
        steps.zero_grad()
        loss = torch.mean((module(X_) - y_) ** 2)
        loss.backward()
        if max_norm is not None:
            torch.nn.utils.clip_grad_norm_(module.parameters(), max_norm)
        steps.step()
        losses.append(loss.item())
    return losses


SCHEDULES = {
    "constant": np.ones(12),
    "invscaling": np.arange(1, 13) ** -0.5,
    "cosine": 0.5 + 0.5 * np.cos(np.pi * np.arange(12) / 12),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("name", "params", "made"),
    [
        ("adam", None, torch.optim.Adam),
        ("adamw", {"weight_decay": 0.2}, lambda p: torch.optim.AdamW(p, weight_decay=0.2)),
        ("sgd", {"momentum": 0.9}, lambda p: torch.optim.SGD(p, momentum=0.9)),
        (torch.optim.RMSprop, {"alpha": 0.9}, lambda p: torch.optim.RMSprop(p, alpha=0.9)),
    ],
    ids=["adam", "adamw", "sgd", "RMSprop"],
)
def test_steps_are_those_of_the_optimizer_at_scheduled_rates(name, params, made, schedule):
    options = {"optimizer": name, "optimizer_params": params, "max_grad_norm": 0.3}
    net = small(learning_rate_schedule=schedule, **options).fit(X, Y)
    expected = by_hand(net, made, 0.01 * SCHEDULES[schedule], 0.3)
    assert_allclose(net.loss_curve_, expected, rtol=1e-10)


def test_a_search_finds_them_by_name():
    grid = {"optimizer": ["sgd", "adam"], "optimizer_params": [None, {"weight_decay": 1.0}]}
    search = GridSearchCV(small(epochs=80), grid, cv=2).fit(X, Y)
    assert search.best_params_ == {"optimizer": "adam", "optimizer_params": None}


@pytest.mark.parametrize("solver", ["lbfgs", "lm"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": "sgd"},
        {"optimizer_params": {"weight_decay": 0.1}},
        {"learning_rate_schedule": "cosine"},
        {"max_grad_norm": 1.0},
    ],
    ids=str,
)
def test_solvers_of_their_own_steps_refuse_them_by_name(solver, parameters):
    (name, _), *_ = parameters.items()
    with pytest.raises(ValueError, match=f"solver='{solver}' finds the length .* Use {name}="):
        small(solver=solver, **parameters).fit(X, Y)


@both_backends
@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"optimizer": "lion"}, ValueError, "The 'optimizer' parameter"),
        ({"optimizer": dict}, TypeError, "optimizer must be 'adam', 'adamw', 'sgd' or a class"),
        ({"optimizer_params": {"lr": 1}}, ValueError, "must not hold lr: .* learning_rate"),
        (
            {"optimizer": "adamw", "optimizer_params": {"gamma": 2}},
            (TypeError, ValueError),
            "gamma",
        ),
        ({"learning_rate_schedule": lambda epoch: None}, ValueError, "in epoch 0 it gave None"),
        ({"callbacks": "all"}, ValueError, "The 'callbacks' parameter"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_parameters(backend, parameters, error, message):
    if backend == "tensorflow":
        pytest.importorskip("tensorflow")
    with pytest.raises(error, match=message):
        small(backend=backend, **parameters).fit(X, Y)


def test_lbfgs_is_a_solver_and_no_optimizer():
    with pytest.raises(TypeError, match="for L-BFGS use solver='lbfgs'"):
        small(optimizer=torch.optim.LBFGS).fit(X, Y)


@both_backends
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_data_are_scaled_as_the_samples_and_watched(backend, solver, early_stopping):
    if backend == "tensorflow":
        pytest.importorskip("tensorflow")
    y = np.column_stack([Y, 100 * Y**2])
    held_out = X[::4] + 0.1, np.where(np.arange(10)[:, None] == [0, -1], np.nan, y[::4])
    options = {"solver": solver, "backend": backend, "early_stopping": early_stopping}
    net = small(epochs=30, **options).fit(X, y, validation_data=held_out)
    plain = small(epochs=30, solver=solver, backend=backend).fit(X, y)
    assert_array_equal(net.x_scaler_.scale_, plain.x_scaler_.scale_)
    assert len(net.validation_loss_curve_) == net.n_iter_
    errors = (net.predict(held_out[0]) - held_out[1]) / net.y_scaler_.scale_
    left = np.nanmean(errors**2)
    if early_stopping:
        assert_allclose(left, min(net.validation_loss_curve_), rtol=1e-9)
    else:
        assert_allclose(left, net.validation_loss_curve_[-1], rtol=1e-9)
        assert_array_equal(net.predict(X), plain.predict(X))


def test_validation_data_may_be_weighted():
    many = small().fit(X, Y, validation_data=(X[[0, 1, 1]], Y[[0, 1, 1]]))
    weighted = small().fit(X, Y, validation_data=(X[:3], Y[:3], [1, 2, 0]))
    assert_allclose(many.validation_loss_curve_, weighted.validation_loss_curve_, rtol=1e-12)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, r"must be \(Xv, yv\), or .* got ndarray of 40"),
        ((X,), "must be .* got tuple of 1"),
        ((X, Y[:3]), "a row for each sample"),
        (
            (X, np.column_stack([Y, Y])),
            r"must have shape \(n,\), as in the fit; got shape \(40, 2\)",
        ),
        ((np.tile(X, 2), Y), "2 features"),
        ((X, np.full(40, np.nan)), "NaN"),
    ],
    ids=range(6),
)
def test_bad_validation_data(data, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, Y, validation_data=data)


@both_backends
def test_batches_follow_the_rows_where_they_are_not_shuffled(backend):
    """Then no seed but that of the weights says how a net is trained, in either backend."""
    if backend == "tensorflow":
        pytest.importorskip("tensorflow")
    ordered = small(batch_size=15, shuffle=False, backend=backend).fit(X, Y)
    expected = small(batch_size=15, shuffle=False).fit(X, Y)
    assert_allclose(ordered.loss_curve_, expected.loss_curve_, rtol=1e-9)
    assert ordered.loss_curve_ != small(batch_size=15, backend=backend).fit(X, Y).loss_curve_
