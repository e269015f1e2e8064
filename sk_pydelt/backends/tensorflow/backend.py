"""The TensorFlow backend: builds a SciKeras net as an estimator says, differentiates it by jets.

The only file that knows SciKeras. `KerasNet` keeps from it the class, so that ``net_`` is what
its users expect, and the checks of the data; building, training and differentiation are in the
files beside this one.
"""

import re
from functools import partial

import numpy as np
from sklearn.utils import check_random_state

from ...jets import Jet
from ...samples import Samples
from ..common import check_batches, split_rows, training_rows
from .fit import Training, tensors
from .framework import tensorflow_extra, tf
from .perceptron import Perceptron, build_perceptron, dense_layers, propagate_perceptron
from .user_model import build_own, predict_own, propagate_own

with tensorflow_extra():
    from scikeras.wrappers import KerasRegressor

__all__ = ["KerasNet", "fit_net", "loss_curves", "predict_net", "propagate_net"]

PREDICT_ROWS = 1024  # rows that pass through the net at a time, so that they stay in the cache


class KerasNet(KerasRegressor):
    """A SciKeras regressor whose Keras model is trained in compiled epochs.

    Parameters
    ----------
    model : functools.partial
        Builds the Keras model.
    training : Training
        Trains it.
    """

    def __init__(self, model, *, training, **kwargs):
        super().__init__(model, **kwargs)
        self.training = training

    @property
    def model_(self):
        """The Keras model; after a copy or from a file, built when it is first asked for."""
        if "_model" not in vars(self):
            if "_weights" not in vars(self):
                raise AttributeError("model_ is there after fit")
            with tf.device(self.training.device):
                model = self._build_keras_model()
                model.set_weights(self._weights)
            self.model_ = model
        return self._model

    @model_.setter
    def model_(self, model):
        self._model = model
        self.derivatives.clear()

    @property
    def derivatives(self):
        """The graphs of the derivatives of a user's own model; they belong to one `model_`."""
        return vars(self).setdefault("_derivatives", {})

    def weights(self):
        """The weights as NumPy arrays, as the Keras model has them now."""
        return self._model.get_weights() if "_model" in vars(self) else self._weights

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_derivatives", None)
        if state.pop("_model", None) is not None:
            state["_weights"] = self.weights()
        return state

    def _type_of_target(self, y):
        return "continuous" if y.ndim == 1 else "continuous-multioutput"

    def _ensure_compiled_model(self):
        """Nothing: training takes no Keras optimizer, and TensorFlow never frees all of one."""

    def _check_model_compatibility(self, y):
        """Nothing: `build_own` checks the shape, and SciKeras would ask for more than that."""

    @staticmethod
    def _validate_sample_weight(X, y, sample_weight):
        return X, y, np.asarray(sample_weight, dtype=np.float64)  # SciKeras makes it float32

    def _fit_keras_model(self, X, y, sample_weight, warm_start, epochs, initial_epoch, data=None):
        """Train the model on `data`, or on these arrays, in place of ``keras.Model.fit``."""
        given = data or (training_rows(Samples(X, y, sample_weight)), None)
        self.history_ = self.training(self.model_, *_tensors(*given, self.training.dtype))

    def _predict_raw(self, X, **options):
        """Predictions in the net's own precision; `keras.Model.predict` rounds X to Keras' own."""
        X, _ = self._validate_data(X=X, y=None)
        with tf.device(self.training.device):
            return predict_own(self.model_, X, self.training.dtype)


def device_name(name, n_gpus):
    """TensorFlow's name of a device, where it sees so many GPUs."""
    if name == "cpu" or (name == "auto" and not n_gpus):
        return "/CPU:0"
    if name != "auto" and not re.fullmatch(r"cuda(:\d+)?", name):
        raise ValueError(f"device must be 'cpu', 'cuda', 'cuda:1', ... or 'auto'; got {name!r}.")
    if not n_gpus:
        raise ValueError(
            f"device={name!r} needs an NVIDIA GPU and a CUDA build of TensorFlow, and TensorFlow "
            "finds none here: use device='cpu', or 'auto' to take a GPU where there is one."
        )
    return f"/GPU:{name.partition(':')[2] or 0}"


def _tensors(train, valid, dtype):
    """The training rows as tensors, and the validation rows, of which there may be none."""
    nothing = [None if array is None else array[:0] for array in train]
    return tensors(*train, dtype), tensors(*valid or nothing, dtype)


