"""Time of one full-batch Adam epoch with each backend, and of a prediction, in one run.

    python benchmarks/epoch_overhead_tensorflow.py

As `epoch_overhead.py`: rows alternate within each round, the table shows medians over the rounds,
and an epoch is the difference of a long and a short fit. "Keras fit" is `keras.Model.fit` on the
same net, which the TensorFlow backend does without.
"""

import argparse
import time
from statistics import median

import numpy as np

from sk_pydelt import NeuralNetworkInterpolator
from sk_pydelt.backends.tensorflow_import import keras

HIDDEN_LAYERS = (128, 64, 32)
SIZES = ((15, 1), (1000, 3))


def epoch(backend, X, y, epochs):
    """Seconds for an epoch; compiled ones are short, so that it takes more to measure them."""
    seconds, epochs = [], epochs * (10 if backend == "tensorflow" else 1)
    for n in (10, 10, 10 + epochs):  # the first compiles
        parameters = {"epochs": n, "dtype": X.dtype.name, "backend": backend, "random_state": 0}
        net = NeuralNetworkInterpolator(HIDDEN_LAYERS, **parameters)
        start = time.perf_counter()
        net.fit(X, y)
        seconds.append(time.perf_counter() - start)
    return (seconds[2] - seconds[1]) / epochs


def keras_epoch(X, y, epochs):
    """Seconds for an epoch of Keras' own loop."""
    layers = [keras.layers.Dense(k, activation="tanh", dtype=X.dtype.name) for k in HIDDEN_LAYERS]
    model = keras.Sequential([*layers, keras.layers.Dense(1, dtype=X.dtype.name)])
    model.compile(optimizer="adam", loss="mse")
    model.fit(X, y, batch_size=len(X), epochs=3, verbose=0)
    start = time.perf_counter()
    model.fit(X, y, batch_size=len(X), epochs=epochs, verbose=0)
    return (time.perf_counter() - start) / epochs


def prediction(backend, X, y):
    """Seconds for a prediction of 15 rows, after the first."""
    net = NeuralNetworkInterpolator(HIDDEN_LAYERS, epochs=2, backend=backend).fit(X, y)
    net.predict(X[:15])
    seconds = []
    for _ in range(200):
        start = time.perf_counter()
        net.predict(X[:15])
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    arguments = parser.parse_args()
    print(f"layers {HIDDEN_LAYERS}, milliseconds")
    print(f"{'samples':>9} {'dtype':>8} {'what':>22} {'ms':>9} {'of pytorch':>11}")
    for n, d in SIZES:
        for dtype in ("float64", "float32"):
            rng = np.random.default_rng(0)
            X = rng.standard_normal((n, d)).astype(dtype)
            y = np.sin(X.sum(axis=1))
            times = {"epoch, pytorch": [], "epoch, tensorflow": [], "epoch, Keras fit": []}
            for _ in range(arguments.rounds):
                for name, values in times.items():
                    if name.endswith("fit"):
                        values.append(keras_epoch(X, y, max(1, arguments.epochs // 10)))
                    else:
                        values.append(epoch(name.split()[1], X, y, arguments.epochs))
            for backend in ("pytorch", "tensorflow"):
                times[f"predict 15, {backend}"] = [prediction(backend, X, y)]
            for name, values in times.items():
                base = median(times[f"{name.split(',')[0]}, pytorch"])
                value = median(values)
                row = f"{f'{n} x {d}':>9} {dtype:>8} {name:>22} {1e3 * value:9.3f}"
                print(f"{row} {value / base:11.2f}", flush=True)


if __name__ == "__main__":
    main()
