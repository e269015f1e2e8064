"""The range that the initial weights of dense layers are drawn from, in every backend."""

from math import pi, sqrt

__all__ = ["initial_bounds"]


def initial_bounds(n_in: int, activation: str, first: bool, omega_0: float) -> tuple[float, float]:
    """Bounds of a layer's uniform initial weights and biases.

    Sine layers as in Sitzmann et al. 2020, section 3.2, with the frequency `omega_0` of the
    first layer multiplied into its weights and phases; the rest as in `torch.nn.Linear`.
    """
    if activation != "sine":
        return 1 / sqrt(n_in), 1 / sqrt(n_in)
    return (omega_0 / n_in, pi) if first else (sqrt(6 / n_in), 1 / sqrt(n_in))
