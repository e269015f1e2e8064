"""How near early stopping comes to the lowest held-out loss, by rules of how long it waits.

    python benchmarks/early_stopping.py [--table early_stopping.md]

Adam on nine problems (a chirp, a bump, three and six waves, a line, noise, a step, waves in the
plane, Friedman 1), nets of (16,) and (64, 32) units, all else as it comes, four seeds, 3000 epochs,
of which the curve of held-out losses is kept. A rule ends training where that loss has not fallen
for so many epochs, counted from the start, or once it is below half of what a constant leaves; what
it keeps is the lowest loss until then, here over the lowest of all epochs. The worst median is that
of the seeds of a problem and a net.
"""

from itertools import product

import numpy as np
from printed import main
from sklearn.datasets import make_friedman1

from sk_pydelt import NeuralNetworkInterpolator

HEAD = "| rule | worst median | worst seed |"
NETS, SEEDS, EPOCHS = ((16,), (64, 32)), range(4), 3000
RULES = ((50, False), (500, False), (50, True), (200, True), (500, True))
CURVES = {
    "chirp": lambda t: np.sin(12 * t**2),
    "bump": lambda t: np.exp(-(((t - 0.5) / 0.05) ** 2)),
    "three waves": lambda t: np.sin(6 * np.pi * t),
    "six waves": lambda t: np.sin(12 * np.pi * t),
    "line": lambda t: 2 * t,
    "noise": lambda t: 0 * t,
    "step": lambda t: np.tanh(20 * (t - 0.4)),
}
PROBLEMS = (*CURVES, "waves in the plane", "friedman1")


def samples(problem, seed):
    """200 samples with noise of a tenth, for training and to hold out."""
    rng = np.random.default_rng(seed)
    if problem == "friedman1":
        return make_friedman1(200, noise=1.0, random_state=seed)
    X = rng.uniform(0, 1, (200, 1 if problem in CURVES else 2))
    f = CURVES.get(problem) or (lambda t: np.sin(9 * t[:, 0]) * np.cos(6 * t[:, 1]))
    return X, f(X).reshape(len(X), -1)[:, 0] + 0.1 * rng.standard_normal(200)


def held_out(problem, net, seed):
    """Held-out loss by epoch, over that of the mean of the training samples."""
    X, y = samples(problem, seed)
    model = NeuralNetworkInterpolator(net, epochs=EPOCHS, random_state=seed)
    model.fit(X[:160], y[:160], validation_data=(X[160:], y[160:]))
    constant = np.mean((y[160:] - y[:160].mean()) ** 2) / np.var(y[:160])
    return np.array(model.validation_loss_curve_) / constant


def kept(losses, patience, counts_late):
    """The lowest loss until a rule ends training."""
    lowest = np.minimum.accumulate(losses)
    fell = np.r_[True, lowest[1:] < lowest[:-1]]
    since = np.maximum.accumulate(np.where(fell, np.arange(len(losses)), 0))
    if counts_late:
        below = np.flatnonzero(lowest < 0.5)
        since = np.maximum(since, below[0] if len(below) else len(losses))
    ended = np.flatnonzero(np.arange(len(losses)) - since >= patience)
    return lowest[ended[0] if len(ended) else -1]


def rows():
    cases = list(product(PROBLEMS, NETS))
    curves = [[held_out(*case, seed) for seed in SEEDS] for case in cases]
    for patience, late in RULES:
        ratios = np.array([[kept(c, patience, late) / c.min() for c in part] for part in curves])
        name = f"{patience} epochs" + ", counted below half of the variance" * late
        yield f"| {name} | {np.median(ratios, axis=1).max():.3g} | {ratios.max():.3g} |"


if __name__ == "__main__":
    main(__doc__, HEAD, rows())
