"""The kernels that `sklearn.metrics.pairwise` names, as functions of jets."""

from collections.abc import Callable
from typing import Any

from ..jets import Jet
from ..jets.kernels import Constant, Dot, Power, Product, cosine, laplacian, tanh_kernel
from ..jets.radial import Radial, gaussian

__all__ = ["metric_kernel"]


def metric_kernel(
    owner: Any,
    metric: Any,
    n_features: int | None,
    *,
    gamma: float | None = None,
    degree: float | None = 3,
    coef0: float | None = 1,
) -> Callable[[Jet, Any], Jet]:
    """The kernel of a name that `sklearn.metrics.pairwise.pairwise_kernels` knows."""
    if gamma is None:
        if n_features is None:
            raise TypeError(
                f"{type(owner).__name__} with gamma=None cannot be differentiated: its rule does "
                "not know the number of features that None stands for. Set gamma to a number."
            )
        gamma = 1.0 / n_features
    degree, coef0 = 3 if degree is None else degree, 1 if coef0 is None else coef0
    dot = Dot(coef0 / gamma if gamma else coef0)
    known: dict[str, Callable[[], Callable[[Jet, Any], Jet]]] = {
        "linear": lambda: Dot(),
        "rbf": lambda: Radial(gaussian, (2 * gamma) ** -0.5),
        "poly": lambda: Product(Constant(gamma**degree), Power(dot, degree)),
        "sigmoid": lambda: tanh_kernel(gamma, coef0),
        "cosine": lambda: cosine,
        "laplacian": lambda: laplacian(gamma),
    }
    known["polynomial"] = known["poly"]
    if not isinstance(metric, str) or metric not in known:
        raise TypeError(
            f"{type(owner).__name__} with kernel={metric!r} cannot be differentiated: the kernels "
            f"with a derivative are {sorted(known)}. Use one of them, or register a rule for a "
            "class of your own with sk_pydelt.chain.propagate.register."
        )
    return known[metric]()
