"""Slow and obvious ways to derivatives: nested torch.func, Richardson differences, mpmath."""

import math
import warnings
from functools import reduce

import mpmath
import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

with warnings.catch_warnings():  # torch 2.13 deprecates, and uses, its own jit at the first call
    warnings.simplefilter("ignore", DeprecationWarning)
    torch.func.jacfwd(torch.sin)(torch.zeros(1))

TORCH_ACTIVATIONS = {
    "relu": lambda z: z * (z > 0),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "swish": lambda z: z * torch.sigmoid(z),
    "gelu": lambda z: 0.5 * z * (1 + torch.erf(z / math.sqrt(2))),
    "sine": torch.sin,
    "softplus": lambda z: torch.log1p(torch.exp(z)),
    "elu": lambda z: torch.where(z > 0, z, torch.exp(z) - 1),
    "mish": lambda z: z * torch.tanh(torch.log1p(torch.exp(z))),
    "rational": lambda z: (1.1915 * z**3 + 1.5957 * z**2 + 0.5 * z + 0.0218) / (2.383 * z**2 + 1),
    "identity": lambda z: z,
}

MPMATH_ACTIVATIONS = {
    "tanh": mpmath.tanh,
    "swish": lambda z: z / (1 + mpmath.exp(-z)),
    "gelu": lambda z: z * mpmath.ncdf(z),
    "sine": mpmath.sin,
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
    "rational": lambda z: (
        (mpmath.mpf(1.1915) * z**3 + mpmath.mpf(1.5957) * z**2 + z / 2 + mpmath.mpf(0.0218))
        / (mpmath.mpf(2.383) * z**2 + 1)
    ),
}


def affine(scaler):
    """Offset, scale and limits of a fitted scaler, from its attributes: clip((x - a) / s).

    For MinMaxScaler, which computes x * scale + min, the two are returned in its own form.
    """
    if isinstance(scaler, StandardScaler):
        offset = scaler.mean_ if scaler.with_mean else 0.0
        return offset, scaler.scale_ if scaler.with_std else 1.0
    if isinstance(scaler, RobustScaler):
        offset = scaler.center_ if scaler.with_centering else 0.0
        return offset, scaler.scale_ if scaler.with_scaling else 1.0
    if isinstance(scaler, MaxAbsScaler):
        return 0.0, scaler.scale_
    assert isinstance(scaler, FunctionTransformer)
    assert scaler.func is None
    return 0.0, 1.0


def parts(scaler):
    """The scalers that a pipeline of them applies in turn, or the only one."""
    return [step for _, step in scaler.steps] if isinstance(scaler, Pipeline) else [scaler]


def scale(scaler, x):
    """What scaler.transform computes, of a tensor."""
    if isinstance(scaler, Pipeline):
        return reduce(lambda x, part: scale(part, x), parts(scaler), x)
    if isinstance(scaler, MinMaxScaler):
        x = x * torch.tensor(scaler.scale_) + torch.tensor(scaler.min_)
        return x.clamp(*scaler.feature_range) if scaler.clip else x
    offset, size = map(torch.as_tensor, affine(scaler))
    x = (x - offset) / size
    return x.clamp(-1, 1) if getattr(scaler, "clip", False) else x


def unscale(scaler, y):
    """What scaler.inverse_transform computes, of a tensor."""
    if isinstance(scaler, Pipeline):
        return reduce(lambda y, part: unscale(part, y), reversed(parts(scaler)), y)
    if isinstance(scaler, MinMaxScaler):
        return (y - torch.tensor(scaler.min_)) / torch.tensor(scaler.scale_)
    offset, size = map(torch.as_tensor, affine(scaler))
    return y * size + offset


def layers_of(model):
    """Each layer's weights as float64 arrays: {"weight": ..., "bias": ..., ...} in order."""
    layers = {}
    for key, value in model.net_.module_.state_dict().items():
        _, number, name = key.split(".")
        layers.setdefault(int(number), {})[name] = value.double()
    return [layers[number] for number in sorted(layers)]


