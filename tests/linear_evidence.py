"""The smallest evidence problem: a linear model."""

from array_api_compat import array_namespace

from sk_pydelt.jets.jacobian import DenseJacobian
from sk_pydelt.solvers.laplace import EvidenceFit, EvidencePoint, EvidenceProblem


class Linear(EvidenceProblem):
    """The model f = X w of one output, with one group of weights."""

    def __init__(self, X, y, dual=False):
        self.X, self.y, self.dual = X, y[:, None], dual
        xp, like = array_namespace(X), {"dtype": X.dtype}
        self.groups = xp.zeros(X.shape[1], dtype=xp.int64)
        self.counts, self.pool = xp.ones(1, **like) * len(X), xp.ones((1, 1), **like)
        self.n_rows = self.counts
        self.squares = (self.y**2).sum(0)
        self.membership = xp.ones((1, X.shape[1]), **like)
        self.classes, self.ceilings = self.membership, xp.full((1,), xp.inf, **like)
        self.bends = dual

    def at(self, w):
        return LinearPoint(self, w)


class LinearPoint(EvidencePoint):
    def __init__(self, problem, w):
        self.problem, self.w = problem, w
        self.residuals = (problem.X @ w)[:, None] - problem.y

    def jacobian(self):
        return DenseJacobian(self.problem.X)

    def normal_equations(self):
        X = self.problem.X
        return [X.T @ X], [X.T @ self.residuals[:, 0]]


def first_fit(problem):
    xp = array_namespace(problem.X)
    ones = xp.ones(1, dtype=problem.X.dtype)
    w = xp.full((problem.X.shape[1],), 0.1, dtype=problem.X.dtype)
    return EvidenceFit(problem.at(w), ones, 10 * ones)
