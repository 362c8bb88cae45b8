"""The record of the cross-check in the audit."""

import json
import math

import pytest

from refimpl.report.audit_frameworks import framework_checks, of_frameworks, read_crosscheck


def row(framework="torch", op="lstm", verdict="agrees", error=2e-14, **others):
    values = {"tensors": 5, "gradients": 3, "tolerance": 1e-12}
    return {"framework": framework, "op": op, "verdict": verdict, "worst_error": error} | values | others


def record(*rows, examples=()):
    return {"versions": {"torch": "2.13.0", "onnx": "1.2", "onnxruntime": "1.3"}, "rows": rows, "examples": examples}


ASIDE = row(verdict="set aside", error=None, tensors=0, gradients=0, tolerance=None)


def test_a_check_for_each_framework():
    rows = (row(), row(op="kl", error=8e-14), ASIDE, row("onnx", error=1e-6, tolerance=2e-5, gradients=0))
    torch, onnx = framework_checks(record(*rows))
    assert (torch.name, torch.passed) == ("torch", True)
    assert torch.figure == pytest.approx(0.08)
    assert torch.what.startswith("torch 2.13.0: 2 cases, 10 tensors, of which 6 gradients;")
    assert onnx.what.startswith("onnx 1.2, onnxruntime 1.3: 1 cases, 5 tensors, of which 0 gradients;")
    assert onnx.figure == pytest.approx(0.05)


@pytest.mark.parametrize(
    "rows",
    [
        (row(), row(verdict="differs")),
        (row(), row(verdict="not repeatable")),
        (row(), row(error=2e-12)),
        (row(), row(error=None)),
        (row(tolerance=None),),
        (ASIDE,),
    ],
)
def test_what_does_not_agree_falls_short(rows):
    (found,) = framework_checks(record(*rows))
    assert not found.passed
    assert found.figure == (2.0 if rows[-1]["worst_error"] == 2e-12 else math.inf)


def test_tables():
    rows = (row(), row(error=3e-14), row("jax", "kl", error=None), ASIDE)
    examples = ({"example": "a.py", "words": "no bias"}, {"example": "b.py", "words": ""})
    errors, said = of_frameworks(record(*rows, examples=examples))
    assert errors.content.columns == ("operation", "#torch", "#jax")
    assert errors.content.rows == [("lstm", "3.0e-14", "–"), ("kl", "–", "differs")]
    assert said.content.rows == [("a.py", "no bias"), ("b.py", "agrees: outputs and every gradient")]
    assert len(of_frameworks(record(*rows))) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"versions": {}, "rows": [{}], "examples": []}', '{"rows": []}'])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "crosscheck.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="crosscheck: expected the JSON file that `make crosscheck` writes"):
        read_crosscheck(path)


def test_a_record_is_read(tmp_path):
    path = tmp_path / "crosscheck.json"
    path.write_text(json.dumps(record(row(), ASIDE)))
    assert read_crosscheck(path)["rows"] == [row(), ASIDE]
