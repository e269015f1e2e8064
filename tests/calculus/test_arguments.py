"""What is said of data where a model or an order belongs, and of one-dimensional places."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sk_pydelt
from sk_pydelt import SplineInterpolator, differentiate, integrate, roots
from sk_pydelt.checks import described

T = np.linspace(0, 3, 40)
X = T[:, None]
CONTAINERS = {
    "DataFrame": pd.DataFrame,
    "pl.DataFrame": lambda x: pl.DataFrame(x, schema=["x"]),
    "Series": lambda x: pd.Series(x.ravel()),
    "pl.Series": lambda x: pl.Series(x.ravel()),
    "ndarray": np.asarray,
    "Tensor": torch.tensor,
    "list": lambda x: x.tolist(),
    "floats": lambda x: x.ravel().tolist(),
}
MODELS = {
    "spline": SplineInterpolator(),
    "pipeline": make_pipeline(StandardScaler(), SplineInterpolator()),
    "sklearn": LinearRegression(),
}
each_container = pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
LIMITED = "integrate", "roots"  # functions that take limits
OPERATORS = [
    name
    for name in sk_pydelt.__all__
    if name in sk_pydelt.calculus.__all__ and name[0].islower() and name not in LIMITED
]


def message(function, *arguments, kind):
    with pytest.raises(kind) as error:
        function(*arguments)
    text = str(error.value)
    assert len(text) < 350
    assert "\n" not in text
    return text


@each_container
@each_model
def test_data_for_an_order_are_not_printed(container, model):
    text = message(differentiate, model.fit(X, T), container(X), kind=ValueError)
    assert "order must be a whole number" in text
    assert "X goes to what differentiate returns" in text
    assert "of shape (40" in text or "of length 40" in text


@each_container
@pytest.mark.parametrize("operator", OPERATORS)
def test_data_for_a_model_are_not_printed(container, operator):
    arguments = [container(X)] if operator == "differentiate" else [container(X), X, (1,)]
    function = getattr(sk_pydelt, operator)
    with_more = operator in {"derivatives", "directional_derivative"}
    text = message(function, *arguments[: 3 if with_more else 2], kind=TypeError)
    assert "first argument must be a fitted model" in text


def test_many_whole_numbers_for_an_order():
    text = message(
        differentiate, SplineInterpolator().fit(X, T), np.ones(100, int), kind=ValueError
    )
    assert "order has 100 entries" in text


def test_data_for_a_limit_are_not_printed():
    with pytest.raises(TypeError, match=r"first argument must be a fitted model.*ndarray of shape"):
        integrate(X, 0, 1)
    with pytest.raises(TypeError, match=r"first argument must be a fitted model.*ndarray of shape"):
        roots(X, 0, 1)
    limits = np.append(T, np.inf)
    with pytest.raises(ValueError, match=r"finite.*ndarray of shape \(41,\)"):
        integrate(SplineInterpolator().fit(X, T), 0, limits)


def test_what_is_a_class_or_not_fitted():
    with pytest.raises(TypeError, match="SplineInterpolator.* is a class, not an instance"):
        differentiate(SplineInterpolator)
    with pytest.raises(NotFittedError):
        differentiate(SplineInterpolator())


@pytest.mark.parametrize(
    ("container", "advice"),
    [
        (pd.Series, lambda s: (s.to_frame(), r"X\.to_frame\(\)")),
        (pl.Series, lambda s: (s.to_frame(), r"X\.to_frame\(\)")),
        (torch.tensor, lambda s: (s.reshape(-1, 1), r"X\.reshape\(-1, 1\)")),
        (np.asarray, lambda s: (s.reshape(-1, 1), r"X\.reshape\(-1, 1\)")),
        (list, lambda s: (np.reshape(s, (-1, 1)), r"numpy\.reshape\(X, \(-1, 1\)\)")),
        (tuple, lambda s: (np.reshape(s, (-1, 1)), r"numpy\.reshape\(X, \(-1, 1\)\)")),
    ],
)
def test_the_advice_on_one_dimensional_places_can_be_followed(container, advice):
    places = container(T)
    table, text = advice(places)
    model = SplineInterpolator().fit(table, T)
    for function in (lambda x: model.fit(x, T), model.predict, model.differentiate()):
        function(table)
        with pytest.raises(ValueError, match=f"Reshape your data using {text}"):
            function(places)


def test_what_cannot_be_measured_is_named():
    assert described(3) == "3"
    assert described([[1] * 50, [2]]) == "list of length 2"
    assert described("x" * 100) == "str of length 100"
    long = SplineInterpolator(x_scaler=StandardScaler(), y_scaler=StandardScaler(), degree=3)
    assert described(long) == "a SplineInterpolator"
