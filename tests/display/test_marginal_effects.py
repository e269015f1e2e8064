"""`MarginalEffectsDisplay` draws the averages and their errors, by name."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sk_pydelt import average_marginal_effects
from sk_pydelt.display import MarginalEffectsDisplay

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["age", "dose"])
Y = np.column_stack([X.age**2 + X.dose, X.dose])


def model(y):
    return make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(X, y)


def test_one_output():
    display = MarginalEffectsDisplay.from_estimator(model(Y[:, 0]), X, level=0.5)
    effects = average_marginal_effects(model(Y[:, 0]), X)
    (bars,) = display.bars_
    assert_allclose([bar.get_width() for bar in bars], effects.average)
    (segments,) = [part.get_segments() for part in bars.errorbar.lines[2]]
    assert_allclose(
        [np.ptp(segment[:, 0]) / 2 for segment in segments],
        0.674489750196082 * effects.standard_error,
        rtol=1e-9,
        atol=1e-15,
    )
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["age", "dose"]
    assert display.ax_.get_legend() is None


def test_several_outputs_and_weights():
    weight = rng.uniform(size=60)
    display = MarginalEffectsDisplay.from_estimator(model(Y), X, sample_weight=weight)
    effects = average_marginal_effects(model(Y), X, sample_weight=weight)
    for j, bars in enumerate(display.bars_):
        assert_allclose([bar.get_width() for bar in bars], effects.average[j], atol=1e-12)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["y0", "y1"]
