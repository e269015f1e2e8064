"""Jacobians as operators: each is its matrix."""

import numpy as np
import pytest
from arrays import each_array
from numpy.testing import assert_allclose

from sk_pydelt.jets import Jet
from sk_pydelt.jets.jacobian import DenseJacobian
from sk_pydelt.jets.perceptron import Perceptron

NET = Perceptron((2, 5, 4, 3), "tanh")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def layered(rng, array):
    w, X = rng.standard_normal(NET.n_weights), rng.standard_normal((6, 2))
    return NET.forward(array(w), Jet.constant(array(X), 0, 1)).jacobian()


def by_class(values):
    """Numbers of weights as one for each input of a layer, layer by layer, and for its biases."""
    found, start = [], 0
    for n_out, n_in in NET.shapes:
        split, stop = start + n_out * n_in, start + n_out * (n_in + 1)
        found += [values[start:split].reshape(n_out, n_in).sum(axis=0), [values[split:stop].sum()]]
        start = stop
    return np.concatenate(found)


@each_array
@pytest.mark.parametrize("dense", [False, True])
def test_products_are_those_of_the_matrix(rng, array, dense):
    jacobian = layered(rng, array).scaled(array(rng.standard_normal(18)))
    J = np.asarray(jacobian.dense())
    if dense:
        jacobian = DenseJacobian(array(J))
    assert jacobian.shape == J.shape == (18, NET.n_weights)
    p, u = rng.standard_normal(J.shape[1]), rng.standard_normal(18)
    assert_allclose(jacobian.times(array(p)), J @ p, rtol=1e-10)
    assert_allclose(jacobian.transposed_times(array(u)), J.T @ u, rtol=1e-10, atol=1e-13)
    assert_allclose(jacobian.gram(), J @ J.T, rtol=1e-10, atol=1e-13)
    assert_allclose(jacobian.rows(slice(3, 9)).dense(), J[3:9])
    assert_allclose(jacobian.scaled(array(u)).dense(), J * u[:, None], rtol=1e-13)


@each_array
def test_the_gram_matrix_of_weights_that_differ_by_class(rng, array):
    jacobian, inverse = layered(rng, array), []
    for layer, (n_out, n_in) in enumerate(NET.shapes):
        inverse += [np.tile(np.arange(1.0, n_in + 1), n_out) + layer, np.full(n_out, 0.5)]
    inverse, J = np.concatenate(inverse), np.asarray(jacobian.dense())
    assert_allclose(jacobian.gram(array(inverse)), (J * inverse) @ J.T, rtol=1e-10)
    dense = DenseJacobian(array(J))
    assert_allclose(dense.gram(array(inverse)), (J * inverse) @ J.T, rtol=1e-10)


@each_array
def test_traces_are_those_of_each_class(rng, array):
    jacobian, M = layered(rng, array), rng.standard_normal((18, 18))
    J, M = np.asarray(jacobian.dense()), M + M.T
    each = ((M @ J) * J).sum(axis=0)  # the trace of M J_i J_iᵀ of each weight
    assert_allclose(DenseJacobian(array(J)).traces(array(M)), each, rtol=1e-8, atol=1e-10)
    assert_allclose(jacobian.traces(array(M)), by_class(each), rtol=1e-8, atol=1e-10)
