"""The TensorFlow backend: SciKeras nets. TensorFlow is loaded when one is fitted or used."""

from typing import TYPE_CHECKING

import numpy as np

from ...jets import Jet
from ...samples import Samples
from ..contract import Backend, FitResult, FitSpec, NetSpec, Start
from ..features import FEATURES

if TYPE_CHECKING:
    from .keras_net import KerasNet

__all__ = ["TensorFlowBackend"]


class TensorFlowBackend(Backend):
    """Nets of Keras on TensorFlow, held by SciKeras and trained in compiled epochs."""

    supports = frozenset(FEATURES)

    def fit(self, net: NetSpec, fit: FitSpec, samples: Samples) -> FitResult:
        """Train a SciKeras net on scaled samples."""
        from .fit import fit_net

        return fit_net(net, fit, samples)

    def resume(self, start: Start, net: NetSpec, fit: FitSpec, samples: Samples) -> FitResult:
        """Train a copy of a SciKeras net further."""
        from .fit import fit_net

        return fit_net(net, fit, samples, start)

    def predict(self, net: "KerasNet", X: np.ndarray) -> np.ndarray:
        """Values of the net at X (n, p), of shape (n, q)."""
        return net.kind.predict(net, X)

    def propagate(self, net: "KerasNet", jet: Jet) -> Jet:
        """Pass a jet of arrays through the net."""
        return net.kind.propagate(net, jet)
