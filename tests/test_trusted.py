"""Without pickle: skops and MLflow's scikit-learn flavour, of every estimator."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skops.io
from fitted_files import BAYESIAN, ESTIMATORS, X, Y, fitted, same
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from small_nets import small

import sk_pydelt.dask as lazy
from sk_pydelt import LinearLaw, SplineInterpolator, interpolation, multivariate, spline_fit
from sk_pydelt.trusted import TRUSTED_TYPES

PAGE = Path(__file__).parents[1] / "docs" / "files.md"
SLOPE = LinearLaw({("y", 0, 0): 1.0, "y": 1.0})
FEW = {"epochs": 3, "learning_rate": 0.01, "random_state": 0}
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)


@cache
def further():
    """What else users share: other names of estimators, derivatives, pipelines."""
    field = np.column_stack([X, np.cos(3 * X)]), np.column_stack([Y, Y**2])
    curve = interpolation.NeuralNetworkInterpolator(**FEW).fit(X.ravel(), Y)
    return {
        "drop-in net": curve,
        "its derivative": curve.differentiate(1),
        "net that goes on": small(learning_rate_schedule="cosine", loss="huber").partial_fit(X, Y),
        "periodic net": small(period={0: 3.0}).fit(X, Y),
        "net told a law": clone(BAYESIAN).set_params(laws=[SLOPE], law_places=5).fit(X, Y),
        "fields": multivariate.MultivariateDerivatives().fit(*field),
        "fields of nets": multivariate.NeuralNetworkMultivariateDerivatives(**FEW).fit(*field),
        "tensors": multivariate.TensorDerivatives().fit(*field),
        "derivative": fitted("spline").differentiate(2),
        "antiderivative": fitted("spline").antiderivative(),
        "surface of few kernels": _surface_of_few_kernels(),
        "lazy derivative": lazy.differentiate(fitted("spline")),
        "pipeline": make_pipeline(StandardScaler(), SplineInterpolator()).fit(X, Y),
    }


def _surface_of_few_kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spline_fit, "MAX_CENTRES", 10)
        return SplineInterpolator(1e-3).fit(np.column_stack([X, np.cos(3 * X)]), Y)


def needed(model):
    return set(skops.io.get_untrusted_types(data=skops.io.dumps(model)))


@each_estimator
def test_skops_gives_the_same_bits(name):
    data = skops.io.dumps(fitted(name))
    same(skops.io.loads(data, trusted=TRUSTED_TYPES), fitted(name), name)


@pytest.mark.parametrize(
    "name",
    [
        "drop-in net",
        "its derivative",
        "net that goes on",
        "periodic net",
        "net told a law",
        "derivative",
    ],
)
def test_skops_gives_the_same_bits_of(name):
    model = further()[name]
    again = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    evaluate = "__call__" if "derivative" in name else "predict"
    assert_array_equal(getattr(again, evaluate)(X), getattr(model, evaluate)(X))


def test_no_type_is_missing_and_none_is_listed_in_vain():
    models = [*map(fitted, ESTIMATORS), *further().values()]
    assert set().union(*map(needed, models)) == set(TRUSTED_TYPES)
    assert sorted(TRUSTED_TYPES) == TRUSTED_TYPES


def test_other_scalers_are_for_the_user_to_trust():
    model = clone(ESTIMATORS["spline"]).set_params(x_scaler=PolynomialFeatures(1)).fit(X, Y)
    again = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    same(again, model, "")


# MLflow itself, when it is first imported
of_mlflow = pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning")


@of_mlflow
@each_estimator
def test_mlflow_gives_the_same_bits(name, tmp_path):
    import mlflow.sklearn

    options = {"skops_trusted_types": TRUSTED_TYPES, "pip_requirements": ["sk-pydelt"]}
    mlflow.sklearn.save_model(fitted(name), tmp_path / "model", **options)
    same(mlflow.sklearn.load_model(str(tmp_path / "model")), fitted(name), name)


@of_mlflow
def test_the_page_runs(tmp_path, monkeypatch):
    import mlflow.pyfunc

    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    session: dict = {}
    for block in code:
        exec(block, session)
        t, model = session["t"], session["model"]
        assert_array_equal(session["again"].predict(t), model.predict(t))
    assert_array_equal(mlflow.pyfunc.load_model("model").predict(t), model.predict(t))
