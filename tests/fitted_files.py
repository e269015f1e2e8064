"""Fitted estimators of every kind, and how large their files are: the table of docs/files.md.

``python tests/fitted_files.py`` prints it.
"""

import pickle
from functools import cache
from itertools import product

import numpy as np
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    interpolation,
)

X = np.linspace(0, 3, 200).reshape(-1, 1)
NOISE = 0.05 * np.random.default_rng(0).standard_normal(200)
Y = np.sin(X).ravel() + NOISE
OPTIONS = {
    "adam": {},
    "adam, dropout": {"dropout_rate": 0.1},
    "adam, batch_norm": {"batch_norm": True},
    "lbfgs": {"solver": "lbfgs"},
    "lm": {"solver": "lm"},
    "early_stopping": {"early_stopping": True},
}
NETS = {
    f"{backend}, {name}": NeuralNetworkInterpolator(
        epochs=20, learning_rate=0.01, random_state=0, backend=backend, **options
    )
    for backend, (name, options) in product(["pytorch", "tensorflow"], OPTIONS.items())
}
BAYESIAN = BayesianNeuralNetworkInterpolator((8,), "tanh", n_init=1, max_iter=30, random_state=0)
OTHERS = {
    "spline": SplineInterpolator(),
    "spline of two features": SplineInterpolator(),
    "spline of two outputs": SplineInterpolator(),
    "spline of two outputs, not all measured": SplineInterpolator(),
    "spline of two features, two outputs, not all measured": SplineInterpolator(),
    "interpolating spline": SplineInterpolator(smoothing=0.0),
    "drop-in spline": interpolation.SplineInterpolator(),
    "drop-in spline of FITPACK": interpolation.SplineInterpolator(smoothing=0.1),
    "Bayesian net": BAYESIAN,
    "Bayesian net, known slopes": BAYESIAN,
    "Bayesian net, outliers": clone(BAYESIAN).set_params(noise="student"),
    "Bayesian net and polynomials, of a line": BayesianNeuralNetworkInterpolator(
        n_init=1, max_iter=10, random_state=0
    ),
}
ESTIMATORS = NETS | OTHERS


def places(name):
    return np.column_stack([X, np.cos(3 * X)]) if "two features" in name else X


def values(name):
    if "line" in name.split():
        return 2 * X.ravel() + NOISE
    if "two outputs" not in name:
        return Y
    known = np.arange(200) % 3 > 0 if "not all measured" in name else True
    return np.column_stack([Y, np.where(known, Y**2 + NOISE[::-1], np.nan)])


@cache
def fitted(name):
    options = {"dy": np.cos(X)} if "slopes" in name else {}
    return clone(ESTIMATORS[name]).fit(places(name), values(name), **options)


def same(one, other, name):
    """Whether two models give the same bits at the places of an estimator of that name."""
    for function in ("predict", "jacobian", "hessian"):
        ours, theirs = (getattr(model, function)(places(name)) for model in (one, other))
        assert_array_equal(ours, theirs)
    if np.isfinite(getattr(other, "noise_std_", np.nan)).all():
        for ours, theirs in zip(*(m.predict(places(name), return_std=True) for m in (one, other))):
            assert_array_equal(ours, theirs)


def weights(model):
    """The arrays of a fitted model that all is computed from; nothing that it keeps meanwhile."""
    model = pickle.loads(pickle.dumps(model))
    if isinstance(model, NeuralNetworkInterpolator):
        net = model.net_
        return net.kind.arrays(net.module_) if hasattr(net, "module_") else net.weights()
    arrays = _arrays([value for name, value in vars(model).items() if "scaler" not in name])
    return list({id(array): array for array in arrays}.values())


def _arrays(value):
    """All arrays within an object."""
    if isinstance(value, np.ndarray):
        return [value]
    inside = value if isinstance(value, list | tuple) else getattr(value, "__dict__", {}).values()
    return [array for part in inside for array in _arrays(part)]


def sizes(name):
    """Bytes of the file, of the weights, of the pickled scalers, and of the history."""
    model = fitted(name)
    history = {k: v for k, v in vars(model).items() if k.endswith("_curve_")}
    history["net"] = [dict(epoch) for epoch in getattr(vars(model).get("net_"), "history", [])]
    parts = [model.x_scaler_, model.y_scaler_], history
    return len(pickle.dumps(model)), sum(a.nbytes for a in weights(model)), *map(_size, parts)


def _size(value):
    return len(pickle.dumps(value))


def table():
    """Rows of Markdown."""
    yield "| fitted to 200 samples | file | weights | scalers | history |"
    yield "|---|---|---|---|---|"
    for name in ESTIMATORS:
        yield f"| {name} | " + " | ".join(f"{size / 1000:.1f} kB" for size in sizes(name)) + " |"


if __name__ == "__main__":
    print("\n".join(table()))
