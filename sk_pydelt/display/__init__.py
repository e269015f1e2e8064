"""Pictures of fitted models, by scikit-learn's conventions; matplotlib is loaded when they plot."""

from .derivative import DerivativeDisplay
from .loss_curve import LossCurveDisplay
from .marginal_effects import MarginalEffectsDisplay
from .vector_field import VectorFieldDisplay

__all__ = [
    "DerivativeDisplay",
    "LossCurveDisplay",
    "MarginalEffectsDisplay",
    "VectorFieldDisplay",
]
