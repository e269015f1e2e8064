"""Smooth functions and their exact derivatives from noisy or sparse samples.

>>> import numpy as np
>>> from sk_pydelt import SplineInterpolator, estimate_derivative
>>> t = np.linspace(0, 6, 50)
>>> x = np.sin(t) + 0.01 * np.random.default_rng(0).standard_normal(50)
>>> velocity, std = estimate_derivative(t, x, return_std=True)
>>> model = SplineInterpolator(degree=5).fit(t.reshape(-1, 1), x)
>>> model.differentiate(order=2)([[1.0]]).round(1)
array([-0.8])

In one line, of arrays, Series, DataArrays or quantities: `estimate_derivative`.
Estimators: `NeuralNetworkInterpolator`, `BayesianNeuralNetworkInterpolator`, `SplineInterpolator`.
Derivatives of any fitted model: `differentiate`, `gradient`, `jacobian`, `hessian`, `laplacian`,
`divergence`, `curl`, `vorticity`, `strain_rate`, `biharmonic`, `directional_derivative`,
`derivatives`, `average_marginal_effects`; `integrate` goes the other way, and `roots` finds where
one is zero.
Rules for further scikit-learn steps: `sk_pydelt.chain.propagate.register`.
Pictures: `sk_pydelt.display`.
pydelt's interface, with one-dimensional arrays: `sk_pydelt.interpolation`.

PyTorch is loaded when a `NeuralNetworkInterpolator` is fitted, not before; TensorFlow where that is
asked for. The Bayesian nets and the splines need neither.
"""

from importlib.metadata import version

from .bayesian import BayesianNeuralNetworkInterpolator
from .calculus import (
    Derivative,
    MarginalEffects,
    average_marginal_effects,
    biharmonic,
    curl,
    derivatives,
    differentiate,
    directional_derivative,
    divergence,
    expectation,
    gradient,
    hessian,
    integrate,
    jacobian,
    laplacian,
    roots,
    sample,
    strain_rate,
    vorticity,
)
from .estimate import estimate_derivative
from .laws import LinearLaw, boundary_values
from .neural import NeuralNetworkInterpolator
from .spline import SplineInterpolator

__all__ = [
    "BayesianNeuralNetworkInterpolator",
    "Derivative",
    "LinearLaw",
    "MarginalEffects",
    "NeuralNetworkInterpolator",
    "SplineInterpolator",
    "average_marginal_effects",
    "biharmonic",
    "boundary_values",
    "curl",
    "derivatives",
    "differentiate",
    "directional_derivative",
    "divergence",
    "estimate_derivative",
    "expectation",
    "gradient",
    "hessian",
    "integrate",
    "jacobian",
    "laplacian",
    "roots",
    "sample",
    "strain_rate",
    "vorticity",
]

__version__ = version("sk-pydelt")
