"""`differentiate`, and the `Derivative` that it returns."""

import copy
from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import BaseEstimator

from ..chain import predicts_1d
from ..checks import described
from ..jets import multi_indices
from ..jets.namespace import as_numpy, namespace, refuse_gradients
from ..state import reads_one_state, snapshot
from .evaluation import (
    Order,
    all_partials,
    check_one_spread,
    check_order,
    check_products,
    check_tensor_size,
    drop_output_axis,
    dry_run,
    evaluate,
    feature_names,
    has_output_axis,
    mixed_partial,
    output_labels,
    partial_cov,
    partial_std,
    tensor_cov,
    tensor_std,
)
from .frames import check_container, make_frame
from .rows import branches, n_features, require_fitted, validate_rows

__all__ = ["Derivative", "derivatives", "differentiate"]


def differentiate(model: BaseEstimator, order: Order = 1) -> "Derivative":
    """A derivative of a fitted model, as a function of X in the units of the data.

    Parameters
    ----------
    model : fitted estimator
        One of this package's interpolators, or any scikit-learn regressor, transformer, pipeline
        or search whose steps have rules (see `sk_pydelt.chain`). The derivative belongs to the
        model as it is now: it keeps a copy.
    order : int, tuple of int or dict of int, default=1
        An int k >= 1 is the tensor of all partial derivatives of order k; a tuple, one order
        for each feature, is that one mixed partial derivative, and so is a dict from names of
        features to their orders (those not named are 0).

    Returns
    -------
    Derivative

    Raises
    ------
    ValueError
        The order is not a positive whole number, or a tuple of another length than the
        number of features, or names a feature that the model does not have. It is above 170, where
        factorials leave float64, or of more derivatives than can be held.
    TypeError
        A step of the model has no rule of differentiation. (Where a `ColumnTransformer` comes
        first this is found when the derivative is called, for it depends on what is text.)
    NotFittedError
        The model is not fitted.

    Notes
    -----
    Exact to rounding: Taylor arithmetic carries all partial derivatives through every step
    (Griewank & Walther 2008, "Evaluating Derivatives", chapter 13).

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator, differentiate
    >>> x = np.linspace(0, 1, 20).reshape(-1, 1)
    >>> spline = SplineInterpolator(smoothing=0.0).fit(x, x.ravel() ** 3)
    >>> differentiate(spline, order=2)([[0.5]]).round(6)
    array([3.])

    A scikit-learn pipeline, by the names of a frame's columns:

    >>> import pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures, StandardScaler
    >>> frame = pd.DataFrame({"x": [0.0, 1, 2, 0, 1, 2, 3], "t": [0.0, 0, 0, 1, 1, 1, 2]})
    >>> model = make_pipeline(StandardScaler(), PolynomialFeatures(2), LinearRegression())
    >>> model = model.fit(frame, frame.x * frame.t)
    >>> differentiate(model, {"x": 1, "t": 1})(frame[:2]).round(6)
    array([1., 1.])

    Columns that hold no numbers are held fixed, row by row:

    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> frame = pd.DataFrame({"x": [0.0, 1, 2, 0, 1, 2], "city": list("aaabbb")})
    >>> columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    >>> model = make_pipeline(columns, PolynomialFeatures(2), LinearRegression())
    >>> model = model.fit(frame, frame.x * (1 + (frame.city == "a")))
    >>> differentiate(model, {"x": 1})(frame).round(6)
    array([2., 2., 2., 1., 1., 1.])

    Tensors of torch give tensors, and autograd goes on from there:

    >>> import torch
    >>> places = torch.tensor([[1.0], [3.0]], requires_grad=True)
    >>> square = make_pipeline(PolynomialFeatures(2), LinearRegression())
    >>> slope = differentiate(square.fit(x, x.ravel() ** 2))(places)
    >>> (curvature,) = torch.autograd.grad(slope.sum(), places)
    >>> slope.detach().numpy().round(3), curvature.ravel().numpy().round(3)
    (array([2., 6.], dtype=float32), array([2., 2.], dtype=float32))
    """
    return Derivative(model, order)


