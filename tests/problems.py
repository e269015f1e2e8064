"""Closed forms and samples that the tests share."""

from dataclasses import dataclass

import numpy as np

# Features as users bring them: one near 1e6 ± 3, one of size 1e-3, one near 1.
CENTRES = np.array([1e6, 2e-3, 1.5])
SPREADS = np.array([3.0, 1e-3, 0.5])


def hard_X(n_rows, n_features, seed=0):
    """Rows uniform on a box: features near 1e6 ± 3, of size 1e-3, and near 1."""
    unit = np.random.RandomState(seed).uniform(-1, 1, (n_rows, n_features))
    return CENTRES[:n_features] + SPREADS[:n_features] * unit


def mild_X(n_rows, n_features, seed=0):
    """Rows uniform on [1, 3] and the like: near enough to 0 for a net without centring."""
    unit = np.random.RandomState(seed).uniform(-1, 1, (n_rows, n_features))
    return np.array([1.0, -0.5, 0.75])[:n_features] + unit


def hard_y(X):
    """Two smooth functions of X, of size 1e5 and 1e-4, as columns."""
    u = ((X - X.mean(axis=0)) / X.std(axis=0)).sum(axis=1)
    return np.column_stack([1e5 * (np.sin(u) + 2), 1e-4 * np.cos(u) * u])


@dataclass
class Quadratic:
    """m quadratic functions of d features: f_j(x) = c_j + g_j·x + x·H_j x / 2, H_j symmetric."""

    c: np.ndarray  # (m,)
    g: np.ndarray  # (m, d)
    H: np.ndarray  # (m, d, d)

    @classmethod
    def random(cls, n_features, n_outputs, seed=0):
        rng = np.random.RandomState(seed)
        H = rng.normal(size=(n_outputs, n_features, n_features))
        g = rng.normal(size=(n_outputs, n_features))
        return cls(rng.normal(size=n_outputs), g, H + H.swapaxes(1, 2))

    @property
    def shape(self):
        return self.g.shape

    def __call__(self, X):
        return self.c + X @ self.g.T + np.einsum("ni,mij,nj->nm", X, self.H, X) / 2

    def jacobian(self, X):
        return self.g + np.einsum("mij,nj->nmi", self.H, X)

    def gradient_field(self):
        """The gradient of the first function: a field whose components are linear."""
        n_features = self.g.shape[1]
        return Quadratic(self.g[0], self.H[0], np.zeros((n_features,) * 3))

    def curl_field(self):
        """The curl of the field, in 3-D: its components are linear."""
        pairs = ((2, 1), (0, 2), (1, 0))
        c = np.array([self.g[i, j] - self.g[j, i] for i, j in pairs])
        g = np.array([self.H[i, j] - self.H[j, i] for i, j in pairs])
        return Quadratic(c, g, np.zeros((3, 3, 3)))
