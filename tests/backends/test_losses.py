"""The losses of fits: against definitions, differences, and one framework's by another's."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from sk_pydelt.backends.losses import Loss

RNG = np.random.default_rng(0)
ERRORS = RNG.standard_normal((30, 2)) * np.where(RNG.uniform(size=(30, 2)) < 0.2, 20, 1)
WEIGHT = RNG.uniform(0.1, 2, (30, 2))
WEIGHT /= WEIGHT.mean()
LOSSES = [Loss(), Loss("absolute_error"), Loss("huber"), Loss("huber", 2.0)]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)


def huber_by_definition(errors, weight, epsilon):
    """The square of the mean of L / 2 over the columns, with σ found by a search."""
    losses = []
    for r, w in zip(errors.T, weight.T):

        def mean(log_scale, r=r, w=w):
            scale = np.exp(log_scale)
            z = np.abs(r) / scale
            h = np.where(z < epsilon, z**2, 2 * epsilon * z - epsilon**2)
            return np.average(scale + scale * h, weights=w)

        found = minimize_scalar(mean, bracket=(-1, 1), tol=1e-12).fun
        losses.append(w.mean() * found / 2)
    return np.mean(losses) ** 2


@pytest.mark.parametrize("epsilon", [1.0, 1.35, 3.0])
def test_huber_is_as_defined(epsilon):
    expected = huber_by_definition(ERRORS, WEIGHT, epsilon)
    assert_allclose(Loss("huber", epsilon)(ERRORS, WEIGHT), expected, rtol=1e-12)


def test_huber_of_one_column_all_near_is_the_mean_squared_error():
    column = ERRORS[:, :1], WEIGHT[:, :1] / WEIGHT[:, 0].mean()
    assert_allclose(Loss("huber", 50.0)(*column), Loss()(*column), rtol=1e-14)


@each_loss
def test_a_weight_of_two_is_two_rows(loss):
    twice = np.concatenate([ERRORS, ERRORS[:7]])
    weight = np.where(np.arange(30) < 7, 2.0, 1.0)[:, None]
    assert_allclose(loss(ERRORS, weight / weight.mean()), loss(twice), rtol=1e-13)


@each_loss
def test_gradients_are_those_of_differences(loss):
    errors = torch.tensor(ERRORS, requires_grad=True)
    loss(errors, torch.tensor(WEIGHT)).backward()
    step = 1e-6 * np.eye(60).reshape(60, 30, 2)
    slopes = [(loss(ERRORS + s, WEIGHT) - loss(ERRORS - s, WEIGHT)) / 2e-6 for s in step]
    assert_allclose(errors.grad.numpy().ravel(), slopes, atol=1e-7)  # they have kinks


@each_loss
def test_tensorflow_has_the_same(loss):
    tf = pytest.importorskip("tensorflow")
    from sk_pydelt.backends.tensorflow.losses import mean_loss

    errors, ours = tf.Variable(ERRORS), torch.tensor(ERRORS, requires_grad=True)
    with tf.GradientTape() as tape:
        found = mean_loss(loss, errors, tf.constant(WEIGHT))
    expected = loss(ours, torch.tensor(WEIGHT))
    expected.backward()
    assert_allclose(found, expected.item(), rtol=1e-13)
    assert_allclose(tape.gradient(found, errors), ours.grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("unknown", [0.0, 1.0])
@each_loss
def test_errors_of_zero_and_columns_of_no_weight_have_gradients(loss, unknown):
    errors = torch.tensor([[0.0, 1.0], [0.0, -3.0], [0.0, 0.0]], requires_grad=True)
    found = loss(errors, torch.tensor([[2 - unknown, unknown]] * 3))
    found.backward()
    assert torch.isfinite(found)
    assert torch.isfinite(errors.grad).all()
