"""Random fits and calls: right, or an error of ours that names what is wrong; nothing else moves.

A run of SK_PYDELT_FUZZ examples, each of some ten calls, is as long as you like::

    SK_PYDELT_FUZZ=2000 pytest tests/test_fuzz.py -s

It prints how many calls of each kind there were. What it finds it prints as a program.
"""

import copy
import os
import random
import re
import sys
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    average_marginal_effects,
    derivatives,
    differentiate,
    directional_derivative,
    gradient,
    hessian,
    integrate,
    jacobian,
    laplacian,
)

torch = pytest.importorskip("torch")

EXAMPLES = int(os.environ.get("SK_PYDELT_FUZZ", 0))
COUNTS: Counter = Counter()
N = 14
OURS = ValueError, TypeError, NotFittedError
NAMES = (
    r"\b(X|y|sample_weight|dy|dy_weight|orders?|direction|tol|n_samples|degree|epochs|alpha"
    r"|smoothing|hidden_layers|solver|backend|n_init|x_scaler|y_scaler|activation|dtype"
    r"|random_state)\b|^[ab] (must|cannot)|order of|not fitted|gradient needs"
    # scikit-learn's own words for a whole array
    r"|Found array with|got scalar"
)

BACKENDS = ["pytorch", "tensorflow"] if EXAMPLES else ["pytorch"]  # a graph takes a second to build
ESTIMATORS = st.one_of(
    st.builds(
        SplineInterpolator,
        smoothing=st.sampled_from([None, 0.0, 1e-3]),
        degree=st.sampled_from([3, 5, 7]),
    ),
    st.builds(
        SplineInterpolator,
        smoothing=st.sampled_from([None, 1e-3]),
        degree=st.sampled_from([3, 5]),
        robust=st.just(True),
    ),
    st.builds(
        BayesianNeuralNetworkInterpolator,
        hidden_layers=st.just((3,)),
        activation=st.sampled_from(["tanh", "swish", "sine"]),
        n_init=st.just(1),
        max_iter=st.just(4),
        noise=st.sampled_from(["gaussian", "student"]),
        random_state=st.just(0),
    ),
    st.builds(
        NeuralNetworkInterpolator,
        hidden_layers=st.sampled_from([(3,), (4, 3)]),
        activation=st.sampled_from(["tanh", "gelu", "softplus", "rational"]),
        solver=st.sampled_from(["adam", "lbfgs", "lm"]),
        epochs=st.just(2),
        dtype=st.sampled_from(["float64", "float32"]),
        backend=st.sampled_from(BACKENDS),
        alpha=st.sampled_from([0.0, 1e-3]),
        random_state=st.just(0),
    ),
)

FORMS = {  # of the same numbers
    "array": np.array,
    "list": lambda A: A.tolist(),
    "Fortran": np.asfortranarray,
    "strided": lambda A: np.repeat(A, 2, axis=0)[::2],
    "objects": lambda A: A.astype(object),
    "frame": lambda A: pd.DataFrame(A) if A.ndim == 2 else pd.Series(A),
    "tensor": torch.tensor,
    "read-only": lambda A: np.frombuffer(A.tobytes()).reshape(A.shape),
    "unmasked": lambda A: np.ma.array(A, mask=False),
}
BAD = {  # what cannot be data
    "NaN": lambda A: np.where(A.max() == A, np.nan, A),
    "infinite": lambda A: np.where(A.max() == A, np.inf, A),
    "complex": lambda A: A + 1j,
    "text": lambda A: A.astype(str),
    "words": lambda A: np.full(A.shape, "a"),
    "dates": lambda A: (1e9 * A).astype("datetime64[s]"),
    "too few rows": lambda A: A[: len(A) // 2],
    "no rows": lambda A: A[:0],
    "three axes": lambda A: A.reshape(len(A), -1)[:, :, None, None],
    "ragged": lambda A: [[1.0], [1.0, 2.0]],
    "nothing": lambda A: None,
    "a number": lambda A: 3.0,
    "huge": lambda A: 1e200 * (1 + abs(A)),
    "masked": lambda A: np.ma.array(A, mask=A.max() == A),
    "needs gradient": lambda A: torch.tensor(A, requires_grad=True),
    "bfloat16": lambda A: torch.tensor(A).bfloat16(),
    "sparse": lambda A: torch.tensor(A).to_sparse(),
}
FUNCTIONS = {
    "predict": lambda model, X: model.predict(X),
    "gradient": gradient,
    "jacobian": jacobian,
    "hessian": hessian,
    "laplacian": laplacian,
}
BAD_ORDERS = [0, -1, 1.5, "a", None, 200, 26, (1,) * 9, (0, 0), {"z": 1}, [], 1j]
BAD_PARAMETERS = [
    {"degree": 0},
    {"smoothing": -1.0},
    {"smoothing": "a"},
    {"hidden_layers": (0,)},
    {"epochs": 0},
    {"alpha": 1e300},
    {"solver": "none"},
    {"backend": "none"},
    {"n_init": 0},
    {"x_scaler": 3},
    {"y_scaler": "none"},
    {"activation": "none"},
    {"random_state": "a"},
    {"dtype": "float16"},
]
forms, bad = st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(BAD))


