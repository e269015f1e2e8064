"""Neural networks of one framework each, behind one contract; and the registry of them.

Nothing here loads a framework: a backend does when it fits, predicts or differentiates.
"""

from .contract import Backend, FitResult, FitSpec, NetSpec, Start
from .features import FEATURES, Feature
from .memory import require_memory_for
from .registry import OURS, backend_names, feature_table, get_backend, refuse, register_backend
from .schedule import one_of_many
from .training import constant_loss, end_early

__all__ = [
    "FEATURES",
    "OURS",
    "Backend",
    "Feature",
    "FitResult",
    "FitSpec",
    "NetSpec",
    "Start",
    "backend_names",
    "constant_loss",
    "end_early",
    "feature_table",
    "get_backend",
    "one_of_many",
    "refuse",
    "register_backend",
    "require_memory_for",
]
