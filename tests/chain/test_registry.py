"""The open tables of rules: what is loaded when, and whose rule wins."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from rules import ROWS, X, y
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sk_pydelt import gradient
from sk_pydelt.chain import propagate, propagate_transform, warn_once
from sk_pydelt.jets import Jet


def modules_after(statement):
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_loads_no_family():
    loaded = modules_after("import sk_pydelt")
    families = {"scalers", "linear", "ensembles", "kernel_machines", "gaussian_process"}
    assert not loaded & {f"sk_pydelt.chain.{family}" for family in families}
    subpackages = {"svm", "ensemble", "gaussian_process", "linear_model", "neural_network", "tree"}
    assert not loaded & {f"sklearn.{name}" for name in subpackages}


def test_a_step_loads_its_own_family():
    loaded = modules_after(
        "import sk_pydelt\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "sk_pydelt.jacobian(StandardScaler().fit([[0.0], [1.0]]), [[0.0]])"
    )
    assert "sk_pydelt.chain.scalers" in loaded
    assert "sk_pydelt.chain.ensembles" not in loaded


def test_a_rule_for_a_base_class_does_not_hide_ours():
    """Whichever comes first: the user's rule for all transformers, or ours for one of them."""
    code = (
        "import sk_pydelt\n"
        "from sklearn.base import TransformerMixin\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "sk_pydelt.chain.propagate.register(TransformerMixin, lambda step, jet: jet * 0)\n"
        "slope = sk_pydelt.jacobian(StandardScaler().fit([[0.0], [4.0]]), [[0.0]])\n"
        "assert slope == 0.5, slope"
    )
    modules_after(code)


class Both(RegressorMixin, TransformerMixin, BaseEstimator):
    """Predicts the first column and transforms to twice all of them."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return X[:, 0]

    def transform(self, X):
        return 2 * X


@propagate.register
def _(step: Both, jet):
    return jet[:, 0]


def test_a_class_that_predicts_and_transforms_needs_two_rules():
    last = make_pipeline(StandardScaler(), Both()).fit(X, y)
    assert_allclose(gradient(last, ROWS)[:, 0], 1 / X[:, 0].std())
    before = make_pipeline(Both(), SVR()).fit(X, y)
    message = (
        r"In step 'both' .* The transform of Both cannot .*propagate_transform\.register\(Both\)"
    )
    with pytest.raises(TypeError, match=message):
        gradient(before, ROWS)
    propagate_transform.register(Both, lambda step, jet: jet * 2)
    expected = 2 * gradient(SVR().fit(2 * X, y), 2 * ROWS)
    assert_allclose(gradient(before, ROWS), expected)


def test_warnings_come_from_the_dry_run_alone():
    with pytest.warns(UserWarning, match="look here"):
        warn_once(Jet.variables(np.empty((0, 1)), 1), "look here")
    warn_once(Jet.variables(np.ones((2, 1)), 1), "not here")
