"""Cost of derivatives through a pipeline and of a Gaussian process's gradient, in one run.

    python benchmarks/pipeline_cost.py

A pipeline of three scalers and a net: its Jacobian beside that of the net alone and the transforms
themselves. A Gaussian process fitted to 2000 samples: its gradient at 10,000 places beside central
differences of its `predict`. Medians of alternating rounds.
"""

import argparse
import time
import warnings
from statistics import median

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from sk_pydelt import NeuralNetworkInterpolator, gradient, jacobian


def alternate(functions, rounds):
    """Median seconds of each function, called in turn."""
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def pipeline_row(steps, n_features, rounds):
    """Times of a pipeline's Jacobian, its net's own and its transforms, at 10,000 rows."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2, (10_000, n_features))
    y = np.sin(3 * X).sum(axis=1)
    model = make_pipeline(*steps, NeuralNetworkInterpolator((64, 64), epochs=20, random_state=0))
    model.fit(X[:300], y[:300])
    net, transforms = model[-1], model[:-1]
    places = transforms.transform(X)
    functions = {
        "pipeline": lambda: jacobian(model, X),
        "net": lambda: jacobian(net, places),
        "transforms": lambda: transforms.transform(X),
    }
    return alternate(functions, rounds)


def central_differences(model, X, step=1e-4):
    """What one writes by hand: two predictions for each feature."""
    columns = []
    for shift in np.eye(X.shape[1]) * step:
        columns.append((model.predict(X + shift) - model.predict(X - shift)) / (2 * step))
    return np.stack(columns, axis=1)


def process_row(kernel, n_features, rounds):
    """Times of a gradient, central differences and one prediction, and how far they lie apart."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 3, (2000, n_features))
    model = GaussianProcessRegressor(kernel, alpha=1e-2, optimizer=None)
    model.fit(X, np.sin(X).sum(axis=1))
    places = rng.uniform(0, 3, (10_000, n_features))
    functions = {
        "gradient": lambda: gradient(model, places),
        "differences": lambda: central_differences(model, places),
        "predict": lambda: model.predict(places),
    }
    apart = np.abs(functions["gradient"]() - functions["differences"]()).max()
    return alternate(functions, rounds), apart


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    pipelines = {
        "one scaler": [StandardScaler()],
        "three scalers": [RobustScaler(), MinMaxScaler(), StandardScaler()],
        "power, scaler": [PowerTransformer(), StandardScaler()],
    }
    print(f"{'Jacobian, 10,000 rows':26}{'pipeline':>10}{'net':>10}{'transforms':>12}{'ratio':>8}")
    for name, steps in pipelines.items():
        for d in (1, 4):
            t = pipeline_row(steps, d, rounds)
            ratio = t["pipeline"] / (t["net"] + t["transforms"])
            cells = [f"{t[k] * 1e3:.1f} ms" for k in ("pipeline", "net", "transforms")]
            print(f"{name + f', d = {d}':26}{cells[0]:>10}{cells[1]:>10}{cells[2]:>12}{ratio:8.2f}")
    print("ratio: pipeline / (net + transforms); target at most 1.3\n")
    kernels = {
        "RBF": RBF(),
        "Matern 5/2": Matern(nu=2.5),
        "RBF + white": RBF() + WhiteKernel(1e-3),
        "RBF × RationalQuadratic": RBF() * RationalQuadratic(),
    }
    print(f"{'process, 2000 × 10,000':32}{'ours':>10}{'differences':>13}{'speedup':>9}{'apart':>9}")
    for name, kernel in kernels.items():
        for d in (2, 5):
            t, apart = process_row(kernel, d, rounds)
            speedup = t["differences"] / t["gradient"]
            print(
                f"{name + f', d = {d}':32}{t['gradient']:9.2f}s{t['differences']:12.2f}s"
                f"{speedup:9.1f}{apart:9.0e}"
            )
    print("speedup: target at least 3")


if __name__ == "__main__":
    main()
