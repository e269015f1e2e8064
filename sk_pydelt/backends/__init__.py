"""Neural networks of one framework each, behind the same four functions.

A backend has ``fit_net(settings, X, y, sample_weight, slopes)``, ``predict_net(net, X)``,
``propagate_net(net, jet)`` and ``loss_curves(net)``. Each is imported when it is used.
"""

__all__ = ["FEATURES", "check_features"]

BOTH = ("pytorch", "tensorflow")

# What is in which backend: a name, parameters that ask for it, and the backends that have it.
# docs/backends.md shows this table.
FEATURES = {
    "every activation, sine layers with `omega_0` included": ({"activation": "sine"}, BOTH),
    "`solver='adam'`": ({"solver": "adam"}, BOTH),
    "`solver='lbfgs'`": ({"solver": "lbfgs"}, BOTH),
    "`solver='lm'`": ({"solver": "lm"}, ("pytorch",)),
    "mini-batches (`batch_size`)": ({"batch_size": 4}, BOTH),
    "`dropout_rate`": ({"dropout_rate": 0.1}, BOTH),
    "`batch_norm`": ({"batch_norm": True}, BOTH),
    "known derivatives, `fit(X, y, dy=...)`": ({}, BOTH),
    "L2 penalty (`alpha`)": ({"alpha": 0.01}, BOTH),
    "`early_stopping`, best weights restored": ({"early_stopping": True}, BOTH),
    "`dtype='float32'` and `'float64'`": ({"dtype": "float32"}, BOTH),
    "progress bar (`verbose`)": ({"verbose": True}, BOTH),
    "reproducible fits (`random_state`)": ({"random_state": 0}, BOTH),
}


def check_features(estimator):
    """Refuse a parameter that the backend of an estimator does not have."""
    for parameters, backends in FEATURES.values():
        asked = all(getattr(estimator, name) == value for name, value in parameters.items())
        if asked and estimator.backend not in backends:
            wanted = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
            raise ValueError(
                f"{wanted} is not in backend={estimator.backend!r}: use "
                f"backend={' or '.join(map(repr, backends))}, or another value."
            )
