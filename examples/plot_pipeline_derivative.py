"""
What moves the prediction? Marginal effects through a whole pipeline
====================================================================

A model of the diabetes data takes its ten raw columns, in clinical units, through splines,
logarithms and powers, a support vector machine and a logarithm of the target.
`average_marginal_effects` differentiates all of that at once: how much does the prediction rise for
one unit more of a column, on average over the patients?
"""

# %%
# 442 patients; y measures how far the disease has come a year later (25 to 346).
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVR

from sk_pydelt import average_marginal_effects, differentiate

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[-1])
parser.add_argument(
    "--output", type=Path, default="plot_pipeline_derivative.png", help="path of the figure"
)
parser.add_argument("--refits", type=int, default=50, help="bootstrap refits of the model")
arguments = parser.parse_known_args()[0]

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = X.astype(float)
print(f"{len(X)} patients, {X.shape[1]} columns")
meaning = {
    "age": "age (years)",
    "sex": "sex (1 or 2)",
    "bmi": "body mass index (kg/m²)",
    "bp": "mean blood pressure (mmHg)",
    "s1": "total cholesterol (mg/dl)",
    "s2": "LDL (mg/dl)",
    "s3": "HDL (mg/dl)",
    "s4": "cholesterol / HDL",
    "s5": "log of triglycerides",
    "s6": "blood sugar (mg/dl)",
}

# %%
# Each group of columns is prepared in its own way, as in practice.
preparation = ColumnTransformer(
    [
        ("spline", SplineTransformer(4, extrapolation="linear"), ["age", "bmi", "bp"]),
        ("log", make_pipeline(FunctionTransformer(np.log), StandardScaler()), ["s1", "s2", "s4"]),
        ("power", PowerTransformer(), ["s3", "s6"]),
    ],
    remainder=StandardScaler(),
)
regressor = TransformedTargetRegressor(
    make_pipeline(preparation, StandardScaler(), SVR(gamma=0.005)),
    func=np.log,
    inverse_func=np.exp,
)
folds = KFold(5, shuffle=True, random_state=0)
grid = {"regressor__svr__C": [0.3, 1.0, 3.0], "regressor__svr__epsilon": [0.1, 0.3]}
model = GridSearchCV(regressor, grid, cv=folds).fit(X, y)
linear = LinearRegression().fit(X, y)
for name, score in (
    ("pipeline", model.best_score_),
    ("linear regression", cross_val_score(linear, X, y, cv=folds).mean()),
):
    print(f"{name:20} R² in cross-validation {score:.3f}")

# %%
# The average over patients and its standard error, the model taken as it is. How much the model
# itself might differ is another matter: it is refitted to patients drawn with replacement.
effects = average_marginal_effects(model, X)
rng = np.random.default_rng(0)
draws = [rng.integers(len(X), size=len(X)) for _ in range(arguments.refits)]
refits = [clone(model.best_estimator_).fit(X.iloc[rows], y.iloc[rows]) for rows in draws]
averages = np.array([average_marginal_effects(refit, X).average for refit in refits])
refit_error = averages.std(axis=0, ddof=1)
print(f"\n{'one unit more of':28}{'effect':>9}{'± rows':>9}{'± refits':>10}{'linear':>9}")
columns = zip(effects.feature_names, effects.average, effects.standard_error, refit_error)
for (name, average, rows_error, error), slope in zip(columns, linear.coef_):
    print(f"{meaning[name]:28}{average:9.3f}{rows_error:9.3f}{error:10.3f}{slope:9.3f}")

# %%
# Units differ, so the figure shows the effect of one standard deviation of each column. The blood
# fats s1 to s5 are collinear: least squares gives them large effects of opposite signs, which the
# pipeline, as good in cross-validation, does not. (sex has two values: its effect is the slope of
# the model between them.) Beside it, what an average hides: the derivative by the body mass index,
# patient by patient; the two beyond 40 lie where the last knots are.
spread = X.std().to_numpy()
order = np.argsort(abs(effects.average * spread))
places = np.arange(len(order))
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
left.errorbar(
    (effects.average * spread)[order],
    places,
    xerr=2 * (refit_error * spread)[order],
    fmt="none",
    ecolor="0.6",
    label="± 2 standard errors, refits",
)
left.errorbar(
    (effects.average * spread)[order],
    places,
    xerr=2 * (effects.standard_error * spread)[order],
    fmt="o",
    color="C0",
    elinewidth=4,
    label="± 2 standard errors, rows",
)
left.plot((linear.coef_ * spread)[order], places, "kx", label="linear regression")
left.axvline(0, color="0.8", zorder=0)
left.set_yticks(places, [meaning[effects.feature_names[i]].split(" (")[0] for i in order])
left.set(xlabel="change of y for one standard deviation more", title="average marginal effects")
left.legend(fontsize="small")
by_bmi = differentiate(model, {"bmi": 1})(X)
points = right.scatter(X["bmi"], by_bmi, c=X["bp"], s=12, cmap="viridis")
right.set(xlabel=meaning["bmi"], ylabel="∂y / ∂(body mass index)", title="one by one")
figure.colorbar(points, label=meaning["bp"])
figure.savefig(arguments.output, dpi=100)
