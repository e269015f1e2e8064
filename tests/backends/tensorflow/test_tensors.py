"""Tensors of TensorFlow are refused, and nets of its backend know no autograd of torch."""

import numpy as np
import pytest
import tensorflow as tf
import torch
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import small

import sk_pydelt
from sk_pydelt import BayesianNeuralNetworkInterpolator, SplineInterpolator

X = np.linspace(0, 3, 20)[:, None]
Y = np.sin(X).ravel()


@pytest.fixture(scope="module")
def net():
    return small(backend="tensorflow").fit(X, Y)


def test_a_tensor_of_tensorflow_is_refused(net):
    Bayesian = BayesianNeuralNetworkInterpolator((3,), "tanh", max_iter=5, random_state=0)
    models = net, *(model.fit(X, Y) for model in (small(), SplineInterpolator(), Bayesian))
    piped = make_pipeline(StandardScaler(), SplineInterpolator()).fit(X, Y)
    calls = [model.predict for model in models]
    calls += [model.differentiate(2) for model in models]
    for model in (*models, piped, LinearRegression().fit(X, Y)):
        calls += [lambda X, model=model: sk_pydelt.gradient(model, X)]
    for call in calls:
        call(X)
        for bad in (tf.constant(X), tf.Variable(X)):
            with pytest.raises(TypeError, match=r"a tensor of TensorFlow, .* Give X\.numpy\(\)"):
                call(bad)


def test_tensors_of_torch_pass_through_numpy(net):
    for function in (net.predict, net.gradient, net.laplacian):
        found = function(torch.tensor(X))
        assert isinstance(found, torch.Tensor)
        assert_array_equal(found, function(X))
        with pytest.raises(TypeError, match="NeuralNetworkInterpolator computes in NumPy, where"):
            function(torch.tensor(X, requires_grad=True))
