"""Nets that go on: from more samples by `partial_fit`, from another fit by `warm_start`."""

from abc import abstractmethod
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .backends import end_early
from .base import validated
from .checks import check_measured, check_rows
from .further_samples import further_samples
from .progress import ProgressBar
from .row_blocks import RowBlocks, is_read_in_rows
from .samples import Samples
from .scaling import apply, fit_scaler, varies
from .sobolev import SobolevInterpolator

__all__ = ["IncrementalInterpolator"]


def _takes_batches(model):
    """Whether the solver can do with a few samples at a time; an AttributeError says why not."""
    if model.solver == "adam":
        return True
    raise AttributeError(
        "partial_fit takes the steps of solver='adam', one batch after another; "
        f"solver={model.solver!r} needs all samples in each step: use fit, with warm_start=True to "
        "go on from a fitted net."
    )


def _is_fitted(scaler: Any) -> bool:
    """Whether a scaler that a user gives needs no data any more."""
    if scaler is None or isinstance(scaler, str):
        return scaler is not None
    try:
        check_is_fitted(scaler)
    except NotFittedError:
        return False
    return True


def _as_fitted(scaler):
    """A copy of a fitted scaler; of "passthrough", one that does nothing."""
    return FunctionTransformer() if isinstance(scaler, str) else deepcopy(scaler)


