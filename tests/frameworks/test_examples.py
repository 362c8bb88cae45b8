"""Each example under validation/frameworks/examples is diagnosed by name; the tools that make a module a subject."""

from pathlib import Path

import pytest

from refimpl.checks.crosscheck import given_noise, with_parameters
from refimpl.checks.crosscheck.checking import crosscheck
from refimpl.checks.crosscheck.loading import load_subject
from refimpl.checks.crosscheck.subject import BadSubjectError

torch = pytest.importorskip("torch", reason="torch is not installed (extra crosscheck)")

EXAMPLES = Path(__file__).resolve().parents[2] / "validation" / "frameworks" / "examples"
CAUSES = {
    "right_lstm.py": [],
    "swapped_gates.py": ["gate-order-ifog"],
    "noise_redrawn.py": ["weights-redrawn"],
    "kl_by_batch.py": ["kl-by-batch"],
    "two_mistakes.py": ["forget-bias-added", "log-sigma-as-log-variance"],
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_diagnosis(name):
    report = crosscheck(load_subject(str(EXAMPLES / name)))
    assert report.agrees == (not CAUSES[name])
    assert [[m.name for m in cause] for cause in report.causes] == ([CAUSES[name]] if CAUSES[name] else [])
    assert {path.name for path in EXAMPLES.glob("*.py")} == CAUSES.keys()


def test_noise_is_found_by_its_shape_and_given_step_by_step():
    noise = {
        "W": torch.rand(5, 4, 3),
        "W_each_step": torch.rand(2, 5, 4, 3),
        "z": torch.rand(2, 7),
        "b": torch.rand(4, 3),
    }
    before = torch.randn
    with given_noise(noise):
        assert torch.equal(torch.randn_like(torch.zeros(12, 5)), noise["W"].reshape(5, 12).T)
        assert torch.equal(torch.randn(5, 12), noise["W_each_step"][1].reshape(5, 12))
        assert torch.equal(torch.randn((2, 7)), noise["z"])
        assert torch.equal(torch.bernoulli(torch.zeros(12)), noise["b"].reshape(12))
        with pytest.raises(BadSubjectError, match="noise 'W': drawn 3 times"):
            torch.randn(5, 4, 3)
        with pytest.raises(
            BadSubjectError, match=r"noise of shape \(9,\): no draw has it; the case has {'W': \(5, 4, 3\)"
        ):
            torch.randn(9)
        with pytest.raises(BadSubjectError, match="'z': drawn 2 times"):
            torch.randn(2, 7)
    assert torch.randn is before
    with given_noise({"a": torch.rand(3), "b": torch.rand(3)}), pytest.raises(BadSubjectError, match="several draws"):
        torch.randn(3)


def test_parameters_are_replaced_and_gradients_reach_them():
    x, W, b = torch.rand(2, 5), torch.rand(3, 5, requires_grad=True), torch.rand(3)
    layer = with_parameters(torch.nn.Sequential(torch.nn.Linear(5, 3)), {"0.weight": W, "0.bias": b})
    (gradient,) = torch.autograd.grad(layer(x).sum(), W)
    assert torch.allclose(gradient, x.sum(0).expand(3, 5))
    lstm = with_parameters(
        torch.nn.LSTM(5, 1), dict(zip(LSTM, (torch.rand(4, 5), torch.rand(4, 1), *torch.rand(2, 4)), strict=True))
    )
    assert lstm(x[:, None])[0].shape == (2, 1, 1)
    with pytest.raises(BadSubjectError, match=r"not given \['bias'\], not of Linear \['W'\]"):
        with_parameters(torch.nn.Linear(5, 3), {"weight": W, "W": W})
    with pytest.raises(BadSubjectError, match=r"weight has shape \(3, 5\), got \(5, 3\); see torch_weight"):
        with_parameters(torch.nn.Linear(5, 3), {"weight": W.T, "bias": b})


LSTM = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
