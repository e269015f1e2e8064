"""What a parameter means in every backend: the split, the initial weights, the ends of training."""

import warnings
from math import ceil, isfinite, pi, sqrt

import numpy as np
from sklearn.model_selection import train_test_split

__all__ = [
    "check_batches",
    "end_early",
    "initial_bounds",
    "require_finite",
    "require_one_net",
    "split_rows",
    "training_rows",
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


def training_rows(samples):
    """X and y as a loss takes them, and weights of mean 1, or None where all are 1.

    Where there are known slopes, X has the directions beside it, and y the slopes.
    """
    X, y, weight, slopes = samples.X, samples.y, samples.weight, samples.slopes
    if slopes is not None:
        weight = np.ones(len(X)) if weight is None else weight
        return slopes.places(X), slopes.targets(y), slopes.loss_weights(weight)
    return X, y, None if weight is None else (weight / weight.mean())[:, None]


def check_batches(estimator, n_train):
    """The number of rows in a batch and the least in the last one, which else joins another.

    Batch normalisation, which a user's own net may have too, can't train on a single row.
    """
    batch_size = int(min(estimator.batch_size or n_train, n_train))
    if estimator.batch_norm and batch_size < 2:
        raise ValueError(
            f"batch_norm needs at least two samples in each batch: got n_samples = {n_train} to "
            f"train on and batch_size={estimator.batch_size}."
        )
    may_normalise = estimator.batch_norm or estimator.module is not None
    return batch_size, min(2, batch_size) if may_normalise else 1


def require_finite(number, n_epochs):
    """Refuse to go on from a loss, or a sum of weights, that is not a number any more."""
    if not isfinite(number):
        raise ValueError(
            f"Training diverged in epoch {n_epochs}: its loss or a weight is not a "
            "number any more. Use scalers that bring the data near 1, or a smaller "
            "learning_rate with solver='adam'."
        )


def require_one_net(in_training, outputs):
    """Refuse slopes of a user's net that is another one while it is trained."""
    if not np.array_equal(in_training, outputs):
        raise ValueError(
            "fit(..., dy=...) needs the derivative of the very net that predicts, and what module "
            "builds gives other values in training: leave its dropout and normalisation out."
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
