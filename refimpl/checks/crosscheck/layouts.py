"""Our layout of an LSTM's weights in the layouts of others, and back, as functions of a line.

They only reshape, turn and reorder, so the same function serves NumPy, PyTorch and JAX, and weights as well as their
gradients. Inside a subject that a framework differentiates no gradient need be converted: it comes back in the layout
in which the parameter was given.
"""

import numpy as np

from refimpl.arrays import Array

ONNX_GATES = np.array([0, 3, 1, 2])  # i, o, f, g as places in our i, f, g, o; its inverse is argsort


def torch_weight(W: Array) -> Array:
    """(D, 4, H) -> (4H, D): ``weight_ih_l0`` and ``weight_hh_l0`` of nn.LSTM."""
    return W.reshape(W.shape[0], -1).T


def torch_bias(b: Array) -> Array:
    """(4, H) -> (4H,): ``bias_ih_l0``; the other bias is then zero."""
    return b.reshape(-1)


def from_torch_weight(W: Array) -> Array:
    """(4H, D) -> (D, 4, H)."""
    return W.T.reshape(W.shape[1], 4, -1)


def from_torch_bias(b: Array) -> Array:
    """(4H,) -> (4, H)."""
    return b.reshape(4, -1)


def keras_weight(W: Array) -> Array:
    """(D, 4, H) -> (D, 4H): ``kernel`` and ``recurrent_kernel`` of keras.layers.LSTM."""
    return W.reshape(W.shape[0], -1)


def from_keras_weight(W: Array) -> Array:
    """(D, 4H) -> (D, 4, H)."""
    return W.reshape(W.shape[0], 4, -1)


def onnx_weight(W: Array) -> Array:
    """(D, 4, H) -> (1, 4H, D) in the order i, o, f, g: ``W`` and ``R`` of ONNX's LSTM."""
    return torch_weight(W[:, ONNX_GATES])[None]


def onnx_bias(b: Array) -> Array:
    """(4, H) -> (1, 8H): ``B`` of ONNX's LSTM, the second half zero."""
    return np.concatenate([b[ONNX_GATES].reshape(-1), np.zeros_like(b).reshape(-1)])[None]


def onnx_peephole(p: Array) -> Array:
    """(3, H) of i, f, o -> (1, 3H) of i, o, f: ``P`` of ONNX's LSTM."""
    return p[np.array([0, 2, 1])].reshape(1, -1)
