"""A fit by PyTorch: the skorch net that the specifications describe, trained on samples."""

import re
from dataclasses import replace

import torch
from skorch.helper import predefined_split

from ...samples import Samples
from ..contract import FitResult, FitSpec, NetSpec, Start
from ..devices import gpu_number
from ..training import (
    SEEDS,
    batch_size,
    draw_seed,
    end_early,
    out_of_memory,
    patience,
    require_same_net,
    split,
)
from .batches import data_set, law_tensors
from .perceptron_net import PerceptronNet
from .recipe import Recipe
from .threads import multiplications, one_thread
from .user_module import UserModule

__all__ = ["fit_net", "fit_seed"]


# What torch says where the processor, or a GPU, has no memory left.
NO_MEMORY = re.compile("DefaultCPUAllocator|not enough memory|CUDA out of memory")


def fit_net(net: NetSpec, fit: FitSpec, samples: Samples, start: Start | None = None) -> FitResult:
    """Train a skorch net on scaled samples, from new weights or those of another net.

    Raises
    ------
    MemoryError
    """
    try:
        return _fit_net(net, fit, samples, start)
    except RuntimeError as error:
        if NO_MEMORY.search(str(error)):
            raise out_of_memory(net, len(samples), error) from error
        raise


def _fit_net(net, fit, samples, start):
    net = replace(net, device=_device(net.device))
    kind = (PerceptronNet if net.module is None else UserModule)(net)
    done = 0 if start is None else start.epochs
    dtype, seed = getattr(torch, net.dtype), fit_seed(fit) + done
    trained, held_out = split(fit, samples, seed)
    size = batch_size(net, fit, len(trained))
    train, valid, stop = data_set(trained, dtype, net.device), None, None
    if held_out is not None:
        valid = data_set(held_out, dtype, net.device)
        stop = patience(fit, size, trained, held_out) if fit.early_stopping else None
    recipe = Recipe(kind, replace(fit, random_state=seed), len(train), size, stop, seed, done)
    skorch_net = recipe.build(train_split=None if valid is None else predefined_split(valid))
    with kind.seeded(seed):
        skorch_net.initialize()
        module = skorch_net.module_.to(dtype)
        if start is not None:
            require_same_net(start.net.kind.spec, net)
            skorch_net.resume(start.net, start.steps)
        places = torch.tensor(samples.X, dtype=dtype, device=net.device)
        skorch_net.laws_ = tuple(law_tensors(rows, dtype, net.device) for rows in samples.laws)
        kind.require_outputs(module, places[:2])
        if samples.slopes is not None or samples.laws:
            kind.require_slopes(module, places)
        with one_thread(multiplications(module, skorch_net.batch_size)):
            skorch_net.partial_fit(train, y=None)
    skorch_net.keep_what_predicts()
    return _result(skorch_net, fit.epochs)


def fit_seed(fit: FitSpec) -> int:
    """The seed of a fit, drawn from torch's global generator where `random_state` is None."""
    return draw_seed(fit.random_state, lambda: int(torch.randint(SEEDS, ())))


def _device(name):
    """What torch calls the device."""
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpu_number(name, "torch", n_gpus) is None:
        return "cpu"
    return "cuda" if name == "auto" else name


def _result(net, epochs):
    """The fitted net; a break by the user is told from the end of training, as skorch does not."""
    history = net.history
    if history and "train_loss" not in history[-1]:
        del history[-1]  # broken off inside this epoch
    reason = _stop_reason(net, epochs)
    if reason == "interrupted":
        end_early(len(history), epochs)
    train = [float(epoch["train_loss"]) for epoch in history]
    valid = [float(epoch["valid_loss"]) for epoch in history if "valid_loss" in epoch]
    return FitResult(net, train, valid or None, reason)


def _stop_reason(net, epochs):
    """Why training ended."""
    done = net.end_of_search or (net.stopped_by_ if len(net.history) else None)
    return done or ("epochs" if len(net.history) == epochs else "interrupted")
