"""What is written in PyTorch beside this file, exported to ONNX and computed by ONNX Runtime: outputs, in float64.

The graph has the elementary operators only (Einsum, Sigmoid, Tanh, Exp, ...), an LSTM as its unrolled loop: ONNX
Runtime 1.32 has these in float64, and its operator LSTM in float32 alone, which ``onnx_lstm`` checks.
"""

import io
import warnings

import onnx
import torch

from refimpl.checks.crosscheck.adapters_onnx import model_subject
from refimpl.checks.crosscheck.adapters_torch import default_dtype
from refimpl.checks.crosscheck.data_loss import DataLoss
from refimpl.checks.crosscheck.subject import ATTRIBUTE, Subject, call, check_outputs, in_dtype, parts_of


class Exported(torch.nn.Module):
    """A subject's function as a module of the arrays of a case, in their order."""

    def __init__(self, function, case, known):
        super().__init__()
        self.function, self.case, self.known, self.names = function, case, known, []

    def forward(self, *arrays):
        tensors = dict(zip(self.case.given, arrays, strict=True))
        outputs = call(self.function, parts_of(tensors, self.case.config), DataLoss(tensors))
        full = check_outputs(outputs, self.known)
        self.names = list(full)
        return tuple(value.clone() for value in full.values())


def export(function, case, known):
    """The ONNX model of a torch function on a case: inputs and outputs by their full names."""
    given = [torch.from_numpy(a) for a in in_dtype(case.given, "float64").values()]
    with default_dtype("float64"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself, and that constants are constants
        module = Exported(function, case, known)
        module(*given)
        names = {"input_names": list(case.given), "output_names": module.names}
        buffer = io.BytesIO()
        torch.onnx.export(module, tuple(given), buffer, dynamo=False, opset_version=17, **names)
    return onnx.load_from_string(buffer.getvalue())


def exported_subject(function):
    """The subject that computes a torch function by ONNX Runtime."""
    ops = getattr(function, ATTRIBUTE).ops

    def run(case, known):
        return model_subject(export(function, case, known), function.__name__, ops).run(case, known)

    return Subject(f"{function.__name__} by ONNX Runtime", run, ops, repeatable=False)
