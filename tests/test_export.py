"""docs/export.md: its lines export nets, and what is exported computes what the net does."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.preprocessing import MinMaxScaler, RobustScaler
from small_nets import small

PAGE = (Path(__file__).parents[1] / "docs" / "export.md").read_text(encoding="utf-8")
TORCH, ONNX, TENSORFLOW = re.findall(r"```python(?: notest)?\n(.*?)```", PAGE, flags=re.DOTALL)
# torch.onnx itself
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def session(folder):
    """What the page's lines for torch and ONNX have computed."""
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(TORCH, "docs/export.md", "exec"), names)
        names["from_torch"] = names["values"], names["slopes"]
        exec(compile(ONNX, "docs/export.md", "exec"), names)
    return names


def test_a_program_of_torch_computes_what_the_net_does(session):
    model, X = session["model"], session["X"]
    values, slopes = (tensor.detach().numpy() for tensor in session["from_torch"])
    assert_allclose(values, model.predict(X), rtol=1e-12, atol=1e-12)
    assert_allclose(slopes, model.jacobian(X), rtol=1e-11, atol=1e-11)


def test_a_file_of_onnx_computes_what_the_net_does(session, folder):
    model, X = session["model"], session["X"]
    onnx.checker.check_model(onnx.load(folder / "net.onnx"))
    assert session["values"].dtype == session["slopes"].dtype == np.float64
    assert_allclose(session["values"], model.predict(X), rtol=1e-12, atol=1e-12)
    assert_allclose(session["slopes"], model.jacobian(X), rtol=1e-11, atol=1e-11)


def test_a_program_needs_torch_alone(session, folder):
    code = f"""
import sys, torch
program = torch.export.load({str(folder / "net.pt2")!r}).module()
values, slopes = program(torch.tensor({session["X"][:1].tolist()}, dtype=torch.float64))
assert not {{"sk_pydelt", "sklearn", "skorch"}} & set(sys.modules)
print(*values.ravel().tolist(), *slopes.ravel().tolist())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = [part[:1].ravel() for part in (session["values"], session["slopes"])]
    assert_allclose([*map(float, run.stdout.split())], np.concatenate(expected), rtol=1e-10)


def exported(session, model):
    """A net as the page exports it."""
    rows = {"X": {0: torch.export.Dim("n")}}
    net = session["WithJacobian"](model)
    return torch.export.export(net, (torch.tensor(session["X"][:5]),), dynamic_shapes=rows)


OTHERS = {
    "gelu": {"activation": "gelu"},
    "swish, other scalers": {
        "activation": "swish",
        "x_scaler": RobustScaler(),
        "y_scaler": MinMaxScaler(),
    },
    "batch normalisation": {"batch_norm": True},
    "rational": {"activation": "rational"},
    "float32": {"dtype": "float32"},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_nets_are_programs_of_torch(session, name):
    model, X = small(**OTHERS[name]).fit(session["X"], session["Y"]), session["X"]
    values, slopes = exported(session, model).module()(torch.tensor(X))
    rounding = 1e-4 if name == "float32" else 1e-11
    assert_allclose(values.detach(), model.predict(X), rtol=rounding, atol=rounding)
    assert_allclose(slopes.detach(), model.jacobian(X), rtol=rounding, atol=rounding)


def test_constants_of_onnx_are_of_single_precision(session):
    """As the page says: within 1e-6, of a net whose activation has such constants."""
    model, X = small(activation="rational").fit(session["X"], session["Y"]), session["X"]
    program = torch.onnx.export(exported(session, model), dynamo=True, verbose=False)
    file = program.model_proto.SerializeToString()
    runtime = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    values, slopes = runtime.run(None, {runtime.get_inputs()[0].name: X})
    assert_allclose(values, model.predict(X), rtol=1e-6, atol=1e-6)
    assert_allclose(slopes, model.jacobian(X), rtol=1e-6, atol=1e-6)


def test_a_saved_model_of_tensorflow_computes_what_the_net_does(session, folder, monkeypatch):
    pytest.importorskip("tensorflow")
    monkeypatch.chdir(folder)
    names = {name: session[name] for name in ("NeuralNetworkInterpolator", "X", "Y")}
    exec(compile(TENSORFLOW, "docs/export.md", "exec"), names)
    model, X = names["model"], names["X"]
    assert_allclose(names["values"], model.predict(X), rtol=1e-12, atol=1e-12)
    assert_allclose(names["slopes"], model.jacobian(X), rtol=1e-11, atol=1e-11)
