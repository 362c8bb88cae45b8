"""README.md says what is so: its examples run and print what they show, its commands, names and paths exist.

The conversions of weights are held against each framework's formula of a step, written here from its documentation.
"""

import contextlib
import importlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refimpl.models.recipe import ESTIMATORS, Embedding, Output, Recipe, Recurrent, Weight, check_recipe
from refimpl.models.sample import noise_shapes

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GENERATED = (".venv", "build", "runs")  # what commands make: not part of the repository
ROUNDING = 1e-13  # one step: sums of 8 terms of order 1, at 1e-16 each


def run_examples(text: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Run all examples one after the other; (their names, [what each prints, what the page shows])."""
    names: dict[str, Any] = {}
    outputs = []
    for code, shown in BLOCK.findall(text):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        outputs.append((printed.getvalue(), shown))
    return names, outputs


def inline_code(text: str) -> list[str]:
    """What stands in backquotes outside blocks."""
    return [code.replace(r"\|", "|") for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text))]


def commands(text: str, name: str) -> list[str]:
    """The commands of a program that the text names, without comments."""
    blocks = [line for language, block in FENCE.findall(text) if language == "sh" for line in block.splitlines()]
    return [code.partition("#")[0].strip() for code in inline_code(text) + blocks if code.startswith(name + " ")]


def planted(text: str, right: str, wrong: str) -> str:
    assert text.count(right) == 1
    return text.replace(right, wrong)


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return run_examples(README)[0]


def test_examples_print_what_is_shown():
    outputs = run_examples(README)[1]
    assert len(outputs) == README.count("```python") == 4
    assert sum(bool(shown) for _, shown in outputs) == README.count("```text") == 3
    for printed, shown in outputs:
        assert printed == shown


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("i, f, g, o = s(a[:, 0]), s(a[:, 1])", "i, f, g, o = s(a[:, 1]), s(a[:, 0])"),  # gate order
        ("da = np.stack([da_i, da_f, ", "da = np.stack([da_f, da_i, "),
        ("dc = dc1 + dh1", "dc = dh1"),
        ('"x": da @ W.T, "W"', '"x": da @ W.T + dy * g, "W"'),  # the bug that the page shows is not there
    ],
)
def test_a_wrong_example_is_caught(right, wrong):
    outputs = run_examples(planted(README, right, wrong))[1]
    assert any(printed != shown for printed, shown in outputs)


def test_the_mended_example_has_no_fault_left():
    mended = run_examples(planted(README, '"x": da @ W.T, "W"', '"x": da @ W.T + dy * g, "W"'))[1]
    assert mended[1][0] == "x ok\nW ok\nb ok\n"
    assert '`"x": da @ W.T + dy * g`' in README


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


def cell(i, f, g, o, c):
    """h and c from the preactivations of the gates."""
    new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(new_c), new_c


def torch_step(n):
    """torch.nn.LSTM: W_ih x + b_ih + W_hh h + b_hh, weights (4H, D) and (4H, H), order i, f, g, o."""
    a = n["x"] @ n["torch_W_ih"].T + n["torch_b_ih"] + n["h0"] @ n["torch_W_hh"].T + n["torch_b_hh"]
    i, f, g, o = np.split(a, 4, axis=-1)
    return cell(i, f, g, o, n["c0"])


def keras_step(n):
    """keras.layers.LSTM: x kernel + h recurrent_kernel + bias, order i, f, c, o."""
    z = n["x"] @ n["keras_kernel"] + n["h0"] @ n["keras_recurrent_kernel"] + n["keras_bias"]
    i, f, c, o = np.split(z, 4, axis=-1)
    return cell(i, f, c, o, n["c0"])


def onnx_step(n):
    """ONNX LSTM, one direction: X W^T + H R^T + Wb + Rb, B = [Wb, Rb], order i, o, f, c."""
    (W,), (R,), (B,) = n["onnx_W"], n["onnx_R"], n["onnx_B"]
    Wb, Rb = np.split(B, 2)
    i, o, f, c = np.split(n["x"] @ W.T + n["h0"] @ R.T + Wb + Rb, 4, axis=-1)
    return cell(i, f, c, o, n["c0"])


def flax_step(n):
    """flax.linen.LSTMCell: x ii + h hi + the bias of hi, and so on for each gate by name."""
    p = n["flax_params"]
    assert p["hi"].keys() == {"kernel", "bias"}
    assert p["ii"].keys() == {"kernel"}
    a = {k: n["x"] @ p["i" + k]["kernel"] + n["h0"] @ p["h" + k]["kernel"] + p["h" + k]["bias"] for k in "ifgo"}
    return cell(a["i"], a["f"], a["g"], a["o"], n["c0"])


def haiku_step(n):
    """haiku.LSTM: [x, h] w + b, order i, g, f, o, and 1 is added to f."""
    i, g, f, o = np.split(np.concatenate([n["x"], n["h0"]], axis=-1) @ n["haiku_w"] + n["haiku_b"], 4, axis=-1)
    return cell(i, f + 1.0, g, o, n["c0"])


STEPS = {"torch": torch_step, "keras": keras_step, "onnx": onnx_step, "flax": flax_step, "haiku": haiku_step}


@pytest.mark.parametrize("framework", STEPS)
def test_converted_weights_give_the_same_step(names, framework):
    h, c = STEPS[framework](names)
    np.testing.assert_allclose(h, names["h1"], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(c, names["c1"], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("framework", "right", "wrong"),
    [
        ("torch", "b.reshape(-1), np.zeros(4 * H)", "b.reshape(-1), b.reshape(-1)"),
        ("onnx", "IOFC = [0, 3, 1, 2]", "IOFC = [0, 1, 2, 3]"),
        ("flax", '"bias": b[k]} for k, gate in enumerate("ifgo")', '"bias": b[k]} for k, gate in enumerate("iofg")'),
        ("haiku", "IGFO = [0, 2, 1, 3]", "IGFO = [0, 1, 2, 3]"),
        ("haiku", "[[0], [1], [0], [0]]", "[[0], [0], [0], [0]]"),
    ],
)
def test_a_wrong_conversion_is_caught(framework, right, wrong):
    n = run_examples(planted(README, right, wrong))[0]
    assert np.abs(STEPS[framework](n)[0] - n["h1"]).max() > 0.01


def test_torch_itself_gives_the_same_step_and_gradients(names):
    torch = pytest.importorskip("torch", reason="torch is not installed (extra crosscheck)")
    n = names
    layer = torch.nn.LSTM(n["D"], n["H"], dtype=torch.float64)
    converted = {
        "weight_ih_l0": n["torch_W_ih"],
        "weight_hh_l0": n["torch_W_hh"],
        "bias_ih_l0": n["torch_b_ih"],
        "bias_hh_l0": n["torch_b_hh"],
    }
    layer.load_state_dict({name: torch.tensor(np.ascontiguousarray(value)) for name, value in converted.items()})
    given = {name: torch.tensor(n[name][None], requires_grad=True) for name in ("x", "h0", "c0")}
    _, (h, c) = layer(given["x"], (given["h0"], given["c0"]))
    assert h.shape == (1, n["B"], n["H"])
    ((h * torch.tensor(n["dh1"])).sum() + (c * torch.tensor(n["dc1"])).sum()).backward()
    flat = n["flat"]
    pairs = [
        (h[0], n["h1"]),
        (c[0], n["c1"]),
        (given["x"].grad[0], n["dx"]),
        (given["h0"].grad[0], n["dh0"]),
        (given["c0"].grad[0], n["dc0"]),
        (layer.weight_ih_l0.grad, flat(n["dW_x"]).T),
        (layer.weight_hh_l0.grad, flat(n["dW_h"]).T),
        (layer.bias_ih_l0.grad, n["db"].reshape(-1)),  # both biases have the gradient db
        (layer.bias_hh_l0.grad, n["db"].reshape(-1)),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found.detach().numpy(), expected, rtol=0, atol=10 * ROUNDING)


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {shlex.split(command)[1] for command in commands(README, "make")}
    assert {"audit", "test", "help"} <= named
    assert named <= targets


def test_commands_of_refimpl_are_accepted():
    cli = importlib.import_module("refimpl.cli")
    catalogue = importlib.import_module("refimpl.experiments.catalogue")
    tables = importlib.import_module("refimpl.experiments.paper_tables")
    registry = importlib.import_module("refimpl.checks.registry")
    seen = set()
    for command in commands(README, "refimpl"):
        parsed = cli.make_parser().parse_args(shlex.split(command)[1:])  # an unknown argument ends in SystemExit
        seen.add(parsed.command)
        if parsed.command == "reproduce" and parsed.table:
            assert parsed.table in tables.TABLES
        elif parsed.command == "reproduce" and not parsed.list:
            experiment = catalogue.EXPERIMENTS.get(parsed.experiment)
            assert experiment or Path(parsed.experiment).suffix in (".csv", ".jsonl", ".txt")
            if experiment:
                assert parsed.preset in experiment.presets
                assert parsed.config is None or parsed.config in experiment.configurations
        if parsed.command == "bench":
            assert set(parsed.workloads) <= {*cli.bench.NAMES, cli.bench.GROWTH}
        if parsed.command == "gradcheck" and parsed.layers:
            assert registry.select_cases(parsed.layers)
    assert seen == set(cli.COMMANDS)
    with pytest.raises(SystemExit):
        cli.make_parser().parse_args(["gradchek"])


def test_options_named_alone_exist():
    source = "".join(file.read_text("utf-8") for file in (ROOT / "refimpl" / "cli").glob("*.py"))
    options = {option for code in inline_code(README) for option in re.findall(r"^--[a-z-]+", code)}
    assert {"--quick", "--out", "--resume", "--samples", "--device"} <= options
    assert [option for option in options if f'"{option}"' not in source] == []


def paths(text: str) -> set[str]:
    """Relative links, and what looks like a path in backquotes."""
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    named = {code for code in inline_code(text) if re.fullmatch(r"[\w.-]+(/[\w.-]*)+", code)}
    return {path for path in links | named if path and path.split("/")[0] not in GENERATED}


def test_paths_exist():
    assert {"CONTRIBUTING.md", "LICENSE", "refimpl/layers/"} <= paths(README)
    assert [path for path in sorted(paths(README)) if not (ROOT / path).exists()] == []
    assert paths("[a](gone.md) `refimpl/gone.py` `build/audit`") == {"gone.md", "refimpl/gone.py"}


def test_links_inside_the_page_lead_somewhere():
    titles = {title.strip().lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", README, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= titles


def test_names_of_modules_resolve():
    dotted = [code for code in inline_code(README) if re.fullmatch(r"refimpl(\.\w+)+", code)]
    assert dotted
    for name in dotted:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_named_fields_of_a_run_are_written():
    written = (ROOT / "refimpl" / "training" / "metrics.py").read_text("utf-8")
    for field in ("n_terms", "compression", "compression_raw", "compression_fixpoint", "kept", "vocabulary", "neurons"):
        assert field in README
        assert f'"{field}": ' in written


def test_the_table_of_shared_noise():
    T, B, V, E, H, K = 6, 3, 11, 5, 4, 2
    table = README.partition("| estimator |")[2].partition("\n\n")[0]
    assert {"deterministic", *re.findall(r"^\| `(\w+)`", table, re.MULTILINE)} == set(ESTIMATORS)

    def shapes(W_x="rt", output="rt", **layer):
        recipe = Recipe(
            task="language_model",
            vocabulary=V,
            outputs=K,
            embedding=Embedding(E, Weight("rt_object"), z="rnn2018", dropout=0.5),
            layers=(Recurrent("lstm", H, Weight(W_x, **layer.pop("noise", {})), Weight(), **layer),),
            output=Output(Weight(output), dropout=0.5),
        )
        return noise_shapes(check_recipe(recipe), T, B)

    assert shapes()["lstm.W_x"] == (E, 4, H)
    assert shapes()["embedding.W"] == (B, V, E)
    assert shapes(W_x="lrt", output="lrt")["lstm.W_x"] == (T, B, 4, H)
    assert shapes(W_x="lrt", output="lrt")["output.W"] == (T, B, K)
    assert shapes(W_x="lrt", noise={"gate_noise": "shared"})["lstm.W_x"] == (T, B, 1, H)
    assert shapes(W_x="lrt_shared", output="lrt_shared")["lstm.W_x"] == (1, B, 4, H)
    assert shapes(output="lrt_shared")["output.W"] == (1, B, K)
    assert shapes(z_gates="rnn2018")["lstm.z_gates"] == (B, 4, H)
    assert shapes(dropout_x=0.5)["lstm.dropout_x"] == (B, 4, E)
    assert shapes(dropout_x=0.5, dropout_gates="shared")["lstm.dropout_x"] == (B, 1, E)
    assert shapes()["embedding.dropout"] == (B, V)
    assert shapes()["output.dropout"] == (B, H)


def test_no_machine_paths_and_lines_of_120_characters():
    assert not re.search(r"(?<![\w.:/])/(work|tmp|home|root|usr)\b", README)
    assert [line for line in README.splitlines() if len(line) > 120] == []
