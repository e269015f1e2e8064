"""Classes of scikit-learn that have no derivative, and why."""

__all__ = ["reason_against"]

PIECEWISE_CONSTANT = "it is piecewise constant, so that its derivative is zero almost everywhere"
CATEGORIES = (
    "its features are categories, and it is constant between them (columns of a frame of text or "
    "of dtype category are held fixed)"
)
LABELS = "it predicts labels, which have no derivative"

REASONS = {
    "sklearn.tree.BaseDecisionTree": f"a tree predicts the mean of a leaf: {PIECEWISE_CONSTANT}",
    "sklearn.ensemble.BaseForest": f"its trees predict means of leaves: {PIECEWISE_CONSTANT}",
    "sklearn.ensemble.BaseGradientBoosting": f"it adds up trees: {PIECEWISE_CONSTANT}",
    "sklearn.ensemble.BaseHistGradientBoosting": f"it adds up trees: {PIECEWISE_CONSTANT}",
    "sklearn.ensemble.AdaBoostRegressor": (
        "it predicts a weighted median, which jumps from one of its estimators to another"
    ),
    "sklearn.ensemble.RandomTreesEmbedding": f"it codes leaves: {PIECEWISE_CONSTANT}",
    "sklearn.neighbors.NeighborsBase": (
        f"it averages over the nearest samples, and these change by jumps: {PIECEWISE_CONSTANT}"
    ),
    "sklearn.impute.KNNImputer": f"it averages over the nearest samples: {PIECEWISE_CONSTANT}",
    "sklearn.impute.MissingIndicator": PIECEWISE_CONSTANT,
    "sklearn.preprocessing.KBinsDiscretizer": f"it codes the bin of a value: {PIECEWISE_CONSTANT}",
    "sklearn.preprocessing.Binarizer": PIECEWISE_CONSTANT,
    "sklearn.preprocessing.OneHotEncoder": CATEGORIES,
    "sklearn.preprocessing.OrdinalEncoder": CATEGORIES,
    "sklearn.preprocessing.TargetEncoder": CATEGORIES,
    "sklearn.preprocessing.LabelBinarizer": CATEGORIES,
    "sklearn.preprocessing.LabelEncoder": CATEGORIES,
    "sklearn.feature_extraction.DictVectorizer": CATEGORIES,
    "sklearn.feature_extraction.FeatureHasher": CATEGORIES,
    "sklearn.feature_extraction._VectorizerMixin": "text has no derivative",
    "sklearn.base.ClassifierMixin": LABELS,
    "sklearn.base.ClusterMixin": LABELS,
    "sklearn.base.OutlierMixin": LABELS,
}


def reason_against(cls: type) -> str | None:
    """Why a class cannot be differentiated, None where nothing is known against it."""
    for parent in cls.__mro__:
        module = ".".join(parent.__module__.split(".")[:2])
        if reason := REASONS.get(f"{module}.{parent.__name__}"):
            return reason
    return None
