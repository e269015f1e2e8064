"""Smooth functions and their exact derivatives from noisy or sparse samples.

Estimators: `NeuralNetworkInterpolator`, `BayesianNeuralNetworkInterpolator`, `SplineInterpolator`.
Derivatives of any fitted model: `differentiate`, `gradient`, `jacobian`, `hessian`, `laplacian`,
`divergence`, `curl`, `strain_rate`.
Rules for further scikit-learn steps: `sk_pydelt.chain.propagate.register`.
pydelt's interface, with one-dimensional arrays: `sk_pydelt.interpolation`.

PyTorch is loaded when a net is fitted, not before.
"""

from importlib.metadata import version

from .bayesian import BayesianNeuralNetworkInterpolator
from .calculus import (
    Derivative,
    curl,
    differentiate,
    divergence,
    gradient,
    hessian,
    jacobian,
    laplacian,
    strain_rate,
)
from .neural import NeuralNetworkInterpolator
from .spline import SplineInterpolator

__all__ = [
    "BayesianNeuralNetworkInterpolator",
    "Derivative",
    "NeuralNetworkInterpolator",
    "SplineInterpolator",
    "curl",
    "differentiate",
    "divergence",
    "gradient",
    "hessian",
    "jacobian",
    "laplacian",
    "strain_rate",
]

__version__ = version("sk-pydelt")
