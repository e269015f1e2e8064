"""Offsets and units: what is fitted to data far from zero is what is fitted to the data centred."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from sk_pydelt import (
    BayesianNeuralNetworkInterpolator,
    NeuralNetworkInterpolator,
    SplineInterpolator,
)
from sk_pydelt.scaling import varies

T = np.linspace(0, 6, 400).reshape(-1, 1)
OFFSETS = {"a small swing": (1e9, 1e-4), "a clock of 10 MHz": (1e7, 5e-5), "negative": (-1e12, 1.0)}

ESTIMATORS = {
    "spline": SplineInterpolator(),
    "lbfgs": NeuralNetworkInterpolator((8,), solver="lbfgs", epochs=200, random_state=0),
    "lm": NeuralNetworkInterpolator((6,), solver="lm", epochs=60, random_state=0),
    "tensorflow": NeuralNetworkInterpolator(
        (6,), solver="lm", epochs=60, random_state=0, backend="tensorflow"
    ),
    "bayesian": BayesianNeuralNetworkInterpolator((6,), "tanh", random_state=0),
}
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def estimator(name, **scalers):
    if name == "tensorflow":
        pytest.importorskip("tensorflow")
    return ESTIMATORS[name].set_params(**{"x_scaler": None, "y_scaler": None, **scalers})


@each_estimator
@pytest.mark.parametrize("case", OFFSETS)
def test_a_target_far_from_zero_is_fitted_as_it_is_without_its_offset(name, case):
    offset, swing = OFFSETS[case]
    y = offset + swing * np.sin(T.ravel())
    model = estimator(name).fit(T, y)
    residual = model.predict(T) - y
    assert 1 - np.var(residual) / np.var(y - offset) > 0.99
    rounding = np.spacing(abs(offset)) / swing
    error = model.gradient(T)[20:-20, 0] / swing - np.cos(T[20:-20, 0])
    assert np.sqrt(np.mean(error**2)) < 0.01 + 20 * rounding


@each_estimator
def test_features_far_from_zero_lose_nothing(name):
    X = 1e9 + 1e-4 * T
    model = estimator(name).fit(X, np.sin(T.ravel()))
    assert model.score(X, np.sin(T.ravel())) > 0.99
    error = 1e-4 * model.gradient(X)[20:-20, 0] - np.cos(T[20:-20, 0])
    assert np.sqrt(np.mean(error**2)) < 0.03


def test_error_bars_of_a_target_far_from_zero():
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(T))
    z = np.sin(T.ravel()) + noise
    near, far = estimator("bayesian").fit(T, z), None
    rate, std = near.differentiate(1)(T, return_std=True)
    unit, noise_std = 1e-3, near.noise_std_
    far = estimator("bayesian").fit(T, 1e8 + unit * z)
    far_rate, far_std = far.differentiate(1)(T, return_std=True)
    assert_allclose(far_rate / unit, rate, atol=0.05 * np.abs(rate).max())
    assert_allclose(far_std / unit, std, rtol=0.05)
    assert far.noise_std_ / unit == pytest.approx(noise_std, rel=0.02)


SCALERS = [
    StandardScaler(),
    MinMaxScaler(),
    RobustScaler(),
    make_pipeline(StandardScaler(), MinMaxScaler()),
    StandardScaler().set_output(transform="pandas"),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
@pytest.mark.parametrize("which", ["x_scaler", "y_scaler"])
def test_a_scaler_that_shifts_sees_far_data_centred(scaler, which):
    far = {"x_scaler": (1e9 + 1e-4 * T, 1e4), "y_scaler": (T, 1e-4)}
    X, unit = far[which]
    y = np.sin(T.ravel()) if which == "x_scaler" else 1e9 + 1e-4 * np.sin(T.ravel())
    weight = np.arange(1.0, 1 + len(T))
    model = estimator("spline", **{which: scaler}).fit(X, y, weight)
    assert isinstance(getattr(model, f"{which}_"), Pipeline)
    assert_allclose(model.gradient(X)[20:-20, 0] / unit, np.cos(T[20:-20, 0]), atol=0.1)


def test_near_data_are_left_to_the_scaler_asked_for():
    model = estimator("spline").fit(T + 100, np.sin(T.ravel()) + 1e5)
    assert type(model.x_scaler_) is MinMaxScaler
    assert type(model.y_scaler_) is StandardScaler


@each_estimator
@pytest.mark.parametrize("scaler", ["passthrough", MaxAbsScaler(), StandardScaler(with_mean=False)])
def test_a_scaler_that_leaves_an_offset_is_refused(name, scaler):
    with pytest.raises(ValueError, match=r"Output 0 varies by 2.0e-04 only.*StandardScaler\(\)"):
        estimator(name, y_scaler=scaler).fit(T, 1e9 + 1e-4 * np.sin(T.ravel()))
    with pytest.raises(ValueError, match=r"Feature 0 varies by 6.0e-04 only.*StandardScaler\(\)"):
        estimator(name, x_scaler=scaler).fit(1e9 + 1e-4 * T, np.sin(T.ravel()))


@each_estimator
@pytest.mark.parametrize("scaler", [MinMaxScaler(), RobustScaler(), MaxAbsScaler()], ids=str)
def test_a_scaler_that_takes_small_units_for_a_constant_is_refused(name, scaler):
    with pytest.raises(ValueError, match="Output 0 varies by 2.0e-20 only.*smaller unit"):
        estimator(name, y_scaler=scaler).fit(T, 1e-20 * np.sin(T.ravel()))
    with pytest.raises(ValueError, match="Feature 0 varies by 6.0e-20 only.*smaller unit"):
        estimator(name, x_scaler=scaler).fit(1e-20 * T, np.sin(T.ravel()))


@each_estimator
@pytest.mark.parametrize("unit", [1e-170, 1e155, 1e305])
@pytest.mark.parametrize("scaler", [None, StandardScaler(), "passthrough"], ids=str)
def test_units_of_y_beyond_the_squares_of_float64_are_refused(name, unit, scaler):
    with pytest.raises(ValueError, match="y is up to .*squares.*another unit, or a y_scaler"):
        estimator(name, y_scaler=scaler).fit(T, unit * np.sin(T.ravel()))


@each_estimator
def test_features_beyond_float64_are_refused(name):
    X = (T[::-1] - 3) * 5e307
    with (
        np.errstate(invalid="ignore"),  # scikit-learn's own, on its way to finding them finite
        pytest.raises(ValueError, match="Feature 0 varies by inf only.*larger unit"),
    ):
        estimator(name).fit(X, np.sin(T.ravel()))


def test_small_and_large_units_that_float64_holds_change_nothing():
    expected = estimator("spline").fit(T, np.sin(T.ravel())).gradient(T)
    for unit in (1e-149, 1e-20, 1e20, 1e149):
        found = estimator("spline").fit(T, unit * np.sin(T.ravel())).gradient(T)
        assert_allclose(found / unit, expected, rtol=1e-9, atol=1e-9)


def test_rounding_is_no_variation():
    data = np.array([[1.0, 1.0, 1e9], [1.0, 1.0 + 2e-16, 1e9 + 1e-4]])
    assert varies(data).tolist() == [False, False, True]


class Returns(TransformerMixin, BaseEstimator):
    """Gives back, from `transform` or from its inverse, what a case makes of the data."""

    def __init__(self, change=None, inverse=None):
        self.change, self.inverse = change, inverse

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X if self.change is None else CHANGES[self.change](X)

    def inverse_transform(self, X):
        return X if self.inverse is None else CHANGES[self.inverse](X)


CHANGES = {
    "sparse": scipy.sparse.csr_array,
    "1-D": lambda X: X[:, 0],
    "of other length": lambda X: X[:-1],
    "without columns": lambda X: X[:, :0],
    "with three axes": lambda X: X[:, :, None],
    "nothing": lambda X: None,
    "text": lambda X: X.astype(str),
    "complex": lambda X: 1j * X,
}


@each_estimator
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_scaler_must_return(name, change):
    message = r"As x_scaler or y_scaler, Returns\.transform must return a (dense|table of real)"
    y = np.sin(T[:20]).ravel()
    for scaler in ("x_scaler", "y_scaler"):
        model = estimator(name, **{scaler: Returns(change)})
        with pytest.raises(ValueError, match=message):
            model.fit(T[:20], y)


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_inverse_must_return(change):
    model = SplineInterpolator(y_scaler=Returns(inverse=change))
    with pytest.raises(ValueError, match=r"Returns\.inverse_transform must return a"):
        model.fit(T[:20], T[:20].ravel() ** 2)  # asks what the fit explains


@each_estimator
@pytest.mark.parametrize("scaler", ["x_scaler", "y_scaler"])
def test_a_scaler_that_makes_no_numbers(name, scaler):
    model = estimator(name, **{scaler: FunctionTransformer(lambda X: X * np.nan)})
    with pytest.raises(ValueError, match=f"made NaN or infinity of finite .* another {scaler}"):
        model.fit(T[:20], np.sin(T[:20]).ravel())


@each_estimator
@pytest.mark.parametrize("weight", [2.0**325, 2.0**-325])
def test_weights_of_any_size_count_by_their_ratios(name, weight):
    """To scalers, nets and splines; a Bayesian fit takes them for copies, and refuses so many."""
    y, shares = np.sin(T[::10]).ravel(), 1 + np.arange(40) % 3
    model = estimator(name)
    if name == "bayesian":
        if weight > 1:
            with pytest.raises(ValueError, match=r"sample_weight is up to 2\.1e\+98, and a Bayes"):
                model.fit(T[::10], y, sample_weight=weight * shares)
        return
    expected = model.fit(T[::10], y, sample_weight=shares).predict(T)
    found = model.fit(T[::10], y, sample_weight=weight * shares).predict(T)
    assert_allclose(found, expected, rtol=1e-9)


@each_estimator
def test_weights_beyond_float64(name):
    y = np.sin(T[:20]).ravel()
    for weight in (np.full(20, 1e200), np.full(20, 1e-200), np.append(np.ones(19), 1e200)):
        with pytest.raises(ValueError, match="sample_weight must lie between 1e-100 and 1e"):
            estimator(name).fit(T[:20], y, sample_weight=weight)
