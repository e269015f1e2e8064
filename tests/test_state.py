"""Fits change everything at once, readers see one state, and the user's arrays stay as they are."""

from copy import deepcopy
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

import sk_pydelt
from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
    interpolation,
)
from sk_pydelt.chain import propagate, propagate_inverse
from sk_pydelt.jets import Jet


class Meanwhile(StandardScaler):
    """A scaler during whose n-th use something else happens, as in another thread."""

    happens = None
    waits = 0

    def use(self):
        cls = Meanwhile
        cls.waits -= 1
        if cls.waits < 0 and cls.happens is not None:
            happens, cls.happens = cls.happens, None
            happens()

    def fit(self, X, y=None, sample_weight=None):
        self.use()
        return super().fit(X, y, sample_weight)

    def transform(self, X, copy=None):
        self.use()
        return super().transform(X, copy)

    def inverse_transform(self, X, copy=None):
        self.use()
        return super().inverse_transform(X, copy)


@propagate.register
def _(step: Meanwhile, jet):
    step.use()
    return propagate.dispatch(StandardScaler)(step, jet)


@propagate_inverse.register
def _(step: Meanwhile, jet):
    step.use()
    return propagate_inverse.dispatch(StandardScaler)(step, jet)


@pytest.fixture
def meanwhile():
    """``meanwhile(waits, happens)``: what happens in a scaler's use after so many others."""

    def arrange(waits, happens):
        Meanwhile.waits, Meanwhile.happens = waits, happens

    yield arrange
    arrange(0, None)


X = np.linspace(0, 3, 15).reshape(-1, 1)
NEW_X = np.linspace(-2, 9, 12).reshape(-1, 1)
OLD = X, np.sin(X).ravel()
NEW = NEW_X, 50 * np.cos(NEW_X)  # in one column: 2-D
PLACES = np.array([[0.5], [1.0], [2.2]])
SCALED = {"x_scaler": Meanwhile(), "y_scaler": Meanwhile()}
NET = {"epochs": 3, "random_state": 0, **SCALED}
ESTIMATORS = {
    "net": NeuralNetworkInterpolator((4,), **NET),
    "own module": NeuralNetworkInterpolator(
        module=lambda n_features, n_outputs: _torch().nn.Linear(n_features, n_outputs), **NET
    ),
    "lm net": NeuralNetworkInterpolator((4,), solver="lm", **NET),
    "spline": SplineInterpolator(**SCALED),
    "Bayesian net": BayesianNeuralNetworkInterpolator(
        (3,), "tanh", n_init=1, max_iter=20, random_state=0, **SCALED
    ),
    "drop-in net": interpolation.NeuralNetworkInterpolator((4,), **NET),
    "drop-in spline": interpolation.SplineInterpolator(**SCALED),
    "drop-in spline of FITPACK": interpolation.SplineInterpolator(smoothing=0.1, **SCALED),
    "drop-in spline of many degrees": interpolation.SplineInterpolator(0.1, degree=7, **SCALED),
}
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def _torch():
    import torch

    return torch


READERS = {
    "predict": lambda model: model.predict(PLACES),
    "score": lambda model: model.score(*OLD),
    "differentiate": lambda model: model.differentiate(2)(PLACES),
    "jacobian": lambda model: model.jacobian(PLACES),
    "gradient": lambda model: model.gradient(PLACES),
    "hessian": lambda model: model.hessian(PLACES),
    "laplacian": lambda model: model.laplacian(PLACES),
    "divergence": lambda model: model.divergence(PLACES),
    "strain rate": lambda model: model.strain_rate(PLACES),
    "biharmonic": lambda model: model.biharmonic(PLACES),
    "derivatives": lambda model: model.derivatives(PLACES, [(1,), (2,)]),
    "directional": lambda model: model.directional_derivative(PLACES, [2.0]),
    "effects": lambda model: model.average_marginal_effects(PLACES).average,
    "integrate": lambda model: model.integrate(0, [1, 2], tol=1e-3),
    "function": lambda model: sk_pydelt.jacobian(model, PLACES),
    "propagate": lambda model: propagate(model, _jet()).tensor(1),
    "std": lambda model: model.predict(PLACES, return_std=True),
    "cov": lambda model: model.predict(PLACES, return_cov=True),
    "sample": lambda model: model.sample(PLACES, 3, order=1, random_state=0),
    "noise": lambda model: model.noise_std_,
    "std of derivative": lambda model: model.differentiate()(PLACES, return_std=True),
    "std of integral": lambda model: model.integrate(0, 1, return_std=True),
}
SPREADS = {"std", "cov", "sample", "noise", "std of derivative", "std of integral"}


