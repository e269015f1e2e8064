"""The SciKeras regressor of the TensorFlow backend; the only file that knows SciKeras.

`KerasNet` keeps from it the class, so that ``net_`` is what its users expect, and the checks of
the data; building, training and differentiation are in the files beside this one.
"""

from typing import Any

import numpy as np

from ...samples import Samples
from .framework import keras, tensorflow_extra, tf
from .net_kind import NetKind
from .training import Training
from .user_model import predict_model

with tensorflow_extra():
    from scikeras.wrappers import KerasRegressor

__all__ = ["KerasNet"]


class KerasNet(KerasRegressor):
    """A SciKeras regressor whose Keras model is trained in compiled epochs.

    Parameters
    ----------
    training : Training
        Trains the Keras model, which its `kind` builds.
    """

    def __init__(self, *, training: Training, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.training = training

    def _keras_build_fn(self):
        return self.kind.build(self.training.fit.random_state)

    @property
    def kind(self) -> NetKind:
        """What the model is, and how it is differentiated."""
        return self.training.kind

    @property
    def model_(self) -> keras.Model:
        """The Keras model; after a copy or from a file, built when it is first asked for."""
        if "_model" not in vars(self):
            if "_weights" not in vars(self):
                raise AttributeError("model_ is there after fit")
            with tf.device(self.kind.spec.device):
                model = self._build_keras_model()
                model.set_weights(self._weights)
            self.model_ = model
        return self._model

    @model_.setter
    def model_(self, model: keras.Model) -> None:
        self._model = model
        self.derivatives.clear()

    @property
    def derivatives(self) -> dict:
        """The graphs of the derivatives of a user's own model; they belong to one `model_`."""
        return self.__dict__.setdefault("_derivatives", {})

    def weights(self) -> list[np.ndarray]:
        """The weights as NumPy arrays, as the Keras model has them now."""
        return self._model.get_weights() if "_model" in vars(self) else self._weights

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_derivatives", None)
        if state.pop("_model", None) is not None:
            state["_weights"] = self.weights()
        if not self.training.fit.warm_start:
            state.pop("steps_", None)  # what the optimizer remembers
        return state

    def _type_of_target(self, y):
        return "continuous" if y.ndim == 1 else "continuous-multioutput"

    def _ensure_compiled_model(self):
        """Nothing: training takes no Keras optimizer, and TensorFlow never frees all of one."""

    def _check_model_compatibility(self, y):
        """Nothing: `UserModel.build` checks the shape, and SciKeras would ask for more."""

    @staticmethod
    def _validate_sample_weight(X, y, sample_weight):
        return X, y, np.asarray(sample_weight, dtype=np.float64)  # SciKeras makes it float32

    def _fit_keras_model(self, X, y, sample_weight, warm_start, epochs, initial_epoch, data=None):
        """Train the model on `data`, or on these arrays, in place of ``keras.Model.fit``."""
        given = data or (Samples(X, y, sample_weight), None, None)
        self.history_, self.steps_ = self.training(self.model_, *given)
        self.training = self.training.without_callbacks()

    def _predict_raw(self, X, **options):
        """Predictions in the net's own precision; `keras.Model.predict` rounds X to Keras' own."""
        X, _ = self._validate_data(X=X, y=None)
        with tf.device(self.kind.spec.device):
            return predict_model(self.model_, X, self.kind.spec.dtype)
