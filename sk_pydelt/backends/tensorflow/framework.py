"""TensorFlow and Keras, imported without their start-up chatter."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..imports import needs

__all__ = ["forget_kernels", "keras", "tensorflow_extra", "tf"]

# TensorFlow writes notes on the machine to the stream of errors, the first before any setting
# of its log is heard.
CHATTER = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:\d+\.\d+ |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "
    rb"|WARNING: All log messages before absl::InitializeLog|To enable the following instructions"
)


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold the stream of errors back, and pass on what is not TensorFlow's start-up chatter.

    A user who has set TF_CPP_MIN_LOG_LEVEL=0 sees all of it.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    unset = "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with _held_back(2):
            yield
    finally:
        if unset:
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]


def _flush():
    if sys.stderr is not None and not sys.stderr.closed:
        sys.stderr.flush()


@contextmanager
def _held_back(descriptor):
    _flush()
    try:
        screen = os.dup(descriptor)
    except OSError:  # closed, as in a daemon: nobody can be chattered at
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), descriptor)
        try:
            yield
        finally:
            _flush()
            os.dup2(screen, descriptor)
            os.close(screen)
            held.seek(0)
            for line in held:
                if not CHATTER.match(line):
                    os.write(descriptor, line)


def tensorflow_extra() -> AbstractContextManager:
    """Around an import of the extra's packages."""
    return needs("tensorflow", "TensorFlow, Keras and SciKeras", "sk-pydelt[tensorflow]")


with tensorflow_extra(), _without_chatter():
    import keras
    import tensorflow as tf

    tf.config.list_logical_devices()  # looks for the devices now, while the stream is held

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"backend='tensorflow' needs Keras on TensorFlow, but Keras runs on "
        f"{keras.backend.backend()!r} here: set the environment variable "
        "KERAS_BACKEND=tensorflow before keras is imported."
    )


def forget_kernels() -> None:
    """Free what TensorFlow keeps of every graph and every name it has met; it is built anew."""
    from tensorflow.python.eager import context

    context.context().clear_kernel_cache()
