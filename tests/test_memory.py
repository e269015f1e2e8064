"""What takes more memory than the machine has is refused before it is taken."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch_modules import Residual

from sk_pydelt import BayesianNeuralNetworkInterpolator, NeuralNetworkInterpolator
from sk_pydelt.backends import FitSpec, NetSpec, require_memory_for
from sk_pydelt.samples import Samples
from sk_pydelt.solvers import memory

X = np.linspace(0, 1, 10).reshape(-1, 1)
Y = np.sin(X).ravel()
HUGE = (200_000, 200_000)  # 40 billion weights, 320 GB


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_huge_nets_are_refused_by_size(backend, solver, monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 24e9)
    net = NeuralNetworkInterpolator(HUGE, solver=solver, backend=backend)
    message = rf"solver='{solver}' with 40,000,800,001 weights .* needs about .* GB .* has 24.0 GB"
    with pytest.raises(MemoryError, match=message):
        net.fit(X, Y)
    assert vars(net) == net.get_params()


def test_huge_bayesian_nets_are_refused_by_size(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 24e9)
    net = BayesianNeuralNetworkInterpolator(HUGE, "tanh")
    with pytest.raises(MemoryError, match=r"Bayesian net of 40,000,800,001 weights .* 24.0 GB"):
        net.fit(X, Y)


@pytest.mark.parametrize(("solver", "vectors"), [("adam", 4), ("lbfgs", 104), ("lm", 5)])
@pytest.mark.parametrize(("dtype", "itemsize"), [("float64", 8), ("float32", 4)])
def test_the_limit_is_the_memory_of_the_machine(solver, vectors, dtype, itemsize, monkeypatch):
    net, fit = NetSpec(1, 1, (100, 100), dtype=dtype), FitSpec(solver)
    samples, needed = Samples(X, Y[:, None]), vectors * itemsize * (200 + 10_100 + 101)
    monkeypatch.setattr(memory, "machine_memory", lambda: needed)
    require_memory_for(net, fit, samples)
    monkeypatch.setattr(memory, "machine_memory", lambda: needed - 1)
    with pytest.raises(MemoryError, match="10,401 weights"):
        require_memory_for(net, fit, samples)
    require_memory_for(NetSpec(1, 1, module=Residual), fit, samples)
    require_memory_for(NetSpec(1, 1, HUGE, device="cuda"), fit, samples)


def test_the_machine_says_how_much_it_has():
    assert 2**30 < memory.machine_memory() < 2**60


def greedy(n_features, n_outputs):
    return torch.nn.Linear(n_features, 2**50)


def test_what_torch_has_no_memory_for_is_named():
    net = NeuralNetworkInterpolator(module=greedy, epochs=2)
    message = "not enough memory on device='cpu' to train a module of your own on 10 samples"
    with pytest.raises(MemoryError, match=message):
        net.fit(X, Y)


FAULTS = """
import resource
import numpy as np
from sk_pydelt.solvers.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        [np.ones(2**18) for _ in range(6)]  # 12 MiB: 3000 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
keep_freed_memory()
faults()
print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's allocator")
def test_pages_of_freed_arrays_are_used_again():
    # dask sets some of glibc's own variables, which are heeded first.
    environment = {name: value for name, value in os.environ.items() if "MALLOC_" not in name}
    command = [sys.executable, "-c", FAULTS]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    before, after = map(int, told.stdout.split())
    assert after <= before / 10