class IncrementalInterpolator(SobolevInterpolator):
    """An interpolator by training, which can be watched, and gone on with.

    A child has the parameters `solver`, `early_stopping` and `warm_start`, keeps what it has fitted
    as `net_`, and fills the hook `_train_scaled`.
    """

    @abstractmethod
    def _train_scaled(self, samples: Samples, epochs: int | None, goes_on: bool) -> None:
        """Train on scaled samples, one or more epochs; go on from `net_`, or begin anew.

        None are as many epochs as the estimator has. Where it is a number, the steps of the
        optimizer go on too.
        """

    @validated
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        dy: ArrayLike | None = None,
        dy_weight: float | None = None,
        validation_data: tuple[ArrayLike, ...] | None = None,
    ) -> Self:
        """Fit the function to samples, and to derivatives of it where they are known.

        A fit that fails or is broken off leaves the estimator as it was before.

        Parameters
        ----------
        X, y, sample_weight, dy, dy_weight : as of `sk_pydelt.sobolev.SobolevInterpolator`
            A `numpy.memmap`, or another file in the place of an array, is read a block of rows
            after another, where there is a `batch_size` and nothing is given but X and y.
        validation_data : (Xv, yv) or (Xv, yv, sample_weight), default=None
            Samples that are not trained on, in the units of X and y, scaled as they are. Their loss
            at each epoch is `validation_loss_curve_`, and what `early_stopping` watches in place of
            a share of X and y.

        Returns
        -------
        self
        """
        self._goes_on = self.warm_start and hasattr(self, "net_")
        others = sample_weight, dy, validation_data
        if is_read_in_rows(X) and self._may_read_rows(*others):
            return self._fit_blocks(X, y)
        self._validation_data = validation_data
        super().fit(X, y, sample_weight, dy=dy, dy_weight=dy_weight)
        del self._validation_data, self._goes_on
        return self

    def _informed(self, samples: Samples, y: np.ndarray, kept: np.ndarray | slice) -> Samples:
        samples = super()._informed(samples, y, kept)
        self._n_outputs = y.shape[1]
        if self._validation_data is None:
            return samples
        data, name = self._validation_data, "validation_data"
        return replace(samples, held_out=further_samples(self, data, y.shape[1], name))

    def _fit_scaled(self, samples: Samples) -> None:
        self._train_scaled(samples, None, self._goes_on)

    def _scale(self, X, y, sample_weight, by_known=False):
        """The scalers of a net that is gone on with stay as they are."""
        if not self._goes_on:
            return super()._scale(X, y, sample_weight, by_known)
        return self._scaled(X, y, sample_weight)

    def _scaled(self, X, y, sample_weight):
        scaled = apply(self.x_scaler_.transform, self._hold(X))
        return Samples(scaled, apply(self.y_scaler_.transform, y), sample_weight)

    def _may_read_rows(self, *others):
        """Whether all that is asked for can be had a block after another."""
        plain = self.laws is None and not self.period and not self.early_stopping
        streamed = self.solver == "adam" and self.batch_size is not None and not self.callbacks
        scalers = all(
            scaler is None or _is_fitted(scaler) or hasattr(scaler, "partial_fit")
            for scaler in (self.x_scaler, self.y_scaler)
        )
        return plain and streamed and scalers and all(other is None for other in others)

    def _fit_blocks(self, X, y):
        """Fit to rows that are read a block after another, and never are in memory together."""
        check_rows(X, y)
        self._samples(X[:1], y[:1], None)
        blocks, goes_on = RowBlocks(X, y, self.batch_size), self._goes_on
        low, high = blocks.range()
        self._n_outputs = len(low) - self.n_features_in_
        if not goes_on:
            self._fit_scalers(blocks, *(part[: self.n_features_in_] for part in (low, high)))
        rng = check_random_state(self.random_state)
        curve = list(self.loss_curve_) if goes_on else []
        done, first = vars(self).copy(), len(curve)
        with ProgressBar(self.epochs, self.verbose) as bar:
            try:
                for _ in range(self.epochs):
                    curve.append(self._epoch(blocks, rng, len(curve), goes_on))
                    self.loss_curve_, self.n_iter_, goes_on = list(curve), len(curve), True
                    done = vars(self).copy()
                    bar.show(1, {"train_loss": curve[-1]})
            except KeyboardInterrupt:
                end_early(len(curve) - first, self.epochs)
                self.__dict__.update(done)  # after the last whole epoch
                self.stop_reason_ = self.stop_reason_ and "interrupted"
        self._warn_of_constants(*blocks.spread(), None)
        del self._goes_on
        return self

    def _epoch(self, blocks, rng, number, goes_on):
        """The mean loss of the blocks of an epoch, each before its steps."""
        losses, sizes = [], []
        for X, y in blocks.shuffled(rng) if self.shuffle else blocks:
            if goes_on:
                self.n_iter_ = number
            self._train_scaled(self._scaled(X, y, None), 1, goes_on)
            goes_on = True
            losses.append(self.loss_curve_[-1])
            sizes.append(len(X))
        return float(np.average(losses, weights=sizes))

    def _fit_scalers(self, blocks, low, high):
        """Scalers fitted a block after another; features of which both ends agree are held."""
        self._free = varies(np.stack([low, high]))
        self._held_at = np.where(self._free, 0.0, low)
        if not self._free.all():
            self._warn_of_held()
        self.x_scaler_, self.y_scaler_ = (
            _as_fitted(given) if _is_fitted(given) else clone(default if given is None else given)
            for given, default in (
                (self.x_scaler, MinMaxScaler((-1, 1))),
                (self.y_scaler, StandardScaler()),
            )
        )
        for X, y in blocks:
            if not _is_fitted(self.x_scaler):
                self.x_scaler_.partial_fit(self._hold(X))
            if not _is_fitted(self.y_scaler):
                self.y_scaler_.partial_fit(y)

    @available_if(_takes_batches)
    @validated
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Go on with one epoch over some more samples, in batches of `batch_size`.

        The first call, where nothing is fitted yet, fits the scalers too: to these samples, which
        should be like those to come, unless `x_scaler` and `y_scaler` are given fitted (in a
        `sklearn.frozen.FrozenEstimator` where the net is cloned before). Later ones leave them as
        they are. Calls over all batches of an epoch are that epoch of `fit`, with the
        same steps of the optimizer.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, m)
            As in the first call. NaN is "not measured".
        sample_weight : array-like of shape (n,), default=None
            Counts within this call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            With `early_stopping` or `laws`, which need samples that stay; or where a first call
            does not show what scalers need.

        Examples
        --------
        A stream, of which a fitted scaler knows the range:

        >>> import numpy as np
        >>> from sklearn.preprocessing import MinMaxScaler
        >>> from sk_pydelt import NeuralNetworkInterpolator
        >>> scaler = MinMaxScaler((-1, 1)).fit([[0.0], [3.0]])
        >>> net = NeuralNetworkInterpolator((16,), learning_rate=0.01, x_scaler=scaler)
        >>> net.set_params(y_scaler="passthrough", random_state=0)
        NeuralNetworkInterpolator(hidden_layers=(16,), learning_rate=0.01,
                                  random_state=0,
                                  x_scaler=MinMaxScaler(feature_range=(-1, 1)),
                                  y_scaler='passthrough')
        >>> rng = np.random.default_rng(0)
        >>> for _ in range(600):
        ...     x = rng.uniform(0, 3, (50, 1))
        ...     net = net.partial_fit(x, np.sin(x).ravel())
        >>> bool(abs(net.predict([[1.0]]) - np.sin(1.0)) < 0.02)
        True
        """
        if self.early_stopping:
            raise ValueError(
                "partial_fit sees each batch once, and early_stopping needs samples that stay: use "
                "early_stopping=False, or fit."
            )
        if self.laws is not None:
            raise ValueError(
                "partial_fit follows no laws, which hold at the places of all samples: use fit, "
                f"with warm_start=True to go on; got laws={self.laws!r}."
            )
        self._validation_data = None
        goes_on = hasattr(self, "net_")
        samples = self._later(X, y, sample_weight) if goes_on else self._first(X, y, sample_weight)
        self._train_scaled(samples, 1, goes_on)
        del self._validation_data
        return self

    def _first(self, X, y, sample_weight):
        """Scaled samples of a first call, with scalers that are given fitted or fitted to them."""
        X, y, sample_weight, _ = self._samples(X, y, sample_weight)
        check_measured(y)
        self._goes_on, self._n_outputs = False, y.shape[1]
        x_is_known, y_is_known = _is_fitted(self.x_scaler), _is_fitted(self.y_scaler)
        if x_is_known and self.period:
            raise ValueError(
                "period makes features of its own before they are scaled: give x_scaler without a "
                "fit, and a first batch that shows the range of the others."
            )
        if not y_is_known:
            _require_range(y, "y")
        if x_is_known:
            self._free, self._held_at = np.ones(X.shape[1], bool), np.zeros(X.shape[1])
            self.x_scaler_ = _as_fitted(self.x_scaler)
            if not y_is_known:
                default = StandardScaler()
                self.y_scaler_ = fit_scaler(self.y_scaler, default, y, sample_weight, "y")[0]
        else:
            _require_range(X, "X")
            self._scale(X, y, sample_weight)
        if y_is_known:
            self.y_scaler_ = _as_fitted(self.y_scaler)
        del self._goes_on
        return self._scaled(X, y, sample_weight)

    def _later(self, X, y, sample_weight):
        data = (X, y) if sample_weight is None else (X, y, sample_weight)
        return further_samples(self, data, self._n_outputs, "partial_fit")


def _require_range(data, name):
    """Refuse a first batch that shows a scaler nothing of a column."""
    still = ~varies(data)
    if still.any():
        raise ValueError(
            f"In the first batch of partial_fit column {int(np.argmax(still))} of {name} does not "
            f"vary, so that {name.lower()}_scaler cannot be fitted to it: begin with a larger "
            f"batch, or give {name.lower()}_scaler fitted."
        )
