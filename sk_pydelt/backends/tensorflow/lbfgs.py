"""Training by L-BFGS: SciPy takes the steps, a compiled graph gives the loss and its gradient."""

import numpy as np
from scipy.optimize import minimize

from ..training import require_finite
from .epochs import Compiled, Data, Settings, State, progress_bar, show
from .framework import tf

__all__ = ["train_by_lbfgs"]

# As the PyTorch backend: steps remembered, and trials in a search along a line.
HISTORY, TRIALS = 50, 26


def train_by_lbfgs(
    compiled: Compiled,
    state: State,
    data: Data,
    valid: Data,
    settings: Settings,
    epochs: int,
    verbose: bool,
) -> tuple[State, list[float], list[float]]:
    """Iterate until the epochs are done, the loss stops falling, or training stops early.

    One iteration of L-BFGS-B without bounds (Zhu, Byrd, Lu & Nocedal 1997) is an epoch. Arguments
    and results as of `sk_pydelt.backends.tensorflow.epochs.train`.
    """
    run = _Run(compiled, state, data, valid if len(valid.X) else None, settings)
    with progress_bar(epochs, verbose) as run.bar:
        options = {"maxiter": epochs, "maxfun": TRIALS * epochs, "ftol": 0, "gtol": 0}
        options |= {"maxcor": HISTORY, "maxls": TRIALS}
        try:
            start = np.concatenate([p.numpy().ravel() for p in state.params])
            method = {"method": "L-BFGS-B", "jac": True, "options": options}
            minimize(run.loss, start.astype(np.float64), callback=run.end_epoch, **method)
            if not run.losses:  # at the minimum from the start
                run.record()
            run.state = run.state._replace(going=tf.constant(False))
        except KeyboardInterrupt:
            pass
    return run.state, run.losses, run.valid_losses


class _Run:
    """The functions that SciPy calls, and where training stands."""

    def __init__(self, compiled, state, data, valid, settings):
        self.compiled = compiled
        self.state = state
        self.data = data
        self.valid = valid
        self.settings = settings
        self.losses, self.valid_losses = [], []
        self.before = self.moved = None

    def loss(self, vector):
        """The loss and its gradient at weights as one vector."""
        trial = self.state._replace(params=self._params(vector))
        loss, gradients, self.moved = self.compiled.gradient(trial, self.data, self.settings)
        if self.before is None:
            self.before = float(loss)
            require_finite(self.before, 1)
        gradient = np.concatenate([g.numpy().ravel() for g in gradients])
        return float(loss), gradient.astype(np.float64)

    def end_epoch(self, intermediate_result):
        """Take the weights that the search along a line has ended at."""
        params = self._params(intermediate_result.x)
        self.state = self.state._replace(params=params, stats=self.moved)
        self.record()
        self.before = intermediate_result.fun
        if not self.state.going:
            raise StopIteration

    def record(self):
        """The losses of an epoch: on the training samples, that before the step."""
        self.losses.append(self.before)
        if self.valid is not None:
            self.state, loss = self.compiled.validate(self.state, self.valid, self.settings)
            self.valid_losses.append(float(loss))
        show(self.bar, self.losses[-1:], self.valid_losses[-1:])

    def _params(self, vector):
        """The trained tensors of one vector."""
        like = self.state.params
        cuts = np.cumsum([int(tf.size(p)) for p in like])[:-1]
        pieces = zip(np.split(vector, cuts), like)
        return tuple(tf.constant(v.reshape(p.shape), p.dtype) for v, p in pieces)
