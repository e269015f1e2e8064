"""The open tables of rules: which function passes a jet through which class of step."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import singledispatch, wraps
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..jets import Jet
from ..jets.blocks import Home
from .arrays import any_array, apply_rule
from .refusals import reason_against

__all__ = [
    "entrance",
    "home",
    "open_table",
    "output_names",
    "predicts_1d",
    "propagate",
    "propagate_cov",
    "propagate_inverse",
    "propagate_std",
    "propagate_sum_std",
    "propagate_transform",
    "warn_once",
    "within",
]

# Where classes of a module of scikit-learn find their rules: these modules of ours are imported
# when such a class is first met, so that `import sk_pydelt` need not load all of scikit-learn.
FAMILIES = {
    "sklearn.compose": ("composition", "columns"),
    "sklearn.cross_decomposition": ("linear",),
    "sklearn.decomposition": ("projections", "kernel_machines"),
    "sklearn.discriminant_analysis": ("projections",),
    "sklearn.dummy": ("linear",),
    "sklearn.ensemble": ("ensembles",),
    "sklearn.feature_selection": ("selection",),
    "sklearn.frozen": ("composition",),
    "sklearn.gaussian_process": ("gaussian_process", "process_latent"),
    "sklearn.impute": ("columns",),
    "sklearn.isotonic": ("monotone",),
    "sklearn.kernel_approximation": ("kernel_machines",),
    "sklearn.kernel_ridge": ("kernel_machines",),
    "sklearn.linear_model": ("linear",),
    "sklearn.model_selection": ("composition",),
    "sklearn.multioutput": ("ensembles",),
    "sklearn.neighbors": ("projections",),
    "sklearn.neural_network": ("networks",),
    "sklearn.pipeline": ("composition", "columns"),
    "sklearn.preprocessing": ("scalers", "monotone", "expansions"),
    "sklearn.random_projection": ("projections",),
    "sklearn.svm": ("kernel_machines", "linear"),
}
_known_classes: set[type] = set()


def _load_families(cls):
    """Import the rules for a class and its parents, once."""
    if cls in _known_classes:
        return
    for parent in cls.__mro__:
        module = ".".join(parent.__module__.split(".")[:2])
        for family in FAMILIES.get(module, ()):
            import_module(f".{family}", __package__)
    _known_classes.add(cls)


def _hands_on(step):
    """Whether a step without a rule is a search of another package, as scikit-learn's are.

    The predictions of such a search are those of its `best_estimator_`.
    """
    return hasattr(step, "best_params_") and hasattr(step, "best_estimator_")


def open_table(default: Callable) -> Any:
    """A generic function that dispatches on its first argument, after loading the rules for it."""
    rules = singledispatch(any_array(default))

    @wraps(default)
    def dispatch(step, *args):
        _load_families(type(step))
        rule = rules.dispatch(type(step))
        if rule is default and _hands_on(step):
            return dispatch(step.best_estimator_, *args)
        if not args or args[0].is_of_numpy:
            return rule(step, *args)
        return apply_rule(rule, step, *args)

    table: Any = dispatch
    table.register, table.dispatch, table.registry = rules.register, rules.dispatch, rules.registry
    return table


@open_table
def propagate(step: BaseEstimator, jet: Jet) -> Jet:
    """Pass a jet through a fitted transformer or regressor.

    The rule is chosen by the class of `step`. A new one is registered with
    ``propagate.register``; it must compute on the jet what the step's `predict`, or where it has
    none its `transform`, computes on an array, and work for jets without rows (the dry run by
    which `sk_pydelt.differentiate` finds out what a model can do). Its jets are of NumPy's arrays,
    unless `sk_pydelt.chain.any_array` marks it as one that takes tensors too.

    Parameters
    ----------
    step : fitted estimator
    jet : Jet of shape (n, n_features_in)

    Returns
    -------
    Jet of shape (n, n_features_out) or (n, n_outputs)

    Raises
    ------
    TypeError
        No rule is registered for the class of `step`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_pydelt.jets import Jet
    >>> scaler = StandardScaler().fit([[0.0], [4.0]])
    >>> propagate(scaler, Jet.variables(np.array([[1.0]]), order=1)).partial((1,))
    array([[0.5]])
    """
    raise _no_rule(step, "{name}", "propagate", "rule(step, jet) returns a Jet", "Leave it out")


@open_table
def propagate_transform(step: BaseEstimator, jet: Jet) -> Jet:
    """Pass a jet through the `transform` of a fitted step that comes before others.

    Register a rule here, beside one of `propagate`, for a class that has both `predict` and
    `transform` (such as `PLSRegression`); all other classes need theirs in `propagate` alone.
    """
    if not hasattr(step, "predict") or not hasattr(step, "transform"):
        return propagate(step, jet)
    table, rule = "propagate_transform", "rule(step, jet) returns a Jet"
    raise _no_rule(step, "The transform of {name}", table, rule, "Leave it out")


@open_table
def propagate_inverse(step: BaseEstimator, jet: Jet) -> Jet:
    """Pass a jet through the `inverse_transform` of a fitted transformer; see `propagate`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_pydelt.jets import Jet
    >>> scaler = StandardScaler().fit([[0.0], [4.0]])
    >>> propagate_inverse(scaler, Jet.variables(np.array([[1.0]]), order=1)).partial((1,))
    array([[2.]])
    """
    table, rule = "propagate_inverse", "rule(step, jet) returns a Jet"
    raise _no_rule(step, "The inverse of {name}", table, rule, "Use another y_scaler")


@open_table
def propagate_std(step: BaseEstimator, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
    """Standard deviation of one partial derivative of what a fitted regressor predicts.

    Parameters
    ----------
    step : fitted regressor
    jet : Jet of shape (n, n_features_in), of order ``sum(index)``
    index : tuple of int
        The orders of the partial derivative, one for each variable of the jet.

    Returns
    -------
    array of shape (n, n_outputs)

    Raises
    ------
    TypeError
        No rule is registered for the class of `step`: it is not known how its derivatives
        are distributed.

    Examples
    --------
    The slope of a line is as uncertain as its coefficient:

    >>> import numpy as np
    >>> from sklearn.linear_model import BayesianRidge
    >>> from sk_pydelt.jets import Jet
    >>> X = np.arange(5.0).reshape(-1, 1)
    >>> line = BayesianRidge().fit(X, [0.0, 1.1, 1.9, 3.1, 3.9])
    >>> std = propagate_std(line, Jet.variables(X[:1], order=1), (1,))
    >>> bool(np.isclose(std[0, 0], np.sqrt(line.sigma_[0, 0])))
    True
    """
    raise _no_spread(step, "propagate_std", "The derivative", "it is distributed", "return_std")


@open_table
def propagate_sum_std(
    step: BaseEstimator, jet: Jet, index: tuple[int, ...], weights: np.ndarray
) -> np.ndarray:
    r"""Standard deviation of weighted sums, over places, of one partial derivative.

    Of :math:`\sum_i c_{ki}\, \partial^\alpha f(x_i)` with the covariance between the places: what
    an integral or an average of a fitted function needs, and what `propagate_std` alone, which
    is the case of the identity matrix, cannot tell.

    Parameters
    ----------
    step : fitted regressor
    jet : Jet of shape (n, n_features_in), of order ``sum(index)``
    index : tuple of int
        The orders of the partial derivative, one for each variable of the jet.
    weights : array of shape (k, n)
        The numbers c, a row for each sum.

    Returns
    -------
    array of shape (k, n_outputs)

    Raises
    ------
    TypeError
        No rule is registered for the class of `step`.
    """
    unknown = "its values vary together"
    raise _no_spread(step, "propagate_sum_std", "The integral", unknown, "return_std")


@open_table
def propagate_cov(step: BaseEstimator, jet: Jet, index: tuple[int, ...]) -> np.ndarray:
    """Covariance between places of one partial derivative of what a fitted regressor predicts.

    Parameters
    ----------
    step : fitted regressor
    jet : Jet of shape (n, n_features_in), of order ``sum(index)``
    index : tuple of int
        The orders of the partial derivative, one for each variable of the jet.

    Returns
    -------
    array of shape (n, n, n_outputs)
        Entry (i, j, o) is the covariance of output o at rows i and j. Its diagonal is the square
        of `propagate_std`.

    Raises
    ------
    TypeError
        No rule is registered for the class of `step`.
    """
    unknown = "its values vary together"
    raise _no_spread(step, "propagate_cov", "The derivative", unknown, "return_cov")


@open_table
def predicts_1d(model: BaseEstimator) -> bool | None:
    """Whether a fitted model's `predict` returns 1-D arrays, as it does after a fit to 1-D y.

    A rule tells it from the fitted state, without a prediction.

    Parameters
    ----------
    model : fitted estimator

    Returns
    -------
    bool, or None
        None where no rule is registered for the class of `model`: only a prediction tells. False
        for a transformer, whose `transform` returns tables.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> predicts_1d(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    True
    >>> predicts_1d(LinearRegression().fit([[0.0], [1.0]], [[0.0], [1.0]]))
    False
    """
    return None if hasattr(model, "predict") else False


@open_table
def output_names(model: BaseEstimator) -> Sequence[str] | None:
    """Names of the columns of y that a model was fitted to; None where they are not known.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_pydelt import SplineInterpolator
    >>> y = pd.DataFrame({"u": [0.0, 1.0, 4.0], "v": [1.0, 2.0, 3.0]})
    >>> output_names(SplineInterpolator(smoothing=0.0).fit([[0.0], [1.0], [2.0]], y)).tolist()
    ['u', 'v']
    """
    return getattr(model, "target_names_in_", None)


@open_table
def entrance(model: BaseEstimator) -> BaseEstimator:
    """The fitted step that X meets first in a model: it knows X's features and their names.

    Where that step is a "passthrough", a pipeline itself does not know them.
    """
    return model


@open_table
def home(model: BaseEstimator) -> Home | None:
    """The device to which the rows of X are brought for a model; None is the processor."""
    return None


SPREADS = {  # table of rules: what is not there without one, and the arguments of a rule
    "propagate_std": ("standard deviation", "rule(step, jet, index)"),
    "propagate_sum_std": ("standard deviation", "rule(step, jet, index, weights)"),
    "propagate_cov": ("covariance", "rule(step, jet, index)"),
}


def _no_spread(step, table, subject, unknown, option):
    name = type(step).__name__
    spread, rule = SPREADS[table]
    return TypeError(
        f"{subject} of {name} has no {spread}: it is not known how {unknown}. Call without "
        f"{option}, use a BayesianNeuralNetworkInterpolator, a SplineInterpolator or a "
        f"GaussianProcessRegressor, or register a rule with sk_pydelt.chain.{table}.register("
        f"{name})(rule), where {rule} returns an array."
    )


def no_tags(step: object) -> TypeError:
    """The error for what has `fit`, but is no estimator as scikit-learn's are."""
    why = (
        "its class does not inherit from sklearn.base.BaseEstimator, so that nothing is known of it"
    )
    return _unknown(step, why, "Let its class inherit from BaseEstimator")


def no_features(step: object) -> TypeError:
    """The error for a fitted step that does not tell the number of its features."""
    why = (
        "it has no n_features_in_, the number of features, which scikit-learn's fitted models have"
    )
    return _unknown(step, why, "Or give it n_features_in_")


def _unknown(step, why, remedy):
    name = type(step).__name__
    return TypeError(
        f"{name} cannot be differentiated: {why}. {_inside(step)}{remedy}, and register a rule "
        f"with sk_pydelt.chain.propagate.register({name})(rule)."
    )


def _no_rule(step, subject, table, rule, way_out):
    name = type(step).__name__
    reason = reason_against(type(step))
    inside = "" if reason else _inside(step)  # what is known has no smooth model inside
    reason = reason or "no rule says how a derivative passes through it"
    return TypeError(
        f"{subject.format(name=name)} cannot be differentiated: {reason}. {inside}"
        f"{way_out}, or register a rule with sk_pydelt.chain.{table}.register({name})(rule), where "
        f"{rule}."
    )


def _inside(step):
    """Advice on a model that may only hand X on to a fitted one inside it."""
    if hasattr(step, "best_params_") and not hasattr(step, "best_estimator_"):
        return "A search keeps a fitted model to differentiate where refit=True: set it. "
    fitted = [k for k, v in vars(step).items() if k.endswith("_") and hasattr(v, "predict")]
    if not fitted or not hasattr(step, "predict"):
        return ""
    return f"If its predictions are those of its {' or '.join(fitted)}, differentiate that. "


@contextmanager
def within(name: str) -> Iterator[None]:
    """Put the name of a step before the message of a TypeError raised for it or inside it."""
    try:
        yield
    except TypeError as error:
        reason, inner = getattr(error, "sk_pydelt_path", (str(error), ()))
        path = (name, *inner)
        named = TypeError(f"In step {'__'.join(path)!r} of the pipeline: {reason}")
        named.__dict__.update(sk_pydelt_path=(reason, path))
        raise named from error


def warn_once(jet: Jet, message: str) -> None:
    """Warn on the dry run only, so that one call warns once however many blocks of rows follow."""
    if jet.value.shape[0] == 0:
        warnings.warn(message, UserWarning, stacklevel=2)
