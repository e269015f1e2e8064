"""Tables and pictures of the benchmarks, from the results that are stored."""

import json
import sys
from itertools import product
from pathlib import Path

import matplotlib
import numpy as np

__all__ = ["write_measurements"]

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
OURS = {"Bayesian nets": "C0", "our spline": "C1"}
OTHERS = {
    "GP, RBF": ("0.35", "o"),
    "GP, Matern 5/2": ("0.35", "s"),
    "scipy GCV spline": ("0.6", "^"),
    "PyNumDiff savgoldiff": ("C2", "v"),
    "PyNumDiff rtsdiff": ("C2", "D"),
    "MLPRegressor": ("C4", "x"),
    "JENN": ("C5", "+"),
    "pydelt": ("C3", "*"),
}


def write_measurements(docs: Path) -> None:
    """Write generated/accuracy.md and beside_others.md, and the picture accuracy.png."""
    sys.path.insert(0, str(BENCHMARKS))
    from accuracy import METHODS, PROBLEMS, table

    lines = (BENCHMARKS / "results" / "accuracy.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    folder = docs / "generated"
    folder.mkdir(exist_ok=True)
    (folder / "accuracy.md").write_text(table(rows), encoding="utf-8")
    lines = "\n".join(_beside_others(rows, PROBLEMS, METHODS))
    (folder / "beside_others.md").write_text(lines + "\n", encoding="utf-8")
    _draw(_medians(rows), list(PROBLEMS), folder / "accuracy.png")


def _medians(rows):
    """Median RMSE of the first derivative by problem and method."""
    runs: dict = {}
    for row in rows:
        if "rmse1" in row:
            runs.setdefault((row["problem"], row["method"]), []).append(row["rmse1"])
    return {key: np.median(values) for key, values in runs.items()}


def _beside_others(rows, problems, methods):
    """The Bayesian nets beside the best other package, and their bands: a table in Markdown."""
    medians, ours = _medians(rows), ("Bayesian nets", "Bayesian nets, with slopes")
    others = [m for m in methods if not m.startswith(("Bayesian", "net,", "our"))]
    yield "| problem | Bayesian nets | best other | its error | ratio | 95 % bands hold |"
    yield "|---|---|---|---|---|---|"
    for problem, method in product(problems, ours):
        if (problem, method) in medians:
            told = method.endswith("slopes")
            rivals = {m: medians.get((problem, m)) for m in others if m.endswith("slopes") == told}
            best, error = min(((m, e) for m, e in rivals.items() if e), key=lambda pair: pair[1])
            found = medians[problem, method]
            label = problem.replace(", slopes known", ", with slopes" * told)
            numbers = f"{found:.3g} | {best} | {error:.3g} | {found / error:.3g}"
            yield f"| {label} | {numbers} | {_held(rows, problem, method)} |"


def _held(rows, problem, method):
    """Means over the runs of the share of the truth inside bands, for each order."""
    runs = [row for row in rows if (row["problem"], row["method"]) == (problem, method)]
    shares = ([row[f"cover{k}"] for row in runs if f"cover{k}" in row] for k in range(4))
    return " / ".join(f"{np.mean(share):.0%}" for share in shares if share)


def _draw(medians, problems, path):
    """Two panels: problems with noise, and those without."""
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    problems = [p for p in problems if any((p, method) in medians for method in OTHERS)]
    exact = [p for p in problems if p in ("runge", "wave") or p.endswith("slopes known")]
    noisy = [p for p in problems if p not in exact]
    heights = {"height_ratios": [len(noisy), len(exact)]}
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 9), layout="constrained", **heights)
    _panel(top, medians, noisy)
    _panel(bottom, medians, exact)
    top.set(title="with noise")
    bottom.set(title="without noise, and without slopes")
    bottom.set_xlabel("error of the first derivative, as a multiple of the best other package's")
    top.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(axes, medians, problems):
    """Errors of the rate of each method over those of the best other package."""
    best = {p: min(medians[p, m] for m in OTHERS if (p, m) in medians) for p in problems}
    styles = OTHERS | {method: (colour, "o") for method, colour in OURS.items()}
    for method, (colour, marker) in styles.items():
        places = [i for i, p in enumerate(problems) if (p, method) in medians]
        ratios = [medians[problems[i], method] / best[problems[i]] for i in places]
        size = 9 if method in OURS else 6
        axes.semilogx(ratios, places, marker, color=colour, ms=size, label=method, alpha=0.85)
    axes.axvline(1, color="0.8", zorder=0)
    axes.set_yticks(range(len(problems)), problems)
    axes.invert_yaxis()
