"""Subjects of NumPy, folders of answers, what is found on the command line, and what they do wrong."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from refimpl.checks.conformance import OPS, answers, cases
from refimpl.checks.crosscheck.checking import ASIDE, NOT_REPEATABLE, check_case, choose, crosscheck
from refimpl.checks.crosscheck.command import crosscheck_command
from refimpl.checks.crosscheck.loading import load_subject
from refimpl.checks.crosscheck.report import format_report
from refimpl.checks.crosscheck.subject import BadSubjectError, Read, Subject, numpy_subject

BY_ID = {case.id: case for case in cases()}


def affine(params, inputs, noise, config, cotangents):
    """Right for one W, with gradients by hand."""
    x, W, dy = inputs["x"], params["W"], cotangents["y"]
    return {
        "y": x @ W + params["b"],
        "grad.param.W": np.einsum("tbd,tbk->dk", x, dy),
        "grad.param.b": dy.sum(axis=(0, 1)),
        "grad.input.x": dy @ W.T,
    }


def lstm(params, inputs, noise, config):
    """Plain: no peepholes, padding or multipliers; sigmoid gates."""
    h, c, steps = inputs["h0"], inputs["c0"], []
    for x in inputs["x"]:
        a = np.einsum("bd,dkh->bkh", x, params["W_x"]) + np.einsum("bm,mkh->bkh", h, params["W_h"]) + params["b"]
        i, f, o = (1.0 / (1.0 + np.exp(-a[:, k])) for k in (0, 1, 3))
        c = f * c + i * np.tanh(a[:, 2])
        h = o * np.tanh(c)
        steps.append(h)
    return {"h": np.stack(steps), "h_last": h, "c_last": c}


def verdicts(subject, *names):
    return {r.case.id: r.verdict for r in crosscheck(subject, names).cases}


def test_a_right_function_agrees_and_what_it_lacks_is_said():
    report = check_case(numpy_subject(affine, ("affine",)), BY_ID["affine-001"])
    assert report.verdict == "agrees"
    assert all(v.verdict == "agrees" for v in report.tensors)
    report = check_case(numpy_subject(lstm, ("lstm",)), BY_ID["lstm-001"])
    assert report.verdict == "agrees"
    assert {v.name for v in report.tensors if v.verdict == "missing"} >= {"mid.c", "grad.param.W_x"}


def test_cases_that_are_not_looked_at_in_full_are_set_aside_unless_named():
    subject = numpy_subject(lstm, ("lstm",))
    found = verdicts(subject)
    assert found["lstm-001"] == "agrees"
    assert {v for name, v in found.items() if name != "lstm-001"} == {ASIDE}
    report = next(r for r in crosscheck(subject).cases if r.case.id == "lstm-002")
    assert report.notes == ("it does not look at param.peephole, input.mask, config.peephole_output",)
    assert verdicts(subject, "lstm-002") == {"lstm-002": "differs"}


@pytest.mark.parametrize(
    "look",
    [
        lambda d: d["W"],
        lambda d: d.get("W"),
        lambda d: d.pop("W"),
        lambda d: dict(d),
        lambda d: {**d},
        lambda d: d | {},
        lambda d: d.copy(),
        lambda d: list(d.values()),
        lambda d: sum(v for _, v in d.items()),
        lambda d: (lambda W, b=0.0: W)(**d),
    ],
)
def test_what_is_looked_at_is_noticed(look):
    entries = Read({"W": 2.0})
    look(entries)
    assert entries.seen == {"W"}
    untouched = Read({"W": 2.0})
    assert "W" in untouched
    assert untouched.get("b") is None
    assert untouched.seen == set()


def test_an_ignored_option_sets_a_case_aside_only_where_its_value_differs():
    def kl(params, inputs, noise, config):
        half = np.exp(2.0 * params["log_sigma"]) + params["mu"] ** 2 - 1.0
        return {"kl": 0.5 * half - params["log_sigma"]}

    def wrong(params, inputs, noise, config):
        return {"kl": 2.0 * kl(params, inputs, noise, config)["kl"]}

    normal = next(c.id for c in cases() if c.op == "kl" and c.config["kl"] == "standard_normal")
    subject = numpy_subject(kl, ("kl",))
    assert verdicts(subject, normal) == {normal: "agrees"}
    assert verdicts(subject)[normal] == "agrees"
    assert verdicts(subject)["kl-001"] == "differs"  # the first case is never set aside
    assert "differs" in verdicts(numpy_subject(wrong, ("kl",)), normal).values()


def test_an_undeclared_function_is_tried_on_every_operation():
    report = crosscheck(numpy_subject(lstm))
    assert {r.case.op for r in report.compared} == {"lstm"}
    assert report.agrees


def test_noise_of_its_own_is_said_to_be_that():
    calls = []

    def noisy(params, inputs, noise, config):
        calls.append(1)
        return {"y": inputs["x"] @ params["W"] + params["b"] + len(calls)}

    report = check_case(numpy_subject(noisy, ("affine",)), BY_ID["affine-001"])
    assert report.verdict == NOT_REPEATABLE
    assert "out.y" in report.notes[0]
    assert "noise of its own" in report.notes[0]
    assert report.causes == ()


def test_a_seeded_generator_is_told_from_a_state():
    state = [0]

    def run(case, known):
        return numpy_subject(lambda p, i, n, c: {"y": i["x"] @ p["W"] + p["b"] + state[0]}).run(case, known)

    def seed(value):
        state[0] = value

    report = check_case(Subject("mine", run, seed=seed), BY_ID["affine-001"])
    assert "from the framework's generator" in report.notes[0]


def test_inputs_that_are_written_over_are_named():
    def greedy(params, inputs, noise, config):
        inputs["x"] *= 2.0
        return {"y": inputs["x"] @ params["W"] / 2.0 + params["b"]}

    report = check_case(numpy_subject(greedy), BY_ID["affine-001"])
    assert report.notes == ("it writes over what it is given: input.x",)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda p, i, n, c: {"y": i["x"], "z": i["x"]}, r"unknown names \['out.z'\]; known are \['out.y',"),
        (lambda p, i, n, c: i["x"], "expected a dict of outputs, such as"),
        (lambda p, i, n, c: {"y": p["weight"]}, r"KeyError: 'weight'; there are 'W', 'b' \(test_crosscheck_subjects"),
        (lambda p, i, n, c: {}, "it returns nothing"),
        (lambda p, i, n, c: {"y": i["x"] @ p["W"].T}, r"ValueError: matmul.*line \d+"),
    ],
)
def test_errors_name_the_case_the_fault_and_the_line(function, said):
    subject = numpy_subject(function, ("affine",))
    with pytest.raises(BadSubjectError, match=f"affine-001: {said}"):
        crosscheck(subject, ["affine-001"])
    with pytest.raises(BadSubjectError, match="could be compared on no case"):
        crosscheck(subject)


def test_a_shape_alone_is_the_cause_and_is_left_out_of_the_search():
    def batch_first(params, inputs, noise, config):
        return lstm(params, inputs, noise, config) | {"h": lstm(params, inputs, noise, config)["h"].swapaxes(0, 1)}

    def and_doubled(params, inputs, noise, config):
        return batch_first(params | {"b": 2.0 * params["b"]}, inputs, noise, config)

    text = format_report(crosscheck(numpy_subject(batch_first), ["lstm-001"]))
    assert "with its axes in the order (1, 0, 2) it agrees" in text
    assert "Cause: the shape of out.h." in text
    report = crosscheck(numpy_subject(and_doubled), ["lstm-001"])
    assert "two-biases" in {m.name for cause in report.causes for m in cause}


def test_a_function_that_fits_no_operation():
    with pytest.raises(BadSubjectError, match='say which operation it computes: @torch_subject\\("lstm"\\)'):
        crosscheck(numpy_subject(lambda p, i, n, c: {"y": p["no such"]}))


def test_what_is_not_implemented_is_set_aside():
    def only_one_matrix(params, inputs, noise, config, cotangents):
        if params["W"].ndim != 2:
            raise NotImplementedError("one W for all objects")
        return affine(params, inputs, noise, config, cotangents)

    report = crosscheck(numpy_subject(only_one_matrix, ("affine",)))
    assert [(r.verdict, r.notes) for r in report.cases] == [("agrees", ()), (ASIDE, ("one W for all objects",))]
    assert report.agrees


def test_unknown_names_of_cases():
    subject = numpy_subject(affine, ("affine",))
    with pytest.raises(BadSubjectError, match=r"case: unknown \['afine'\]; there are the operations .*affine"):
        choose(subject, ["afine"])
    assert [c.op for c in choose(subject, ["affine"])] == ["affine", "affine"]
    assert [c.id for c in choose(subject, ["lstm-001"])] == ["lstm-001"]


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
    (tmp_path / "beside.py").write_text("def product(x, W):\n    return x @ W\n")
    return tmp_path / "mine_for_test.py"


def test_a_function_in_a_file_and_in_a_module(file):
    assert verdicts(load_subject(f"{file}:mine"), "affine-001") == {"affine-001": "agrees"}
    assert verdicts(load_subject("mine_for_test:mine"), "affine-001") == {"affine-001": "agrees"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{file}:yours", "has no 'yours'; it has no subject"),
        ("{file}", "which one\\? add :NAME of a function or class"),
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


def test_exit_codes_text_and_json(folder):
    said = []
    assert crosscheck_command(str(folder), tell=said.append) == 0
    assert said[0].splitlines()[-1] == "AGREES in 2 cases: outputs and every gradient that it returned."
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
