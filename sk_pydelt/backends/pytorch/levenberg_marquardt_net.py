"""The skorch net that is trained by Levenberg–Marquardt: one accepted step an epoch."""

from typing import Any

import torch
from skorch.callbacks import Callback
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ...solvers.levenberg_marquardt import LevenbergMarquardt
from ...solvers.threads import one_blas_thread
from ..least_squares import NetLeastSquares
from .arrays import as_array
from .batches import Rows
from .skorch_net import SkorchNet

__all__ = ["LevenbergMarquardtNet", "StopWhenDone"]


class LevenbergMarquardtNet(SkorchNet):
    """A skorch regressor whose training step is one of Levenberg–Marquardt.

    The loss is that of `SkorchNet`. Skorch's own optimizer is not used. On the processor steps are
    taken by NumPy and LAPACK, on other devices by torch.
    """

    search_: LevenbergMarquardt | None
    weights_: Any  # _Weights during a fit, None before and after it
    point_: Any  # likewise a Point

    def initialize_module(self) -> "LevenbergMarquardtNet":
        super().initialize_module()
        self.search_ = self.weights_ = None  # until the first step shows the samples
        return self

    @property
    def end_of_search(self) -> str | None:
        return None if self.search_ is None else self.search_.stop_reason

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """One accepted step; the loss returned is that of the weights before."""
        if self.module_.training:
            self._set_training(False)  # nothing random: losses are compared to the last digit
        rows = Rows(*batch)
        with torch.no_grad(), one_blas_thread(self._multiplications(rows)):
            search = self.search_
            if search is None or self.weights_ is None:
                search = self._begin(rows)
            w = self.weights_.read()
            if w is not self.point_.w:  # a callback has changed them
                self.point_ = search.problem.at(w)
            loss, y_pred = self.point_.loss, self.module_(rows.X) if self.is_watched else None
            self.point_ = search.step(self.point_)
            self.weights_.write(self.point_.w)
        return {"loss": torch.tensor(loss, dtype=torch.float64), "y_pred": y_pred}

    def _multiplications(self, rows):
        n, n_weights = rows.y.numel(), sum(p.numel() for p in self.module_.parameters())
        return n * n_weights * min(n, n_weights)

    def _begin(self, rows):
        """The batch is all samples, always."""
        self.weights_ = _Weights(self.module_)
        problem = NetLeastSquares(
            self.kind.weight_function(self.module_),
            rows.jet.map_parts(as_array),
            as_array(rows.y),
            None if rows.weight is None else as_array(rows.weight),
            self.weights_.penalties(self.alpha) if self.alpha else None,
            [rows.map_arrays(as_array) for rows in self.laws_],
        )
        self.search_, self.point_ = LevenbergMarquardt(problem), problem.at(self.weights_.read())
        return self.search_

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        if self.weights_ is not None:
            self.weights_.part()
        self.weights_ = self.point_ = None  # they hold the samples
        if self.search_ is not None:
            del self.search_.problem
        super().on_train_end(net, **kwargs)


class _Weights:
    """The parameters of a module, made views of one vector: one copy of it writes them all."""

    def __init__(self, module):
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self._bind()

    def _bind(self):
        self.vector = parameters_to_vector(self.parameters)
        vector_to_parameters(self.vector, self.parameters)
        self.addresses = self._addresses()
        self._copy()

    def _copy(self):
        self.written = self.vector.clone()
        self.w = as_array(self.written)

    def _addresses(self):
        return [p.data_ptr() for p in self.parameters]

    def read(self):
        """The weights (P,): the very array last written, if nobody has changed them since."""
        if self._addresses() != self.addresses:  # a callback has put other tensors there
            self._bind()
        elif not torch.equal(self.vector, self.written):
            self._copy()
        return self.w

    def write(self, w):
        """Make w the weights of the module."""
        self.written, self.w = torch.as_tensor(w), w
        self.vector.copy_(self.written)

    def part(self):
        """Give each parameter memory of its own: a file would hold the whole vector for each."""
        for p in self.parameters:
            p.data = p.data.clone()

    def penalties(self, alpha):
        """What the square of each weight counts: alpha for matrices, nothing for biases."""
        parts = [torch.full_like(p, alpha * (p.ndim > 1)) for p in self.parameters]
        return as_array(parameters_to_vector(parts))


class StopWhenDone(Callback):
    """Ends training when the search has nothing left to gain."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if net.end_of_search is not None:
            raise KeyboardInterrupt  # how skorch's own callbacks stop a fit
