"""A fit by TensorFlow: the SciKeras net that the specifications describe, trained on samples."""

from dataclasses import replace

from sklearn import config_context

from ...samples import Samples
from ..contract import FitResult, FitSpec, NetSpec, Start
from ..devices import gpu_number
from ..training import SEEDS, batch_size, draw_seed, out_of_memory, require_same_net, split
from .framework import tf
from .keras_net import KerasNet
from .perceptron_net import PerceptronNet
from .training import Training
from .user_model import UserModel

__all__ = ["device_name", "fit_net"]


def fit_net(net: NetSpec, fit: FitSpec, samples: Samples, start: Start | None = None) -> FitResult:
    """Train a SciKeras net on scaled samples, from new weights or those of another net.

    Raises
    ------
    MemoryError
    """
    try:
        return _fit_net(net, fit, samples, start)
    except tf.errors.ResourceExhaustedError as error:
        raise out_of_memory(net, len(samples), error) from error


def _fit_net(net, fit, samples, start):
    net = replace(net, device=device_name(net.device, len(tf.config.list_physical_devices("GPU"))))
    if start is not None:
        require_same_net(start.net.kind.spec, net)
    with tf.device(net.device):
        fit = replace(fit, random_state=draw_seed(fit.random_state, _global_seed))
        train, valid = split(fit, samples, fit.random_state)
        kind = (PerceptronNet if net.module is None else UserModel)(net)
        keras_net = KerasNet(
            training=Training(kind, fit, batch_size(net, fit, len(train))),
            optimizer="adam",
            optimizer__learning_rate=fit.learning_rate,
            loss="mse",
            epochs=fit.epochs,
            batch_size=fit.batch_size,
            verbose=0,
        )
        with config_context(transform_output="default"):  # SciKeras passes X through a transformer
            keras_net.fit(train.X, train.values, data=(train, valid, start))
    history = keras_net.history_
    return FitResult(keras_net, history["loss"], history.get("val_loss"))


def device_name(name: str, n_gpus: int) -> str:
    """TensorFlow's name of a device, where it sees so many GPUs."""
    number = gpu_number(name, "TensorFlow", n_gpus)
    return "/CPU:0" if number is None else f"/GPU:{number}"


def _global_seed():
    return tf.random.uniform((), maxval=SEEDS, dtype=tf.int32)
