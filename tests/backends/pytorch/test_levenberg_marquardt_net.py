"""Levenberg–Marquardt: step against dense algebra, Jacobian against torch.func, and its ends."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sk_pydelt.backends.pytorch.jacobian import ModuleFunction, PerceptronFunction
from sklearn.utils.estimator_checks import check_estimator
from torch_modules import Residual

from sk_pydelt import NeuralNetworkInterpolator
from sk_pydelt.backends.pytorch import jacobian as pytorch_jacobian
from sk_pydelt.backends.pytorch.levenberg_marquardt_net import StopWhenDone
from sk_pydelt.backends.pytorch.perceptron import MultilayerPerceptron
from sk_pydelt.jets.activations import ACTIVATIONS
from sk_pydelt.solvers import levenberg_marquardt
from sk_pydelt.solvers.levenberg_marquardt import (
    DenseJacobian,
    DualEquations,
    LevenbergMarquardt,
    PrimalEquations,
    linearise,
    solve_positive,
)


def tensor(rng, *shape):
    return torch.tensor(rng.standard_normal(shape))


def perceptron(activation="tanh", hidden_layers=(5, 4), n_features=2, n_outputs=3, seed=0):
    return MultilayerPerceptron(
        n_features,
        n_outputs,
        hidden_layers=hidden_layers,
        activation=activation,
        omega_0=2.0,
        dropout_rate=0.0,
        batch_norm=False,
        dtype=torch.float64,
        device="cpu",
        seed=seed,
    )


def weights(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("n", "P"), [(7, 12), (12, 7), (9, 9)])
@pytest.mark.parametrize("damping", [1e-8, 0.1, 100.0])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_both_systems_give_the_step_of_dense_least_squares(rng, n, P, damping, penalty):
    J, r, w = tensor(rng, n, P), tensor(rng, n), tensor(rng, P)
    prior = penalty * torch.tensor(rng.uniform(size=P))
    eye = torch.eye(P, dtype=w.dtype)
    rows = torch.cat([J, eye * prior.sqrt(), damping**0.5 * eye])
    target = torch.cat([r, prior.sqrt() * w, 0 * w])
    expected = -np.linalg.lstsq(rows.numpy(), target.numpy())[0]
    for equations in (PrimalEquations([(J, r)]), DualEquations(DenseJacobian(J), r)):
        assert_allclose(equations.step(w, prior, damping), expected, rtol=1e-6, atol=1e-9)
        assert_allclose(equations.gradient, J.T @ r, rtol=1e-12)
        assert equations.scale() == pytest.approx(float((J**2).sum()) / P)


@pytest.mark.parametrize(("n", "P"), [(7, 12), (12, 7)])
@pytest.mark.parametrize("penalty", [None, 0.3])
def test_a_step_falls_and_bends_as_dense_algebra_says(rng, n, P, penalty):
    J, r, w, H = tensor(rng, n, P), tensor(rng, n), tensor(rng, P), tensor(rng, n, P, P)
    prior = None if penalty is None else penalty * torch.tensor(rng.uniform(size=P))
    diagonal = 0.1 + (0 * w if prior is None else prior)
    system = J.T @ J + torch.diag(diagonal)
    h = levenberg_marquardt.DIFFERENCE
    primal = PrimalEquations([(J, r)], DenseJacobian(J).transposed_times)
    for equations in (primal, DualEquations(DenseJacobian(J), r)):
        p = equations.step(w, prior, 0.1)
        curvature = (H @ p) @ p  # r(w + t p) = r + t J p + t² curvature / 2
        bend = equations.bend(p, J @ p + h * curvature / 2)
        expected = -torch.linalg.solve(system, J.T @ curvature) / 2
        assert_allclose(bend, expected, rtol=1e-9, atol=1e-12)

        def model(p):
            penalty = 0 if prior is None else float(prior @ (w + p) ** 2)
            return float(((r + J @ p) ** 2).sum()) + penalty

        assert equations.fall(w, prior, 0.1, p) == pytest.approx(model(0 * p) - model(p))


def test_an_indefinite_matrix_is_solved_by_its_eigenvalues(rng):
    A = torch.diag(torch.tensor([2.0, 1.0, -1e-17], dtype=torch.float64))
    x = solve_positive(A, torch.tensor([[2.0], [3.0], [0.0]], dtype=torch.float64))
    assert_allclose(x[:, 0], [1.0, 3.0, 0.0])


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_jacobian_of_one_backward_pass_is_that_of_torch_func(rng, activation):
    module = perceptron(activation)
    w, X = weights(module), tensor(rng, 6, 2)
    values, jacobian = PerceptronFunction(module).jacobian(w, X)
    expected_values, expected = ModuleFunction(module).jacobian(w, X)
    assert_allclose(values, expected_values, rtol=1e-13)
    assert_allclose(PerceptronFunction(module).values(w, X), values, rtol=1e-13)
    assert_allclose(jacobian.dense(), expected.dense(), rtol=1e-9, atol=1e-12)


def test_a_jacobian_after_values_starts_from_them_unless_weights_have_changed(rng, monkeypatch):
    function = PerceptronFunction(perceptron())
    w, X = weights(perceptron()), tensor(rng, 6, 2)
    passes, forward = [], PerceptronFunction._forward
    counted = lambda *args: (passes.append(1), forward(*args))[1]  # noqa: E731
    monkeypatch.setattr(PerceptronFunction, "_forward", counted)
    expected = function.jacobian(w, X)[1].dense()
    function.values(w, X)
    assert_array_equal(function.jacobian(w, X)[1].dense(), expected)
    assert len(passes) == 2
    function.values(w, X)
    w.mul_(2)
    assert not np.allclose(function.jacobian(w, X)[1].dense(), expected)
    assert len(passes) == 4
    monkeypatch.setattr(pytorch_jacobian, "REMEMBERED", 0)
    assert_allclose(function.values(w, X), forward(function, w, X)[-1][-1])
    assert len(passes) == 4


def test_the_layered_jacobian_is_its_matrix(rng):
    module = perceptron()
    function = PerceptronFunction(module)
    _, jacobian = function.jacobian(weights(module), tensor(rng, 6, 2))
    jacobian = jacobian.scaled(tensor(rng, 18))
    J = jacobian.dense()
    assert jacobian.shape == tuple(J.shape) == (18, len(weights(module)))
    p, u = tensor(rng, J.shape[1]), tensor(rng, 18)
    assert_allclose(jacobian.times(p), J @ p, rtol=1e-10)
    assert_allclose(jacobian.transposed_times(u), J.T @ u, rtol=1e-10, atol=1e-13)
    inverse = []  # one number for each input of a layer, one for its biases
    for layer, (n_out, n_in) in enumerate(function.shapes):
        inverse += [torch.arange(1.0, n_in + 1).repeat(n_out) + layer, torch.full((n_out,), 0.5)]
    inverse = torch.cat(inverse).double()
    assert_allclose(jacobian.gram(inverse), (J * inverse) @ J.T, rtol=1e-10)
    assert_allclose(jacobian.gram(), J @ J.T, rtol=1e-10, atol=1e-13)
    M = tensor(rng, 18, 18)
    M = M + M.T
    squares = ((M @ J) * J).sum(0)  # the trace of M J_i J_iᵀ of each weight
    expected, start = [], 0
    for n_out, n_in in function.shapes:
        block = squares[start : start + n_out * n_in].view(n_out, n_in).sum(0)
        start += n_out * (n_in + 1)
        expected += [block, squares[start - n_out : start].sum().view(1)]
    assert_allclose(jacobian.traces(M), torch.cat(expected), rtol=1e-8, atol=1e-10)


def test_the_gram_matrix_is_summed_over_row_blocks(rng, monkeypatch):
    J, r = tensor(rng, 50, 4), tensor(rng, 50)
    whole = linearise(lambda rows: (DenseJacobian(J[rows]), r[rows]), 50, 1, 4)
    monkeypatch.setattr(levenberg_marquardt, "MAX_JACOBIAN", 30)
    sizes = []

    def jacobian(rows):
        sizes.append(len(J[rows]))
        return DenseJacobian(J[rows]), r[rows]

    blocks = linearise(jacobian, 50, 1, 4)
    assert max(sizes) * 4 <= 30
    assert sum(sizes) == 50
    assert_allclose(blocks.gram, whole.gram, rtol=1e-12)
    assert_allclose(blocks.gradient, whole.gradient, rtol=1e-12)
    assert_array_equal(blocks.r, r)
    for equations in (blocks, whole):
        assert_allclose(equations.transposed_times(r), J.T @ r, rtol=1e-12)


def test_a_hopeless_size_is_refused_before_anything_is_computed():
    with pytest.raises(ValueError, match="20000 weights .* 30000 residuals.*solver='lbfgs'"):
        linearise(None, 30_000, 1, 20_000)


def test_it_solves_rosenbrocks_valley():
    def residuals(w):
        return torch.stack([10 * (w[1] - w[0] ** 2), 1 - w[0]])

    w, prior, search = torch.tensor([-1.2, 1.0]).double(), torch.zeros(2).double(), None
    search = LevenbergMarquardt()
    for _ in range(100):
        J = torch.func.jacrev(residuals)(w)
        r = residuals(w)
        equations = PrimalEquations([(J, r)])
        loss = float(r @ r)
        w, new = search.step(w, loss, equations, lambda w: float((residuals(w) ** 2).sum()), prior)
        assert new <= loss
        if search.stop_reason:
            break
    assert_allclose(w, [1.0, 1.0], atol=1e-12)
    assert search.stop_reason in ("loss", "gradient")


@pytest.fixture
def curve():
    x = np.linspace(-1, 1, 15).reshape(-1, 1)
    return x, 1 / (1 + 25 * x.ravel() ** 2)


def lm(**parameters):
    defaults = {"hidden_layers": (8,), "solver": "lm", "epochs": 60, "random_state": 0}
    return NeuralNetworkInterpolator(**{**defaults, **parameters})


def test_the_first_step_is_bounded_by_the_weights(rng):
    J, r = tensor(rng, 6, 9), 100 * tensor(rng, 6)
    for w, bound in ((tensor(rng, 9), 0.25), (torch.zeros(9).double(), float("inf"))):

        def evaluate(v, w=w):
            return float(((r + J @ (v - w)) ** 2).sum())

        search, loss = LevenbergMarquardt(), float(r @ r)
        equations = DualEquations(DenseJacobian(J), r)
        new, new_loss = search.step(w, loss, equations, evaluate)
        assert 0 < float((new - w).norm()) <= bound * float(w.norm() or 1)
        assert new_loss < loss
        for _ in range(100):
            equations = DualEquations(DenseJacobian(J), r + J @ (new - w))
            new, new_loss = search.step(new, new_loss, equations, evaluate)
        assert new_loss < 1e-20 * loss  # later steps are as long as they need to be


def test_check_estimator():
    check_estimator(lm(hidden_layers=(4,), epochs=15), on_skip=None)


def test_it_interpolates_to_rounding(curve):
    net = lm(hidden_layers=(32, 16), epochs=300).fit(*curve)
    assert net.loss_curve_[-1] < 1e-20
    assert net.stop_reason_ in ("loss", "step")
    assert np.all(np.diff(net.loss_curve_) <= 0)
    assert_allclose(net.predict(curve[0]), curve[1], atol=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "swish"])
def test_bent_steps_are_few(curve, activation):
    """Straight ones need 30 to 90 and more."""
    for seed in range(3):
        options = {"activation": activation, "random_state": seed, "epochs": 40}
        assert lm(hidden_layers=(32, 16), **options).fit(*curve).loss_curve_[-1] < 1e-12


@pytest.mark.parametrize("change", ["none", "in place", "replaced"])
def test_callbacks_see_the_weights_and_may_change_them(curve, monkeypatch, change):
    seen, on_epoch_end = [], StopWhenDone.on_epoch_end

    def watch(self, net, **kwargs):
        parameters = list(net.module_.parameters())
        if change == "in place":
            parameters[0].data.mul_(1.01)
        elif change == "replaced":
            parameters[0].data = 1.01 * parameters[0].data
        with torch.no_grad():
            X, y = kwargs["dataset_train"].tensors
            seen.append(float(((net.module_(X) - y) ** 2).mean()))
        on_epoch_end(self, net, **kwargs)

    monkeypatch.setattr(StopWhenDone, "on_epoch_end", watch)
    net = lm(epochs=10).fit(*curve)
    assert_allclose(seen[:-1], net.loss_curve_[1:], rtol=1e-9)
    assert net.net_.history[:, "train_loss"] == net.loss_curve_
    assert net.net_.history[-1] is list(net.net_.history)[-1]


def test_stop_reasons(curve):
    x, y = curve
    assert lm(epochs=3).fit(x, y).stop_reason_ == "epochs"
    noisy = y + 0.1 * np.random.default_rng(0).standard_normal(15)
    stopped = lm(early_stopping=True, patience=3, epochs=500).fit(x, noisy)
    assert stopped.stop_reason_ == "early_stopping"
    assert len(stopped.validation_loss_curve_) == stopped.n_iter_
    assert lm(epochs=300).fit(x, np.ones(15)).stop_reason_ in ("loss", "gradient", "step")
    assert lm(solver="adam", epochs=3).fit(x, y).stop_reason_ == "epochs"
    flat = lm(solver="lbfgs", activation="identity", epochs=500).fit(x, y)
    assert flat.stop_reason_ == "stalled"


def test_sample_weight_counts_copies_and_alpha_penalises_weights(curve):
    x, y = curve
    y = np.column_stack([y, np.sin(x.ravel())])
    weight = np.arange(15) % 3 + 1
    options = {"alpha": 1e-3, "activation": "tanh", "epochs": 300}
    weighted = lm(**options).fit(x, y, sample_weight=weight)
    copies = lm(**options).fit(np.repeat(x, weight, axis=0), np.repeat(y, weight, axis=0))
    assert_allclose(weighted.loss_curve_[0], copies.loss_curve_[0], rtol=1e-9)
    assert_allclose(weighted.loss_curve_[-1], copies.loss_curve_[-1], rtol=1e-4)
    sizes = [
        sum(float((p.detach() ** 2).sum()) for p in net.net_.module_.parameters() if p.ndim > 1)
        for net in (lm(alpha=alpha).fit(x, y) for alpha in (1e-6, 1e-2))
    ]
    assert sizes[0] > 2 * sizes[1]


def test_primal_and_dual_fits_agree(curve):
    """The same residuals twice make the problem primal: the loss must fall alike."""
    x, y = curve
    dual = lm(epochs=5, alpha=1e-4).fit(x, y)
    primal = lm(epochs=5, alpha=1e-4).fit(np.tile(x, (2, 1)), np.tile(y, 2))
    assert_allclose(primal.loss_curve_, dual.loss_curve_, rtol=1e-6)


def test_the_same_seed_gives_the_same_bits(curve):
    a, b = (lm().fit(*curve).predict(curve[0]) for _ in range(2))
    assert_array_equal(a, b)


def test_a_users_own_module(curve):
    net = lm(module=Residual, epochs=100).fit(*curve)
    assert net.loss_curve_[-1] < 1e-3 * net.loss_curve_[0]


def test_the_progress_bar(curve, capfd):
    lm(verbose=True, epochs=5).fit(*curve)
    assert "5/5" in capfd.readouterr().err


def test_an_interrupted_fit_keeps_its_last_accepted_step(curve, monkeypatch):
    step, calls = LevenbergMarquardt.step, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(LevenbergMarquardt, "step", interrupted)
    with pytest.warns(UserWarning, match="interrupted after 3 of 60"):
        net = lm().fit(*curve)
    assert net.stop_reason_ == "interrupted"
    assert net.n_iter_ == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dropout_rate": 0.1}, "solver='lm' takes all samples.*Use dropout_rate=0; got"),
        ({"batch_norm": True}, "solver='lm'.*Use batch_norm=False"),
        ({"batch_size": 4}, "solver='lm'.*Use batch_size=None"),
    ],
)
def test_what_it_cannot_do_is_refused(curve, parameters, message):
    with pytest.raises(ValueError, match=message):
        lm(**parameters).fit(*curve)
