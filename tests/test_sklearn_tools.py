"""Interpolators inside scikit-learn's tools, with real frames, searches and processes."""

import copy
import os
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pandas
import polars
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import hard_X, hard_y
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, VotingRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from sk_pydelt import (
    NeuralNetworkInterpolator,
    SplineInterpolator,
    calculus,
    differentiate,
    gradient,
    jacobian,
)

X = np.random.RandomState(0).uniform(-1, 1, (60, 2))
Y = np.column_stack([np.sin(2 * X[:, 0]) + X[:, 1] ** 2, X[:, 0] * X[:, 1]])
MODELS = {
    "net": NeuralNetworkInterpolator((8,), solver="lbfgs", epochs=80, random_state=0),
    "spline": SplineInterpolator(smoothing=0.0, degree=5),
}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def pipeline(model):
    return Pipeline([("scale", StandardScaler()), ("model", clone(model))])


@each_model
@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["1-D", "2-D"])
def test_pipeline_predicts_and_scores(model, y):
    fitted = pipeline(model).fit(X, y)
    assert fitted.predict(X).shape == y.shape
    assert fitted.score(X, y) > 0.98
    assert cross_val_score(pipeline(model), X, y, cv=3).mean() > 0.9


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search(n_jobs):
    grid = {
        "net__hidden_layers": [(4,), (6, 4)],
        "net__activation": ["tanh", "identity"],
        "net__learning_rate": [1e-9, 0.03],
    }
    net = NeuralNetworkInterpolator(epochs=100, random_state=0)
    steps = Pipeline([("scale", StandardScaler()), ("net", net)])
    search = GridSearchCV(steps, grid, cv=3, n_jobs=n_jobs, error_score="raise").fit(X, Y[:, 0])
    assert search.best_params_["net__activation"] == "tanh"
    assert search.best_params_["net__learning_rate"] == 0.03
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 8
    assert search.best_score_ > 0.9
    best = clone(steps).set_params(**search.best_params_).fit(X, Y[:, 0])
    assert_array_equal(search.predict(X), best.predict(X))
    assert_array_equal(gradient(search, X), gradient(best, X))
    assert_array_equal(differentiate(search, (1, 1))(X), differentiate(best, (1, 1))(X))


def test_search_over_the_scalers_of_the_net():
    scalers = [None, "passthrough", RobustScaler(), MinMaxScaler(clip=True)]
    net = NeuralNetworkInterpolator((4,), epochs=5, random_state=0)
    search = GridSearchCV(net, {"x_scaler": scalers, "y_scaler": scalers[:3]}, cv=2).fit(X, Y)
    assert len(search.cv_results_["params"]) == 12
    assert_array_equal(jacobian(search, X), search.best_estimator_.jacobian(X))


@each_model
@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["1-D", "2-D"])
def test_cross_val_predict_is_fits_by_hand(model, y):
    folds = KFold(3)
    by_hand = np.empty_like(y)
    for train, test in folds.split(X):
        by_hand[test] = pipeline(model).fit(X[train], y[train]).predict(X[test])
    assert_array_equal(cross_val_predict(pipeline(model), X, y, cv=folds), by_hand)


@each_model
def test_clone_is_unfitted_and_fits_the_same(model):
    fitted = clone(model).fit(X, Y)
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert not [name for name in vars(again) if name.endswith("_")]
    assert_array_equal(again.fit(X, Y).jacobian(X), fitted.jacobian(X))


@each_model
def test_deepcopy_is_independent(model):
    fitted = pipeline(model).fit(X, Y)
    twin = copy.deepcopy(fitted)
    before = jacobian(fitted, X)
    assert_array_equal(twin.predict(X), fitted.predict(X))
    assert_array_equal(jacobian(twin, X), before)
    twin.fit(X, -Y)
    assert_array_equal(jacobian(fitted, X), before)


