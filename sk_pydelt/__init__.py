"""Smooth functions and their exact derivatives from noisy or sparse samples.

Estimators: `NeuralNetworkInterpolator`, `BayesianNeuralNetworkInterpolator`, `SplineInterpolator`.
Derivatives of any fitted model: `differentiate`, `gradient`, `jacobian`, `hessian`, `laplacian`,
`divergence`, `curl`, `vorticity`, `strain_rate`, `biharmonic`, `directional_derivative`,
`derivatives`, `average_marginal_effects`; `integrate` goes the other way.
Rules for further scikit-learn steps: `sk_pydelt.chain.propagate.register`.
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
    gradient,
    hessian,
    integrate,
    jacobian,
    laplacian,
    strain_rate,
    vorticity,
)
from .neural import NeuralNetworkInterpolator
from .spline import SplineInterpolator

__all__ = [
    "BayesianNeuralNetworkInterpolator",
    "Derivative",
    "MarginalEffects",
    "NeuralNetworkInterpolator",
    "SplineInterpolator",
    "average_marginal_effects",
    "biharmonic",
    "curl",
    "derivatives",
    "differentiate",
    "directional_derivative",
    "divergence",
    "gradient",
    "hessian",
    "integrate",
    "jacobian",
    "laplacian",
    "strain_rate",
    "vorticity",
]

__version__ = version("sk-pydelt")
