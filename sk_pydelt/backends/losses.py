"""What a fit makes small: squared, absolute or Huber's error, each with weights."""

from dataclasses import dataclass
from typing import Any

from ..jets.namespace import namespace

__all__ = ["Loss", "huber_limits"]


@dataclass(frozen=True)
class Loss:
    r"""The mean loss of errors, of NumPy's arrays or torch's tensors.

    Parameters
    ----------
    name : {"squared_error", "absolute_error", "huber"}
        "huber" is the square of the mean of :math:`L/2` over the columns, with Huber's
        concomitant estimate of scale,

        .. math:: L = \min_\sigma \frac1n \sum_i \sigma + \sigma H_\epsilon(r_i / \sigma), \quad
                  H_\epsilon(z) = z^2 \text{ where } |z| < \epsilon, \text{ else }
                  2 \epsilon |z| - \epsilon^2,

        the function that `sklearn.linear_model.HuberRegressor` minimises. So columns count by
        their own spread, whatever is wild in another. Of one column it is the mean squared error
        where no error is beyond ε σ.
    epsilon : float, at least 1
        Of "huber".

    References
    ----------
    P. J. Huber & E. M. Ronchetti, Robust Statistics, 2nd ed. 2009, section 7.7;
    A. B. Owen, A robust hybrid of lasso and ridge regression, 2007.
    """

    name: str = "squared_error"
    epsilon: float = 1.35

    def __call__(self, errors: Any, weight: Any = None) -> Any:
        """The mean loss of errors (n, k) under weights (n, 1) or (n, k) of mean 1."""
        xp = namespace(errors)
        if self.name == "huber":
            return self._huber(errors, xp.ones_like(errors[:, :1]) if weight is None else weight)
        loss = xp.abs(errors) if self.name == "absolute_error" else errors**2
        return xp.mean(loss if weight is None else weight * loss)

    def _huber(self, errors, weight):
        """With σ put in as its minimum, and so left out of the gradient."""
        xp, tiny = namespace(errors), namespace(errors).finfo(errors.dtype).tiny
        weight = xp.broadcast_to(weight, errors.shape)
        shares = xp.mean(weight, axis=0)
        weight = weight / (len(errors) * (shares + tiny))
        size = xp.abs(errors)
        outside = xp.astype(size > huber_limits(size, weight, self.epsilon), errors.dtype)
        far = xp.sum(weight * outside, axis=0)
        near = xp.sum(weight * (1 - outside) * size**2, axis=0)
        root = (near * xp.clip(1 - self.epsilon**2 * far, 0.0, 1.0) + tiny) ** 0.5
        beyond = self.epsilon * xp.sum(weight * outside * size, axis=0)
        return xp.mean(shares * (root + beyond)) ** 2


def huber_limits(size: Any, weight: Any, epsilon: float) -> Any:
    """Of each column, the largest of its absolute errors that is within ε σ, (k,).

    L falls with σ as far as an error's size over ε, where that error is within ε σ.

    Parameters
    ----------
    size : array of shape (n, k)
    weight : array of shape (n, k)
        Of sum 1 in each column.
    epsilon : float
    """
    xp = namespace(size)
    order = xp.argsort(size, axis=0)
    size, weight = (xp.take_along_axis(part, order, axis=0) for part in (size, weight))
    near = xp.cumulative_sum(weight * size**2, axis=0)
    far = 1 - xp.cumulative_sum(weight, axis=0)
    within = size**2 * (1 - epsilon**2 * far) <= epsilon**2 * near
    return xp.max(xp.where(within, size, xp.zeros_like(size)), axis=0)