def perceptron(model, x):
    """The net's forward pass on scaled x, written from its weights alone."""
    activation = TORCH_ACTIVATIONS[model.activation]
    layers = layers_of(model)
    for i, layer in enumerate(layers):
        if "running_mean" in layer:
            x = (x - layer["running_mean"]) / torch.sqrt(layer["running_var"] + 1e-5)
            x = x * layer["weight"] + layer["bias"]
        else:
            x = layer["weight"] @ x + layer["bias"]
        dense_next = i + 1 < len(layers) and "running_mean" not in layers[i + 1]
        x = activation(x) if dense_next else x
    return x


def forward(model, x, net=perceptron):
    """The prediction of a fitted pipeline or interpolator at one row, a tensor (d,) -> (m,)."""
    if isinstance(model, Pipeline):
        for _, step in model.steps[:-1]:
            x = x if step in (None, "passthrough") else scale(step, x)
        return forward(model.steps[-1][1], x, net)
    return unscale(model.y_scaler_, net(model, scale(model.x_scaler_, x)))


def nested_derivatives(function, X, max_order):
    """Tensors (n, m, d, ..., d) of order 1 to max_order, of a function of one row (d,) -> (m,)."""
    tensors = []
    for _ in range(max_order):
        function = torch.func.jacfwd(function)
        tensors.append(torch.func.vmap(function)(torch.tensor(X)).numpy())
    return tensors


def richardson(function, X, axis, step):
    """First derivative along one axis: central differences at three steps, error of order h⁶."""
    shift = np.zeros(X.shape[1])
    shift[axis] = step
    shifts = [shift, shift / 2, shift / 4]
    up, down = [[X + sign * s for s in shifts] for sign in (1, -1)]
    steps = [(a - b)[:, axis] for a, b in zip(up, down)]  # as rounded
    rows = [function(a) - function(b) for a, b in zip(up, down)]
    D = [r / h.reshape(-1, *(1,) * (r.ndim - 1)) for r, h in zip(rows, steps)]
    first = [(4 * D[1] - D[0]) / 3, (4 * D[2] - D[1]) / 3]
    return (16 * first[1] - first[0]) / 15


def mpmath_derivatives(model, x, max_order):
    """Derivatives of orders 1 to max_order of a net of one feature and output at a number x."""
    with mpmath.workdps(80):
        value = mpmath.mpf(float(x))
        layers = [{k: mpmath.matrix(v.tolist()) for k, v in la.items()} for la in layers_of(model)]
        activation = MPMATH_ACTIVATIONS[model.activation]

        def number(v):
            return mpmath.mpf(float(np.ravel(v)[0]))

        def scaled(t, scaler):
            if isinstance(scaler, MinMaxScaler):
                return t * number(scaler.scale_) + number(scaler.min_)
            offset, size = map(number, affine(scaler))
            return (t - offset) / size

        def function(t):
            z = mpmath.matrix([reduce(scaled, parts(model.x_scaler_), t)])
            for i, layer in enumerate(layers):
                z = layer["weight"] * z + layer["bias"]
                z = z.apply(activation) if i + 1 < len(layers) else z
            for offset, size in (map(number, affine(s)) for s in parts(model.y_scaler_)[::-1]):
                z = z * size + offset * mpmath.ones(1)
            return z[0]

        coefficients = mpmath.taylor(function, value, max_order)
        return [float(c * mpmath.factorial(k)) for k, c in enumerate(coefficients)][1:]


def relative_error(actual, expected):
    """Largest error of each entry of a field over the entry's largest size, over the rows.

    Each output and each mixed partial is measured against itself: in a tensor whose entries
    differ by powers of 1e9, as the units of the features do, none hides behind another. A
    derivative crosses zero somewhere, so that an error relative to the single value says nothing.
    """
    assert actual.shape == expected.shape
    size = np.abs(expected).max(axis=0)
    error = np.abs(actual - expected).max(axis=0)
    return float(np.max(np.divide(error, size, out=np.where(error, np.inf, 0.0), where=size > 0)))


def roughness(splines, knots, m):
    """The matrix ∫ f_i⁽ᵐ⁾ f_j⁽ᵐ⁾ of splines of degree 2m − 1, by Gauss's rule between knots."""
    rough = splines.derivative(m)
    nodes, weights = np.polynomial.legendre.leggauss(m)
    middle, half = (knots[1:] + knots[:-1]) / 2, np.diff(knots) / 2
    return sum(
        (rough(middle + half * node).T * (half * w)) @ rough(middle + half * node)
        for node, w in zip(nodes, weights)
    )