@each_model
@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["1-D", "2-D"])
def test_transformed_target(model, y):
    offset = y + 3
    fitted = TransformedTargetRegressor(pipeline(model), func=np.log, inverse_func=np.exp)
    fitted.fit(X, offset)
    by_hand = pipeline(model).fit(X, np.log(offset))
    assert_array_equal(fitted.predict(X), np.exp(by_hand.predict(X)))
    assert_array_equal(jacobian(fitted.regressor_, X), jacobian(by_hand, X))
    scaled = TransformedTargetRegressor(clone(model), transformer=StandardScaler()).fit(X, y)
    assert scaled.predict(X).shape == y.shape
    assert scaled.score(X, y) > 0.98


def test_voting():
    voting = VotingRegressor([(k, clone(m)) for k, m in MODELS.items()], weights=[1, 3])
    voting.fit(X, Y[:, 0])
    alone = [clone(m).fit(X, Y[:, 0]).predict(X) for m in MODELS.values()]
    assert_allclose(voting.predict(X), (alone[0] + 3 * alone[1]) / 4, rtol=1e-12)


@each_model
def test_bagging(model):
    bagging = BaggingRegressor(pipeline(model), n_estimators=3, random_state=0, n_jobs=2)
    bagging.fit(X, Y[:, 0])
    members = [m.predict(X) for m in bagging.estimators_]
    assert_allclose(bagging.predict(X), np.mean(members, axis=0), rtol=1e-12)
    assert not np.array_equal(members[0], members[1])


def test_bagging_weighs_rows_through_sample_weight():
    """Where a member takes weights, drawing a row twice is a weight of two."""
    bagging = BaggingRegressor(clone(MODELS["net"]), n_estimators=2, random_state=0).fit(X, Y[:, 0])
    assert bagging.score(X, Y[:, 0]) > 0.9


def test_multi_output_regressor_holds_one_model_for_each_column():
    fitted = MultiOutputRegressor(clone(MODELS["spline"])).fit(X, Y)
    together = clone(MODELS["spline"]).fit(X, Y)
    assert_allclose(fitted.predict(X), together.predict(X), atol=1e-9)
    for j, member in enumerate(fitted.estimators_):
        assert_allclose(member.gradient(X), together.jacobian(X)[:, j], atol=1e-7)


FRAMES = {
    "pandas": lambda X: pandas.DataFrame(X, columns=["length", "width"], index=range(5, 65)),
    "polars": lambda X: polars.DataFrame(X, schema=["length", "width"]),
}
WRAPPERS = {
    "bare": clone,
    "pipeline": pipeline,
    "search": lambda model: GridSearchCV(
        pipeline(model), {"scale": ["passthrough", StandardScaler()]}, cv=2
    ),
    "passthrough": lambda model: Pipeline([("a", "passthrough"), ("model", clone(model))]),
}
each_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
each_wrapper = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
CALLS = {
    "predict": lambda model, X: model.predict(X),
    "order 1": lambda model, X: differentiate(model)(X),
    "order (1, 1)": lambda model, X: differentiate(model, (1, 1))(X),
    **{f.__name__: f for f in (jacobian, calculus.hessian, calculus.laplacian)},
    **{f.__name__: f for f in (calculus.curl, calculus.divergence, calculus.strain_rate)},
}


def rename(frame, names):
    pandas_frame = isinstance(frame, pandas.DataFrame)
    return frame.rename(columns=names) if pandas_frame else frame.rename(names)


def assert_same_but_for_rounding(actual, expected, name=""):
    """A frame's columns lie one after another in memory: sums are taken in another order."""
    assert_allclose(actual, expected, rtol=1e-7, atol=1e-8 * abs(expected).max(), err_msg=name)


@each_model
@each_wrapper
@each_frame
def test_frames(model, wrap, frame):
    """Frames give the same as arrays, and no warning."""
    fitted, plain = wrap(model).fit(frame(X), frame(Y)), wrap(model).fit(X, Y)
    if not isinstance(fitted, GridSearchCV | Pipeline):
        assert list(fitted.feature_names_in_) == ["length", "width"]
    for name, call in CALLS.items():
        assert_same_but_for_rounding(call(fitted, frame(X)), call(plain, X), name)


@each_model
@each_frame
def test_gradient_of_a_series(model, frame):
    y = frame(Y)["length"]  # whatever it is called: the first column as a series
    fitted = pipeline(model).fit(frame(X), y)
    plain = pipeline(model).fit(X, Y[:, 0])
    assert_same_but_for_rounding(gradient(fitted, frame(X)), gradient(plain, X))
    assert differentiate(fitted)(frame(X)).shape == (60, 2)


