"""The chain rule: how a jet passes through each fitted scikit-learn step, one rule per class.

`registry` holds the open tables of rules; the other modules hold the rules themselves, one family
of steps each, and are imported when a step of theirs is first met.
"""

from .arrays import any_array, through_numpy
from .functions import register_function
from .latents import latent
from .registry import (
    entrance,
    home,
    output_names,
    predicts_1d,
    propagate,
    propagate_cov,
    propagate_inverse,
    propagate_std,
    propagate_sum_std,
    propagate_transform,
    warn_once,
)

__all__ = [
    "any_array",
    "entrance",
    "home",
    "latent",
    "output_names",
    "predicts_1d",
    "propagate",
    "propagate_cov",
    "propagate_inverse",
    "propagate_std",
    "propagate_sum_std",
    "propagate_transform",
    "register_function",
    "through_numpy",
    "warn_once",
]
