"""How much memory the fit of a net takes, before it is taken."""

import numpy as np

from ..jets.perceptron import Perceptron
from ..samples import Samples
from ..solvers.equations import MAX_SIDE
from ..solvers.memory import least_squares_bytes, require_memory
from .contract import FitSpec, NetSpec

__all__ = ["require_memory_for"]

# Vectors as long as the weights: they and their gradient, and Adam's two averages, the 50 pairs
# that L-BFGS remembers, or a step's direction, bend and trial. Known slopes add a Jacobian to "lm".
VECTORS = {"adam": 4, "lbfgs": 104, "lm": 5}


def require_memory_for(net: NetSpec, fit: FitSpec, samples: Samples) -> None:
    """Refuse dense layers that the machine has no memory to train; on a GPU it is the GPU's.

    Raises
    ------
    MemoryError
    """
    if net.module is not None or net.device not in ("cpu", "auto"):
        return
    widths = (net.n_features, *net.hidden_layers, net.n_outputs)
    n_weights = Perceptron(widths, net.activation).n_weights
    itemsize = np.dtype(net.dtype).itemsize
    n_bytes = VECTORS[fit.solver] * n_weights * itemsize
    if fit.solver == "lm" and samples.slopes is not None and samples.targets.size <= MAX_SIDE:
        n_bytes = least_squares_bytes(samples.targets.size, n_weights, itemsize)
    require_memory(
        f"solver={fit.solver!r} with {n_weights:,} weights (hidden_layers={net.hidden_layers}), "
        f"{len(samples)} samples and dtype={net.dtype!r}",
        n_bytes,
    )