def _jet():
    return Jet.variables(PLACES, 1)


def numbers(found):
    """A result, one array or several, as one list of numbers."""
    parts = found if isinstance(found, tuple | list) else [found]
    return np.concatenate([np.ravel(part) for part in parts])


def _cases():
    for name, estimator in ESTIMATORS.items():
        for reader in READERS if "many degrees" not in name else ["predict"]:
            spread = hasattr(estimator, "sample") and "FITPACK" not in name  # which has none
            if reader not in SPREADS or spread:
                yield pytest.param(name, reader, id=f"{name}-{reader}")


@cache
def fitted_to_old(name):
    return clone(ESTIMATORS[name]).fit(*OLD)


@pytest.mark.parametrize(("name", "reader"), list(_cases()))
def test_a_reader_sees_one_state_though_a_fit_ends_meanwhile(name, reader, meanwhile):
    model, read = deepcopy(fitted_to_old(name)), READERS[reader]
    old = numbers(read(model))
    meanwhile(0, lambda: model.fit(*NEW))
    assert_array_equal(numbers(read(model)), old)
    assert Meanwhile.happens is None
    assert model.predict(PLACES).ndim == 2


@each_estimator
@pytest.mark.parametrize("waits", [0, 1, 2, 3])
def test_the_old_state_is_read_until_a_fit_has_ended(name, waits, meanwhile):
    model, seen = deepcopy(fitted_to_old(name)), []
    old, new = model.predict(PLACES), clone(model).fit(*NEW).predict(PLACES)
    meanwhile(waits, lambda: seen.append(model.predict(PLACES)))
    model.fit(*NEW)
    assert_array_equal(seen, [old])
    assert_array_equal(model.predict(PLACES), new)


@each_estimator
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
@pytest.mark.parametrize("waits", [0, 1, 2, 3])
def test_a_fit_that_is_broken_off_changes_nothing(name, error, waits, meanwhile):
    model = deepcopy(fitted_to_old(name))
    before = vars(model)

    def fails():
        raise error("broken off")

    meanwhile(waits, fails)
    with pytest.raises(error, match="broken off"):
        model.fit(*NEW)
    assert vars(model) is before


def test_weights_that_a_fit_cannot_read_change_nothing():
    spline = interpolation.SplineInterpolator(smoothing=0.1, degree=7).fit(*OLD)
    before = vars(spline)
    with pytest.raises(ValueError, match="could not convert"):
        spline.fit(*OLD, sample_weight=["heavy"] * len(X))
    assert vars(spline) is before


@each_estimator
def test_what_is_set_during_a_fit_stays_set(name, meanwhile):
    model = deepcopy(fitted_to_old(name))
    model.note = "before"

    def happens():
        model.set_params(x_scaler="passthrough")
        model.note = "meanwhile"

    meanwhile(1, happens)
    new = model.fit(*NEW).predict(PLACES)
    assert (model.x_scaler, model.note) == ("passthrough", "meanwhile")
    assert isinstance(model.x_scaler_, Meanwhile)
    assert_array_equal(new, clone(ESTIMATORS[name]).fit(*NEW).predict(PLACES))


def test_a_child_of_a_user_may_keep_more():
    class Mine(SplineInterpolator):
        def fit(self, X, y):
            self.first_ = X[0]
            super().fit(X, y)
            self.last_ = X[-1]
            return self

        def _fit_scaled(self, samples):
            self.n_samples_ = len(samples)
            super()._fit_scaled(samples)

    model = Mine()
    assert model.fit(*OLD) is model
    assert (model.first_, model.last_, model.n_samples_) == (0, 3, 15)


