"""Arguments by position and attributes as pydelt's users write and read them."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sk_pydelt.interpolation import NeuralNetworkInterpolator, SplineInterpolator

T = np.linspace(0, 2, 25)


def test_arguments_by_position_in_pydelts_order():
    net = NeuralNetworkInterpolator("pytorch", [8], 5, 0.1)
    assert (
        net.get_params()
        == NeuralNetworkInterpolator(
            backend="pytorch", hidden_layers=[8], epochs=5, dropout_rate=0.1
        ).get_params()
    )
    assert clone(net).get_params() == net.get_params()
    assert net.fit(T, np.sin(T)).n_iter_ == 5
    mixed = NeuralNetworkInterpolator("tensorflow", [8], dropout=0.1, activation="relu")
    assert (mixed.backend, mixed.dropout_rate, mixed.activation) == ("tensorflow", 0.1, "relu")


def test_arguments_by_position_in_our_order():
    net = NeuralNetworkInterpolator([8], "relu")
    assert (net.hidden_layers, net.activation, net.backend) == ([8], "relu", "pytorch")


def test_arguments_by_position_that_do_not_fit():
    with pytest.raises(TypeError, match=r"framework, hidden_layers, epochs, dropout.*keyword.*5"):
        NeuralNetworkInterpolator("pytorch", [8], 5, 0.1, 32)
    with pytest.raises(TypeError, match=r"epochs given twice"):
        NeuralNetworkInterpolator("pytorch", [8], 5, epochs=6)
    with pytest.raises(TypeError, match=r"dropout is pydelt's name of dropout_rate"):
        NeuralNetworkInterpolator("pytorch", [8], 5, 0.1, dropout_rate=0.2)


@pytest.mark.parametrize(
    ("model", "theirs", "ours", "value"),
    [
        (NeuralNetworkInterpolator(), "framework", "backend", "tensorflow"),
        (NeuralNetworkInterpolator(), "dropout", "dropout_rate", 0.5),
        (SplineInterpolator(), "k", "degree", 3),
    ],
)
def test_parameters_are_read_and_set_by_pydelts_names(model, theirs, ours, value):
    assert getattr(model, theirs) == getattr(model, ours) != value
    setattr(model, theirs, value)
    assert model.get_params()[ours] == value
    assert theirs not in model.get_params()


def test_the_model_is_the_net_of_scaled_data():
    net = NeuralNetworkInterpolator("pytorch", [8], 5)
    with pytest.raises(NotFittedError):
        net.model  # noqa: B018
    net.fit(T, np.sin(T))
    assert isinstance(net.model, torch.nn.Module)
    scaled = net.model(torch.as_tensor(net.x_scaler_.transform(T[:, None])))
    values = net.y_scaler_.inverse_transform(scaled.detach().numpy())[:, 0]
    np.testing.assert_allclose(values, net.predict(T), rtol=1e-12)


def test_the_model_of_a_tensorflow_net_is_that_of_keras():
    keras = pytest.importorskip("keras")
    net = NeuralNetworkInterpolator("tensorflow", [4], 2).fit(T, np.sin(T))
    assert isinstance(net.model, keras.Model)


@pytest.mark.parametrize(
    ("model", "name", "where"),
    [
        (SplineInterpolator(), "splines", r"spline_ .* predict and differentiate"),
        (SplineInterpolator(), "n_observations", r"len\(y\)"),
        (SplineInterpolator(), "window_func", r"y \* window\(len\(y\)\)"),
        (SplineInterpolator(), "window_weights", r"y \* window\(len\(y\)\)"),
        (SplineInterpolator(), "set_stochastic_link", "rule of Itô"),
        (NeuralNetworkInterpolator(), "stochastic_link", "rule of Itô"),
        (NeuralNetworkInterpolator(), "stochastic_method", "rule of Itô"),
        (NeuralNetworkInterpolator(), "fitted", "check_is_fitted"),
        (NeuralNetworkInterpolator(), "scaler_x", "x_scaler_"),
        (NeuralNetworkInterpolator(), "t_min", "x_scaler_"),
        (NeuralNetworkInterpolator(), "t_max", "x_scaler_"),
        (NeuralNetworkInterpolator(), "scaler_y", "y_scaler_"),
        (NeuralNetworkInterpolator(), "s_min", "y_scaler_"),
        (NeuralNetworkInterpolator(), "s_max", "y_scaler_"),
    ],
)
def test_other_attributes_say_where_they_are_now(model, name, where):
    pattern = f"{type(model).__name__} has no attribute '{name}', which pydelt's has: .*{where}"
    with pytest.raises(AttributeError, match=pattern):
        getattr(model, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        model.nonsense  # noqa: B018


@pytest.mark.parametrize("model", [SplineInterpolator(), NeuralNetworkInterpolator([4], epochs=2)])
def test_a_window_is_no_weight(model):
    with pytest.raises(TypeError, match=r"sample_weight, not window_func.*y \* window"):
        model.fit(T, np.sin(T), np.hanning)
