"""Nets for tests of what does not depend on their size."""

from sk_pydelt import NeuralNetworkInterpolator


def small(**parameters):
    """A net that is fitted in milliseconds."""
    defaults = {"hidden_layers": (6, 5), "epochs": 12, "learning_rate": 0.01, "random_state": 0}
    return NeuralNetworkInterpolator(**{**defaults, **parameters})
