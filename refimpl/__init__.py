"""Reference implementation of Bayesian sparsification for recurrent networks, in NumPy and CuPy."""

__version__ = "0.1.0"
