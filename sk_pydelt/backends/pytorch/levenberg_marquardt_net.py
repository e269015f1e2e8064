"""The skorch net that is trained by Levenberg–Marquardt: one accepted step an epoch."""

from typing import Any

import torch
from skorch.callbacks import Callback
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ...solvers.levenberg_marquardt import LevenbergMarquardt, linearise
from .batches import Rows
from .skorch_net import SkorchNet

__all__ = ["LevenbergMarquardtNet", "StopWhenDone"]


class LevenbergMarquardtNet(SkorchNet):
    """A skorch regressor whose training step is one of Levenberg–Marquardt.

    The loss is that of `SkorchNet`. Skorch's own optimizer is not used.
    """

    def initialize_module(self) -> "LevenbergMarquardtNet":
        super().initialize_module()
        self.search_ = LevenbergMarquardt()
        return self

    @property
    def end_of_search(self) -> str | None:
        return self.search_.stop_reason

    def train_step(self, batch: Any, **fit_params) -> dict[str, torch.Tensor]:
        """One accepted step; the loss returned is that of the weights before."""
        if self.module_.training:
            self._set_training(False)  # nothing random: losses are compared to the last digit
        with torch.no_grad():
            if getattr(self, "problem_", None) is None:  # the batch is all samples, always
                self.problem_ = _Problem(self.module_, self.kind, Rows(*batch), self.alpha)
            problem = self.problem_
            w = problem.weights.read()
            loss, equations = problem.linearise(w)
            bends = problem.residuals if w.dtype is torch.float64 else None  # else rounded away
            functions = problem.evaluate, problem.prior, bends
            new, _ = self.search_.step(w, float(loss), equations, *functions)
            problem.weights.write(new)
        return {"loss": loss}

    def on_train_end(self, net: Any, **kwargs) -> None:
        self.problem_ = None  # it holds the samples
        super().on_train_end(net, **kwargs)


class _Weights:
    """The parameters of a module, made views of one vector: one copy of it writes them all."""

    def __init__(self, module):
        self.parameters = list(module.parameters())
        self._bind()

    def _bind(self):
        self.vector = parameters_to_vector(self.parameters)
        vector_to_parameters(self.vector, self.parameters)
        self.places = self._places()
        self.w = self.vector.clone()

    def _places(self):
        return [p.data_ptr() for p in self.parameters]

    def read(self):
        """The weights (P,): the very tensor last written, if nobody has changed them since."""
        if self._places() != self.places:  # a callback has put other tensors there
            self._bind()
        elif not torch.equal(self.vector, self.w):
            self.w = self.vector.clone()
        return self.w

    def write(self, w):
        self.vector.copy_(w)
        self.w = w


class _Problem:
    """The loss of a module as a sum of squares of scaled residuals and of weights."""

    def __init__(self, module, kind, rows, alpha):
        X, y, weight, directions = rows
        self.weights = _Weights(module)
        self.function = kind.weight_function(
            module, 0 if directions is None else directions.shape[1]
        )
        scale = ((torch.ones_like(y[:, :1]) if weight is None else weight) / y.numel()).sqrt()
        places = X if directions is None else torch.cat([X, directions.flatten(1)], dim=1)
        self.X, self.y, self.scale = places, y, scale
        parts = [torch.full_like(p, alpha * (p.ndim > 1)) for p in self.weights.parameters]
        self.prior = parameters_to_vector(parts) if alpha else None

    def evaluate(self, w):
        return float(self._loss(w, self.residuals(w)))

    def residuals(self, w):
        """Scaled errors at w, (n m,)."""
        return (self.scale * (self.function.values(w, self.X) - self.y)).flatten()

    def _loss(self, w, residuals):
        squares = residuals @ residuals
        return squares if self.prior is None else squares + self.prior @ w**2

    def linearise(self, w):
        def rows(part):
            whole = part == slice(None)  # and not a view of all: its values at w are known
            X, y, scale = (a if whole else a[part] for a in (self.X, self.y, self.scale))
            values, jacobian = self.function.jacobian(w, X)
            scale = scale.expand_as(values)
            return jacobian.scaled(scale.flatten()), (scale * (values - y)).flatten()

        equations = linearise(rows, *self.y.shape, len(w))
        return self._loss(w, equations.r), equations


class StopWhenDone(Callback):
    """Ends training when the search has nothing left to gain."""

    def on_epoch_end(self, net: Any, **kwargs) -> None:
        if net.search_.stop_reason is not None:
            raise KeyboardInterrupt  # how skorch's own callbacks stop a fit
