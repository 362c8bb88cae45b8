"""What is found on the command line, folders of answers, and what is printed."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from refimpl.checks.conformance import OPS, answers
from refimpl.checks.crosscheck.checking import crosscheck
from refimpl.checks.crosscheck.command import crosscheck_command
from refimpl.checks.crosscheck.loading import load_subject
from refimpl.checks.crosscheck.subject import BadSubjectError
from tests.checks.crosscheck_functions import BY_ID, verdicts


@pytest.fixture
def folder(tmp_path):
    """Answers of another language to two cases, one in float32 and without gradients."""
    whole = {name: np.ascontiguousarray(a) for name, a in answers(BY_ID["affine-001"]).items()}
    save_file(whole | {"input.x": BY_ID["affine-001"].given["input.x"]}, tmp_path / "affine-001.safetensors")
    outputs = {n: a.astype("float32") for n, a in answers(BY_ID["lstm-001"]).items() if n.startswith("out.")}
    save_file(outputs, tmp_path / "lstm-001.safetensors")
    return tmp_path


def test_a_folder_of_answers(folder):
    report = crosscheck(load_subject(str(folder)))
    assert {r.case.id: r.verdict for r in report.cases} == {"affine-001": "agrees", "lstm-001": "agrees"}
    assert {v.tolerance for v in report.cases[1].tensors if v.error is not None} == {2e-5}
    save_file({"out.y": np.zeros((6, 2, 7))}, folder / "affine-001.safetensors")
    assert verdicts(load_subject(str(folder)))["affine-001"] == "differs"
    with pytest.raises(BadSubjectError, match="expected files ID.safetensors"):
        load_subject(str(folder.parent))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lstm-001", "lstm-001.safetensors: no file of arrays"),
        ("nosuch-001", "nosuch-001: there is no case of that id"),
    ],
)
def test_every_file_in_a_folder_must_be_answers_to_a_case(folder, name, said):
    (folder / f"{name}.safetensors").write_bytes(b"rubbish")
    if name == "nosuch-001":
        save_file({"out.y": np.zeros(2)}, folder / f"{name}.safetensors")
    with pytest.raises(BadSubjectError, match=said):
        load_subject(str(folder))


def test_unknown_names_in_one_file_of_a_folder_are_a_failure(folder):
    save_file({"out.z": np.zeros(2)}, folder / "lstm-001.safetensors")
    assert verdicts(load_subject(str(folder))) == {"affine-001": "agrees", "lstm-001": "failed"}
    save_file({"out.z": np.zeros(2)}, folder / "affine-001.safetensors")
    with pytest.raises(BadSubjectError, match=r"could be compared on no case\n  affine-001: unknown names \['z'\]"):
        crosscheck(load_subject(str(folder)))


FILE = """
import beside
def mine(params, inputs, noise, config):
    return {"y": beside.product(inputs["x"], params["W"]) + params["b"]}
class Holder:
    pass
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_for_test.py").write_text(FILE)
    (tmp_path / "empty.py").write_text("import numpy as np\n")
    (tmp_path / "beside.py").write_text("def product(x, W):\n    return x @ W\n")
    return tmp_path / "mine_for_test.py"


def test_a_function_in_a_file_and_in_a_module(file):
    assert verdicts(load_subject(f"{file}:mine"), "affine-001") == {"affine-001": "agrees"}
    assert verdicts(load_subject("mine_for_test:mine"), "affine-001") == {"affine-001": "agrees"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{file}:yours", "has no 'yours'; it has mine$"),
        ("{file}", "which one\\? .*mine_for_test.py:mine$"),
        ("{folder}/empty.py", "empty.py: it holds no subject; expected a function f"),
        ("{file}:Holder", "expected a function f\\(params, inputs, noise, config\\)"),
        ("{folder}/gone.py:mine", "gone.py: no such file"),
        ("{folder}/gone.onnx", "gone.onnx: no such file"),
        (
            "no_such_module_for_test:mine",
            "No module named 'no_such_module_for_test'; install it.*; a subject is file.py:NAME",
        ),
    ],
)
def test_subjects_that_cannot_be_found(file, name, said):
    with pytest.raises(BadSubjectError, match=said):
        load_subject(name.format(file=file, folder=file.parent))


def test_a_file_that_raises(file):
    file.write_text("import refimpl\n1 / 0\n")
    with pytest.raises(BadSubjectError, match=r"ZeroDivisionError: division by zero \(mine_for_test.py, line 2\)"):
        load_subject(f"{file}:mine")


def test_a_file_that_is_no_python(file):
    file.write_text("def f(:\n")
    with pytest.raises(BadSubjectError, match=r"SyntaxError: invalid syntax \(mine_for_test.py, line 1\)$"):
        load_subject(f"{file}:mine")


def test_all_functions_are_named_beside_those_that_are_decorated(file):
    file.write_text(
        "from refimpl.checks.crosscheck import torch_subject\n"
        "@torch_subject('lstm')\ndef one(p, i, n, c): ...\n"
        "def two(p, i, n, c): ...\n"
    )
    assert load_subject(str(file)).ops == ("lstm",)
    with pytest.raises(BadSubjectError, match="it has one, two$"):
        load_subject(f"{file}:three")


def test_exit_codes_text_and_json(folder):
    said = []
    assert crosscheck_command(str(folder), tell=said.append) == 0
    assert said[0].splitlines()[-1] == "AGREES in 2 cases: 4 outputs, 3 gradients (6 not returned)."
    assert "lstm-001    agrees     3 tensors compared, 11 not returned, largest error" in said[0]
    save_file({"out.y": np.full((6, 2, 7), np.nan)}, folder / "affine-001.safetensors")
    assert crosscheck_command(str(folder), ["affine"], tell=said.append) == 1
    assert "Cause: unknown. No tensor agrees." in said[1]
    assert crosscheck_command(str(folder), to_json=True, tell=said.append) == 1
    found = json.loads(said[2])
    assert [c["verdict"] for c in found["cases"]] == ["differs", "agrees"]
    assert found["cases"][0]["tensors"][0]["error"] is None  # infinity is no JSON


def test_operations_are_shown_with_the_beginning_of_a_subject():
    said = []
    assert crosscheck_command(None, tell=said.append) == 0
    assert all(f"\n{op}" in f"\n{said[0]}" for op in OPS)
    assert crosscheck_command(None, show="sparse_lstm", tell=said.append) == 0
    text = said[1]
    assert "W_x.mu (5, 4, 3)" in text
    assert "_each_step" not in text
    begin = text.index("from refimpl")
    code = text[begin:].replace("    ...\n", "    h = h_last = c_last = kl = 0.0\n")
    compile(code, "beginning.py", "exec")
    for op in OPS:
        crosscheck_command(None, show=op, tell=said.append)
        compile(said[-1][said[-1].index("from refimpl") :], op, "exec")
    with pytest.raises(BadSubjectError, match="show: unknown 'gru'"):
        crosscheck_command(None, show="gru")
