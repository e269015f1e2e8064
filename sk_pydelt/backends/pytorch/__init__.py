"""The PyTorch backend: skorch nets."""

from .backend import fit_net, loss_curves, predict_net, propagate_net

__all__ = ["fit_net", "loss_curves", "predict_net", "propagate_net"]
