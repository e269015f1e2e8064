"""Derivatives of fitted models: `differentiate`, vector calculus, averages and integrals."""

from .derivative import Derivative, derivatives, differentiate
from .effects import MarginalEffects, average_marginal_effects
from .evaluation import BLOCK_ROWS, Order
from .expectation import expectation, sample
from .integration import integrate
from .operators import (
    biharmonic,
    curl,
    directional_derivative,
    divergence,
    laplacian,
    strain_rate,
    vorticity,
)
from .roots import roots
from .tensors import gradient, hessian, jacobian

__all__ = [
    "BLOCK_ROWS",
    "Derivative",
    "MarginalEffects",
    "Order",
    "average_marginal_effects",
    "biharmonic",
    "curl",
    "derivatives",
    "differentiate",
    "directional_derivative",
    "divergence",
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
