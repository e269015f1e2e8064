"""Fitted models of other packages that hand X on to one inside them, or may."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_pydelt import SplineInterpolator, curl, differentiate, gradient, integrate

X = np.linspace(0, 1, 30)[:, None]
Y = np.sin(3 * X).ravel()
PLANE = np.random.default_rng(0).uniform(0, 1, (30, 2))


class Search(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """As searches of other packages are: on its own, without the attributes of the data."""

    def __init__(self, estimator, candidates, refit=True):
        self.estimator = estimator
        self.candidates = candidates
        self.refit = refit

    def fit(self, X, y):
        models = (clone(self.estimator).set_params(**c) for c in self.candidates)
        scores = [model.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) for model in models]
        self.best_params_ = self.candidates[int(np.argmax(scores))]
        if self.refit:
            self.best_estimator_ = clone(self.estimator).set_params(**self.best_params_).fit(X, y)
        return self

    def predict(self, X):
        return self.best_estimator_.predict(X)


class Wrapped(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """It may do anything with what its estimator predicts: here, add one."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator_ = clone(self.estimator).fit(X, y)
        return self

    def predict(self, X):
        return self.estimator_.predict(X) + 1


class Stranger:
    """No estimator, though it has their methods."""

    def fit(self, X, y):
        self.model_ = SplineInterpolator().fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


def search(**options):
    return Search(SplineInterpolator(), [{"degree": 1}, {"degree": 5}], **options)


@pytest.mark.parametrize("around", [lambda s: s, lambda s: make_pipeline(StandardScaler(), s)])
def test_a_search_is_its_best_estimator(around):
    model = around(search()).fit(X, Y)
    best = around(SplineInterpolator(degree=5)).fit(X, Y)
    assert_array_equal(differentiate(model, 2)(X), differentiate(best, 2)(X))
    assert_array_equal(pickle.loads(pickle.dumps(differentiate(model)))(X), gradient(best, X)[:, 0])
    assert integrate(model, 0, 1) == integrate(best, 0, 1)


def test_operators_and_several_outputs():
    model = search().fit(PLANE, PLANE**2)
    best = SplineInterpolator(**model.best_params_).fit(PLANE, PLANE**2)
    assert_array_equal(curl(model, PLANE), curl(best, PLANE))


def test_standard_deviations_of_a_search():
    process = GaussianProcessRegressor(optimizer=None, alpha=1e-4)
    kernels = [{"kernel": RBF(length)} for length in (0.2, 0.4)]
    model = Search(process, kernels).fit(X, Y)
    best = clone(process).set_params(**model.best_params_).fit(X, Y)
    for found, expected in zip(
        differentiate(model)(X, return_std=True), differentiate(best)(X, return_std=True)
    ):
        assert_array_equal(found, expected)


def test_what_is_best_has_no_derivative():
    model = Search(RandomForestRegressor(n_estimators=2), [{"max_depth": 2}]).fit(X, Y)
    with pytest.raises(TypeError, match="RandomForestRegressor cannot be .*everywhere. Leave it"):
        differentiate(model)  # nor has its estimator_, a tree


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            search(refit=False),
            r"Search cannot be .* no n_features_in_.*refit=True: set it",
        ),
        (
            Wrapped(SplineInterpolator()),
            r"those of its estimator_, differentiate that\. Or give it n_features_in_",
        ),
        (
            Stranger(),
            r"BaseEstimator.*those of its model_, differentiate that\. Let its class inherit",
        ),
    ],
)
def test_others_say_what_to_do(model, message):
    model.fit(X, Y)
    for function in (differentiate, lambda m: gradient(m, X), lambda m: integrate(m, 0, 1)):
        with pytest.raises(TypeError, match=message) as error:
            function(model)
        assert "sk_pydelt.chain.propagate.register(" in str(error.value)


def test_a_wrapper_at_the_end_of_a_pipeline():
    model = make_pipeline(StandardScaler(), Wrapped(SplineInterpolator())).fit(X, Y)
    with pytest.raises(TypeError, match=r"step 'wrapped'.*its estimator_, differentiate that"):
        differentiate(model)
