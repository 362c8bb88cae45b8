"""PyTorch agrees with refimpl on every case, with every output and gradient, to 1e-12 in float64."""

from importlib import import_module

import pytest

from refimpl.checks.conformance import answers
from refimpl.checks.crosscheck import torch_subject, torch_weight
from refimpl.checks.crosscheck.checking import check_case, compare_case, crosscheck
from refimpl.checks.crosscheck.loading import as_subject
from refimpl.checks.crosscheck.subject import BadSubjectError
from tests.frameworks.comparing import BY_ID, compared, gradients, subjects_on
from validation.frameworks.subjects import subjects_of

torch = pytest.importorskip("torch", reason="torch is not installed (extra crosscheck)")
sparse = import_module("validation.frameworks.torch_lstm").sparse

SUBJECTS = subjects_of("torch")


@pytest.mark.parametrize("case", BY_ID)
def test_every_case_agrees(case):
    found = subjects_on(case, SUBJECTS)
    assert found
    answered = set()
    for name, subject in found.items():
        if name == "nn_lstm" and "input.mask" in BY_ID[case].given:
            continue  # it takes no mask
        answered |= compared(subject, case)[0]
    assert answered == answers(BY_ID[case]).keys()


def test_modules_of_torch_have_all_gradients():
    for name in ("torch.nn.LSTM", "torch.nn.LSTMCell"):
        given, _ = compared(SUBJECTS[name], "lstm-001")
        assert given >= gradients("lstm-001") | {"out.h", "out.h_last", "out.c_last"}


def names(report):
    return [tuple(m.name for m in cause) for cause in report.causes]


class OneBias(torch.nn.LSTM):
    """Adds bias_hh twice."""

    def forward(self, x, state):
        with torch.no_grad():
            self.bias_ih_l0.copy_(self.bias_hh_l0)
        return super().forward(x, state)


class Smaller(torch.nn.LSTM):
    def __init__(self, input_size):
        super().__init__(input_size, 3)


def test_modules_that_are_wrong():
    report = check_case(as_subject(OneBias, "OneBias"), BY_ID["lstm-001"])
    assert report.verdict == "differs"
    with pytest.raises(BadSubjectError, match=r"Smaller\(5, 3\) cannot be made: .*under @torch_subject"):
        crosscheck(as_subject(Smaller, "Smaller"))
    with pytest.raises(BadSubjectError, match=r"GRU.*|weight_ih_l0: expected shape \(12, 5\)"):
        crosscheck(as_subject(torch.nn.GRU, "GRU"))
    with pytest.raises(BadSubjectError, match=r"Linear has the parameters \['bias', 'weight'\]"):
        crosscheck(as_subject(torch.nn.Linear, "Linear"))


def test_float32_is_compared_with_the_bound_of_float32():
    subject = as_subject(torch_subject("sparse_lstm", dtype="float32")(lambda *a: sparse(*a)), "sparse")
    report = compare_case(subject, BY_ID["sparse-lstm-001"])
    assert report.verdict == "agrees"
    assert {v.tolerance for v in report.tensors} == {2e-5}
    assert 1e-12 < report.worst_error < 2e-5


def test_float32_inside_is_named():
    def rounded(params, inputs, noise, config):
        return {"y": (inputs["x"].float() @ params["W"].float() + params["b"].float()).double()}

    report = check_case(as_subject(torch_subject("affine")(rounded), "rounded"), BY_ID["affine-001"])
    assert "something inside is single precision" in report.first.note


def test_noise_of_its_own_is_told_from_noise_that_is_given():
    def noisy(params, inputs, noise, config):
        mean, std = inputs["x"] @ params["mu"] + params["b"], torch.exp(params["log_sigma"]).sum()
        return {"y": mean + std * torch.randn_like(mean)}

    report = check_case(as_subject(torch_subject("affine_lrt")(noisy), "noisy"), BY_ID["affine-lrt-001"])
    assert report.verdict == "not repeatable"
    assert "from the framework's generator" in report.notes[0]


def test_outputs_that_are_left_out_are_left_out_of_the_gradients_too():
    """Of an LSTM that returns h alone, the gradients are those of <cotangent of h, h>."""
    plain = SUBJECTS["plain"]
    only_h = torch_subject("lstm")(lambda p, i, n, c: {"h": torch_lstm(p, i, n, c)["h"]})
    given, _ = compared(as_subject(only_h, "only_h"), "lstm-001")
    assert given == {"out.h"} | gradients("lstm-001")
    assert plain.ops == ("lstm",)


def torch_lstm(params, inputs, noise, config):
    layer = torch.nn.LSTM(5, 3)
    zero = torch.zeros(12)
    weights = {"weight_ih_l0": torch_weight(params["W_x"]), "weight_hh_l0": torch_weight(params["W_h"])}
    weights |= {"bias_ih_l0": params["b"].reshape(-1), "bias_hh_l0": zero}
    state = inputs["h0"][None], inputs["c0"][None]
    return {"h": torch.func.functional_call(layer, weights, (inputs["x"], state))[0]}


def test_a_detached_state_is_a_wrong_backward_pass():
    def detached(params, inputs, noise, config):
        h, c, steps = inputs["h0"], inputs["c0"], []
        for x in inputs["x"]:
            a = torch.einsum("bd,dkh->bkh", x, params["W_x"]) + torch.einsum("bm,mkh->bkh", h, params["W_h"])
            i, f, g, o = (a + params["b"]).unbind(1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            steps.append(h)
            h, c = h.detach(), c.detach()
        return {"h": torch.stack(steps), "h_last": steps[-1], "c_last": c}

    report = check_case(as_subject(torch_subject("lstm")(detached), "detached"), BY_ID["lstm-001"])
    assert report.backward_only
