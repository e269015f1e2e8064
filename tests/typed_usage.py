"""A small script of a user, for a type checker: what comes out has the types that are expected."""

from typing import assert_type

import numpy as np

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    Derivative,
    MarginalEffects,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    average_marginal_effects,
    curl,
    derivatives,
    differentiate,
    gradient,
    hessian,
    integrate,
    jacobian,
    laplacian,
    roots,
)
from sk_pydelt import interpolation as dropin


def usage() -> None:
    """Checked, and never run."""
    t = np.linspace(0, 6, 40).reshape(-1, 1)
    y = np.sin(t).ravel()

    net = assert_type(NeuralNetworkInterpolator((8,)).fit(t, y), NeuralNetworkInterpolator)
    spline = assert_type(SplineInterpolator().fit(t, y), SplineInterpolator)
    bayes = assert_type(
        BayesianNeuralNetworkInterpolator(n_init=1).fit(t, y, dy=np.cos(t)),
        BayesianNeuralNetworkInterpolator,
    )

    for model in (net, spline):
        assert_type(model.predict(t), np.ndarray)
    assert_type(bayes.predict(t), np.ndarray)
    assert_type(bayes.predict(t, return_std=True), tuple[np.ndarray, np.ndarray])
    assert_type(bayes.sample(t, 3), np.ndarray)

    acceleration = assert_type(net.differentiate(2), Derivative)
    assert_type(acceleration(t), np.ndarray)
    assert_type(acceleration(t, return_std=True), tuple[np.ndarray, np.ndarray])
    assert_type(differentiate(net, (1,))(t), np.ndarray)
    assert_type(gradient(net, t), np.ndarray)
    assert_type(jacobian(net, t, return_std=True), tuple[np.ndarray, np.ndarray])
    assert_type(hessian(net, t), np.ndarray)
    assert_type(laplacian(net, t), np.ndarray)
    assert_type(curl(net, t), np.ndarray)
    assert_type(net.gradient(t), np.ndarray)
    assert_type(average_marginal_effects(net, t), MarginalEffects)

    Number = float | np.ndarray
    assert_type(derivatives(net, t, [(1,), (2,)]), list[np.ndarray])
    assert_type(net.derivatives(t, [(1,), (2,)]), list[np.ndarray])
    assert_type(integrate(net, 0, 1), Number)
    assert_type(integrate(bayes, 0, [1, 2], return_std=True), tuple[Number, Number])
    assert_type(net.integrate(0, 1), Number)
    assert_type(roots(net, 0, 1), np.ndarray | list[np.ndarray])
    assert_type(bayes.integrate(0, [1, 2], return_std=True), tuple[Number, Number])

    x = t.ravel()
    curve = assert_type(dropin.SplineInterpolator(k=3).fit(x, y), dropin.SplineInterpolator)
    dropin_net = assert_type(
        dropin.NeuralNetworkInterpolator([8], framework="pytorch").fit(x, y),
        dropin.NeuralNetworkInterpolator,
    )
    assert_type(curve.predict(1.0), Number)
    assert_type(dropin_net.predict(x), Number)
    speed = assert_type(curve.differentiate(1, mask=[0, 2]), dropin.CurveDerivative)
    assert_type(speed(x), Number)
    assert_type(dropin_net.differentiate()(1.0), Number)
