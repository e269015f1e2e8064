"""Gaussian chains of states, each tied to the next by whitened equations: their covariance."""

import numpy as np

__all__ = ["MarkovChain"]


class MarkovChain:
    r"""N states of m numbers each with the density of :math:`|L_i (s_{i-1}, s_i)|^2`, summed.

    Every other state is eliminated by QR, then every other of those that are left, until the two
    ends remain (odd-even reduction; Gargir & Toledo, "Parallel-in-time Kalman smoothing using
    orthogonal transformations", 2022). A state is then a linear function of its neighbours at that
    time and of m normal numbers of its own, so that a function of two neighbours is one of some
    m log N independent normal numbers. Only orthogonal transformations are used.

    Parameters
    ----------
    links : array of shape (N - 1, r, 2m)
        The equations L of neighbours, r ≥ m for each link; all of them determine the states.
    closed : bool, default=False
        Whether the last state is the first one.
    """

    def __init__(self, links: np.ndarray, closed: bool = False) -> None:
        self.m = links.shape[2] // 2
        self._levels = []
        while len(links) > 1:
            n_pairs = len(links) // 2
            middle, outer = self._eliminate(links[: 2 * n_pairs : 2], links[1 : 2 * n_pairs : 2])
            self._levels.append(middle)
            links = _stacked(outer, links[2 * n_pairs :])
        self._top = self._ends(links[:1], closed)

    def _ends(self, link, closed):
        """The two ends (2m, r) as functions of normal numbers."""
        if not closed:
            return np.linalg.inv(_triangular(link)[0])
        end = np.linalg.inv(_triangular(link[:, :, : self.m] + link[:, :, self.m :])[0])
        return np.vstack([end, end])

    def _eliminate(self, left, right):
        """The states between links as functions of their neighbours, and what links these then."""
        m, r = self.m, left.shape[1]
        together = np.zeros((len(left), 2 * r, 3 * m))  # columns: the state, its neighbours
        together[:, :r, :m], together[:, :r, m : 2 * m] = left[:, :, m:], left[:, :, :m]
        together[:, r:, :m], together[:, r:, 2 * m :] = right[:, :, :m], right[:, :, m:]
        R = _triangular(together)
        noise = np.linalg.inv(R[:, :m, :m])
        return (-noise @ R[:, :m, m:], noise), R[:, m:, m:]

    @property
    def n_numbers(self) -> int:
        """How many normal numbers there are."""
        return self._top.shape[1] + self.m * sum(len(noise) for _, noise in self._levels)

    def rows(self, link: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Functions of neighbours as functions of normal numbers.

        Parameters
        ----------
        link : array of int of shape (n,)
        factors : array of shape (n, 2m)
            By which the two states of the link are multiplied.

        Returns
        -------
        array of int and array, both of shape (n, k)
            Which of the normal numbers, and what multiplies them.
        """
        m, start = self.m, 0
        columns, entries = [], []
        for gain, noise in self._levels:
            parent = np.minimum(link // 2, len(noise) - 1)
            last, left = (link // 2 == len(noise))[:, None], (link % 2 == 0)[:, None]
            none = np.zeros((len(link), m))
            middle = np.where(last, 0.0, np.where(left, factors[:, m:], factors[:, :m]))
            outer = np.where(left, np.c_[factors[:, :m], none], np.c_[none, factors[:, m:]])
            factors = np.where(last, factors, outer + _times(middle, gain[parent]))
            columns.append(start + m * parent[:, None] + np.arange(m))
            entries.append(_times(middle, noise[parent]))
            link, start = link // 2, start + m * len(noise)
        top = factors @ self._top
        columns.append(np.broadcast_to(start + np.arange(top.shape[1]), top.shape))
        entries.append(top)
        return np.concatenate(columns, axis=1), np.concatenate(entries, axis=1)


def _triangular(equations):
    """R of QR decompositions: rows of all sizes keep their digits, for the largest come first."""
    sizes = np.abs(equations).max(axis=2, keepdims=True)
    order = np.argsort(-sizes, axis=1, kind="stable")
    return np.linalg.qr(np.take_along_axis(equations, order, axis=1), mode="r")


def _times(rows, matrices):
    """Each row times its own matrix."""
    return (rows[:, None] @ matrices)[:, 0]


def _stacked(outer, rest):
    """Links with a last one that had no partner, all with as many equations."""
    if not len(rest):
        return outer
    both = np.zeros((len(outer) + 1, max(outer.shape[1], rest.shape[1]), outer.shape[2]))
    both[:-1, : outer.shape[1]], both[-1:, : rest.shape[1]] = outer, rest
    return both
