"""Nets as functions of their weights: values, and Jacobians of all samples in one backward pass."""

import torch
from torch import nn

from ..activations import ACTIVATIONS, RATIONAL_DENOMINATOR, RATIONAL_NUMERATOR
from ..solvers.levenberg_marquardt import DenseJacobian
from .pytorch_modules import Rational, Sine, Softplus

__all__ = ["LayeredJacobian", "ModuleFunction", "PerceptronFunction"]


def _rational_slope(z, h):
    a, b, c, _ = RATIONAL_NUMERATOR
    p, _, q = RATIONAL_DENOMINATOR
    return ((3 * a * z + 2 * b) * z + c - 2 * p * z * h) / (p * z * z + q)


def _swish_slope(z, h):
    s = torch.sigmoid(z)
    return s + h * (1 - s)


SLOPES = {  # of the activation at z, given its value h; the rest by autograd
    nn.Tanh: lambda z, h: 1 - h * h,
    nn.Sigmoid: lambda z, h: h * (1 - h),
    nn.SiLU: _swish_slope,
    Softplus: lambda z, h: torch.sigmoid(z),
    Sine: lambda z, h: torch.cos(z),
    Rational: _rational_slope,
}


def _slope(activation, z, h):
    rule = SLOPES.get(type(activation))
    if rule is not None:
        return rule(z, h)
    z = z.clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(activation(z).sum(), z)[0]


class LayeredJacobian:
    r"""Jacobian of a perceptron by its weights, in factors of each layer.

    With δ the derivative of an output by a layer's sums :math:`z = W h + b`, the derivative by
    :math:`W_{ij}` is :math:`\delta_i h_j` and by :math:`b_i` is :math:`\delta_i`. So the matrix of
    n residuals by P weights needs never be formed: its Gram matrix is
    :math:`\sum_l \delta_l \delta_l^T \circ (h_l h_l^T + 1)`, at the cost of n² widths.

    Parameters
    ----------
    factors : list of (delta, h), tensors of shape (n, n_out) and (n, n_in), in order of the layers
    """

    def __init__(self, factors):
        self.factors = factors
        n_weights = sum(delta.shape[1] * (h.shape[1] + 1) for delta, h in factors)
        self.shape = (len(factors[0][0]), n_weights)

    def scaled(self, scale):
        """The Jacobian with each row times a number, scale (n,)."""
        return LayeredJacobian([(delta * scale[:, None], h) for delta, h in self.factors])

    def dense(self):
        """The matrix (n, P)."""
        n = self.shape[0]
        blocks = [
            block
            for delta, h in self.factors
            for block in ((delta[:, :, None] * h[:, None, :]).view(n, -1), delta)
        ]
        return torch.cat(blocks, dim=1)

    def times(self, p):
        """J p, (n,)."""
        total, start = 0, 0
        for delta, h in self.factors:
            split = start + delta.shape[1] * h.shape[1]
            stop = split + delta.shape[1]
            inner = torch.addmm(p[split:stop], h, p[start:split].view(delta.shape[1], -1).T)
            total = total + (delta * inner).sum(1)
            start = stop
        return total

    def transposed_times(self, u):
        """Jᵀ u, (P,)."""
        parts = []
        for delta, h in self.factors:
            weighted = delta * u[:, None]
            parts += [(weighted.T @ h).flatten(), weighted.sum(0)]
        return torch.cat(parts)

    def gram(self, inverse):
        """J diag(inverse) Jᵀ, (n, n), for an `inverse` that each unit of a layer has alike."""
        total, start = 0, 0
        for delta, h in self.factors:
            n_in = h.shape[1]
            bias = inverse[start + delta.shape[1] * n_in]
            inner = (h * inverse[start : start + n_in]) @ h.T
            total = total + (delta @ delta.T) * inner.add_(bias)
            start += delta.shape[1] * (n_in + 1)
        return total

    def traces(self, M):
        """Traces of M K for the Gram matrix K of the weights of each input, and of the biases.

        Parameters
        ----------
        M : tensor of shape (n, n), symmetric

        Returns
        -------
        tensor of shape (n_classes,)
            Layer by layer, one entry for each input of the layer and one for its biases.
        """
        parts = []
        for delta, h in self.factors:
            D = M * (delta @ delta.T)
            parts += [((D @ h) * h).sum(0), D.sum().view(1)]
        return torch.cat(parts)


class PerceptronFunction:
    """A `MultilayerPerceptron` without batch normalisation as a function of its weights.

    Parameters
    ----------
    module : MultilayerPerceptron
        Its weights are not read: they are given as a vector in the order of its parameters.
    """

    def __init__(self, module):
        dense = [layer for layer in module.layers if isinstance(layer, nn.Linear)]
        self.shapes = [layer.weight.shape for layer in dense]
        self.activation = next(a for a in module.layers if not isinstance(a, nn.Linear))
        self.taylor = ACTIVATIONS[module.activation].taylor

    def layers(self, w):
        """The weights and bias of each dense layer, as views of w."""
        pairs, start = [], 0
        for n_out, n_in in self.shapes:
            split = start + n_out * n_in
            pairs.append((w[start:split].view(n_out, n_in), w[split : split + n_out]))
            start = split + n_out
        return pairs

    def values(self, w, X):
        """Values (n, m) at X (n, d) with the weights w (P,)."""
        for i, (weight, bias) in enumerate(self.layers(w)):
            X = torch.addmm(bias, self.activation(X) if i else X, weight.T)
        return X

    def jacobian(self, w, X):
        """Values (n, m), and the Jacobian (n m, P) of all rows and outputs as an operator."""
        layers = self.layers(w)
        inputs, slopes = [X], []
        for weight, bias in layers[:-1]:
            z = torch.addmm(bias, inputs[-1], weight.T)
            inputs.append(self.activation(z))
            slopes.append(_slope(self.activation, z, inputs[-1]))
        values = torch.addmm(layers[-1][1], inputs[-1], layers[-1][0].T)
        n, m = values.shape
        delta = torch.eye(m, dtype=X.dtype, device=X.device).repeat(n, 1)
        factors = []
        for i in reversed(range(len(layers))):
            factors.append((delta, inputs[i].repeat_interleave(m, 0) if m > 1 else inputs[i]))
            if i:
                slope = slopes[i - 1].repeat_interleave(m, 0) if m > 1 else slopes[i - 1]
                delta = (delta @ layers[i][0]) * slope
        return values, LayeredJacobian(factors[::-1])


class ModuleFunction:
    """A user's own module as a function of its weights, differentiated by torch.func.

    Parameters
    ----------
    module : torch.nn.Module
    """

    def __init__(self, module):
        self.module = module
        self.names, parameters = zip(*module.named_parameters())
        self.shapes = [p.shape for p in parameters]

    def values(self, w, X):
        """Values (n, m) at X (n, d) with the weights w (P,)."""
        parts = w.split([shape.numel() for shape in self.shapes])
        tensors = {n: part.view(s) for n, part, s in zip(self.names, parts, self.shapes)}
        return torch.func.functional_call(self.module, tensors, (X,))

    def jacobian(self, w, X):
        """Values (n, m), and the Jacobian (n m, P) of all rows and outputs."""

        def row(w, x):
            values = self.values(w, x[None])[0]
            return values, values

        function = torch.func.vmap(torch.func.jacrev(row, has_aux=True), in_dims=(None, 0))
        J, values = function(w, X)
        return values.detach(), DenseJacobian(J.detach().flatten(0, 1))
