"""Reading, checking and exporting golden vectors, and what makes them."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, load_file, save_file

from refimpl.checks import vectors
from refimpl.checks.conformance import MISTAKES, Case, answers, cases, difference
from refimpl.checks.conformance.tolerance import UNITS, condition, roundings, tolerances
from validation.vectors import generate
from validation.vectors.routes import confirm

SOME = ("lstm-001", "sparse-lstm-001", "kl-002", "adam-001", "lstm-901", "sparse-lstm-904")
MACHINE = ("sha256", "tol", "confirmed_by")  # where the last bits of another machine may show


@pytest.fixture
def folder(tmp_path):
    """A copy of a few vectors, to be damaged."""
    vectors.export_vectors(tmp_path / "v1", SOME)
    return tmp_path / "v1"


def test_all_vectors_pass_in_both_dtypes():
    results = vectors.check_vectors()
    assert [r for r in results if not r.passed] == []
    assert [(r.id, r.dtype) for r in results] == [(n, d) for n in vectors.vector_ids() for d in ("float64", "float32")]


def test_some_are_read_in_the_order_of_the_index():
    assert [v.case.id for v in vectors.read_vectors(["sigmoid-001", "kl-001", "tanh-001"])] == [
        "sigmoid-001",
        "tanh-001",
        "kl-001",
    ]


def test_an_unknown_id_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"ids: expected some of sigmoid-001, .*; got lstm-000"):
        vectors.read_vectors(["lstm-001", "lstm-000"])


def test_a_damaged_file_is_refused(folder):
    file = folder / "lstm-001.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"lstm-001.safetensors: expected sha256 .* the file is damaged"):
        vectors.read_vectors(folder=folder)


def rewrite(folder, name, change):
    """A vector with other answers, and a record that fits."""
    tensors = load_file(folder / f"{name}.safetensors")
    save_file(tensors | change(tensors), folder / f"{name}.safetensors")
    record = json.loads((folder / f"{name}.json").read_text("utf-8"))
    record["sha256"] = generate.hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).hexdigest()
    (folder / f"{name}.json").write_text(vectors.to_json(record), "utf-8")


def test_a_wrong_answer_fails(folder):
    rewrite(folder, "lstm-001", lambda t: {"grad.param.b": t["grad.param.b"] * (1.0 + 1e-11)})
    results = {r.dtype: r for r in vectors.check_vectors(["lstm-001"], folder)}
    assert not results["float64"].passed
    assert results["float64"].worst == "grad.param.b"
    assert results["float32"].passed


def test_an_answer_that_is_missing_fails(folder):
    record = json.loads((folder / "lstm-001.json").read_text("utf-8"))
    record["tensors"].remove("out.h")
    (folder / "lstm-001.json").write_text(vectors.to_json(record), "utf-8")
    (result, _) = vectors.check_vectors(["lstm-001"], folder)
    assert (result.worst, result.error, result.passed) == ("out.h", np.inf, False)


def test_an_invalid_vector_with_right_answers_fails(folder):
    right = load_file(folder / "lstm-001.safetensors")
    rewrite(folder, "lstm-901", lambda tensors: right)
    assert [r.passed for r in vectors.check_vectors(["lstm-901"], folder)] == [False, False]


def test_an_invalid_vector_with_another_mistake_fails(folder):
    other = load_file(folder / "lstm-901.safetensors")["out.h"]
    rewrite(folder, "lstm-901", lambda tensors: {"out.h": 1.001 * other})
    assert [r.passed for r in vectors.check_vectors(["lstm-901"], folder)] == [False, False]


def test_export_copies_files_schema_readme_and_an_index_of_its_own(tmp_path):
    files = vectors.export_vectors(tmp_path / "new", ["kl-001", "lstm-901"])
    assert sorted(f.name for f in files) == [
        "README.md",
        "index.json",
        "kl-001.json",
        "kl-001.safetensors",
        "lstm-901.json",
        "lstm-901.safetensors",
        "schema.json",
    ]
    for file in files:
        assert file.parent == tmp_path / "new"
        if file.name != "index.json":
            assert file.read_bytes() == (vectors.FOLDER / file.name).read_bytes()
    assert vectors.vector_ids(tmp_path / "new") == ["kl-001", "lstm-901"]


def test_export_of_an_unknown_id_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="ids: expected"):
        vectors.export_vectors(tmp_path / "new", ["kl-001", "kl-000"])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", SOME)
def test_the_generator_makes_what_is_stored(name):
    """The numbers given bit for bit, the answers within the tolerance, and the record but for last bits."""
    (stored,) = vectors.read_vectors([name])
    (first,), (second,) = generate.make([name]), generate.make([name])
    assert first == second, "the same machine gives the same bytes"
    plain = {key: value for key, value in first.record.items() if key not in MACHINE}
    assert plain == {key: value for key, value in stored.record.items() if key not in MACHINE}
    tensors = load(first.tensors)
    for key, array in stored.case.given.items():
        assert array.dtype == tensors[key].dtype
        assert np.array_equal(array, tensors[key]), key
    for key, array in stored.expected.items():
        assert difference(tensors[key], array) <= stored.tol["float64"], key
    for dtype, tol in stored.tol.items():
        assert first.record["tol"][dtype] == pytest.approx(tol, rel=0.05)


def test_all_that_is_stored_is_given_by_the_cases():
    """Every case and its answers, without the second routes, which take longer."""
    stored = {v.case.id: v for v in vectors.read_vectors() if v.result == "valid"}
    assert [case.id for case in cases()] == list(stored)
    assert generate.all_ids() == vectors.vector_ids()
    for case in cases():
        vector = stored[case.id]
        assert case._replace(given={}) == vector.case._replace(given={})
        assert [*case.given, *answers(case)] == vector.record["tensors"]
        for name, array in case.given.items():
            assert np.array_equal(array, vector.case.given[name]), (case.id, name)


def test_a_vector_that_is_there_is_not_written_over(folder, capsys, monkeypatch):
    monkeypatch.setattr(generate, "FOLDER", folder)
    monkeypatch.setattr(generate, "all_ids", lambda: [n for n in vectors.vector_ids() if n in SOME])
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "kl-002.json").unlink()
    assert generate.main([]) == 0
    assert capsys.readouterr().out.startswith("1 vectors written, 6 in ")
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert after.keys() == before.keys()
    assert [n for n in after if after[n] != before[n] and not n.startswith("kl-002")] == []


def test_catches_alone_are_written_anew(folder, monkeypatch):
    monkeypatch.setattr(generate, "FOLDER", folder)
    monkeypatch.setattr(generate, "all_ids", lambda: [n for n in vectors.vector_ids() if n in SOME])
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    record = json.loads((folder / "adam-001.json").read_text("utf-8"))
    (folder / "adam-001.json").write_text(vectors.to_json(record | {"flags": [], "catches": ["clip-missing"]}), "utf-8")
    assert generate.main(["--catches"]) == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_second_route_finds_a_wrong_value_and_a_wrong_gradient():
    case = next(case for case in cases() if case.id == "sparse-affine-lrt-001")
    right = answers(case)
    for name, what in (("out.y", "outputs"), ("grad.param.W.mu", "gradients")):
        errors = {r["what"]: r["error"] for r in confirm(case, right | {name: 1.001 * right[name]})}
        assert errors.pop(what) >= 1e-4
        assert max(errors.values()) <= 1e-13


def test_an_output_without_a_second_route_is_refused():
    case = cases()[0]
    with pytest.raises(ValueError, match=r"sigmoid-001: the second route says nothing of \['out.more'\]"):
        confirm(case, answers(case) | {"out.more": np.ones(3)})


def test_a_mistake_that_moves_too_little_is_no_invalid_vector():
    case = next(case for case in cases() if case.id == "kl-001")
    small = next(mistake for mistake in MISTAKES if mistake.name == "kl-epsilon")
    with pytest.raises(ValueError, match="kl-902: kl-epsilon moves kl-001 by too little"):
        generate.make_invalid("kl-902", case, small)


def test_the_tolerance_is_n_kappa_u():
    """y = tanh(a): n is a step of two inner products over 6 and 16, and a sum over 30."""
    case = next(case for case in cases() if case.id == "tanh-001")
    right = answers(case)
    assert roundings(case) == 2 * 6 + 16 + 30
    assert 1.0 <= condition(case, right) < 2.0
    for dtype, tol in tolerances(case, right).items():
        exact = roundings(case) * condition(case, right) * UNITS[dtype]
        assert exact <= tol <= 1.1 * exact


def test_the_condition_is_that_of_a_difference():
    """(y - t)^2 with y near t: a change of y by u moves the result by 2 y / (y - t) u, here about 2000."""
    y = np.array([1.0, 1.0, 1.0])
    given = {"input.y": y, "input.targets": y - 1e-3, "cotangent.loss": np.array(1.0)}
    case = Case("squared-error-999", "squared_error", "near", {"reduction": "sum"}, given)
    assert 500.0 < condition(case, answers(case)) < 8000.0
