"""ONNX models: outputs only, run by ONNX Runtime.

Inputs and initializers of the graph are filled by name: ours ("x", "W_x", or "input.x", "param.W_x"), in our layout, or
those of the operator LSTM (X, W, R, B, initial_h, initial_c, P), in ONNX's; what feeds the graph's one LSTM node
directly is found by its place there. Outputs: ours ("h"), or Y, Y_h and Y_c, or three in this order.
ONNX Runtime has the operator LSTM in float32 only; a float64 model with it is run by ONNX's own reference evaluator.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from refimpl.arrays import Array
from refimpl.checks.conformance import Case
from refimpl.checks.crosscheck.layouts import onnx_bias, onnx_peephole, onnx_weight
from refimpl.checks.crosscheck.subject import (
    ALTERNATIVES,
    PREFIXES,
    Answered,
    BadSubjectError,
    NotApplicableError,
    Subject,
    check_outputs,
)

PLACES_IN = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")  # of the operator LSTM
PLACES_OUT = ("Y", "Y_h", "Y_c")


def _state(a: Array) -> Array:
    return a[None]


def _as_it_is(a: Array) -> Array:
    return a


FEEDS: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "X": ("input.x", _as_it_is),
    "W": ("param.W_x", onnx_weight),
    "R": ("param.W_h", onnx_weight),
    "B": ("param.b", onnx_bias),
    "P": ("param.peephole", onnx_peephole),
    "initial_h": ("input.h0", _state),
    "initial_c": ("input.c0", _state),
}
ANSWERS = {"Y": "out.h", "Y_h": "out.h_last", "Y_c": "out.c_last"}


def onnx_subject(path: Path) -> Subject:
    """The model in a file.

    Errors: BadSubjectError if the file or the packages onnx and onnxruntime are missing, or it holds no model.
    """
    if not path.is_file():
        raise BadSubjectError(f"{path}: no such file")
    try:
        onnx, _ = import_module("onnx"), import_module("onnxruntime")
    except ImportError as error:
        raise BadSubjectError(f"{path}: {error}; install onnx and onnxruntime (extra crosscheck)") from error
    try:
        model = onnx.load(str(path))
    except Exception as error:  # of protobuf, which has several implementations with errors of their own
        raise BadSubjectError(f"{path}: no ONNX model: {error}") from error
    if not model.graph.output:
        raise BadSubjectError(f"{path}: no ONNX model: its graph has no outputs")
    return model_subject(model, path.name)


def model_subject(model: Any, name: str, ops: tuple[str, ...] = ()) -> Subject:
    """A model in memory; of one with an LSTM node the operation is "lstm" unless others are named."""
    onnx = import_module("onnx")
    cells = [node for node in model.graph.node if node.op_type == "LSTM"]
    in_place = dict(zip(cells[0].input, PLACES_IN, strict=False)) if len(cells) == 1 else {}
    out_place = dict(zip(cells[0].output, PLACES_OUT, strict=False)) if len(cells) == 1 else {}

    def run(case: Case, known: Sequence[str]) -> Answered:
        feeds, used = {}, set()
        replaced = onnx.ModelProto()
        replaced.CopyFrom(model)
        for tensor in replaced.graph.initializer:
            name = _given_name(tensor.name, in_place, case)
            if name is not None:
                before = onnx.numpy_helper.to_array(tensor)
                value = _value(tensor.name, name, in_place, case).astype(before.dtype)
                if value.shape != before.shape:
                    raise NotApplicableError(
                        f"initializer {tensor.name}: expected shape {value.shape} of the case, got {before.shape}"
                    )
                tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
                used.add(name)
        fixed = {tensor.name for tensor in replaced.graph.initializer}
        for entry in (e for e in replaced.graph.input if e.name not in fixed):
            name = _given_name(entry.name, in_place, case)
            if name is None:
                raise NotApplicableError(f"input {entry.name!r} of the graph is none of {[*FEEDS, *case.given]}")
            dtype = onnx.helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type)
            feeds[entry.name] = _value(entry.name, name, in_place, case).astype(dtype)
            _check_shape(entry, feeds[entry.name].shape)
            used.add(name)
        outputs, notes = _evaluate(replaced, feeds)
        named = _answers(outputs, out_place, known, case)
        arrays = [n for n in case.given if n.startswith(tuple(PREFIXES.values())) and not n.endswith(ALTERNATIVES)]
        return Answered(check_outputs(named, known), unread=tuple(n for n in arrays if n not in used), notes=notes)

    return Subject(name, run, ops or (("lstm",) if in_place else ()), hint="--case OPERATION")


def _check_shape(entry: Any, shape: tuple[int, ...]) -> None:
    """Errors: NotApplicableError where the graph has other sizes than the case."""
    kind = entry.type.tensor_type
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    if kind.HasField("shape") and (
        len(sizes) != len(shape) or any(s not in (None, n) for s, n in zip(sizes, shape, strict=False))
    ):
        raise NotApplicableError(f"input {entry.name!r} of the graph has shape {sizes}, in this case {shape}")


def _given_name(name: str, in_place: dict[str, str], case: Case) -> str | None:
    """The array of the case that a graph's input or initializer of that name stands for."""
    role = in_place.get(name, name)
    ours = [FEEDS[role][0]] if role in FEEDS else [name, *(prefix + name for prefix in PREFIXES.values())]
    return next((n for n in ours if n in case.given), None)


def _value(name: str, given: str, in_place: dict[str, str], case: Case) -> Array:
    convert = FEEDS.get(in_place.get(name, name), ("", _as_it_is))[1]
    return convert(case.given[given])


def _evaluate(model: Any, feeds: dict[str, Array]) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Outputs by name; a note where ONNX Runtime could not run it and the reference evaluator did."""
    runtime = import_module("onnxruntime")
    names = [output.name for output in model.graph.output]
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 4
    try:
        session = runtime.InferenceSession(model.SerializeToString(), quiet, providers=["CPUExecutionProvider"])
        return dict(zip(names, session.run(None, feeds), strict=True)), ()
    except Exception as error:  # its exceptions have no common class that is public
        if "does not support double" not in str(error):
            raise
    evaluator = import_module("onnx.reference").ReferenceEvaluator(model)
    said = "run by ONNX's reference evaluator: ONNX Runtime has no LSTM in float64"
    return dict(zip(names, evaluator.run(None, feeds), strict=True)), (said,)


def _answers(outputs: dict[str, Array], places: dict[str, str], known: Sequence[str], case: Case) -> dict[str, Array]:
    """The outputs by our names and in our shapes: Y has an axis for the direction."""
    by_order = dict(zip(outputs, PLACES_OUT, strict=False)) if len(outputs) == len(PLACES_OUT) else {}
    named = {}
    for name, value in outputs.items():
        ours = name in known or f"out.{name}" in known
        role = name if ours or name in ANSWERS else places.get(name) or by_order.get(name, name)
        answer = ANSWERS.get(role, role)
        cotangent = case.given.get(answer.replace("out.", "cotangent.", 1))
        if cotangent is not None and cotangent.size == value.size and value.ndim == cotangent.ndim + 1:
            value = value.reshape(cotangent.shape)
        named[answer] = value
    return named
