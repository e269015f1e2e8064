"""What exact derivatives cost: of a net, through a pipeline, or of a Gaussian process.

    python benchmarks/derivative_cost.py net [--table derivatives_of_nets.md]
    python benchmarks/derivative_cost.py pipeline
    python benchmarks/derivative_cost.py process --rounds 1

A net of 64-64 tanh units and 10,000 rows of one feature: all derivatives of an order as multiples
of `predict`, beside nested autograd, which is what is usually written by hand: the gradient of the
sum of the gradient of the sum, order times. Its cost grows exponentially, so that it is stopped
where it would take minutes. "Apart" is the largest difference over the largest value.

A pipeline of scalers and that net: its Jacobian beside that of the net alone and the transforms
themselves; the target is a ratio of 1.3 to their sum.

A Gaussian process fitted to 2000 samples: its gradient at 10,000 places beside central differences
of its `predict`; the target is three times their speed.

Times are medians over rounds in which everything takes its turn.
"""

import argparse
import time
import warnings
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import torch
from printed import write_timings
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from sk_pydelt import NeuralNetworkInterpolator, gradient, jacobian

ROWS = 10_000
ORDERS = range(1, 9)
HIGHEST_NESTED = 6
PIPELINES = {
    "one scaler": [StandardScaler()],
    "three scalers": [RobustScaler(), MinMaxScaler(), StandardScaler()],
    "power, scaler": [PowerTransformer(), StandardScaler()],
}
KERNELS = {
    "RBF": RBF(),
    "Matern 5/2": Matern(nu=2.5),
    "RBF + white": RBF() + WhiteKernel(1e-3),
    "RBF × RationalQuadratic": RBF() * RationalQuadratic(),
}


def alternate(functions, rounds):
    """Median seconds of each function, called in turn."""
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def nested_autograd(net, X, order):
    """The derivative of the scaled net at scaled X by nested reverse mode."""
    x = torch.tensor(net.x_scaler_.transform(X), requires_grad=True)
    y = net.net_.module_(x)
    for _ in range(order):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    scale = net.y_scaler_.scale_ * net.x_scaler_.scale_**order
    return y.detach().numpy()[:, 0] * scale


def central_differences(model, X, step=1e-4):
    """What one writes by hand: two predictions for each feature."""
    columns = []
    for shift in np.eye(X.shape[1]) * step:
        columns.append((model.predict(X + shift) - model.predict(X - shift)) / (2 * step))
    return np.stack(columns, axis=1)


def net_table(rounds):
    """Each order and nested autograd over `predict`, and how far they lie apart."""
    X = np.random.default_rng(0).uniform(-1, 1, (ROWS, 1))
    net = NeuralNetworkInterpolator((64, 64), epochs=200, random_state=0)
    net.fit(X[:200], np.sin(6 * X[:200, 0]))
    derivatives = {order: net.differentiate(order) for order in ORDERS}
    functions = {"predict": lambda: net.predict(X)}
    for order, derivative in derivatives.items():
        functions["jet", order] = lambda derivative=derivative: derivative(X)
        if order <= HIGHEST_NESTED:
            functions["nested", order] = lambda order=order: nested_autograd(net, X, order)
    times = alternate(functions, rounds)
    unit = times["predict"]
    for order, derivative in derivatives.items():
        nested = apart = ""
        if order <= HIGHEST_NESTED:
            exact = derivative(X)
            error = np.abs(nested_autograd(net, X, order) - exact).max() / np.abs(exact).max()
            nested, apart = f"{times['nested', order] / unit:.1f}", f"{error:.0e}"
        yield f"| {order} | {times['jet', order] / unit:.1f} | {nested} | {apart} |"


def pipeline_times(steps, d, rounds):
    """Seconds of a pipeline's Jacobian, its net's own and its transforms."""
    X = np.random.default_rng(0).uniform(0.5, 2, (ROWS, d))
    net = NeuralNetworkInterpolator((64, 64), epochs=20, random_state=0)
    model = make_pipeline(*steps, net).fit(X[:300], np.sin(3 * X[:300]).sum(axis=1))
    places = model[:-1].transform(X)
    functions = {
        "pipeline": lambda: jacobian(model, X),
        "net": lambda: jacobian(model[-1], places),
        "transforms": lambda: model[:-1].transform(X),
    }
    return alternate(functions, rounds).values()


def pipeline_table(rounds):
    """The Jacobian of each pipeline beside the sum of its parts."""
    for (name, steps), d in product(PIPELINES.items(), (1, 4)):
        whole, net, transforms = pipeline_times(steps, d, rounds)
        cells = " | ".join(f"{1e3 * t:.1f}" for t in (whole, net, transforms))
        yield f"| {name}, {d} | {cells} | {whole / (net + transforms):.2f} |"


def process_times(kernel, d, rounds):
    """Seconds of a gradient, one prediction and differences, and how far gradients lie apart."""
    rng = np.random.default_rng(0)
    X, places = rng.uniform(0, 3, (2000, d)), rng.uniform(0, 3, (ROWS, d))
    model = GaussianProcessRegressor(kernel, alpha=1e-2, optimizer=None)
    model.fit(X, np.sin(X).sum(axis=1))
    functions = {
        "ours": lambda: gradient(model, places),
        "predict": lambda: model.predict(places),
        "differences": lambda: central_differences(model, places),
    }
    apart = np.abs(functions["ours"]() - functions["differences"]()).max()
    return *alternate(functions, rounds).values(), apart


def process_table(rounds):
    """The gradient of each process beside differences."""
    for (name, kernel), d in product(KERNELS.items(), (2, 5)):
        ours, predict, differences, apart = process_times(kernel, d, rounds)
        cells = " | ".join(f"{t:.2f}" for t in (ours, predict, differences))
        yield f"| {name}, {d} | {cells} | {differences / ours:.1f} | {apart:.0e} |"


TABLES = {
    "net": ("| order | `differentiate` | nested autograd | apart |", net_table),
    "pipeline": (
        "| steps, features | Jacobian, ms | net's, ms | transforms, ms | ratio |",
        pipeline_table,
    ),
    "process": (
        "| kernel, features | gradient, s | predict, s | differences, s | speedup | apart |",
        process_table,
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("of", choices=TABLES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    head, table = TABLES[arguments.of]
    write_timings(head, table(arguments.rounds), arguments.table)


if __name__ == "__main__":
    main()
