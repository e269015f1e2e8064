"""The PyTorch backend: skorch nets. Torch is loaded when one is fitted or used."""

from typing import TYPE_CHECKING

import numpy as np

from ...jets import Jet
from ...jets.blocks import Home
from ...samples import Samples
from ..contract import Backend, FitResult, FitSpec, NetSpec, Start
from ..features import FEATURES
from ..imports import needs

if TYPE_CHECKING:
    from .skorch_net import SkorchNet

__all__ = ["PyTorchBackend"]


class PyTorchBackend(Backend):
    """Nets of PyTorch, trained by skorch."""

    supports = frozenset(FEATURES)
    any_array = True

    def fit(self, net: NetSpec, fit: FitSpec, samples: Samples) -> FitResult:
        """Train a skorch net on scaled samples."""
        with _torch():
            from .fit import fit_net

        return fit_net(net, fit, samples)

    def resume(self, start: Start, net: NetSpec, fit: FitSpec, samples: Samples) -> FitResult:
        """Train a copy of a skorch net further."""
        with _torch():
            from .fit import fit_net

        return fit_net(net, fit, samples, start)

    def predict(self, net: "SkorchNet", X: np.ndarray) -> np.ndarray:
        """Values of the net at X (n, p), of shape (n, q)."""
        with _torch():
            from .evaluate import predict

        return predict(net, X)

    def propagate(self, net: "SkorchNet", jet: Jet) -> Jet:
        """Pass a jet of arrays, or of tensors on the net's device, through the net."""
        with _torch():
            from .evaluate import propagate, propagate_tensors

        of_numpy = isinstance(jet.value, np.ndarray)
        return propagate(net, jet) if of_numpy else propagate_tensors(net, jet)

    def home(self, net: "SkorchNet") -> Home | None:
        """The GPU that the net is on; None is the processor."""
        if next(net.module_.parameters()).device.type != "cuda":
            return None
        from .gpu import home

        return home(net)


def _torch():
    return needs("pytorch", "PyTorch and skorch", "torch skorch")
