"""Derivatives of fields by pydelt's classes of several features and by ours, at one place.

    pip install pydelt
    python benchmarks/pydelt_fields.py [--table pydelt_fields.md]

Classes of the same names: pydelt's with its splines of `smoothing=0.1`, on a grid of 21 × 21 places
and on 200 random ones; ours with splines that go through the random samples. Exact values beside.
"""

import numpy as np
import pydelt.interpolation
import pydelt.multivariate
import pydelt.tensor_derivatives
from printed import main

import sk_pydelt
from sk_pydelt import multivariate

HEAD = (
    "| result at (0.2, 0.5) | pydelt, grid | pydelt, random places | ours, random places | exact |"
)
AT = np.array([[0.2, 0.5]])
FIELDS = {
    "xy": lambda x, y: x * y,
    "x² + y²": lambda x, y: x**2 + y**2,
    "the rotation (y, −x)": lambda x, y: np.column_stack([y, -x]),
}
CASES = (
    ("xy", "gradient", lambda m: m.gradient()(AT), (0.5, 0.2)),
    ("xy", "mixed partial", lambda m: np.ravel(m.hessian()(AT))[1], 1),
    ("xy", "Laplacian", lambda m: m.laplacian()(AT), 0),
    ("x² + y²", "gradient", lambda m: m.gradient()(AT), (0.4, 1)),
    ("x² + y²", "Laplacian", lambda m: m.laplacian()(AT), 4),
    ("the rotation (y, −x)", "divergence", lambda m: m.divergence()(AT), 0),
)


def places():
    axis = np.linspace(-1, 1, 21)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return grid, np.random.default_rng(0).uniform(-1, 1, (200, 2))


def theirs(X, Y):
    kind = pydelt.multivariate.MultivariateDerivatives
    if Y.ndim == 2:
        kind = pydelt.tensor_derivatives.TensorDerivatives
    return kind(pydelt.interpolation.SplineInterpolator, smoothing=0.1).fit(X, Y)


def ours(X, Y):
    kind = multivariate.TensorDerivatives if Y.ndim == 2 else multivariate.MultivariateDerivatives
    return kind(sk_pydelt.SplineInterpolator, smoothing=0.0).fit(X, Y)


def shown(values):
    """A number, or several in brackets, to two digits."""
    numbers = [f"{round(float(v), 10) + 0.0:.3g}" for v in np.ravel(values)]
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def rows():
    grid, random = places()
    for field, name, result, exact in CASES:
        cases = ((theirs, grid), (theirs, random), (ours, random))
        found = [result(fit(X, FIELDS[field](*X.T))) for fit, X in cases]
        yield f"| {name} of {field} | {' | '.join(map(shown, [*found, exact]))} |"


if __name__ == "__main__":
    main(__doc__, HEAD, rows())