def world():
    """All that is global and should be as it was."""
    state = {
        "NumPy's generator": str(np.random.get_state()),
        "Python's generator": random.getstate(),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "torch's threads": torch.get_num_threads(),
        "torch's dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "filters": list(warnings.filters),
        "environment": dict(os.environ),
        "NumPy's errors": np.geterr(),
    }
    if "tensorflow" in sys.modules:
        keras = sys.modules["keras"]
        state["Keras' dtype"] = keras.config.floatx(), str(keras.config.dtype_policy())
    return state


def frozen(data):
    """What data hold, to be compared later."""
    if isinstance(data, torch.Tensor):
        data = data.detach().to_dense().double().numpy()
    return repr(type(data)), repr(data.tolist() if hasattr(data, "tolist") else data)


def libraries_imported():
    """Torch and Keras import others, whose warnings filters stay, when they are first used."""
    X = np.linspace(0, 1, 4).reshape(-1, 1)
    for backend in BACKENDS:
        for solver in ("adam", "lbfgs", "lm"):
            net = NeuralNetworkInterpolator((2,), solver=solver, epochs=1, backend=backend)
            net.set_params(random_state=0).fit(X, X.ravel(), dy=1 + X)


class Calls(RuleBasedStateMachine):
    """An estimator, fitted and asked at random."""

    @initialize(model=ESTIMATORS, d=st.integers(1, 2), m=st.integers(0, 2), seed=st.integers(0, 3))
    def start(self, model, d, m, seed):
        rng = np.random.default_rng(seed)
        self.model, self.fitted, self.seed = model, None, seed
        self.X = rng.uniform(-1, 1, (N, d))
        y = np.sin(2 * self.X).sum(axis=1)
        self.y = y if m == 0 else np.column_stack([y, 1 + y**2])[:, :m]
        self.weight = rng.integers(1, 3, N).astype(float)
        slopes = 2 * np.cos(2 * self.X)
        self.dy = np.stack([slopes, 2 * y[:, None] * slopes], axis=1)[:, : max(m, 1)]

    def call(self, kind, function, *arguments):
        """The result of a call, or None where it raised an error of ours."""
        COUNTS[kind] += 1
        before, inputs = world(), [frozen(a) for a in arguments]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            inside = list(warnings.filters)
            try:
                result = function(*arguments)
            except OURS as error:
                COUNTS[f"{kind}: refused"] += 1
                self.refused(str(error))
                result = None
            assert list(warnings.filters) == inside
        after = world()
        assert not {name for name in before if before[name] != after[name]}
        assert [frozen(a) for a in arguments] == inputs
        return result

    def refused(self, message):
        assert re.search(NAMES, message), message

    def clean(self, options):
        """A model of the same parameters, fitted to plain arrays."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return clone(self.model).fit(self.X, self.y, **options)

    def state(self):
        return {name: id(value) for name, value in vars(self.model).items()}

    @rule(X=forms, y=forms, weight=st.none() | forms, dy=st.none() | forms)
    def fit(self, X, y, weight, dy):
        options, plain = {}, {}
        if weight is not None:
            options["sample_weight"] = FORMS[weight](self.weight)
            plain["sample_weight"] = self.weight
        if dy is not None and not isinstance(self.model, SplineInterpolator):
            options["dy"], plain["dy"] = np.array(self.dy), self.dy

        def fit(X, y, *values):
            return self.model.fit(X, y, **dict(zip(options, values)))

        given = FORMS[X](self.X), FORMS[y](self.y), *options.values()
        found = self.call("fit", fit, *given)
        assert found is self.model, "a fit to good data was refused"
        self.fitted = self.clean(plain)
        self.named = X == "frame"
        assert_allclose(
            self.quiet(self.model.predict), self.quiet(self.fitted.predict), rtol=1e-9, atol=1e-9
        )

    def quiet(self, function):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return function(self.X)

    @rule(which=st.sampled_from(["X", "y", "sample_weight", "dy"]), how=bad)
    def bad_fit(self, which, how):
        data = {"X": self.X, "y": self.y}
        if which == "sample_weight":
            data[which] = self.weight
        if which == "dy" and not isinstance(self.model, SplineInterpolator):
            data[which] = self.dy
        if which not in data:
            return
        data[which] = BAD[how](data[which])

        def fit(*values):
            return clone(self.model).fit(**dict(zip(data, values)))

        def refit(*values):
            return self.model.fit(**dict(zip(data, values)))

        before, state = copy.deepcopy(self.model), self.state()
        found = self.call("bad fit", refit, *data.values())
        if found is None:
            assert self.state() == state, "a failed fit has changed the estimator"
        else:  # huge numbers, or known derivatives that are missing, may be no mistake
            assert np.isfinite(self.quiet(self.model.predict)).all() or how == "huge"
            self.model = before

    @precondition(lambda self: self.fitted is None)
    @rule()
    def too_early(self):
        for function in (self.model.predict, lambda X: gradient(self.model, X)):
            with pytest.raises(NotFittedError):
                function(self.X)

    @precondition(lambda self: self.fitted is not None)
    @rule(form=forms, name=st.sampled_from(sorted(FUNCTIONS)))
    def ask(self, form, name):
        asked = FUNCTIONS[name]

        found = self.call(name, lambda X: asked(self.model, X), FORMS[form](self.X))
        if name == "gradient" and self.y.ndim == 2 and self.y.shape[1] > 1:
            assert found is None
            return
        assert found is not None, "good data were refused"
        expected = self.quiet(lambda X: asked(self.fitted, X))
        assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * abs(expected).max())

    @precondition(lambda self: self.fitted is not None)
    @rule(how=bad, name=st.sampled_from(["predict", "jacobian", "hessian"]))
    def ask_badly(self, how, name):
        function = FUNCTIONS[name]
        found = self.call(f"bad {name}", lambda X: function(self.model, X), BAD[how](self.X))
        if found is not None:
            of_torch = getattr(self.model, "backend", None) == "pytorch"  # gradients pass through
            taken = {"too few rows", "huge"} | ({"needs gradient"} if of_torch else set())
            assert how in taken, "bad data were taken"
            assert torch.isfinite(torch.as_tensor(found)).all()

    @precondition(lambda self: self.fitted is not None)
    @rule(orders=st.lists(st.integers(0, 3), min_size=2, max_size=2))
    def derive(self, orders):
        """A mixed partial against central differences of the one below."""
        order = tuple(orders[: self.X.shape[1]])
        if not sum(order):
            return
        found = self.call("derive", lambda X: differentiate(self.model, order)(X), self.X)
        limit = getattr(self.model, "degree", 9)
        if found is None:
            assert sum(order) > limit
            return
        i = int(np.argmax(order))
        below = tuple(k - (j == i) for j, k in enumerate(order))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            lower = differentiate(self.model, below) if sum(below) else self.model.predict
            h = 1e-5 if getattr(self.model, "dtype", "float64") == "float64" else 1e-2
            step = h * np.eye(len(order))[i]
            ends, middle = (lower(self.X + step), lower(self.X - step)), lower(self.X)
        if getattr(self.model, "dtype", "") == "float32" or limit == sum(order):
            return  # too coarse, or with jumps
        expected = (ends[0] - ends[1]) / (2 * h)
        size = abs(expected).max() + abs(middle).max()
        assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * size + 1e-6)

    @precondition(lambda self: self.fitted is not None)
    @rule(order=st.sampled_from(BAD_ORDERS))
    def derive_badly(self, order):
        found = self.call("bad order", lambda: differentiate(self.model, order))
        assert found is None or (order == 26 and self.X.shape[1] == 1)

    @precondition(lambda self: self.fitted is not None)
    @rule(a=st.floats(-2, 2), b=st.lists(st.floats(-2, 2), max_size=3), derived=st.booleans())
    def antiderive(self, a, b, derived):
        limits = b[0] if len(b) == 1 else b

        def function(b):
            return integrate(differentiate(self.model, (1,)) if derived else self.model, a, b)

        if self.X.shape[1] == 2:
            return
        found = self.call("integrate", function, np.array(limits))
        assert found is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if derived and len(b):
                ends = self.model.predict(np.reshape(limits, (-1, 1)))
                expected = ends - self.model.predict([[a]])
                size = abs(ends).max() + 1
                expected = expected if np.ndim(limits) else expected[0]
                exact = getattr(self.model, "dtype", "float64") == "float64"
                assert_allclose(found, expected, rtol=1e-5, atol=(1e-6 if exact else 1e-4) * size)

    @precondition(lambda self: self.fitted is not None)
    @rule(bad_limit=st.sampled_from(["0", None, 1j, np.nan, [0, 1], "a", np.inf]))
    def antiderive_badly(self, bad_limit):
        assert self.call("bad limit", lambda: integrate(self.model, bad_limit, 1.0)) is None

    @precondition(lambda self: self.fitted is not None)
    @rule(form=forms)
    def others(self, form):
        d = self.X.shape[1]
        X = FORMS[form](self.X)
        along = self.call("along", lambda X: directional_derivative(self.model, X, np.ones(d)), X)
        axes = np.eye(d, dtype=int)
        several = self.call("several", lambda X: derivatives(self.model, X, axes), X)
        assert_allclose(along, sum(several), rtol=1e-6, atol=1e-6 * (1 + abs(along).max()))
        effects = self.call("effects", lambda X: average_marginal_effects(self.model, X), X)
        means = np.stack([part.mean(axis=0) for part in several], axis=-1)
        assert_allclose(effects.average, means, rtol=1e-6, atol=1e-6 * (1 + abs(means).max()))

    @precondition(lambda self: self.fitted is not None)
    @rule(power=st.integers(0, 300), order=st.integers(0, 3))
    def go_far(self, power, order):
        """Numbers, or an error that says how far is too far."""
        X = 10.0**power * self.X

        def function(X):
            if order == 0:
                return self.model.predict(X)
            return directional_derivative(self.model, X, np.ones(X.shape[1]), order)

        found = self.call("far", function, X)
        assert found is not None or power > 20
        assert found is None or np.isfinite(found).all()

    @rule(parameter=st.sampled_from(BAD_PARAMETERS))
    def set_badly(self, parameter):
        """A parameter that is refused by its name when the model is fitted, and not before."""
        (name,) = parameter
        if name not in self.model.get_params():
            return
        before = {name: getattr(self.model, name)}
        self.model.set_params(**parameter)
        state = self.state()
        assert self.call("bad parameter", self.model.fit, self.X, self.y) is None
        assert self.state() == state
        self.model.set_params(**before)

    def has_bars(self):
        return np.isfinite(getattr(self.fitted, "noise_std_", np.nan)).all()

    @precondition(has_bars)
    @rule(form=forms, orders=st.lists(st.integers(0, 2), min_size=2, max_size=2))
    def spread(self, form, orders):
        """The root of the covariance's diagonal, of values and of derivatives."""
        order = tuple(orders[: self.X.shape[1]])
        X = FORMS[form](self.X)

        def function(X, **asked):
            call = differentiate(self.model, order) if sum(order) else self.model.predict
            return call(X, **asked)

        found = self.call("std", lambda X: function(X, return_std=True), X)
        if found is None:
            assert 2 * sum(order) >= self.model.degree
            return
        values, std = found
        again, cov = self.call("cov", lambda X: function(X, return_cov=True), X)
        assert_allclose(values, again)
        diagonal = np.moveaxis(np.diagonal(cov), -1, 0) if cov.ndim > 2 else np.diagonal(cov)
        assert_allclose(std**2, diagonal, rtol=1e-6, atol=1e-9 * diagonal.max())

    @precondition(has_bars)
    @rule(power=st.integers(0, 300), order=st.integers(0, 1), draw=st.booleans())
    def spread_far(self, power, order, draw):
        """Numbers, or an error that says how far is too far."""
        X, index = 10.0**power * self.X, (order, *(0,) * (self.X.shape[1] - 1))

        def function(X):
            if draw:
                return self.model.sample(X, 2, index, 0)
            call = differentiate(self.model, index) if order else self.model.predict
            return call(X, return_cov=True)[1]

        found = self.call("far draw" if draw else "far cov", function, X)
        assert found is not None or power > 15
        assert found is None or np.isfinite(found).all()

    @precondition(has_bars)
    @rule(n=st.sampled_from([0, 2, 1.5, -1, "a"]), order=st.sampled_from([0, 1, -1, "a", (1,)]))
    def sample(self, n, order):
        found = self.call("sample", lambda X: self.model.sample(X, n, order, 0), self.X)
        good = n in (0, 2) and (order == 0 or (order in (1, (1,)) and self.X.shape[1] == 1))
        assert (found is not None) == good


Calls.TestCase.settings = settings(
    max_examples=EXAMPLES or 12,
    stateful_step_count=10,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
)


@pytest.fixture(scope="module", autouse=True)
def imported():
    libraries_imported()


class TestCalls(Calls.TestCase):  # type: ignore[name-defined,misc]
    pass


def test_counts_of_a_long_run():
    if EXAMPLES:
        refused = sum(n for kind, n in COUNTS.items() if kind.endswith("refused"))
        calls = sum(COUNTS.values()) - refused
        print(f"\n{calls} calls, {refused} of them refused; {dict(sorted(COUNTS.items()))}")
