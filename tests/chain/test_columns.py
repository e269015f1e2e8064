"""Frames with columns that hold no numbers: they are held fixed, row by row."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from sk_pydelt import (
    average_marginal_effects,
    biharmonic,
    derivatives,
    differentiate,
    directional_derivative,
    gradient,
    hessian,
    jacobian,
    laplacian,
)

RNG = np.random.default_rng(0)
N = 60
CITY = RNG.choice(["Bonn", "Oslo", "Rome"], N)
AGE, BMI = RNG.uniform(20, 60, N), RNG.uniform(18, 30, N)
SLOPE = np.select([CITY == "Bonn", CITY == "Oslo"], [2.0, 5.0], -1.0)  # by age
y = SLOPE * AGE + 0.1 * BMI**2
DATA = {"city": list(CITY), "age": AGE, "sex": list(RNG.choice(["f", "m"], N)), "bmi": BMI}
PANDAS, POLARS = pd.DataFrame(DATA, index=range(100, 100 + N)), pl.DataFrame(DATA)
FRAMES = {"pandas": PANDAS, "polars": POLARS}
each_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


def columns(numbers=None, text=None, text_names=("city", "sex")):
    numbers, text = numbers or StandardScaler(), text or OneHotEncoder()
    return ColumnTransformer([("num", numbers, ["age", "bmi"]), ("cat", text, list(text_names))])


def interactions():
    """Every product of two columns, which holds y exactly: a slope for each city."""
    return make_pipeline(columns(), PolynomialFeatures(2), LinearRegression())


def differences(model, frame, name, step=1e-4):
    """Central differences of predict by one column of a pandas frame."""
    sides = [model.predict(frame.assign(**{name: frame[name] + s})) for s in (step, -step)]
    return (sides[0] - sides[1]) / (2 * step)


@each_frame
def test_slopes_of_each_city_in_closed_form(frame):
    model = interactions().fit(frame, y)
    assert_allclose(differentiate(model, {"age": 1})(frame), SLOPE, rtol=1e-9)
    assert_allclose(differentiate(model, {"bmi": 2})(frame), 0.2, rtol=1e-8)
    found = gradient(model, frame)
    assert_allclose(found[:, [1, 3]], np.column_stack([SLOPE, 0.2 * BMI]), rtol=1e-8)


@each_frame
def test_there_is_no_derivative_by_text(frame):
    """NaN where the order asks for all, a ValueError where it asks for that one."""
    model = interactions().fit(frame, y)
    for found in (
        gradient(model, frame),
        jacobian(model, frame)[:, 0],
        differentiate(model)(frame),
    ):
        assert found.shape == (N, 4)
        assert_array_equal(np.isnan(found), np.tile([True, False, True, False], (N, 1)))
    second = hessian(model, frame)
    assert_array_equal(np.isnan(second[0]), ~np.outer([0, 1, 0, 1], [0, 1, 0, 1]).astype(bool))
    assert_allclose(second[:, 3, 3], 0.2, rtol=1e-7)
    message = r"no derivative by \['city'\]: these columns hold no numbers.*\['age', 'bmi'\]"
    for order in ({"city": 1}, (1, 1, 0, 0)):
        with pytest.raises(ValueError, match=message):
            differentiate(model, order)(frame)
        with pytest.raises(ValueError, match=message):
            derivatives(model, frame, [order])
    with pytest.raises(ValueError, match=message):
        directional_derivative(model, frame, [1, 1, 0, 0])


def test_operators_take_the_columns_of_numbers():
    powers = make_pipeline(StandardScaler(), PolynomialFeatures(4))
    model = make_pipeline(columns(powers), Ridge(1e-3)).fit(PANDAS, y)
    fourth = differentiate(model, 4)(PANDAS)
    second = hessian(model, PANDAS)
    assert_allclose(laplacian(model, PANDAS), second[:, 1, 1] + second[:, 3, 3], rtol=1e-9)
    expected = fourth[:, 1, 1, 1, 1] + 2 * fourth[:, 1, 1, 3, 3] + fourth[:, 3, 3, 3, 3]
    assert_allclose(biharmonic(model, PANDAS), expected, rtol=1e-8)
    along = directional_derivative(model, PANDAS, [0, 2.0, 0, -1.0])
    first, second = derivatives(model, PANDAS, [{"age": 1}, {"bmi": 1}])
    assert_allclose(along, 2 * first - second, rtol=1e-9, atol=1e-9)
    each = np.outer(np.arange(N), [0, 1.0, 0, 0])
    assert_allclose(directional_derivative(model, PANDAS, each), np.arange(N) * first, rtol=1e-9)


@each_frame
def test_effects_have_a_row_for_each_column_of_numbers(frame):
    model = interactions().fit(frame, y)
    effects = average_marginal_effects(model, frame)
    assert effects.feature_names == ["age", "bmi"]
    assert_allclose(effects.average, [SLOPE.mean(), 0.2 * BMI.mean()], rtol=1e-9)
    assert list(effects.to_frame().index) == ["age", "bmi"]
    several = interactions().fit(frame, np.column_stack([y, -2 * y]))
    both = average_marginal_effects(several, frame)
    assert_allclose(both.average, np.outer([1, -2], effects.average), rtol=1e-8)


def test_frames_out_have_columns_for_numbers_only():
    model = interactions().fit(PANDAS, y)
    found = differentiate(model, 2).set_output(transform="pandas")(PANDAS)
    assert list(found.columns) == ["d2y/dage2", "d2y/dagedbmi", "d2y/dbmi2"]
    assert_array_equal(found.index, PANDAS.index)
    assert_allclose(found["d2y/dbmi2"], 0.2, rtol=1e-7)
    framed = differentiate(model).set_output(transform="polars")(PANDAS)
    assert framed.columns == ["dy/dage", "dy/dbmi"]


ENCODERS = {
    "one-hot": OneHotEncoder(drop="first"),
    "dense": OneHotEncoder(sparse_output=False),
    "ordinal": OrdinalEncoder(),
    "target": TargetEncoder(cv=KFold(2)),
    "imputed": make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
    "union": FeatureUnion([("a", OneHotEncoder()), ("b", OrdinalEncoder())]),
    "nested": ColumnTransformer([("c", OneHotEncoder(), ["city"])], remainder=OrdinalEncoder()),
}


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_encoders_against_differences(encoder):
    model = make_pipeline(columns(text=encoder), SVR(C=100)).fit(PANDAS, y)
    found = gradient(model, PANDAS)
    for i, name in ((1, "age"), (3, "bmi")):
        expected = differences(model, PANDAS, name)
        assert_allclose(found[:, i], expected, rtol=1e-6, atol=1e-6 * abs(expected).max())
        assert_allclose(differentiate(model, {name: 1})(PANDAS), found[:, i], rtol=1e-12)


def members():
    return [("a", make_pipeline(columns(), SVR(C=100))), ("b", interactions())]


WRAPPED = {
    "search": GridSearchCV(make_pipeline(columns(), SVR()), {"svr__C": [1, 100]}, cv=2),
    "target": TransformedTargetRegressor(
        make_pipeline(columns(), SVR(C=100)), transformer=StandardScaler()
    ),
    "vote": VotingRegressor(members()),
    "stack": StackingRegressor(members(), SVR(C=100), cv=2),
    "passthrough first": make_pipeline("passthrough", make_pipeline(columns()), SVR(C=100)),
    "union": make_pipeline(FeatureUnion([("a", columns()), ("b", columns())]), SVR(C=100)),
    "nested": make_pipeline(
        ColumnTransformer([("in", columns(text_names=["city"]), ["city", "age", "bmi"])]), SVR()
    ),
    "weights": make_pipeline(
        columns().set_params(transformer_weights={"num": 3.0, "cat": 0.5}), SVR(C=100)
    ),
    "frames within": make_pipeline(
        columns(text=OneHotEncoder(sparse_output=False)).set_output(transform="pandas"), SVR()
    ),
}


@pytest.mark.parametrize("model", WRAPPED.values(), ids=WRAPPED)
def test_models_around_it_against_differences(model):
    model.fit(PANDAS, y)
    found = gradient(model, PANDAS)
    for i, name in ((1, "age"), (3, "bmi")):
        expected = differences(model, PANDAS, name)
        assert_allclose(found[:, i], expected, rtol=1e-6, atol=1e-6 * abs(expected).max())


def test_standard_deviations_beside_text():
    process = GaussianProcessRegressor(RBF(2.0), alpha=1.0, optimizer=None)
    model = make_pipeline(columns(), process).fit(PANDAS, y)
    values, std = differentiate(model)(PANDAS, return_std=True)
    plain = np.asarray(model[0].transform(PANDAS), dtype=float)
    expected = differentiate(process.fit(plain, y))(plain, return_std=True)
    scale = model[0].named_transformers_["num"].scale_
    for found, of_all in zip((values, std), expected):
        assert_array_equal(np.isnan(found[0]), [True, False, True, False])
        assert_allclose(found[:, [1, 3]], of_all[:, :2] / scale, rtol=1e-7, atol=1e-9)
    assert_allclose(differentiate(model, {"age": 1})(PANDAS, return_std=True)[1], std[:, 1])


def test_one_column_of_texts_goes_to_a_vectorizer():
    """It takes a column, not a table of one."""
    frame = PANDAS.assign(note=[f"{c} and {c}" for c in CITY])
    transformer = ColumnTransformer(
        [("num", "passthrough", ["age"]), ("words", CountVectorizer(), "note")]
    )
    model = make_pipeline(transformer, PolynomialFeatures(2), LinearRegression())
    model.fit(frame, SLOPE * AGE)
    assert_allclose(differentiate(model, {"age": 1})(frame), SLOPE, rtol=1e-8)


def test_columns_passed_through_by_the_remainder():
    transformer = ColumnTransformer(
        [("cat", OneHotEncoder(), make_column_selector(dtype_exclude="number"))],
        remainder="passthrough",
    )
    model = make_pipeline(transformer, PolynomialFeatures(2), LinearRegression()).fit(PANDAS, y)
    assert_allclose(differentiate(model, {"age": 1})(PANDAS), SLOPE, rtol=1e-7)


def test_categories_are_not_numbers_even_where_they_are_coded_so():
    coded = PANDAS.assign(city=pd.Categorical(SLOPE.astype(int)))
    model = interactions().fit(coded, y)
    assert_allclose(differentiate(model, {"age": 1})(coded), SLOPE, rtol=1e-8)
    assert np.isnan(gradient(model, coded)[:, 0]).all()


def test_arrays_of_objects():
    X = PANDAS.to_numpy()
    transformer = ColumnTransformer([("n", StandardScaler(), [1, 3])], remainder=OneHotEncoder())
    model = make_pipeline(transformer, PolynomialFeatures(2), LinearRegression()).fit(X, y)
    assert_allclose(gradient(model, X)[:, 1], SLOPE, rtol=1e-8)
    assert np.isnan(gradient(model, X)[:, 0]).all()


def test_nullable_and_missing_numbers():
    frame = PANDAS.astype({"bmi": "Float64"})
    frame.loc[105, "bmi"] = pd.NA
    imputed = make_pipeline(SimpleImputer(), StandardScaler())
    model = make_pipeline(columns(imputed), PolynomialFeatures(2), Ridge(1e-8)).fit(frame, y)
    found = gradient(model, frame)
    assert found[5, 3] == 0
    assert np.isfinite(found[:, 1]).all()
    with pytest.raises(ValueError, match="NaN"):
        gradient(interactions().fit(PANDAS, y), frame)


def test_blocks_of_rows_and_pickles():
    frame = pd.concat([PANDAS] * 10)
    derivative = differentiate(interactions().fit(PANDAS, y), {"age": 1})
    assert_allclose(pickle.loads(pickle.dumps(derivative))(frame), np.tile(SLOPE, 10), rtol=1e-8)


def test_discrete_steps_on_numbers():
    """Held fixed where another column is differentiated; refused, by place, where it is they."""
    bins = KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")
    transformer = ColumnTransformer([("num", StandardScaler(), ["age"]), ("bin", bins, ["bmi"])])
    model = make_pipeline(transformer, PolynomialFeatures(2), Ridge(1e-6)).fit(PANDAS, y)
    found = differentiate(model, {"age": 1})(PANDAS)
    assert_allclose(found, differences(model, PANDAS, "age"), rtol=1e-6)
    message = "In step 'columntransformer__bin' of the pipeline: KBinsDiscretizer cannot be"
    for refused in (differentiate(model), differentiate(model, {"bmi": 1})):
        with pytest.raises(TypeError, match=message):
            refused(PANDAS)
    with pytest.raises(TypeError, match=message):
        average_marginal_effects(model, PANDAS)
    by_number = PANDAS.assign(sex=(PANDAS.sex == "f").astype(int))
    model = interactions().fit(by_number, y)
    with pytest.raises(TypeError, match="'columntransformer__cat' .*takes columns that hold no"):
        gradient(model, by_number)
    as_category = by_number.astype({"sex": "category"})
    assert_allclose(gradient(model, as_category)[:, 1], SLOPE, rtol=1e-8)


def test_arrays_have_discrete_steps_too():
    X = np.column_stack([AGE, BMI])
    bins = KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")
    transformer = ColumnTransformer([("num", StandardScaler(), [0]), ("bin", bins, [1])])
    model = make_pipeline(transformer, PolynomialFeatures(2), Ridge(1e-6)).fit(X, y)
    expected = (model.predict(X + [1e-3, 0]) - model.predict(X - [1e-3, 0])) / 2e-3
    assert_allclose(differentiate(model, (1, 0))(X), expected, rtol=1e-6)
    with pytest.raises(TypeError, match="KBinsDiscretizer cannot be differentiated"):
        gradient(model, X)


def test_a_tree_is_refused_when_called():
    model = make_pipeline(columns(), DecisionTreeRegressor()).fit(PANDAS, y)
    with pytest.raises(TypeError, match="In step 'decisiontreeregressor' .*piecewise constant"):
        differentiate(model)(PANDAS)


def test_text_where_no_branch_takes_it():
    model = make_pipeline(StandardScaler(), Ridge()).fit(PANDAS[["age", "bmi"]], y)
    with pytest.raises(ValueError, match="could not convert string to float"):
        gradient(model, PANDAS[["age", "bmi"]].assign(bmi="heavy"))


def test_other_columns_than_at_fit():
    model = interactions().fit(PANDAS, y)
    with pytest.raises(ValueError, match="feature names should match"):
        gradient(model, PANDAS[["age", "city", "sex", "bmi"]])
