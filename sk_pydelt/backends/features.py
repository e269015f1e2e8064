"""Features: what a fit may ask for that not every backend has."""

from collections.abc import Callable
from dataclasses import dataclass

from ..samples import Samples
from .contract import FitSpec, NetSpec

__all__ = ["FEATURES", "Feature", "as_written", "asked_for"]


@dataclass(frozen=True)
class Feature:
    """Something that a fit may ask for.

    Parameters
    ----------
    name : str
        What `Backend.supports` holds: the parameter that asks for it, with the value where only
        one value does.
    shown : str
        Its row in docs/backends.md.
    asked : callable, (NetSpec, FitSpec, Samples) -> bool
        Whether a fit asks for it.
    """

    name: str
    shown: str
    asked: Callable[[NetSpec, FitSpec, Samples], bool]

    @property
    def parameter(self) -> str:
        """The parameter of the estimator, or of its `fit`, that asks for it."""
        return self.name.partition("=")[0]


def _solver(name):
    return Feature(f"solver={name!r}", f"`solver={name!r}`", lambda net, fit, _: fit.solver == name)


OF_FIT = (
    "sample_weight",
    "dy",
    "y",
    "validation_data",
)  # arguments, where all others are parameters

FEATURES = {
    feature.name: feature
    for feature in (
        Feature(
            "hidden_layers",
            "more than one of `hidden_layers`",
            lambda net, fit, _: net.module is None and len(net.hidden_layers) > 1,
        ),
        Feature(
            "activation",
            "every activation, sine layers with `omega_0` included",
            lambda net, fit, _: net.module is None and net.activation != "tanh",
        ),
        _solver("adam"),
        _solver("lbfgs"),
        _solver("lm"),
        Feature(
            "learning_rate_schedule",
            "schedules of the learning rate (`learning_rate_schedule`)",
            lambda net, fit, _: fit.learning_rate_schedule != "constant",
        ),
        Feature(
            "optimizer",
            "other optimizers than Adam (`optimizer`)",
            lambda net, fit, _: fit.optimizer != "adam",
        ),
        Feature(
            "optimizer_params",
            "their parameters (`optimizer_params`)",
            lambda net, fit, _: bool(fit.optimizer_params),
        ),
        Feature(
            "max_grad_norm",
            "gradient clipping (`max_grad_norm`)",
            lambda net, fit, _: fit.max_grad_norm is not None,
        ),
        Feature(
            "callbacks",
            "the framework's own callbacks (`callbacks`)",
            lambda net, fit, _: bool(fit.callbacks),
        ),
        Feature(
            "validation_data",
            "held-out samples of your own, `fit(X, y, validation_data=...)`",
            lambda net, fit, samples: samples.held_out is not None,
        ),
        Feature(
            "batch_size",
            "mini-batches (`batch_size`)",
            lambda net, fit, _: fit.batch_size is not None,
        ),
        Feature(
            "shuffle",
            "mini-batches in the order of the rows (`shuffle=False`)",
            lambda net, fit, _: fit.batch_size is not None and not fit.shuffle,
        ),
        Feature("dropout_rate", "`dropout_rate`", lambda net, fit, _: net.dropout_rate > 0),
        Feature("batch_norm", "`batch_norm`", lambda net, fit, _: net.batch_norm),
        Feature(
            "sample_weight",
            "weighted samples, `fit(X, y, sample_weight)`",
            lambda net, fit, samples: samples.weight is not None,
        ),
        Feature(
            "dy",
            "known derivatives, `fit(X, y, dy=...)`",
            lambda net, fit, samples: samples.slopes is not None,
        ),
        Feature(
            "laws",
            "known laws (`laws`)",
            lambda net, fit, samples: bool(samples.laws),
        ),
        Feature(
            "y=nan",
            "entries of y that were not measured, NaN",
            lambda net, fit, samples: not samples.known.all(),
        ),
        Feature("alpha", "L2 penalty (`alpha`)", lambda net, fit, _: fit.alpha > 0),
        Feature(
            "loss",
            "absolute and Huber's error (`loss`)",
            lambda net, fit, _: fit.loss != "squared_error",
        ),
        Feature(
            "early_stopping",
            "`early_stopping`, best weights restored",
            lambda net, fit, _: fit.early_stopping,
        ),
        Feature(
            "warm_start",
            "`warm_start` and `partial_fit`",
            lambda net, fit, _: fit.warm_start,
        ),
        Feature(
            "dtype='float32'",
            "`dtype='float32'` and `'float64'`",
            lambda net, fit, _: net.dtype == "float32",
        ),
        Feature(
            "device",
            "a GPU (`device`)",
            lambda net, fit, _: net.device not in ("cpu", "auto"),
        ),
        Feature("module", "your own net (`module`)", lambda net, fit, _: net.module is not None),
        Feature("verbose", "progress bar (`verbose`)", lambda net, fit, _: fit.verbose),
        Feature(
            "random_state",
            "reproducible fits (`random_state`)",
            lambda net, fit, _: fit.random_state is not None,
        ),
    )
}


def asked_for(net: NetSpec, fit: FitSpec, samples: Samples) -> list[Feature]:
    """The features that a fit asks for, in the order of the table."""
    return [feature for feature in FEATURES.values() if feature.asked(net, fit, samples)]


def as_written(feature: Feature, net: NetSpec, fit: FitSpec) -> str:
    """How the user asked for a feature: ``dropout_rate=0.2``, or ``fit(..., dy=...)``."""
    name = feature.parameter
    for spec in (net, fit):
        if hasattr(spec, name):
            return f"{name}={getattr(spec, name)!r}"
    if name not in OF_FIT:
        return f"{name}=..."
    return f"fit(..., {feature.name if '=' in feature.name else f'{name}=...'})"
