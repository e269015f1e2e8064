"""Training by L-BFGS: SciPy takes the steps, a compiled graph gives the loss and its gradient."""

import numpy as np
from scipy.optimize import minimize

from ...progress import ProgressBar
from ..training import require_finite
from .epochs import State, TrainingRun, show
from .framework import tf
from .vectors import as_tensors, as_vector

__all__ = ["train_by_lbfgs"]

# As the PyTorch backend: steps remembered, and trials in a search along a line.
HISTORY, TRIALS = 50, 26


def train_by_lbfgs(run: TrainingRun) -> tuple[State, list[float], list[float]]:
    """Iterate until the epochs are done, the loss stops falling, or training stops early.

    One iteration of L-BFGS-B without bounds (Zhu, Byrd, Lu & Nocedal 1997) is an epoch. Argument
    and results as of `sk_pydelt.backends.tensorflow.epochs.train`.
    """
    search, epochs = _Search(run), run.epochs
    with ProgressBar(epochs, run.verbose) as search.bar:
        options = {"maxiter": epochs, "maxfun": TRIALS * epochs, "ftol": 0, "gtol": 0}
        options |= {"maxcor": HISTORY, "maxls": TRIALS}
        try:
            run.watch.begin()
            start = as_vector(run.state.params).astype(np.float64)
            method = {"method": "L-BFGS-B", "jac": True, "options": options}
            minimize(search.loss, start, callback=search.end_epoch, **method)
            if not search.losses:  # at the minimum from the start
                search.record()
            search.state = search.state._replace(going=tf.constant(False))
        except KeyboardInterrupt:
            pass
    search.state = run.watch.end(search.state)
    return search.state, search.losses, search.valid_losses


class _Search:
    """The functions that SciPy calls, and where training stands."""

    def __init__(self, run):
        self.run, self.state = run, run.state
        self.losses, self.valid_losses = [], []
        self.before = self.moved = self.bar = None

    def loss(self, vector):
        """The loss and its gradient at weights as one vector."""
        run, params = self.run, as_tensors(vector, self.state.params)
        trial = self.state._replace(params=params)
        loss, gradients, self.moved = run.compiled.gradient(trial, run.data, run.settings)
        if self.before is None:
            self.before = float(loss)
            require_finite(self.before, 1)
        return float(loss), as_vector(gradients).astype(np.float64)

    def end_epoch(self, intermediate_result):
        """Take the weights that the search along a line has ended at."""
        params = as_tensors(intermediate_result.x, self.state.params)
        self.state = self.state._replace(params=params, stats=self.moved)
        self.record()
        self.before = intermediate_result.fun
        self.state = self.run.watch.step(self.state, self.losses[-1], self.valid_losses)
        if not self.state.going:
            raise StopIteration

    def record(self):
        """The losses of an epoch: on the training samples, that before the step."""
        self.losses.append(self.before)
        if len(self.run.valid.X):
            run = self.run
            self.state, loss = run.compiled.validate(self.state, run.valid, run.settings)
            self.valid_losses.append(float(loss))
        show(self.bar, self.losses[-1:], self.valid_losses[-1:])
