"""Models made of models: columns sent different ways, nested pipelines, and where errors point."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rules import ROWS, X, Y, check_rule, y
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor, RadiusNeighborsRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
)
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

from sk_pydelt import differentiate, gradient
from sk_pydelt.chain import propagate, propagate_transform

FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
FRAME_ROWS = pd.DataFrame(ROWS, columns=["a", "b", "c"])


def check_model(model, data=X, target=y):
    model.fit(data, target)
    names = getattr(data, "columns", None)

    def predict(rows):
        return model.predict(rows if names is None else pd.DataFrame(rows, columns=names))

    check_rule(lambda jet: propagate(model, jet), predict)
    return model


COLUMNS = {
    "positions": [0, 2],
    "one position": [1],
    "negative": [-1],
    "slice": slice(0, 2),
    "mask": [True, False, True],
    "callable": lambda X: [2, 0],
    "array": np.array([2, 1]),
}
NAMES = {
    "names": ["c", "a"],
    "slice of names": slice("a", "b"),
    "selector": make_column_selector(pattern="[ac]"),
    "positions": [2, 0],
}
REMAINDERS = ["drop", "passthrough", MinMaxScaler()]


@pytest.mark.parametrize("remainder", REMAINDERS, ids=str)
@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_columns_by_position(columns, remainder):
    transformer = ColumnTransformer([("num", PolynomialFeatures(2), columns)], remainder=remainder)
    check_model(make_pipeline(transformer, SVR()))


@pytest.mark.parametrize("remainder", REMAINDERS, ids=str)
@pytest.mark.parametrize("columns", NAMES.values(), ids=NAMES)
def test_columns_by_name(columns, remainder):
    transformer = ColumnTransformer([("num", PolynomialFeatures(2), columns)], remainder=remainder)
    model = check_model(make_pipeline(transformer, SVR()), FRAME)
    assert_array_equal(gradient(model, FRAME_ROWS), gradient(model, FRAME_ROWS))


def test_columns_many_ways():
    """Overlapping, dropped, empty and passed through; a transformer of nothing but constants."""
    transformer = ColumnTransformer(
        [
            ("num", make_pipeline(StandardScaler(), PolynomialFeatures(2)), [0, 2]),
            ("again", "passthrough", [0]),
            ("out", "drop", [1]),
            ("empty", StandardScaler(), []),
            ("power", PowerTransformer(), [1, 0]),
        ],
        remainder="passthrough",
    )
    check_model(make_pipeline(transformer, SVR()))


def test_columns_first_or_last():
    inner = ColumnTransformer([("num", StandardScaler(), [1])], remainder="passthrough")
    check_model(make_pipeline(StandardScaler(), PolynomialFeatures(2), inner, SVR()))
    transformer = make_pipeline(inner).fit(X)
    check_rule(lambda jet: propagate_transform(transformer, jet), transformer.transform)


def test_column_order_follows_the_transformers_not_the_frame():
    transformer = ColumnTransformer([("b", "passthrough", ["c"]), ("a", "passthrough", ["a"])])
    model = make_pipeline(transformer, LinearRegression()).fit(FRAME, 2 * FRAME.a + 5 * FRAME.c)
    assert_allclose(gradient(model, FRAME_ROWS), np.tile([2, 0, 5], (12, 1)), atol=1e-12)
    assert_allclose(differentiate(model, {"c": 1})(FRAME_ROWS), np.full(12, 5))


def test_union():
    union = FeatureUnion(
        [
            ("scaled", StandardScaler()),
            ("powers", PolynomialFeatures(2)),
            ("same", "passthrough"),
            ("out", "drop"),
        ],
        transformer_weights={"scaled": 3.0, "same": 0.5},
    )
    check_model(make_pipeline(union, SVR()))


def test_union_whose_first_branch_is_dropped():
    check_model(make_pipeline(FeatureUnion([("out", "drop"), ("in", StandardScaler())]), SVR()))


def test_nested_unions_and_columns():
    inner = FeatureUnion([("p", PolynomialFeatures(2)), ("s", make_pipeline(StandardScaler()))])
    outer = ColumnTransformer(
        [("u", inner, [0, 1])], remainder=FeatureUnion([("q", "passthrough")])
    )
    check_model(make_pipeline(outer, "passthrough", make_pipeline(None, SVR())))


def test_memory_cached_pipeline(tmp_path):
    steps = [("power", PowerTransformer()), ("svr", SVR())]
    model = check_model(Pipeline(steps, memory=str(tmp_path)))
    assert_array_equal(gradient(model, ROWS), gradient(Pipeline(steps).fit(X, y), ROWS))


def test_selectors_before_and_as_the_last_step():
    check_model(make_pipeline(RFE(Ridge(), n_features_to_select=2), SVR()))
    check_model(make_pipeline(StandardScaler(), RFE(Ridge(), n_features_to_select=2)))


def test_regressors_as_features():
    """Votes and stacks have a transform too: inside a pipeline it is this that counts."""
    members = [("a", Ridge()), ("b", SVR())]
    vote = VotingRegressor(members).fit(X, y)
    check_rule(lambda jet: propagate_transform(vote, jet), vote.transform)
    stack = StackingRegressor(members, passthrough=True).fit(X, y)
    check_rule(lambda jet: propagate_transform(stack, jet), stack.transform)


def test_target_of_a_search_of_a_vote():
    vote = VotingRegressor([("a", make_pipeline(StandardScaler(), SVR())), ("b", Ridge())])
    search = GridSearchCV(vote, {"a__svr__C": [1, 10]}, cv=2)
    check_model(TransformedTargetRegressor(search, func=np.log, inverse_func=np.exp))


def test_target_transformed_in_several_outputs():
    model = TransformedTargetRegressor(
        make_pipeline(PolynomialFeatures(2), LinearRegression()),
        transformer=make_pipeline(StandardScaler(), PowerTransformer()),
    )
    check_model(model, target=Y)


def test_frozen_steps():
    scaler = FrozenEstimator(StandardScaler().fit(X))
    check_model(make_pipeline(scaler, FrozenEstimator(SVR().fit(scaler.transform(X), y))))


TREES = [
    DecisionTreeRegressor(),
    ExtraTreeRegressor(),
    RandomForestRegressor(n_estimators=2),
    ExtraTreesRegressor(n_estimators=2),
    GradientBoostingRegressor(n_estimators=2),
    HistGradientBoostingRegressor(max_iter=2),
    KNeighborsRegressor(),
    RadiusNeighborsRegressor(10.0),
]


@pytest.mark.parametrize("model", TREES, ids=str)
def test_trees_and_neighbours_are_refused(model):
    name = type(model).__name__
    message = (
        rf"{name} cannot be differentiated: .*piecewise constant.*propagate\.register\({name}\)"
    )
    with pytest.raises(TypeError, match=message):
        differentiate(model.fit(X, y))


def test_a_weighted_median_is_refused():
    model = AdaBoostRegressor(Ridge(), n_estimators=2).fit(X, y)
    with pytest.raises(TypeError, match="it predicts a weighted median"):
        differentiate(model)


@pytest.mark.parametrize("model", [LogisticRegression(), RidgeClassifier()], ids=str)
def test_classifiers_are_refused(model):
    with pytest.raises(TypeError, match="it predicts labels"):
        differentiate(model.fit(X, y > np.median(y)))


DISCRETE = {
    "bin": KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    "binary": Binarizer(),
    "onehot": OneHotEncoder(handle_unknown="ignore"),
    "ordinal": OrdinalEncoder(),
}


@pytest.mark.parametrize("step", DISCRETE.values(), ids=DISCRETE)
def test_the_message_names_step_and_place(step):
    name = type(step).__name__
    columns = ColumnTransformer([("num", StandardScaler(), [0]), ("odd", step, [1])])
    inner = Pipeline([("columntransformer", columns), ("svr", SVR())])
    model = TransformedTargetRegressor(Pipeline([("in", inner)]), transformer=StandardScaler())
    message = (
        rf"In step 'regressor__in__columntransformer__odd' of the pipeline: {name} cannot be "
        rf"differentiated: .*propagate\.register\({name}\)\(rule\)"
    )
    with pytest.raises(TypeError, match=message):
        gradient(model.fit(X, y), ROWS)


WRAPPED = {
    "a": VotingRegressor([("a", DecisionTreeRegressor())]),
    "b": StackingRegressor([("b", DecisionTreeRegressor())], cv=2),
    "final_estimator": StackingRegressor([("b", Ridge())], DecisionTreeRegressor(), cv=2),
    r"estimators_\[0\]": BaggingRegressor(DecisionTreeRegressor(), n_estimators=2),
    "estimator": MultiOutputRegressor(DecisionTreeRegressor()),
    "transformer": TransformedTargetRegressor(
        Ridge(), func=np.log, inverse_func=lambda z: np.exp(z), check_inverse=False
    ),
}


@pytest.mark.parametrize("place", WRAPPED)
def test_the_message_names_the_place_in_an_ensemble(place):
    model = WRAPPED[place].fit(X, Y if place == "estimator" else y)
    with pytest.raises(TypeError, match=f"(?s)In step '{place}' of the pipeline: .* cannot be"):
        differentiate(model)


def test_union_names_the_place():
    union = FeatureUnion([("s", StandardScaler()), ("f", FunctionTransformer(np.sign))])
    model = make_pipeline(union, SVR()).fit(X, y)
    with pytest.raises(TypeError, match="In step 'featureunion__f'.*register_function"):
        differentiate(model)
