"""The skorch net that is trained by Levenberg–Marquardt: one accepted step an epoch."""

import torch
from skorch.callbacks import Callback
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ..solvers.levenberg_marquardt import LevenbergMarquardt, linearise
from .pytorch_net import SkorchNet
from .pytorch_slopes import weight_function

__all__ = ["LevenbergMarquardtNet", "StopWhenDone"]


class LevenbergMarquardtNet(SkorchNet):
    """A skorch regressor whose training step is one of Levenberg–Marquardt.

    The loss is that of `SkorchNet`. Skorch's own optimizer is not used.
    """

    def initialize_module(self):
        super().initialize_module()
        self.search_ = LevenbergMarquardt()
        return self

    def train_step(self, batch, **fit_params):
        """One accepted step; the loss returned is that of the weights before."""
        if self.module_.training:
            self._set_training(False)  # nothing random: losses are compared to the last digit
        with torch.no_grad():
            if getattr(self, "problem_", None) is None:  # the batch is all samples, always
                function = weight_function(self.module_, self.n_directions)
                self.problem_ = _Problem(self.module_, function, *batch, self.alpha)
            w = parameters_to_vector(self.module_.parameters())
            loss, equations = self.problem_.linearise(w)
            evaluate, prior = self.problem_.evaluate, self.problem_.prior
            new, _ = self.search_.step(w, loss, equations, evaluate, prior)
            vector_to_parameters(new, self.module_.parameters())
        return {"loss": torch.as_tensor(loss)}

    def on_train_end(self, net, **kwargs):
        self.problem_ = None  # it holds the samples
        super().on_train_end(net, **kwargs)


class _Problem:
    """The loss of a module as a sum of squares of scaled residuals and of weights."""

    def __init__(self, module, function, X, y_and_weight, alpha):
        self.function = function
        y, *weight = y_and_weight
        scale = ((weight[0] if weight else torch.ones_like(y[:, :1])) / y.numel()).sqrt()
        self.X, self.y, self.scale = X, y, scale
        parts = [torch.full_like(p, alpha * (p.ndim > 1)) for p in module.parameters()]
        self.prior = parameters_to_vector(parts)

    def evaluate(self, w):
        return self._loss(w, self.scale * (self.function.values(w, self.X) - self.y))

    def _loss(self, w, residuals):
        return float((residuals**2).sum() + self.prior @ w**2)

    def linearise(self, w):
        residuals = []

        def rows(part):
            values, jacobian = self.function.jacobian(w, self.X[part])
            scale = self.scale[part].expand_as(values)
            residuals.append((scale * (values - self.y[part])).flatten())
            return jacobian.scaled(scale.flatten()), residuals[-1]

        equations = linearise(rows, *self.y.shape, len(w))
        return self._loss(w, torch.cat(residuals)), equations


class StopWhenDone(Callback):
    """Ends training when the search has nothing left to gain."""

    def on_epoch_end(self, net, **kwargs):
        if net.search_.stop_reason is not None:
            raise KeyboardInterrupt  # how skorch's own callbacks stop a fit
