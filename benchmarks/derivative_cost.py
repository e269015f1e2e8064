"""Cost of exact derivatives as multiples of `predict`, beside nested autograd, in one run.

    python benchmarks/derivative_cost.py

A net of 64-64 tanh units and 10,000 rows of one feature. Nested autograd is what is usually
written by hand: the gradient of the sum of the gradient of the sum, order times; its cost grows
exponentially, so that it is stopped where it would take minutes.
"""

import argparse
import time
from statistics import median

import numpy as np
import torch

from sk_pydelt import NeuralNetworkInterpolator

ORDERS = range(1, 9)
HIGHEST_NESTED = 6


def nested_autograd(net, X, order):
    """The derivative of the scaled net at scaled X by nested reverse mode."""
    x = torch.tensor(net.x_scaler_.transform(X), requires_grad=True)
    y = net.net_.module_(x)
    for _ in range(order):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    scale = net.y_scaler_.scale_ * net.x_scaler_.scale_**order
    return y.detach().numpy()[:, 0] * scale


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", type=int, default=10_000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (arguments.rows, 1))
    net = NeuralNetworkInterpolator((64, 64), epochs=200, random_state=0)
    net.fit(X[:200], np.sin(6 * X[:200, 0]))
    derivatives = {order: net.differentiate(order) for order in ORDERS}
    times = {}
    for _ in range(arguments.rounds):
        times.setdefault("predict", []).append(seconds(lambda: net.predict(X)))
        for order, derivative in derivatives.items():
            times.setdefault(("jet", order), []).append(seconds(lambda d=derivative: d(X)))
            if order <= HIGHEST_NESTED:
                key = ("nested", order)
                times.setdefault(key, []).append(
                    seconds(lambda k=order: nested_autograd(net, X, k))
                )
    medians = {key: median(values) for key, values in times.items()}
    unit = medians["predict"]
    print(f"{arguments.rows} rows, {torch.get_num_threads()} threads, predict {1e3 * unit:.2f} ms")
    print(f"{'order':>5} {'differentiate':>14} {'nested autograd':>16} {'largest difference':>19}")
    for order, derivative in derivatives.items():
        nested, difference = "", ""
        if order <= HIGHEST_NESTED:
            exact = derivative(X)
            error = np.abs(nested_autograd(net, X, order) - exact).max() / np.abs(exact).max()
            nested, difference = f"{medians['nested', order] / unit:.1f}", f"{error:.0e}"
        print(f"{order:5d} {medians['jet', order] / unit:14.1f} {nested:>16} {difference:>19}")


if __name__ == "__main__":
    main()
