"""Which parameters of a net exclude each other."""

from typing import Any

from .jets.perceptron import hidden_widths

__all__ = ["check_options", "refuse_option"]

ONE_BATCH = {"batch_size": None, "dropout_rate": 0}
OF_ADAM = {
    "optimizer": "adam",
    "optimizer_params": None,
    "learning_rate_schedule": "constant",
    "max_grad_norm": None,
}


def check_options(params: dict[str, Any], with_slopes: bool) -> None:
    """Raise a ValueError for parameters of a net that are out of range together.

    Parameters
    ----------
    params : dict
        Those of `NeuralNetworkInterpolator`, by name.
    with_slopes : bool
        Whether derivatives are given, ``fit(..., dy=...)``.
    """
    hidden_widths(params["hidden_layers"])
    if params["solver"] == "lbfgs":
        reason = "needs the same loss at each step: it takes all samples, without dropout"
        refuse_option(params, "solver='lbfgs'", reason, **ONE_BATCH)
    if params["solver"] == "lm":
        reason = "takes all samples in each step, of a net without chance"
        refuse_option(params, "solver='lm'", reason, **ONE_BATCH, batch_norm=False)
        refuse_option(params, "solver='lm'", "minimises a sum of squares", loss="squared_error")
    if params["solver"] != "adam":
        reason = "finds the length of its own steps"
        refuse_option(params, f"solver={params['solver']!r}", reason, **OF_ADAM)
    if params["module"] is not None:
        reason = "brings its own layers"
        refuse_option(params, "module=...", reason, dropout_rate=0, batch_norm=False)
    if with_slopes:
        reason = "needs the derivative of the very net that predicts"
        refuse_option(params, "fit(..., dy=...)", reason, dropout_rate=0, batch_norm=False)


def refuse_option(params: dict[str, Any], option: str, reason: str, **allowed: Any) -> None:
    """Raise a ValueError where a parameter has another value than the one that an option allows."""
    for name, value in allowed.items():
        if params[name] != value:
            raise ValueError(
                f"{option} {reason}. Use {name}={value!r}; got {name}={params[name]!r}."
            )
