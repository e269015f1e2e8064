"""Bayesian neural interpolation: exact derivatives with error bars, and nothing to tune."""

from .estimator import BayesianNeuralNetworkInterpolator

__all__ = ["BayesianNeuralNetworkInterpolator"]
