"""ONNX Runtime agrees with refimpl: all outputs of every case in float64, the operator LSTM in float32."""

from importlib import import_module

import pytest

from refimpl.checks.conformance import answers
from refimpl.checks.crosscheck.checking import check_case, crosscheck
from refimpl.checks.crosscheck.loading import load_subject
from refimpl.checks.crosscheck.subject import BadSubjectError
from tests.frameworks.comparing import BY_ID, compared, subjects_on
from validation.frameworks.subjects import PACKAGES, subjects_of

for package in PACKAGES["onnx"]:
    pytest.importorskip(package, reason=f"{package} is not installed (extra crosscheck)")
onnx, models = import_module("onnx"), import_module("validation.frameworks.onnx_lstm")
operator_model, exported_nn_lstm = models.operator_model, models.exported_nn_lstm

SUBJECTS = subjects_of("onnx")
D, H, T, B = 5, 3, 6, 2


@pytest.mark.parametrize("case", [case for case in BY_ID if BY_ID[case].op != "adam"])
def test_every_output_agrees(case):
    (subject,) = subjects_on(case, SUBJECTS).values()
    given, _ = compared(subject, case)
    calculated = {name for name in answers(BY_ID[case]) if not name.startswith("grad.")}
    assert given >= calculated - {"out.data"}


@pytest.fixture
def stored(tmp_path):
    """A function: the subject of a stored model."""

    def store(model):
        onnx.save(model, tmp_path / "model.onnx")
        return load_subject(str(tmp_path / "model.onnx"))

    return store


@pytest.mark.parametrize("model", [operator_model(H), exported_nn_lstm(D, H, T, B)], ids=["operator", "nn.LSTM"])
def test_the_operator_lstm_in_float32(model, stored):
    report = check_case(stored(model), BY_ID["lstm-001"])
    assert [(v.name, v.verdict, v.tolerance) for v in report.tensors if v.error is not None] == [
        ("out.h", "agrees", 2e-5),
        ("out.h_last", "agrees", 2e-5),
        ("out.c_last", "agrees", 2e-5),
    ]


def test_in_float64_it_is_run_by_the_reference_evaluator(stored):
    report = check_case(stored(operator_model(H, "float64")), BY_ID["lstm-001"])
    assert report.worst_error <= 1e-12
    assert "ONNX Runtime has no LSTM in float64" in report.notes[0]


def test_a_wrong_order_of_gates_is_diagnosed(stored):
    """A model whose author left out the permutation from i, f, g, o: it is fed in ONNX's order and reads another."""
    model = operator_model(H)
    order = onnx.helper.make_tensor("order", onnx.TensorProto.INT64, [4 * H], [*range(3), *range(6, 12), *range(3, 6)])
    model.graph.initializer.append(order)
    for name, axis in (("W", 1), ("R", 1)):
        model.graph.node.insert(0, onnx.helper.make_node("Gather", [name, "order"], [name + "_turned"], axis=axis))
    cell = model.graph.node[-1]
    halves = onnx.helper.make_tensor("both", onnx.TensorProto.INT64, [8 * H], [*order.int64_data, *range(12, 24)])
    model.graph.initializer.append(halves)
    model.graph.node.insert(0, onnx.helper.make_node("Gather", ["B", "both"], ["B_turned"], axis=1))
    cell.input[1:4] = ["W_turned", "R_turned", "B_turned"]
    report = check_case(stored(model), BY_ID["lstm-001"])
    assert report.verdict == "differs"
    assert all(m.kind == "gate-order" for cause in report.causes for m in cause)
    assert report.causes


@pytest.mark.parametrize(("content", "said"), [(b"rubbish", ": "), (b"", ": its graph has no outputs")])
def test_a_file_that_is_no_model(tmp_path, content, said):
    (tmp_path / "junk.onnx").write_bytes(content)
    with pytest.raises(BadSubjectError, match=f"junk.onnx: no ONNX model{said}"):
        load_subject(str(tmp_path / "junk.onnx"))


def test_a_graph_of_other_sizes_is_said_to_be_that(stored):
    assert crosscheck(stored(exported_nn_lstm(D, H, T, B))).agrees
    subject = stored(exported_nn_lstm(D, H, T + 1, B))
    with pytest.raises(BadSubjectError, match=r"of the graph has shape \[7, 2, 5\], in this case \(6, 2, 5\)"):
        crosscheck(subject)
    report = check_case(subject, BY_ID["lstm-001"])
    assert report.verdict == "set aside"


def test_of_a_model_the_option_case_says_the_operation(stored):
    node = onnx.helper.make_node("Relu", ["strange"], ["y"])
    value = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [3]) for n in ("strange", "y")]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", value[:1], value[1:]))
    with pytest.raises(BadSubjectError, match="no case\nsay which operation it computes: --case OPERATION;") as raised:
        crosscheck(stored(model))
    assert "torch_subject" not in str(raised.value)


def test_models_that_cannot_be_fed(stored):
    with pytest.raises(
        BadSubjectError, match=r"initializer .*expected shape \(1, 12, 5\) of the case, got \(1, 16, 5\)"
    ):
        crosscheck(stored(exported_nn_lstm(D, H + 1, T, B)))
    model = operator_model(H)
    model.graph.input[0].name = "sequence"
    with pytest.raises(BadSubjectError, match="could be compared on no case"):
        crosscheck(stored(model))
