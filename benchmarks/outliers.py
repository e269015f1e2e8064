"""Outliers: Bayesian nets with Gaussian and with Student's t noise, on clean and spoiled samples.

PyNumDiff's six signals, with samples replaced by N(0, 2), and a track as of GPS: two coordinates
with noise of 3 m, 5 % of them wrong by 300 m. The error is that of the first derivative, root mean
square over the samples' places, relative to that of the Gaussian nets on the same samples without
outliers; "band" is the share of the true derivative within 95 % bands.

    python benchmarks/outliers.py --seeds 3 --output outliers.jsonl --table outliers.md
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from accuracy import PROBLEMS, SIGNALS, Problem

from sk_pydelt import BayesianNeuralNetworkInterpolator

SHARES = 0.0, 0.01, 0.05
NOISES = "gaussian", "student"


def track(seed):
    """A drive of 200 s along a figure of eight, in metres."""
    t = np.linspace(0, 200, 200)
    u = 2 * np.pi * t / 200
    truth = np.column_stack([400 * np.sin(u), 250 * np.sin(2 * u)])
    rate = np.column_stack([400 * np.cos(u), 500 * np.cos(2 * u)]) * 2 * np.pi / 200
    y = truth + 3 * np.random.default_rng(seed).standard_normal(truth.shape)
    return Problem(t[:, None], y, t[:, None], {0: truth, 1: rate})


def spoiled(name, share, seed):
    """A problem whose samples are replaced by outliers, as many as their share."""
    problem = track(seed) if name == "track" else PROBLEMS[name](seed)
    rng = np.random.default_rng(1000 + seed)
    wild = rng.random(problem.y.shape) < share
    values = rng.normal(0, 300, wild.shape) + problem.truth[0]
    if name != "track":
        values = rng.normal(0, 2, wild.shape)
    problem.y = np.where(wild, values, problem.y)
    return problem


def result(name, share, noise, seed):
    problem = spoiled(name, share, seed)
    began = time.perf_counter()
    with warnings.catch_warnings(record=True):
        model = BayesianNeuralNetworkInterpolator(noise=noise, random_state=seed)
        model.fit(problem.X, problem.y)
    seconds = time.perf_counter() - began
    value, std = model.differentiate(1)(problem.X_test, return_std=True)
    off = value - problem.truth[1].reshape(value.shape)
    return {
        "problem": name,
        "share": share,
        "noise": noise,
        "seed": seed,
        "error": float(np.sqrt(np.mean(off**2))),
        "band": float(np.mean(abs(off) < 1.96 * std)),
        "seconds": seconds,
        "noise_std": np.ravel(model.noise_std_).tolist(),
    }


def results(path, problems, seeds):
    """Those of a file, and those that are not yet in it, which are written there."""
    found = [json.loads(line) for line in path.open()] if path.exists() else []
    done = {tuple(row[k] for k in ("problem", "share", "noise", "seed")) for row in found}
    for seed in range(seeds):
        for name in problems:
            for share in SHARES:
                for noise in NOISES:
                    if (name, share, noise, seed) not in done:
                        found.append(result(name, share, noise, seed))
                        with path.open("a") as file:
                            print(json.dumps(found[-1]), file=file)
    return found


def table(found, problems):
    """Rows of Markdown: geometric means over the seeds."""
    yield "| problem | outliers | Gaussian | Student's t | band, Gaussian | band, Student's t |"
    yield "|---|---|---|---|---|---|"
    groups = {name: [name] for name in problems}
    if set(SIGNALS) <= set(problems):
        groups["six signals"] = list(SIGNALS)
    clean = {
        (row["problem"], row["seed"]): row["error"]
        for row in found
        if (row["share"], row["noise"]) == (0.0, "gaussian")
    }
    for label, names in groups.items():
        for share in SHARES:
            ratios, bands = [], []
            for noise in NOISES:
                rows = [r for r in found if (r["share"], r["noise"]) == (share, noise)]
                rows = [r for r in rows if r["problem"] in names]
                logs = [np.log(r["error"] / clean[r["problem"], r["seed"]]) for r in rows]
                ratios.append(f"{np.exp(np.mean(logs)):.2f}")
                bands.append(f"{100 * np.mean([r['band'] for r in rows]):.1f} %")
            yield f"| {label} | {share:.0%} | {' | '.join(ratios + bands)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--problems", nargs="+", default=[*SIGNALS, "track"])
    parser.add_argument("--output", type=Path, default=Path("outliers.jsonl"))
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    found = results(options.output, options.problems, options.seeds)
    lines = list(table(found, options.problems))
    print("\n".join(lines))
    if options.table:
        options.table.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
