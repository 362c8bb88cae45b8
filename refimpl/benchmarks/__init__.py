"""Whole training steps, timed against the same step in PyTorch and JAX and against their matrix products alone."""
