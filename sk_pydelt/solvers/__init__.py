"""Mathematics on arrays.

Steps, systems, Levenberg–Marquardt, Laplace's approximation and evidence take NumPy's arrays and
torch's tensors alike, and stay on their device; splines, averages and densities take NumPy's.
"""
