"""pydelt's classes for several features, `pydelt.multivariate` and `pydelt.tensor_derivatives`.

One model of all features stands behind them, and its exact derivatives, mixed partials included;
pydelt fits a curve by each feature alone, to which the others are noise. What is returned are
functions of places:

===========================================  =================================================
``MultivariateDerivatives(cls, **options)``  `gradient`, `jacobian`, `hessian`, `laplacian`
``NeuralNetworkMultivariateDerivatives()``   the same of a net
``TensorDerivatives(cls, **options)``        these, and `directional_derivative`, `divergence`,
                                             `curl`, `strain_tensor`, `stress_tensor`
===========================================  =================================================
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from . import calculus
from .checks import unmasked
from .curves import column, ndim
from .neural import NeuralNetworkInterpolator
from .pydelt_names import moved
from .spline import SplineInterpolator

__all__ = ["MultivariateDerivatives", "NeuralNetworkMultivariateDerivatives", "TensorDerivatives"]


class _Fields:
    """A model fitted to samples, and operators of it as functions of places.

    An operator given places, `gradient(X)`, is evaluated there at once. Places are X of shape
    (n, d), or one place (d,), whose result has no axis of rows; of one feature (n,) is n places.
    """

    _model: BaseEstimator | None = None

    def _make(self) -> BaseEstimator:
        """The model, not fitted."""
        raise NotImplementedError

    def fit(self, input_data: ArrayLike, output_data: ArrayLike, **options: Any) -> Self:
        """Fit one model of all features and outputs.

        Parameters
        ----------
        input_data : array-like of shape (n, d), or (n,) for one feature
        output_data : array-like of shape (n,) or (n, m)
            One column is one function, as a 1-D array is.
        **options
            Those of the model's own `fit`, such as `sample_weight`.

        Returns
        -------
        self
        """
        y = unmasked(output_data)
        if ndim(y) == 2 and np.shape(y)[1] == 1:
            y = np.ravel(y)
        self._model = self._make().fit(column(input_data), y, **options)
        self.n_outputs = 1 if ndim(y) == 1 else np.shape(y)[1]
        return self

    @property
    def fitted(self) -> bool:
        """Whether `fit` has been called."""
        return self._model is not None

    @property
    def estimator_(self) -> BaseEstimator:
        """The fitted model: an estimator of scikit-learn, for all that has no name here."""
        if self._model is None:
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted: call fit(X, y) first.")
        return self._model

    @property
    def n_inputs(self) -> int:
        """Number of features, d."""
        return self.estimator_.n_features_in_

    def _field(self, operator, eval_points):
        field = partial(_at, operator, self.estimator_)
        return field if eval_points is None else field(eval_points)

    def gradient(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """First derivatives of a single output, (n, d); `sk_pydelt.gradient`."""
        return self._field(calculus.gradient, eval_points)

    def jacobian(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """First derivatives of each output, (n, m, d); `sk_pydelt.jacobian`."""
        return self._field(calculus.jacobian, eval_points)

    def hessian(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """Second derivatives, (n, d, d), of several outputs (n, m, d, d); `sk_pydelt.hessian`."""
        return self._field(calculus.hessian, eval_points)

    def laplacian(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """Sum of the second derivatives, (n,) or (n, m); `sk_pydelt.laplacian`."""
        return self._field(calculus.laplacian, eval_points)


def _at(operator, model, X, **options):
    single = ndim(X) == 0 or (ndim(X) == 1 and model.n_features_in_ > 1)
    found = operator(model, np.reshape(unmasked(X), (1, -1)) if single else column(X), **options)
    if not single:
        return found
    return tuple(part[0] for part in found) if isinstance(found, tuple) else found[0]


class _OfClass(_Fields):
    def __init__(self, interpolator_class: type = SplineInterpolator, **interpolator_kwargs: Any):
        if not isinstance(interpolator_class, type):
            raise TypeError(
                "interpolator_class must be a class, such as SplineInterpolator, and what follows "
                "its parameters; derivatives of a fitted model are sk_pydelt.gradient(model, X) "
                f"and so on; got {interpolator_class!r}."
            )
        self.interpolator_class = interpolator_class
        self.interpolator_kwargs = interpolator_kwargs

    def _make(self):
        return self.interpolator_class(**self.interpolator_kwargs)


ONE_MODEL = "one model of all features is fitted here: estimator_"


@moved(interpolators=ONE_MODEL, input_data=ONE_MODEL, output_data=ONE_MODEL)
class MultivariateDerivatives(_OfClass):
    """Derivatives of functions of several features, by the names that pydelt has.

    Parameters
    ----------
    interpolator_class : class, default=sk_pydelt.SplineInterpolator
        Of any estimator that `sk_pydelt.differentiate` takes.
    **interpolator_kwargs
        Its parameters. `smoothing` of a spline is λ, not FITPACK's s.

    Attributes
    ----------
    estimator_ : the fitted model, of all features at once
    n_inputs, n_outputs : int
    fitted : bool

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt.multivariate import MultivariateDerivatives
    >>> X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    >>> fields = MultivariateDerivatives(smoothing=0.0, degree=3).fit(X, X[:, 0] * X[:, 1])
    >>> gradient = fields.gradient()
    >>> gradient([[0.2, 0.5]]).round(2)  # (y, x); of this function pydelt's is (0, 0)
    array([[0.5, 0.2]])
    >>> fields.hessian()([0.2, 0.5]).round(1) + 0.0
    array([[0., 1.],
           [1., 0.]])
    """


@moved(input_data=ONE_MODEL, output_data=ONE_MODEL, model="estimator_.net_ holds the net")
class NeuralNetworkMultivariateDerivatives(_Fields):
    """Derivatives of a net of several features, by the names that pydelt has.

    Parameters
    ----------
    framework : {"pytorch", "tensorflow"}, default="pytorch"
    hidden_layers : sequence of int, default=(64, 32)
    epochs : int, default=1000
    learning_rate : float, default=0.01
    **parameters
        Others of `sk_pydelt.NeuralNetworkInterpolator`, such as `random_state`, `solver` and
        `activation`: "tanh" as it comes, where pydelt's is ReLU, whose Hessian is zero.

    Attributes
    ----------
    estimator_ : sk_pydelt.NeuralNetworkInterpolator
    n_inputs, n_outputs : int
    fitted : bool

    Examples
    --------
    >>> import numpy as np
    >>> from sk_pydelt.multivariate import NeuralNetworkMultivariateDerivatives
    >>> X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    >>> fields = NeuralNetworkMultivariateDerivatives(
    ...     hidden_layers=[12], solver="lbfgs", random_state=0
    ... )
    >>> hessian = fields.fit(X, X[:, 0] * X[:, 1]).hessian()
    >>> round(float(hessian([0.2, 0.5])[0, 1]), 1)
    1.0
    """

    def __init__(
        self,
        framework: str = "pytorch",
        hidden_layers: Sequence[int] = (64, 32),
        epochs: int = 1000,
        learning_rate: float = 0.01,
        **parameters: Any,
    ) -> None:
        self.framework = framework
        self.hidden_layers = hidden_layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.parameters = parameters

    def _make(self):
        return NeuralNetworkInterpolator(
            self.hidden_layers,
            backend=self.framework,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            **self.parameters,
        )


def _stress(model, X, lambda_param, mu_param):
    strain = calculus.strain_rate(model, X)
    volume = np.trace(strain, axis1=1, axis2=2)
    return lambda_param * volume[:, None, None] * np.eye(strain.shape[1]) + 2 * mu_param * strain


@moved(input_data=ONE_MODEL, output_data=ONE_MODEL)
class TensorDerivatives(_OfClass):
    """Derivatives of vector fields, by the names of `pydelt.tensor_derivatives`.

    Parameters
    ----------
    interpolator_class : class, default=sk_pydelt.SplineInterpolator
        Of any estimator that `sk_pydelt.differentiate` takes.
    **interpolator_kwargs
        Its parameters. `smoothing` of a spline is λ, not FITPACK's s.

    Attributes
    ----------
    estimator_ : the fitted model, of all features at once
    n_inputs, n_outputs : int
    fitted : bool

    Examples
    --------
    A shear, u = y, in the plane (pydelt's curl is of space alone):

    >>> import numpy as np
    >>> from sk_pydelt.multivariate import TensorDerivatives
    >>> X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    >>> flow = TensorDerivatives(smoothing=0.0).fit(X, np.column_stack([X[:, 1], 0 * X[:, 0]]))
    >>> flow.curl()([[0.2, 0.5]]).round(6)
    array([-1.])
    >>> flow.strain_tensor()([0.2, 0.5]).round(6) + 0.0
    array([[0. , 0.5],
           [0.5, 0. ]])
    """

    @property
    def mv(self) -> "TensorDerivatives":
        """Where pydelt keeps gradient, Jacobian, Hessian and Laplacian: this object has them."""
        return self

    def directional_derivative(
        self, direction: ArrayLike, normalize: bool = True
    ) -> Callable[..., Any]:
        """Derivative along a direction (d,), by its unit vector unless `normalize` is False."""
        v = np.asarray(direction, dtype=float)
        length = np.linalg.norm(v)
        if normalize and not 0 < length < np.inf:
            raise ValueError(f"direction must have a length other than zero; got {direction!r}.")
        v = v / length if normalize else v
        return self._field(partial(calculus.directional_derivative, direction=v), None)

    def divergence(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """∇·v, (n,), for as many outputs as features; `sk_pydelt.divergence`."""
        return self._field(calculus.divergence, eval_points)

    def curl(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """∇×v: (n, 3) in space, and (n,) in the plane; `sk_pydelt.curl`."""
        return self._field(calculus.curl, eval_points)

    def strain_tensor(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """ε, the symmetric part of the Jacobian, (n, d, d); `sk_pydelt.strain_rate`."""
        return self._field(calculus.strain_rate, eval_points)

    def stress_tensor(
        self,
        lambda_param: float = 1.0,
        mu_param: float = 0.5,
        eval_points: ArrayLike | None = None,
    ) -> Callable[..., Any]:
        """Stress of linear elasticity, λ tr(ε) I + 2 μ ε, (n, d, d), by Lamé's λ and μ."""
        stress = partial(_stress, lambda_param=lambda_param, mu_param=mu_param)
        return self._field(stress, eval_points)

    def tensor_gradient(self, eval_points: ArrayLike | None = None) -> Callable[..., Any]:
        """The Jacobian, as in pydelt."""
        return self.jacobian(eval_points)
