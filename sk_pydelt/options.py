"""Which parameters of a net exclude each other."""

from typing import Any

from .jets.activations import ACTIVATIONS
from .jets.perceptron import hidden_widths
from .samples import Samples

__all__ = ["check_options", "refuse_option"]

NO_CHANCE = {"dropout_rate": 0, "batch_norm": False}
ONE_BATCH = {"batch_size": None, "dropout_rate": 0}
OF_ADAM = {
    "optimizer": "adam",
    "optimizer_params": None,
    "learning_rate_schedule": "constant",
    "max_grad_norm": None,
}


def check_options(params: dict[str, Any], samples: Samples) -> None:
    """Raise a ValueError for parameters of a net that are out of range together.

    Parameters
    ----------
    params : dict
        Those of `NeuralNetworkInterpolator`, by name.
    samples : Samples
        That the net is to be fitted to: whether derivatives or laws are among them.
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
        refuse_option(params, "module=...", reason, **NO_CHANCE)
    reason = "needs the derivative of the very net that predicts"
    if samples.slopes is not None:
        refuse_option(params, "fit(..., dy=...)", reason, **NO_CHANCE)
    if samples.laws:
        refuse_option(params, "laws=...", reason, **NO_CHANCE)
        _refuse_laws(params, max(rows.jet.order for rows in samples.laws))


def _refuse_laws(params, order):
    """Refuse what laws of an order say nothing of, or what cannot fit them."""
    activation, own = params["activation"], params["module"] is not None
    if order > 1 and not own and ACTIVATIONS[activation].piecewise_linear:
        raise ValueError(
            f"laws has derivatives of order {order}, and those of a net of "
            f"activation={activation!r} vanish above the first. Use a smooth activation such as "
            "'tanh' or 'swish'."
        )
    if params["solver"] == "lm" and own:
        raise ValueError(
            "solver='lm' fits laws to dense layers alone. With module=... use solver='adam' or "
            "'lbfgs'."
        )


def refuse_option(params: dict[str, Any], option: str, reason: str, **allowed: Any) -> None:
    """Raise a ValueError where a parameter has another value than the one that an option allows."""
    for name, value in allowed.items():
        if params[name] != value:
            raise ValueError(
                f"{option} {reason}. Use {name}={value!r}; got {name}={params[name]!r}."
            )
