"""Nets as functions of their weights: values, and Jacobians of all samples in one backward pass."""

import torch
from torch import nn
from torch.nn.functional import linear

from ...jets.activations import ACTIVATIONS, RATIONAL_DENOMINATOR, RATIONAL_NUMERATOR
from ...solvers.levenberg_marquardt import DenseJacobian
from .perceptron import Rational, Sine, Softplus

__all__ = ["LayeredJacobian", "ModuleFunction", "PerceptronFunction"]

REMEMBERED = 2**22  # sums of units that are kept for a Jacobian (64 MiB with their activations)


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
            weighted = delta.T * u
            parts += [(weighted @ h).flatten(), weighted.sum(1)]
        return torch.cat(parts)

    def gram(self, inverse=None):
        """J diag(inverse) Jᵀ, (n, n), for an `inverse` that each unit of a layer has alike.

        J Jᵀ for None.
        """
        total, start = 0, 0
        for delta, h in self.factors:
            n_in, bias, scaled = h.shape[1], 1, h
            if inverse is not None:
                bias = inverse[start + delta.shape[1] * n_in]
                scaled = h * inverse[start : start + n_in]
            total = (delta @ delta.T).mul_((scaled @ h.T).add_(bias)).add_(total)
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

    The Jacobian at the weights and rows where values were asked for last starts from there.

    Parameters
    ----------
    module : MultilayerPerceptron
        Its weights are not read: they are given as a vector in the order of its parameters.
    """

    def __init__(self, module):
        dense = [layer for layer in module.layers if isinstance(layer, nn.Linear)]
        self.shapes = [tuple(layer.weight.shape) for layer in dense]
        self.activation = next(a for a in module.layers if not isinstance(a, nn.Linear))
        self.taylor = ACTIVATIONS[module.activation].taylor
        self.sizes = [k for n_out, n_in in self.shapes for k in (n_out * n_in, n_out)]
        self.n_units = sum(n_out for n_out, _ in self.shapes)
        self._last = None  # a forward pass, and where it was taken

    def layers(self, w):
        """The weights and bias of each dense layer, as views of w."""
        parts = w.split_with_sizes(self.sizes)
        return [(W.view(s), b) for W, b, s in zip(parts[::2], parts[1::2], self.shapes)]

    def values(self, w, X):
        """Values (n, m) at X (n, d) with the weights w (P,)."""
        if len(X) * self.n_units <= REMEMBERED:
            forward = *_, sums = self._forward(w, X)
            self._last = w, w._version, X, forward
            return sums[-1]
        for i, (weight, bias) in enumerate(self.layers(w)):
            X = linear(self.activation(X) if i else X, weight, bias)
        return X

    def _forward(self, w, X):
        """The layers, what goes into each, and what comes out before the activation."""
        layers, inputs, sums = self.layers(w), [X], []
        for weight, bias in layers:
            if sums:
                inputs.append(self.activation(sums[-1]))
            sums.append(linear(inputs[-1], weight, bias))
        return layers, inputs, sums

    def jacobian(self, w, X):
        """Values (n, m), and the Jacobian (n m, P) of all rows and outputs as an operator."""
        last, self._last = self._last, None
        known = last is not None and last[0] is w and last[1] == w._version and last[2] is X
        layers, inputs, sums = last[3] if known else self._forward(w, X)
        n, m = sums[-1].shape
        identity = torch.eye(m, dtype=X.dtype, device=X.device)
        delta = identity.expand(n, m, m).reshape(n * m, m)
        factors = []
        for i in reversed(range(len(layers))):
            h = inputs[i]
            factors.append((delta, h.repeat_interleave(m, 0) if m > 1 else h))
            if i:
                slope = _slope(self.activation, sums[i - 1], h)
                slope = slope.repeat_interleave(m, 0) if m > 1 else slope
                delta = (delta @ layers[i][0]).mul_(slope)
        return sums[-1], LayeredJacobian(factors[::-1])


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