def _seed(random_state):
    """A seed from an int or a RandomState, or from TensorFlow's global generator for None."""
    if random_state is None:
        return int(tf.random.uniform((), maxval=2**31 - 1, dtype=tf.int32))
    return int(check_random_state(random_state).randint(2**31 - 1))


def _model(estimator, n_features, n_outputs, seed):
    """What builds the Keras model."""
    sizes = {"n_features": n_features, "n_outputs": n_outputs}
    names = ["dtype", "module"]
    if estimator.module is None:
        names[1:] = ["hidden_layers", "activation", "omega_0", "dropout_rate", "batch_norm"]
    arguments = sizes | {name: getattr(estimator, name) for name in names} | {"seed": seed}
    return partial(build_perceptron if estimator.module is None else build_own, **arguments)


def _training(estimator, n_train, n_directions, seed, device):
    """How the Keras model is trained on so many samples."""
    batch_size, min_rows = check_batches(estimator, n_train)
    names = ("solver", "epochs", "learning_rate", "alpha", "dropout_rate", "early_stopping")
    names += ("tol", "patience", "dtype", "verbose")
    perceptron = None
    if estimator.module is None:
        perceptron = Perceptron(
            n_layers=len(estimator.hidden_layers) + 1,
            activation=estimator.activation,
            batch_norm=estimator.batch_norm,
            dropout=estimator.dropout_rate > 0,
            n_directions=n_directions,
        )
    return Training(
        perceptron=perceptron,
        batch_size=batch_size,
        min_rows=min_rows,
        seed=seed,
        device=device,
        n_directions=n_directions,
        **{name: getattr(estimator, name) for name in names},
    )


def fit_net(estimator, samples) -> KerasNet:
    """Train a net as the parameters of an estimator say.

    Parameters
    ----------
    estimator : NeuralNetworkInterpolator
    samples : sk_pydelt.samples.Samples

    Returns
    -------
    KerasNet
    """
    device = device_name(estimator.device, len(tf.config.list_physical_devices("GPU")))
    with tf.device(device):
        seed = _seed(estimator.random_state)
        train, valid = split_rows(estimator, len(samples), seed)
        X, y, slopes = samples.X, samples.y, samples.slopes
        n_directions = 0 if slopes is None else slopes.n_directions
        net = KerasNet(
            _model(estimator, X.shape[1], y.shape[1], seed),
            training=_training(estimator, len(train), n_directions, seed, device),
            optimizer="adam",
            optimizer__learning_rate=estimator.learning_rate,
            loss="mse",
            epochs=estimator.epochs,
            batch_size=estimator.batch_size,
            verbose=0,
        )
        data = [None if rows is None else training_rows(samples[rows]) for rows in (train, valid)]
        return net.fit(X[train], y[train], data=data)


def loss_curves(net):
    """Loss on the training samples at each epoch, and on the validation samples or None."""
    return net.history_["loss"], net.history_.get("val_loss")


def _propagate(net, jet):
    """Pass a jet of arrays through the net's dense layers in NumPy."""
    settings = net.model.keywords
    layers = dense_layers(net.weights(), settings["batch_norm"])
    jet = jet.map_parts(lambda part: part.astype(settings["dtype"], copy=False))
    result = propagate_perceptron(layers, settings["activation"], jet)
    return result.map_parts(lambda part: part.astype(np.float64, copy=False))


def predict_net(net, X) -> np.ndarray:
    """Values of the net at X (n, p), of shape (n, q).

    NumPy passes the rows through the net's weights, in a tenth of the time that a call of the
    Keras model takes and with the same result to rounding.
    """
    if net.training.perceptron is None:
        with tf.device(net.training.device):
            return predict_own(net.model_, X, net.training.dtype)
    blocks = [X[start : start + PREDICT_ROWS] for start in range(0, len(X), PREDICT_ROWS)]
    return np.concatenate([_propagate(net, Jet.constant(block, 0, 1)).value for block in blocks])


def propagate_net(net, jet) -> Jet:
    """Pass a jet of arrays through the net."""
    if net.training.perceptron is not None:
        return _propagate(net, jet)
    with tf.device(net.training.device):
        return propagate_own(net.model_, jet, net.training.dtype, net.derivatives)
