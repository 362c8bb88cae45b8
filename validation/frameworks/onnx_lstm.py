"""The operator LSTM of ONNX as a model, and nn.LSTM exported to one. ONNX Runtime computes it in float32 only; in
float64 ONNX's own reference evaluator does."""

import io
import warnings

import onnx
import torch
from onnx import TensorProto, helper

INPUTS = ("X", "W", "R", "B", "initial_h", "initial_c")
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def operator_model(hidden_size, dtype="float32"):
    """One LSTM node; every array is an input."""
    places = ["X", "W", "R", "B", "", "initial_h", "initial_c"]  # "" is sequence_lens
    node = helper.make_node("LSTM", places, ["Y", "Y_h", "Y_c"], hidden_size=hidden_size)
    inputs = [helper.make_tensor_value_info(name, TYPES[dtype], None) for name in INPUTS]
    outputs = [helper.make_tensor_value_info(name, TYPES[dtype], None) for name in ("Y", "Y_h", "Y_c")]
    graph = helper.make_graph([node], "lstm", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def exported_nn_lstm(input_size, hidden_size, steps, batch):
    """torch.nn.LSTM by torch.onnx.export: the weights are initializers, in ONNX's order of the gates."""
    state = (torch.zeros(1, batch, hidden_size), torch.zeros(1, batch, hidden_size))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, about itself
        arguments = (torch.zeros(steps, batch, input_size), state)
        torch.onnx.export(torch.nn.LSTM(input_size, hidden_size), arguments, buffer, dynamo=False, opset_version=17)
    return onnx.load_from_string(buffer.getvalue())
