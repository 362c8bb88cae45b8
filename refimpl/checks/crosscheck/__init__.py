"""Check another implementation against this one: the command ``refimpl crosscheck``, and what a subject needs of it."""

from refimpl.checks.crosscheck.adapters_jax import jax_subject
from refimpl.checks.crosscheck.adapters_torch import torch_subject
from refimpl.checks.crosscheck.layouts import (
    from_keras_weight,
    from_torch_bias,
    from_torch_weight,
    keras_weight,
    onnx_bias,
    onnx_peephole,
    onnx_weight,
    torch_bias,
    torch_weight,
)
from refimpl.checks.crosscheck.torch_tools import given_noise, with_parameters

__all__ = [
    "from_keras_weight",
    "from_torch_bias",
    "from_torch_weight",
    "given_noise",
    "jax_subject",
    "keras_weight",
    "onnx_bias",
    "onnx_peephole",
    "onnx_weight",
    "torch_bias",
    "torch_subject",
    "torch_weight",
    "with_parameters",
]
