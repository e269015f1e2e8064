"""
Through a pipeline: marginal effects
====================================

What does one unit more of a column do to the prediction? A pipeline of scikit-learn is
differentiated straight through every step, in the units of the raw columns.
"""

# %%
# 442 patients of the diabetes data in clinical units; y says how far the disease came in a year.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.svm import SVR

from sk_pydelt import average_marginal_effects, differentiate
from sk_pydelt.display import DerivativeDisplay, MarginalEffectsDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = X.astype(float)

# %%
# Columns are prepared each in its way, the machine's penalty is chosen by a search.
preparation = ColumnTransformer(
    [
        ("spline", SplineTransformer(4, extrapolation="linear"), ["age", "bmi", "bp"]),
        ("log", FunctionTransformer(np.log), ["s1", "s2", "s4"]),
    ],
    remainder="passthrough",
)
model = make_pipeline(preparation, StandardScaler(), SVR(gamma=0.005))
search = GridSearchCV(model, {"svr__C": [10.0, 30.0, 100.0]}).fit(X, y)
print(search.best_params_, f"R² {search.best_score_:.2f}")

# %%
# Averages over the patients of the derivative by each column, with standard errors over rows.
MarginalEffectsDisplay.from_estimator(search, X)
plt.show()

# %%
# As a table:
effects = average_marginal_effects(search, X)
for name, average, error in zip(effects.feature_names, effects.average, effects.standard_error):
    print(f"{name:4}{average:9.3f} ± {error:.3f}")

# %%
# Averages hide what differs: the prediction and its derivative by the body mass index, a thin line
# for each patient.
DerivativeDisplay.from_estimator(search, X, y, features="bmi", kind="average")
plt.show()

# %%
# And one mixed derivative: is the effect of the index larger at a higher blood pressure?
interaction = differentiate(search, {"bmi": 1, "bp": 1})(X)
print(f"∂²y/∂bmi∂bp: {interaction.mean():.4f} on average")
