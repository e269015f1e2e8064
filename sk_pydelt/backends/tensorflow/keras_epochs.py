"""Training by an optimizer of Keras, step by step, with its callbacks."""

import numpy as np

from ...progress import ProgressBar
from ..schedule import learning_rate
from ..training import require_finite
from .epochs import Data, State, TrainingRun, show
from .framework import tf
from .optimizers import keras_optimizer
from .watch import logs_of

__all__ = ["train_by_keras"]


def train_by_keras(run: TrainingRun) -> tuple[State, list[float], list[float]]:
    """Take the steps of an epoch until the epochs are done, or training is stopped.

    The loss and the order of batches are those of the compiled epochs. Argument and results as of
    `sk_pydelt.backends.tensorflow.epochs.train`.
    """
    training = _Training(run)
    with ProgressBar(run.epochs, run.verbose) as bar:
        try:
            run.watch.begin(one_step=False)
            while len(training.losses) < run.epochs and training.state.going:
                training.epoch()
                show(bar, training.losses[-1:], training.valid_losses[-1:])
        except KeyboardInterrupt:
            pass
    run.steps[:] = [variable.numpy() for variable in training.optimizer.variables]
    if training.losses:
        training.state = run.watch.end(training.state)
    return training.state, training.losses, training.valid_losses


class _Training:
    """The model's variables, an optimizer on them, and the state after the last whole epoch."""

    def __init__(self, run):
        self.run, self.state = run, run.state
        self.losses, self.valid_losses = [], []
        self.optimizer = keras_optimizer(run.fit)
        run.model.compile(optimizer=self.optimizer, loss="mse")
        self.optimizer.build(run.model.trainable_variables)
        self._remember(run.steps)
        self.first_epoch = int(run.state.epoch)
        rows = Data(*(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in run.data))
        count = tf.TensorSpec((), tf.int64)
        step = tf.function(self._step, autograph=False, input_signature=[rows, count])
        self.step = step.get_concrete_function()

    def _remember(self, steps):
        """Go on from what an optimizer of the same kind remembers, but for its learning rate."""
        variables = self.optimizer.variables
        if [part.shape for part in steps] == [tuple(v.shape) for v in variables]:
            for variable, part in zip(variables, steps):
                if variable.name != "learning_rate":
                    variable.assign(part)

    def _step(self, rows, count):
        """One step on a batch, after `count` others; the loss before it."""
        run, (params, stats) = self.run, self.run.kind.live(self.run.model)
        state = run.state._replace(params=params, stats=stats, step=count)
        loss, gradients, stats = run.compiled.kind_of_training.gradient(state, rows, run.settings)
        pieces = run.kind.pieces(gradients, run.model)
        self.optimizer.apply(pieces, run.model.trainable_variables)
        run.kind.move(run.model, stats)
        return loss

    def epoch(self):
        """The steps of an epoch, and the callbacks around them."""
        run, epoch = self.run, self.first_epoch + len(self.losses)
        if run.fit.learning_rate_schedule != "constant":
            self.optimizer.learning_rate = learning_rate(run.fit, epoch)
        calls = run.watch.calls
        if calls is not None:
            calls.on_epoch_begin(epoch)
        loss = self._batches(epoch, calls)
        require_finite(loss, len(self.losses) + 1)
        state, valid_losses = self._validated(epoch)
        if calls is not None:
            calls.on_epoch_end(epoch, logs_of(loss, valid_losses))
        params, stats = run.kind.live(run.model)
        going = state.going & (not run.model.stop_training)
        self.state = state._replace(params=params, stats=stats, going=going)
        self.losses, self.valid_losses = [*self.losses, loss], self.valid_losses + valid_losses

    def _batches(self, epoch, calls):
        """The mean loss of the batches, each before its step."""
        losses, sizes = [], []
        for i, rows in enumerate(self.run.batches(epoch)):
            if calls is not None:
                calls.on_train_batch_begin(i)
            count = tf.cast(self.optimizer.iterations, tf.int64)
            losses.append(float(self.step(*rows, count)))
            sizes.append(len(rows.X))
            if calls is not None:
                calls.on_train_batch_end(i, {"loss": losses[-1]})
            if self.run.model.stop_training:
                break
        return float(np.average(losses, weights=sizes))

    def _validated(self, epoch):
        """The state after an epoch, and its loss on held-out rows."""
        run, (params, stats) = self.run, self.run.kind.live(self.run.model)
        state = self.state._replace(params=params, stats=stats, epoch=self.state.epoch + 1)
        if not len(run.valid.X):
            return state, []
        state, loss = run.compiled.validate(state, run.valid, run.settings)
        return state, [float(loss)]
