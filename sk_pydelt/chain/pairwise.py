"""The kernels that `sklearn.metrics.pairwise` names, as functions of jets."""

from ..jets.kernels import Constant, Dot, Power, Product, cosine, laplacian, tanh_kernel
from ..jets.radial import Radial, gaussian

__all__ = ["metric_kernel"]


def metric_kernel(owner, metric, n_features, *, gamma=None, degree=3, coef0=1):
    """The kernel of a name that `sklearn.metrics.pairwise.pairwise_kernels` knows."""
    gamma = 1.0 / n_features if gamma is None else gamma
    degree, coef0 = 3 if degree is None else degree, 1 if coef0 is None else coef0
    dot = Dot(coef0 / gamma if gamma else coef0)
    known = {
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
