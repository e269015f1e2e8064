"""What exact derivatives cost: of a net, through a pipeline, and of a Gaussian process, in one run.

    python benchmarks/derivative_cost.py [net] [pipeline] [process]

A net of 64-64 tanh units and 10,000 rows of one feature: all derivatives of an order as multiples
of `predict`, beside nested autograd, which is what is usually written by hand: the gradient of the
sum of the gradient of the sum, order times. Its cost grows exponentially, so that it is stopped
where it would take minutes.

A pipeline of scalers and that net: its Jacobian beside that of the net alone and the transforms
themselves.

A Gaussian process fitted to 2000 samples: its gradient at 10,000 places beside central differences
of its `predict`.

Times are medians over rounds in which everything takes its turn.
"""

import argparse
import time
import warnings
from statistics import median

import numpy as np
import torch
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
    """Each order beside nested autograd, and how far they lie apart."""
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
    print(f"{ROWS} rows, {torch.get_num_threads()} threads, predict {1e3 * unit:.2f} ms")
    print(f"{'order':>5}{'differentiate':>15}{'nested autograd':>17}{'largest difference':>20}")
    for order, derivative in derivatives.items():
        nested, apart = "", ""
        if order <= HIGHEST_NESTED:
            exact = derivative(X)
            error = np.abs(nested_autograd(net, X, order) - exact).max() / np.abs(exact).max()
            nested, apart = f"{times['nested', order] / unit:.1f}", f"{error:.0e}"
        print(f"{order:5d}{times['jet', order] / unit:15.1f}{nested:>17}{apart:>20}")


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
    """The target is a ratio of at most 1.3 between a pipeline and the sum of its parts."""
    print(f"{'Jacobian':22}{'pipeline':>11}{'net':>11}{'transforms':>12}{'ratio':>7}")
    for name, steps in PIPELINES.items():
        for d in (1, 4):
            whole, net, transforms = pipeline_times(steps, d, rounds)
            cells = [f"{1e3 * t:.1f} ms" for t in (whole, net, transforms)]
            ratio = whole / (net + transforms)
            row = f"{name + f', d = {d}':22}{cells[0]:>11}{cells[1]:>11}{cells[2]:>12}"
            print(f"{row}{ratio:7.2f}")


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
    """The target is three times the speed of differences."""
    print(f"{'gradient':32}{'ours':>9}{'predict':>10}{'differences':>13}{'speedup':>9}{'apart':>8}")
    for name, kernel in KERNELS.items():
        for d in (2, 5):
            ours, predict, differences, apart = process_times(kernel, d, rounds)
            row = f"{name + f', d = {d}':32}{ours:8.2f}s{predict:9.2f}s{differences:12.2f}s"
            print(f"{row}{differences / ours:9.1f}{apart:8.0e}")


TABLES = {"net": net_table, "pipeline": pipeline_table, "process": process_table}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="*", default=list(TABLES), help=", ".join(TABLES))
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.tables:
        TABLES[name](arguments.rounds)
        print()


if __name__ == "__main__":
    main()
