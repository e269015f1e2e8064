"""Modules as a user may write them, where a pickle finds them again in another process."""

from itertools import count, pairwise

from torch import nn


class Residual(nn.Module):
    """Batch normalisation, dropout, and a skip: nothing that the built-in net has a rule for."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.first = nn.Sequential(
            nn.Linear(n_features, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.2)
        )
        self.second = nn.Linear(6, 6)
        self.last = nn.Linear(6, n_outputs)

    def forward(self, X):
        h = self.first(X)
        return self.last(h + self.second(h).sin())


class TwinOfTheBuiltIn(nn.Module):
    """The layers of ``hidden_layers=(6, 5), batch_norm=True, dropout_rate=0.1``, "tanh"."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        widths = [n_features, 6, 5]
        layers = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.Tanh(), nn.Dropout(0.1)]
        self.layers = nn.Sequential(*layers, nn.Linear(5, n_outputs))

    def forward(self, X):
        return self.layers(X)


def plain(n_features, n_outputs):
    """A function that returns a module."""
    return nn.Sequential(nn.Linear(n_features, 6), nn.Tanh(), nn.Linear(6, n_outputs))


class Interrupted(nn.Module):
    """The user presses Ctrl-C in the call of number `stop` in training."""

    stop = None

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layers = plain(n_features, n_outputs)
        self.calls = count(1)

    def forward(self, X):
        if self.training and next(self.calls) == self.stop:
            raise KeyboardInterrupt
        return self.layers(X)
