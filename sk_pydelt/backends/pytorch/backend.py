"""The PyTorch backend: builds a skorch net as an estimator says, and differentiates it by jets."""

import re
import threading
from contextlib import contextmanager
from math import factorial, inf, prod

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split
from skorch.utils import noop
from torch.utils.data import TensorDataset

from ...jets import Jet, multi_indices
from ..common import check_batches, end_early, require_one_net, split_rows, training_rows
from .levenberg_marquardt_net import LevenbergMarquardtNet, StopWhenDone
from .perceptron import MultilayerPerceptron
from .skorch_net import Batches, EpochProgress, SkorchNet, one_thread

__all__ = ["fit_net", "loss_curves", "predict_net", "propagate_net"]

PREDICT_ROWS = 1024  # rows that pass through the net at a time, so that they stay in the cache
STALLED_EPOCHS = 10  # L-BFGS is at its end when the loss has not fallen for so many steps
_GLOBAL_GENERATORS = threading.RLock()


def _multiplications(net, n_rows):
    return n_rows * sum(p.numel() for p in net.module_.parameters())


def _device(name):
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not re.fullmatch(r"cuda(:\d+)?", name):
        raise ValueError(f"device must be 'cpu', 'cuda', 'cuda:1', ... or 'auto'; got {name!r}.")
    if name != "cpu" and not torch.cuda.is_available():
        raise ValueError(
            f"device={name!r} needs an NVIDIA GPU and a CUDA build of torch, and torch finds none "
            "here: use device='cpu', or 'auto' to take a GPU where there is one."
        )
    return name


def _seed(random_state):
    """A seed from an int or a RandomState, or from torch's global generator for None."""
    if random_state is None:
        return int(torch.randint(2**31 - 1, ()))
    return int(check_random_state(random_state).randint(2**31 - 1))


def _optimizer(estimator):
    if estimator.solver == "lbfgs":
        # One iteration an epoch; the search along a line finds the step, so that lr is 1.
        return torch.optim.LBFGS, {
            "lr": 1.0,
            "optimizer__max_iter": 1,
            "optimizer__max_eval": 26,
            "optimizer__history_size": 50,
            "optimizer__tolerance_grad": 0.0,
            "optimizer__tolerance_change": 0.0,
            "optimizer__line_search_fn": "strong_wolfe",
        }
    if estimator.solver == "lm":
        return torch.optim.SGD, {}  # not used
    return torch.optim.Adam, {"lr": estimator.learning_rate, "optimizer__fused": True}


def _callbacks(estimator):
    callbacks = [("progress", EpochProgress())] if estimator.verbose else []
    if estimator.early_stopping:
        # The best weights are those of the lowest loss, however little lower; it never stops.
        best = _stopping("valid_loss", inf, load_best=True)
        stopping = _stopping("valid_loss", estimator.patience, threshold=estimator.tol)
        callbacks += [("best", best), ("early_stopping", stopping)]
    if estimator.solver == "lbfgs":
        callbacks.append(("stalled", _stopping("train_loss", STALLED_EPOCHS)))
    if estimator.solver == "lm":
        callbacks.append(("done", StopWhenDone()))
    return callbacks


def _stopping(monitor, patience, *, threshold=0.0, load_best=False):
    return EarlyStopping(
        monitor, patience, threshold, threshold_mode="abs", load_best=load_best, sink=noop
    )


def _module(estimator, n_features, n_outputs, dtype, device, seed):
    """The class of the net and its arguments, as skorch takes them."""
    if isinstance(estimator.module, torch.nn.Module):
        name = type(estimator.module).__name__
        raise TypeError(
            "module must be a torch.nn.Module class, or a function that returns a module: it is "
            f"called with n_features and n_outputs. Pass module={name} itself; got an instance, "
            f"{name}(...)."
        )
    if estimator.module is not None:
        return estimator.module, {"n_features": n_features, "n_outputs": n_outputs}
    names = ("hidden_layers", "activation", "omega_0", "dropout_rate", "batch_norm")
    arguments = {name: getattr(estimator, name) for name in names}
    arguments |= {"n_features": n_features, "n_outputs": n_outputs}
    return MultilayerPerceptron, arguments | {"dtype": dtype, "device": device, "seed": seed}


@contextmanager
def _global_seed(estimator, seed):
    """Torch's global generators seeded for a user's own module, and put back afterwards.

    Our own module draws from generators of its own; a user's draws from the global ones, so
    that such fits take turns when they run in threads.
    """
    if estimator.module is None:
        yield
        return
    devices = range(torch.cuda.device_count())  # named: fork_rng warns where it must find several
    with _GLOBAL_GENERATORS, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def fit_net(estimator, samples) -> SkorchNet:
    """Train a net as the parameters of an estimator say.

    Parameters
    ----------
    estimator : NeuralNetworkInterpolator
    samples : sk_pydelt.samples.Samples

    Returns
    -------
    SkorchNet
    """
    device, dtype = _device(estimator.device), getattr(torch, estimator.dtype)
    seed = _seed(estimator.random_state)
    train, valid = (
        None if rows is None else _data_set(samples[rows], dtype, device)
        for rows in split_rows(estimator, len(samples), seed)
    )
    X, slopes = samples.X, samples.slopes
    net = _build(
        estimator, (X.shape[1], samples.y.shape[1]), len(train), valid, dtype, device, seed
    )
    net.n_directions = 0 if slopes is None else slopes.n_directions
    with _global_seed(estimator, seed):
        net.initialize()
        net.module_.to(dtype)
        if slopes is not None and estimator.module is not None:
            require_one_net(*(_outputs(net.module_.train(mode), X) for mode in (True, False)))
        with one_thread(_multiplications(net, net.batch_size)):
            net.partial_fit(train, y=None)
    net.train_split, net.n_directions = None, 0  # no validation samples are kept; X is X again
    net.module_.eval()
    _check_end(net, estimator.epochs)
    return net