class Overwriting(StandardScaler):
    """A scaler of a user who saves memory."""

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y, sample_weight)
        X -= 1000
        if sample_weight is not None:
            sample_weight *= 0
        return self

    def transform(self, X):
        X -= self.mean_
        X /= self.scale_
        return X

    def inverse_transform(self, X):
        X *= self.scale_
        X += self.mean_
        return X


IN_PLACE = {
    "standard": (StandardScaler(copy=False), StandardScaler()),
    "range": (MinMaxScaler((-1, 1), copy=False), MinMaxScaler((-1, 1))),
    "largest": (MaxAbsScaler(copy=False), MaxAbsScaler()),
    "robust": (RobustScaler(copy=False), RobustScaler()),
    "power": (PowerTransformer(copy=False), PowerTransformer()),
    "user's": (Overwriting(), StandardScaler()),
}
rng = np.random.default_rng(0)
TWO = rng.uniform(0.5, 2, (30, 2))
GIVEN = [TWO, TWO**2 + 1, rng.integers(1, 3, 30).astype(float)]
SLOPES = np.stack([np.diag(2 * x) for x in TWO])
PLAIN = {
    "net": NeuralNetworkInterpolator((4,), solver="lm", epochs=5, random_state=0),
    "spline": SplineInterpolator(),
    "Bayesian net": BayesianNeuralNetworkInterpolator(
        (3,), "tanh", n_init=1, max_iter=60, random_state=0
    ),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("scalers", IN_PLACE.values(), ids=IN_PLACE)
def test_scalers_that_write_in_place_write_into_a_copy(name, scalers):
    slopes = {} if name == "spline" else {"dy": SLOPES.copy()}
    given = [part.copy() for part in GIVEN]
    in_place, copying = (
        clone(PLAIN[name]).set_params(x_scaler=scaler, y_scaler=scaler) for scaler in scalers
    )
    in_place.fit(*given, **slopes)
    copying.fit(*GIVEN, **slopes)
    for _ in range(2):
        assert_array_equal(in_place.predict(given[0]), copying.predict(TWO))
        assert_array_equal(in_place.hessian(given[0]), copying.hessian(TWO))
    for ours, theirs in zip([*given, *slopes.values()], [*GIVEN, SLOPES]):
        assert_array_equal(ours, theirs)


STEPS = [StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, PowerTransformer, Normalizer]


@pytest.mark.parametrize("step", STEPS)
def test_places_of_derivatives_are_not_written_to(step):
    model = make_pipeline(step(copy=False), StandardScaler(copy=False), LinearRegression())
    model.fit(TWO.copy(), GIVEN[1])
    places = TWO.copy()
    places.flags.writeable = False
    copying = make_pipeline(step(), StandardScaler(), LinearRegression()).fit(TWO, GIVEN[1])
    assert_array_equal(sk_pydelt.jacobian(model, places), sk_pydelt.jacobian(copying, TWO))
    assert_array_equal(sk_pydelt.laplacian(model, places), sk_pydelt.laplacian(copying, TWO))
    assert_array_equal(places, TWO)


def test_a_class_without_a_rule_is_asked_to_predict_a_copy():
    class Shifts(LinearRegression):
        def predict(self, X):
            X -= 1
            return super().predict(X)

    propagate.register(Shifts, lambda step, jet: jet @ step.coef_.T + step.intercept_)
    places = TWO.copy()
    model = Shifts().fit(TWO, GIVEN[1])
    sk_pydelt.hessian(model, places)
    assert_array_equal(places, TWO)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2]])
def test_the_layout_in_memory_changes_no_bit(name, layout):
    slopes = {} if name == "spline" else {"dy": SLOPES}
    plain = clone(PLAIN[name]).fit(*GIVEN, **slopes)
    slopes = {key: layout(value) for key, value in slopes.items()}
    other = clone(PLAIN[name]).fit(*map(layout, GIVEN), **slopes)
    assert_array_equal(other.predict(layout(TWO)), plain.predict(TWO))
    assert_array_equal(other.jacobian(layout(TWO)), plain.jacobian(TWO))