@each_model
@each_wrapper
@each_frame
def test_frames_with_other_columns(model, wrap, frame):
    """scikit-learn's own errors and warnings, from every call alike."""
    fitted = wrap(model).fit(frame(X), Y)
    swapped = frame(X)[["width", "length"]]
    renamed = rename(frame(X), {"width": "breadth"})
    for name, call in CALLS.items():
        with pytest.raises(ValueError, match="Feature names must be in the same order"):
            call(fitted, swapped)
        with pytest.raises(ValueError, match="(?s)unseen at fit time.*breadth"):
            call(fitted, renamed)
        with pytest.warns(UserWarning, match="X does not have valid feature names") as caught:
            call(fitted, X)
        assert len({str(w.message) for w in caught}) == 1, name


def in_fresh_process(script, folder):
    """Run Python code in a new process, warnings being errors there too."""
    here = os.path.dirname(__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, os.path.dirname(here)])}
    command = [sys.executable, "-W", "error", "-c", script]
    options = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, **options)
    assert done.returncode == 0, done.stderr


SCRIPT = """
import joblib, numpy
from sk_pydelt import differentiate, jacobian
saved = joblib.load("models.joblib")
for name, (model, derivative) in saved["models"].items():
    X = saved["X"]
    found = [model.predict(X), differentiate(model, 3)(X), jacobian(model, X), derivative(X)]
    for a, b in zip(found, saved["expected"][name]):
        assert a.dtype == b.dtype == numpy.float64, name
        assert a.tobytes() == b.tobytes(), name
"""


def test_joblib_in_a_fresh_process(tmp_path):
    """Predictions and derivatives are the same bit for bit."""
    places = hard_X(600, 2)
    nets = {
        name: pipeline(NeuralNetworkInterpolator((6,), name, epochs=3, random_state=0))
        for name in ("tanh", "swish", "sine")
    }
    search = GridSearchCV(nets["tanh"], {"model__alpha": [0.0]}, cv=2)
    normed = NeuralNetworkInterpolator((6,), batch_norm=True, dropout_rate=0.1, epochs=3)
    float32 = NeuralNetworkInterpolator((6,), dtype="float32", epochs=3)
    spline = pipeline(SplineInterpolator(degree=5))
    models = {**nets, "search": search, "normed": normed, "float32": float32, "spline": spline}
    saved = {"X": places, "models": {}, "expected": {}}
    for name, model in models.items():
        model = clone(model).fit(places[:100], hard_y(places)[:100])
        derivative = differentiate(model, (1, 1))
        saved["models"][name] = model, derivative
        third = differentiate(model, 3)(places)
        expected = [model.predict(places), third, jacobian(model, places), derivative(places)]
        saved["expected"][name] = expected
    joblib.dump(saved, tmp_path / "models.joblib")
    in_fresh_process(SCRIPT, tmp_path)


def test_derivatives_in_two_processes_at_once():
    derivative = pipeline(MODELS["net"]).fit(X, Y).named_steps["model"].differentiate(2)
    expected = derivative(X)
    halves = joblib.Parallel(n_jobs=2)(joblib.delayed(derivative)(h) for h in (X[:30], X[30:]))
    assert_allclose(np.concatenate(halves), expected, rtol=1e-12, atol=1e-13 * abs(expected).max())


def test_pandas_nullable_and_integer_columns():
    frame = pandas.DataFrame({"a": range(20), "b": pandas.array(range(0, 40, 2), dtype="Int64")})
    y = frame["a"] * 2.0 + frame["b"].astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = make_pipeline(SplineInterpolator(smoothing=0.0)).fit(frame, y)
        values = gradient(fitted, frame)
    expected = gradient(
        make_pipeline(SplineInterpolator(smoothing=0.0)).fit(
            frame.to_numpy(dtype=float), y.to_numpy(dtype=float)
        ),
        frame.to_numpy(dtype=float),
    )
    assert_array_equal(values, expected)
    assert_allclose(values @ [1.0, 2.0], 4.0)
