"""Average marginal effects: the derivative averaged over the rows, with standard errors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight

from ..chain import propagate_sum_std
from ..checks import check_numbers, check_values
from ..state import reads_one_state
from .evaluation import all_partials, drop_output_axis, dry_run, feature_names, output_labels
from .rows import require_fitted, validate_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MarginalEffects", "average_marginal_effects"]


@dataclass(frozen=True)
class MarginalEffects:
    """Averages over rows of the first derivatives; made by `average_marginal_effects`.

    Attributes
    ----------
    average : array of shape (d,), or (m, d) where y was 2-D
        For the d features that hold numbers, the mean of ∂y/∂x over the rows, in units of y per
        unit of x.
    standard_error : array of the same shape
        Standard error of that mean: over the rows, and by what the model does not know where it
        has a posterior.
    feature_names : list of str
        Their names.
    output_names : list of str
        Those of y's columns where they are known, or y, or y0, y1, ...

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_pydelt import average_marginal_effects
    >>> homes = pd.DataFrame({"area": [50.0, 80.0, 120.0], "age": [10.0, 40.0, 5.0]})
    >>> model = LinearRegression().fit(homes, 2 * homes["area"] - 0.5 * homes["age"])
    >>> effects = average_marginal_effects(model, homes)
    >>> effects.average.round(6)
    array([ 2. , -0.5])
    >>> effects.to_frame()["average"].round(6)
    feature
    area    2.0
    age    -0.5
    Name: average, dtype: float64
    """

    average: np.ndarray
    standard_error: np.ndarray
    feature_names: list
    output_names: list

    def to_frame(self) -> "pd.DataFrame":
        """The same as a pandas frame: a row for each feature (and output)."""
        import pandas as pd

        columns = {"average": self.average.ravel(), "standard_error": self.standard_error.ravel()}
        if self.average.ndim == 1:
            return pd.DataFrame(columns, index=pd.Index(self.feature_names, name="feature"))
        names = ["output", "feature"]
        product = self.output_names, self.feature_names
        index = pd.MultiIndex.from_product(product, names=names)
        return pd.DataFrame(columns, index=index)


@reads_one_state
def average_marginal_effects(
    model: BaseEstimator, X: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> MarginalEffects:
    r"""Average over the rows of X of the derivative by each feature.

    How much the prediction grows, on average over these rows, for one unit more of a feature, all
    others held as they are.

    Parameters
    ----------
    model : fitted estimator
    X : array-like of shape (n, n_features)
        Two rows at least. Columns of a frame that hold no numbers have no effect of their own and
        are held fixed.
    sample_weight : array-like of shape (n,), default=None
        Weights of the rows in the average.

    Returns
    -------
    MarginalEffects

    Notes
    -----
    The standard error :math:`\sqrt{\frac{n}{n-1} \sum_i w_i^2 (g_i - \bar g)^2} / \sum_i w_i` says
    how far the average over other rows of the same kind might lie; without weights it is s/√n. To
    its square is added the variance of the average itself, :math:`\sum_i w_i g_i / \sum_i w_i`
    with the covariance between the rows, where the model has a posterior: where
    ``differentiate(model)(X, return_std=True)`` is known, as of a
    `BayesianNeuralNetworkInterpolator`, a `GaussianProcessRegressor` or a `BayesianRidge`. Any
    other model is taken as given, and what it does not know is not in the error: fit it to
    resampled rows for that.

    References
    ----------
    T. J. Leeper, "Interpreting regression results using average marginal effects with R's margins",
    2021; W. H. Greene, "Econometric Analysis", 2018, 17.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import PoissonRegressor
    >>> from sk_pydelt import average_marginal_effects
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    >>> model = PoissonRegressor(alpha=0.0).fit(X, np.exp(0.5 * X[:, 0]))
    >>> effects = average_marginal_effects(model, X)
    >>> print(f"{effects.average[0]:.2f} ± {effects.standard_error[0]:.2f}")
    1.23 ± 0.38
    """
    require_fitted(model)
    rows = validate_rows(model, check_values(X, "X"))
    dry_run(model, 1, rows)
    effects = drop_output_axis(model, X, all_partials(model, rows, 1))[..., rows.numeric]
    n = len(effects)
    if n < 2:
        raise ValueError(f"An average with a standard error needs 2 rows at least; got {n}.")
    weight = check_numbers(sample_weight, "sample_weight")
    weight = _check_sample_weight(weight, effects, dtype=np.float64, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight is zero for every row: give at least one above zero.")
    weight = weight / weight.max()  # squares of theirs are summed
    total = weight.sum()
    average = np.tensordot(weight, effects, axes=1) / total
    squares = np.tensordot(weight**2, (effects - average) ** 2, axes=1)
    known = _posterior_variance(model, rows, weight / total)
    error = np.sqrt(n / (n - 1) * squares / total**2 + (known if average.ndim > 1 else known[0]))
    names = [name for name, numeric in zip(feature_names(model), rows.numeric) if numeric]
    m = 1 if average.ndim == 1 else len(average)
    return MarginalEffects(average, error, names, output_labels(model, m, average.ndim > 1))


def _posterior_variance(model, rows, shares):
    """Variance (m, q) of weighted sums of derivatives in a model's posterior; 0 without one."""
    jets = (rows.jet(range(len(shares)), 1, axis[None]) for axis in rows.axes)
    try:
        stds = [propagate_sum_std(model, jet, (1,), shares[None])[0] for jet in jets]
    except (TypeError, ValueError):  # no rule, or a kernel whose functions have no derivative
        return np.zeros(1)
    return np.stack(stds, axis=-1) ** 2