def _outputs(module, X):
    with torch.no_grad():
        return _array(module(_tensor(X, module)))


def _data_set(samples, dtype, device):
    """X and y and, where there are any, weights as tensors."""
    arrays = training_rows(samples)
    given = (array for array in arrays if array is not None)
    return TensorDataset(*(torch.tensor(array, dtype=dtype, device=device) for array in given))


def _build(estimator, sizes, n_train, valid, dtype, device, seed):
    """The skorch net that an estimator's parameters describe."""
    batch_size, min_rows = check_batches(estimator, n_train)
    optimizer, options = _optimizer(estimator)
    module, arguments = _module(estimator, *sizes, dtype, device, seed)
    kind = LevenbergMarquardtNet if estimator.solver == "lm" else SkorchNet
    return kind(
        module,
        **{f"module__{name}": value for name, value in arguments.items()},
        **options,
        optimizer=optimizer,
        alpha=estimator.alpha,
        max_epochs=estimator.epochs,
        batch_size=batch_size,
        iterator_train=Batches,
        iterator_train__generator=torch.Generator().manual_seed(seed + 2),
        iterator_train__min_rows=min_rows,
        iterator_valid=Batches,
        iterator_valid__batch_size=n_train,
        train_split=predefined_split(valid) if valid else None,
        callbacks=_callbacks(estimator),
        device=device,
        verbose=0,
    )


def _check_end(net, epochs):
    """Tell a break by the user from the end of training: skorch stops quietly at both."""
    history = net.history
    if history and "train_loss" not in history[-1]:
        del history[-1]  # broken off inside this epoch
    net.stop_reason_ = _stop_reason(net, epochs)
    if net.stop_reason_ != "interrupted":
        return
    end_early(len(history), epochs)


def _stop_reason(net, epochs):
    """Why training ended."""
    for name, callback in net.callbacks_:
        if isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience:
            return name
    done = isinstance(net, LevenbergMarquardtNet) and net.search_.stop_reason
    return done or ("epochs" if len(net.history) == epochs else "interrupted")


def loss_curves(net):
    """Loss on the training samples at each epoch, and on the validation samples or None."""
    train = [float(epoch["train_loss"]) for epoch in net.history]
    valid = [float(epoch["valid_loss"]) for epoch in net.history if "valid_loss" in epoch]
    return train, valid or None


def _tensor(array, module):
    parameter = next(module.parameters())
    return torch.tensor(array, dtype=parameter.dtype, device=parameter.device)


def _array(tensor):
    return tensor.cpu().numpy().astype(np.float64, copy=False)


def predict_net(net, X) -> np.ndarray:
    """Values of the net at X (n, p), of shape (n, q)."""
    with torch.inference_mode(), one_thread(_multiplications(net, len(X))):
        blocks = _tensor(X, net.module_).split(PREDICT_ROWS)
        return np.concatenate([_array(net.module_(block)) for block in blocks])


def propagate_net(net, jet) -> Jet:
    """Pass a jet of arrays through the net."""
    with torch.inference_mode(), one_thread(_multiplications(net, len(jet.value))):
        tensors = jet.map_parts(lambda part: _tensor(part, net.module_))
        if isinstance(net.module_, MultilayerPerceptron):
            result = net.module_.propagate(tensors)
        else:
            result = _propagate_by_torch_func(net.module_, tensors)
    return result.map_parts(_array)


def _propagate_by_torch_func(module, jet):
    """Taylor coefficients of a user's module along a jet, by nested forward differentiation.

    Row by row, g(t) = module(Σ c_α t^α) is a map of the jet's variables t; its derivatives at
    t = 0 are those of the composition.
    """
    q = jet.n_variables
    exponents = [a for k in range(jet.degree + 1) for a in multi_indices(q, k)]
    n = len(jet.value)
    powers = torch.tensor(exponents, dtype=jet.value.dtype, device=jet.value.device)
    coefficients = torch.cat(jet.parts).movedim(1, 0)  # (n, n_terms, p)
    if n == 0:  # a module need not take an empty batch, and vmap does not: a row to be dropped
        coefficients = coefficients.new_zeros((1, *coefficients.shape[1:]))

    def row(coefficient, t):
        return module((torch.prod(t**powers, dim=1) @ coefficient)[None])[0]

    functions = [row]
    for _ in range(jet.order):
        functions.append(torch.func.jacfwd(functions[-1], argnums=1))
    t = torch.zeros(q, dtype=jet.value.dtype, device=jet.value.device)
    parts = []
    for k, function in enumerate(functions):
        tensor = torch.func.vmap(function, in_dims=(0, None))(coefficients, t)[:n]
        parts.append(torch.stack([_entry(tensor, alpha) for alpha in multi_indices(q, k)]))
    return Jet(parts, jet.order, q)


def _entry(tensor, alpha):
    """The Taylor coefficient of one multi-index from a full tensor of derivatives."""
    index = [i for i, power in enumerate(alpha) for _ in range(power)]
    return tensor[(slice(None), slice(None), *index)] / prod(map(factorial, alpha))
