"""The three examples of pydelt's page on networks with their settings, through the drop-in.

    python benchmarks/pydelt_examples.py [--table pydelt_examples.md]

Problems of `benchmarks/accuracy.py` by `sk_pydelt.interpolation`: root-mean-square errors of values
and of first derivatives, one run each.
"""

import numpy as np
from accuracy import PROBLEMS
from printed import main

from sk_pydelt.interpolation import NeuralNetworkInterpolator, SplineInterpolator

HEAD = "| problem | model | value | derivative |"
SEED = 42


def net(hidden_layers, activation, learning_rate, epochs):
    layers = "-".join(map(str, hidden_layers))
    model = NeuralNetworkInterpolator(
        hidden_layers=hidden_layers,
        activation=activation,
        learning_rate=learning_rate,
        epochs=epochs,
        random_state=SEED,
    )
    return f"{layers} {activation}, {epochs} epochs", model


EXAMPLES = (
    ("runge", *net([128, 64, 32], "tanh", 0.005, 2000)),
    ("runge", "spline of degree 5 through the samples", SplineInterpolator(smoothing=0.0)),
    ("flow", *net([128, 128, 64], "swish", 0.002, 3000)),
    ("lorenz", *net([256, 128, 64, 32], "gelu", 0.001, 4000)),
)


def rows():
    for name, label, model in EXAMPLES:
        problem = PROBLEMS[name](SEED)
        X, y, at = (
            a[:, 0] if a.shape[1] == 1 else a for a in (problem.X, problem.y, problem.X_test)
        )
        model.fit(X, y)
        found = model.predict(at), model.differentiate(order=1)(at)
        errors = [
            np.sqrt(np.mean((part - problem.truth[k].reshape(part.shape)) ** 2))
            for k, part in enumerate(found)
        ]
        yield f"| {name} | {label} | {errors[0]:.2g} | {errors[1]:.2g} |"


if __name__ == "__main__":
    main(__doc__, HEAD, rows())
