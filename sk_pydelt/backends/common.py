"""What a parameter means in every backend: the split, the initial weights, the ends of training."""

import warnings
from math import ceil, pi, sqrt

import numpy as np
from sklearn.model_selection import train_test_split

__all__ = [
    "check_batch_norm",
    "diverged",
    "end_early",
    "initial_bounds",
    "split_rows",
]


def initial_bounds(n_in, activation, first, omega_0):
    """Bounds of a layer's uniform initial weights and biases.

    Sine layers as in Sitzmann et al. 2020, section 3.2, with the frequency `omega_0` of the
    first layer multiplied into its weights and phases; the rest as in `torch.nn.Linear`.
    """
    if activation != "sine":
        return 1 / sqrt(n_in), 1 / sqrt(n_in)
    return (omega_0 / n_in, pi) if first else (sqrt(6 / n_in), 1 / sqrt(n_in))


def split_rows(estimator, n, seed):
    """Places of the training and the validation rows; the latter None without early stopping."""
    if not estimator.early_stopping:
        return np.arange(n), None
    n_valid = ceil(estimator.validation_split * n)
    if n_valid >= n:
        raise ValueError(
            f"validation_split={estimator.validation_split} leaves no sample to train on: it holds "
            f"out {n_valid} of n_samples = {n}. Use more samples, a smaller validation_split, or "
            "early_stopping=False."
        )
    return train_test_split(np.arange(n), test_size=n_valid, random_state=seed)


def check_batch_norm(estimator, n_train):
    """Refuse batches of a single row, which have no variance."""
    if estimator.batch_norm and min(n_train, estimator.batch_size or n_train) < 2:
        raise ValueError(
            f"batch_norm needs at least two samples in each batch: got n_samples = {n_train} to "
            f"train on and batch_size={estimator.batch_size}."
        )


def diverged(loss, epoch, learning_rate) -> ValueError:
    """The error to raise where an epoch ends with a loss that is not a number."""
    return ValueError(
        f"Training diverged: the loss is {loss} after epoch {epoch}. Use a smaller learning_rate "
        f"(it is {learning_rate}), or scalers that bring the data near 1."
    )


def end_early(n_done, epochs):
    """What a break by the user leads to: a warning, or KeyboardInterrupt before the first epoch."""
    if not n_done:
        raise KeyboardInterrupt("Training was interrupted in its first epoch.")
    warnings.warn(
        f"Training was interrupted after {n_done} of {epochs} epochs; the net as trained so far "
        "is kept.",
        UserWarning,
        stacklevel=2,
    )