class Derivative:
    """A derivative of a fitted model: call it with X.

    Made by `differentiate`. It holds a copy of the model, so that it stays what it was when
    the model is fitted again, and can be pickled.

    Parameters
    ----------
    model : fitted estimator
    order : int, tuple of int or dict of int

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sk_pydelt import SplineInterpolator, differentiate
    >>> t = pd.DataFrame({"t": np.linspace(0, 2, 20)})
    >>> spline = SplineInterpolator(smoothing=0.0).fit(t, pd.Series(t["t"] ** 3, name="s"))
    >>> slope = differentiate(spline)
    >>> slope
    Derivative(SplineInterpolator, order=1): (n, 1) -> (n,)
    >>> at = pd.DataFrame({"t": [1.0, 1.5]})
    >>> slope(at).round(6)
    array([3.  , 6.75])

    As a frame, with a name:

    >>> slope.set_output(transform="pandas")(at).round(6)
       ds/dt
    0   3.00
    1   6.75
    """

    def __init__(self, model: BaseEstimator, order: Order = 1) -> None:
        model = snapshot(model)
        require_fitted(model)
        self.order = check_order(order, model)
        if isinstance(self.order, int):
            check_tensor_size(self.order, n_features(model))
        if not branches(model):  # else it may hold columns of text, which show with X
            self._dry_run(model)
        self.model = copy.deepcopy(model)

    def __repr__(self):
        d, several = n_features(self.model), predicts_1d(self.model) is False
        after = ["n"] + ["m"] * several + [str(d)] * (0 if self._index else self.order)
        shape = ", ".join(after) + "," * (len(after) == 1)
        return f"Derivative({type(self.model).__name__}, order={self.order}): (n, {d}) -> ({shape})"

    @overload
    def __call__(
        self, X: ArrayLike, return_std: Literal[False] = False, return_cov: Literal[False] = False
    ) -> np.ndarray: ...

    @overload
    def __call__(
        self, X: ArrayLike, return_std: Literal[True], return_cov: Literal[False] = False
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def __call__(
        self, X: ArrayLike, return_std: Literal[False] = False, *, return_cov: Literal[True]
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def __call__(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def __call__(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Evaluate the derivative.

        Parameters
        ----------
        X : array-like of shape (n, d)
        return_std : bool, default=False
            Whether to return the standard deviation too, of a model that knows it: a
            `BayesianNeuralNetworkInterpolator`, a `SplineInterpolator` (to order (degree - 1) / 2),
            a `GaussianProcessRegressor` (the posterior of the function without its noise; any
            kernel to any order, but for Matern below `nu`),
            `BayesianRidge` or `ARDRegression`, at the end of a pipeline or search too, or within a
            `TransformedTargetRegressor`.
        return_cov : bool, default=False
            Whether to return the covariance between the places of X instead, of such a model; a
            transformer of its target may only scale and shift.

        Returns
        -------
        array, tensor where X is one, or frame as `set_output` says
            For an int order k: (n, m, d, ..., d) with k trailing axes, for d = 1 without them;
            for a tuple: (n, m). The axis of the m outputs is there when y was 2-D. Units: those
            of y over those of the features, each to its order. By columns of a frame that hold
            no numbers there is no derivative: NaN, and in frames no column.
        std : array or frame
            With `return_std`: of the same shape and units.
        cov : array
            With `return_cov`: of shape (n, n, ...) where that of the derivative is (n, ...), in
            its units squared. Entry (i, j, ...) is the covariance of one entry of the derivative
            at row i with the same entry at row j. Never a frame.

        Raises
        ------
        ValueError
            Both `return_std` and `return_cov`; X of another number of features.
        TypeError
            `return_std` or `return_cov` of a model of which it is not known how its derivative is
            distributed.

        Examples
        --------
        How well a line's slope is known, and that it is the same slope everywhere:

        >>> import numpy as np
        >>> from sklearn.linear_model import BayesianRidge
        >>> from sk_pydelt import differentiate
        >>> x = np.linspace(0, 3, 50).reshape(-1, 1)
        >>> noise = np.random.default_rng(0).normal(0, 0.1, 50)
        >>> slope = differentiate(BayesianRidge().fit(x, 2 * x.ravel() + noise))
        >>> value, std = slope([[1.0], [2.0]], return_std=True)
        >>> std.round(3)
        array([0.014, 0.014])
        >>> value, cov = slope([[1.0], [2.0]], return_cov=True)
        >>> (cov / std**2).round(6)
        array([[1., 1.],
               [1., 1.]])
        """
        check_one_spread(return_std, return_cov)
        rows = validate_rows(self.model, X)
        found = self._present(X, rows, self._values(rows))
        if return_std:
            return found, self._present(X, rows, self._deviations(rows))
        if not return_cov:
            return found
        return found, drop_output_axis(self.model, X, self._covariances(rows), 2)

    def set_output(self, *, transform: str | None = None) -> "Derivative":
        """Choose what a call returns, as scikit-learn's transformers do.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            "default" is an array. A frame has one column for each output and each different
            partial derivative, named as "dy/dx" or "d2y1/dxdt", or by the names of y's columns
            where this package's estimators were fitted to a frame or a named series, and keeps the
            index of X. None leaves the choice as it is. Where none was made it is that of
            ``sklearn.set_config(transform_output=...)``.

        Returns
        -------
        self
        """
        if transform is not None:
            self._container = check_container(transform)
        return self

    @property
    def _index(self):
        """The one partial asked for, an order for each feature; None where all of an order are."""
        if isinstance(self.order, tuple):
            return self.order
        return (self.order,) if n_features(self.model) == 1 else None

    def _dry_run(self, model, rows=None):
        moving = self.order if isinstance(self.order, tuple) else None
        dry_run(model, np.sum(self.order), rows, moving)

    def _values(self, rows):
        if branches(self.model):
            self._dry_run(self.model, rows)
        if (index := self._index) is not None:
            return mixed_partial(self.model, rows, index)
        return all_partials(self.model, rows, self.order)

    def _deviations(self, rows):
        if (index := self._index) is not None:
            return partial_std(self.model, rows, index)
        return tensor_std(self.model, rows, self.order)

    def _covariances(self, rows):
        if (index := self._index) is not None:
            return partial_cov(self.model, rows, index)
        return tensor_cov(self.model, rows, self.order)

    def _present(self, X, rows, values):
        """Values with all their axes as the caller wants them: few axes, or a frame."""
        container = getattr(self, "_container", None) or get_config()["transform_output"]
        if container == "default":
            return drop_output_axis(self.model, X, values)
        refuse_gradients([values], "A frame")
        values, d = as_numpy(values), n_features(self.model)
        if (index := self._index) is None:
            text = ~rows.numeric
            alphas = [a for a in multi_indices(d, self.order) if not np.any(np.array(a)[text])]
            entries = [tuple(i for i, a in enumerate(alpha) for _ in range(a)) for alpha in alphas]
            values = np.stack([values[(slice(None), slice(None), *e)] for e in entries], axis=-1)
        else:
            alphas, values = [index], values[..., None]
        outputs = output_labels(self.model, values.shape[1], has_output_axis(self.model, X))
        return make_frame(container, X, values, alphas, feature_names(self.model), outputs)


@reads_one_state
def derivatives(model: BaseEstimator, X: ArrayLike, orders: Sequence[Order]) -> list[np.ndarray]:
    """Several partial derivatives from one pass through the model.

    Parameters
    ----------
    model : fitted estimator
    X : array-like of shape (n, d)
    orders : list of tuple of int or dict of int
        Each one order for each feature, or orders by the features' names.

    Returns
    -------
    list of arrays of shape (n,), or (n, m) where y was 2-D
        In the order of `orders`.

    Raises
    ------
    ValueError
        An order is a whole number (see `differentiate`), or does not fit the features.

    Examples
    --------
    The residual of the heat equation u_t = 0.1 u_xx:

    >>> import numpy as np
    >>> from sk_pydelt import SplineInterpolator, derivatives
    >>> t, x = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 3, 12))
    >>> X = np.column_stack([t.ravel(), x.ravel()])
    >>> u = np.exp(-0.1 * X[:, 0]) * np.sin(X[:, 1])
    >>> spline = SplineInterpolator(smoothing=0.0, degree=5).fit(X, u)
    >>> u_t, u_xx = derivatives(spline, [[0.5, 1.5]], orders=[(1, 0), (0, 2)])
    >>> (u_t - 0.1 * u_xx).round(2)
    array([-0.])
    """
    require_fitted(model)
    listed = isinstance(orders, Iterable) and not isinstance(orders, str | dict)
    partials: Any = [check_order(order, model) for order in orders] if listed else []
    if not partials or any(isinstance(order, int) for order in partials):
        raise ValueError(
            "orders must list at least one mixed partial derivative, each one order for each "
            f"feature, such as [(1, 0), (0, 2)]; got {described(orders)}."
        )
    active = np.flatnonzero(np.sum(partials, axis=0))
    indices = [tuple(order[i] for i in active) for order in partials]
    top = max(map(sum, indices))
    check_products(np.max(partials, axis=0), top)
    rows = validate_rows(model, X)
    dry_run(model, top, rows, np.sum(partials, axis=0))
    directions = np.eye(len(partials[0]))[active]

    def extract(jet):
        return namespace(jet.value).stack([jet.partial(index) for index in indices], axis=-1)

    values = drop_output_axis(model, X, evaluate(model, rows, top, extract, directions))
    return [values[..., i] for i in range(len(partials))]
