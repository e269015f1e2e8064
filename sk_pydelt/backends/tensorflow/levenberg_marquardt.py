"""Training by Levenberg–Marquardt: steps by NumPy and LAPACK, as in every backend."""

import numpy as np

from ...jets import Jet
from ...progress import ProgressBar
from ...solvers.levenberg_marquardt import LevenbergMarquardt
from ...solvers.threads import one_blas_thread
from ..least_squares import NetLeastSquares
from ..training import require_finite
from .epochs import State, TrainingRun, show
from .framework import tf
from .vectors import as_tensors, as_vector

__all__ = ["train_by_levenberg_marquardt"]


def train_by_levenberg_marquardt(
    run: TrainingRun,
) -> tuple[State, list[float], list[float]]:
    """One accepted step an epoch, until there is nothing left to gain, or training stops early.

    Arguments and results as of `sk_pydelt.backends.tensorflow.epochs.train`.
    """
    search = _Search(run)
    with ProgressBar(run.epochs, run.verbose) as bar, one_blas_thread(search.multiplications):
        try:
            run.watch.begin()
            while len(search.losses) < run.epochs and search.state.going:
                search.epoch()
                show(bar, search.losses[-1:], search.valid_losses[-1:])
        except KeyboardInterrupt:
            pass
    search.state = run.watch.end(search.state)
    return search.state, search.losses, search.valid_losses


class _Search:
    """Where training stands."""

    def __init__(self, run):
        self.run, self.state = run, run.state
        self.losses, self.valid_losses = [], []
        self.order = run.kind.weight_order(run.model)
        w = as_vector(run.state.params)[self.order]
        prior = float(run.settings.alpha) * as_vector(run.settings.penalised)[self.order]
        data, directions = run.data, run.data.directions.numpy()
        problem = NetLeastSquares(
            run.kind.weight_function(run.model),
            Jet.along(data.X.numpy(), directions if directions.shape[1] else None),
            data.y.numpy(),
            data.weight.numpy(),
            prior.astype(w.dtype) if prior.any() else None,
            [rows.map_arrays(lambda array: array.astype(w.dtype)) for rows in run.laws],
        )
        n = problem.y.size
        self.multiplications = n * len(w) * min(n, len(w))
        self.search, self.point = LevenbergMarquardt(problem), problem.at(w)

    def epoch(self):
        """One step; the loss recorded is that before it."""
        before = self.point.loss
        require_finite(before, len(self.losses) + 1)
        self.point = self.search.step(self.point)
        vector = np.empty_like(self.point.w)
        vector[self.order] = self.point.w
        state = self.state._replace(params=as_tensors(vector, self.state.params))
        valid_losses = []
        if len(self.run.valid.X):
            state, loss = self.run.compiled.validate(state, self.run.valid, self.run.settings)
            valid_losses.append(float(loss))
        if self.search.stop_reason is not None:
            state = state._replace(going=tf.constant(False))
        self.losses, self.valid_losses = [*self.losses, before], self.valid_losses + valid_losses
        self.state = self.run.watch.step(state, before, self.valid_losses)
