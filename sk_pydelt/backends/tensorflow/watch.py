"""Callbacks of Keras, called around epochs that are not Keras' own."""

from collections.abc import Sequence
from typing import Any

from .epochs import State
from .framework import keras

__all__ = ["Watch", "logs_of"]


class Watch:
    """Calls callbacks as ``keras.Model.fit`` does, with the model as it is at the time.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        None at all cost nothing.
    model : keras.Model
    kind : NetKind
    epochs, steps : int
        Steps are the batches of an epoch.

    Raises
    ------
    TypeError
        Something else than callbacks of Keras.
    """

    def __init__(
        self, callbacks: Sequence[Any], model: Any, kind: Any, epochs: int, steps: int
    ) -> None:
        wrong = [c for c in callbacks if not isinstance(c, keras.callbacks.Callback)]
        if wrong:
            raise TypeError(
                "With backend='tensorflow', callbacks must be instances of "
                f"keras.callbacks.Callback; got {wrong[0]!r}."
            )
        self.model, self.kind, self.epochs = model, kind, epochs
        params = {"epochs": epochs, "steps": steps, "verbose": 0}
        self.calls = (
            keras.callbacks.CallbackList(list(callbacks), model=model, **params)
            if callbacks
            else None
        )

    def begin(self, one_step: bool = True) -> None:
        """Before the first epoch, and where epochs are one step each, before that of the first."""
        self.model.stop_training = False
        if self.calls is not None:
            self.calls.on_train_begin()
            if one_step:
                self._begin_step(0)

    def _begin_step(self, epoch):
        self.calls.on_epoch_begin(epoch)
        self.calls.on_train_batch_begin(0)

    def step(self, state: State, loss: float, valid_losses: Sequence[float]) -> State:
        """After an epoch of one step that was taken elsewhere; the state, stopped or not."""
        if self.calls is None:
            return state
        epoch = int(state.epoch)
        self.kind.write(self.model, state.params, state.stats)
        self.calls.on_train_batch_end(0, {"loss": loss})
        self.calls.on_epoch_end(epoch, logs_of(loss, valid_losses))
        state = state._replace(
            epoch=state.epoch + 1, going=state.going & (not self.model.stop_training)
        )
        if state.going and epoch + 1 < self.epochs:
            self._begin_step(epoch + 1)
        return state

    def end(self, state: State) -> State:
        """After the last epoch: the state with the weights that callbacks leave."""
        if self.calls is None:
            return state
        self.kind.write(self.model, state.params, state.stats)
        self.calls.on_train_end()
        weights = self.kind.weights(self.model)
        return state._replace(params=weights.params, stats=weights.stats)


def logs_of(loss: float, valid_losses: Sequence[float]) -> dict[str, float]:
    """What callbacks are told of an epoch, by Keras' names."""
    return {"loss": loss} | ({"val_loss": valid_losses[-1]} if valid_losses else {})
