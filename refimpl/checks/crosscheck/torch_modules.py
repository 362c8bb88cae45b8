"""Classes of torch modules with the parameters and the call of nn.LSTM or nn.LSTMCell: subjects as they are."""

from collections.abc import Sequence
from typing import Any

from refimpl.arrays import Array
from refimpl.checks.conformance import Case
from refimpl.checks.crosscheck.adapters_torch import default_dtype, torch_seed
from refimpl.checks.crosscheck.data_loss import DataLoss, total_of
from refimpl.checks.crosscheck.layouts import from_torch_bias, from_torch_weight, torch_bias, torch_weight
from refimpl.checks.crosscheck.subject import Answered, BadSubjectError, Subject, in_dtype, to_numpy

LAYER = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
CELL = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
LSTM_GIVEN = {"param.W_x", "param.W_h", "param.b", "input.x", "input.h0", "input.c0"}


def is_module_class(thing: Any) -> bool:
    """Whether it is a class of torch modules; torch is not imported for that."""
    return isinstance(thing, type) and any(c.__module__ == "torch.nn.modules.module" for c in thing.__mro__)


def module_subject(module: Any, dtype: str = "float64") -> Subject:
    """A class that is made as ``module(D, H)`` and has the parameters and the call of nn.LSTM or nn.LSTMCell.

    Our one bias is shared out, a quarter to ``bias_hh``, so that a module that adds one of its two is noticed. Both
    have the gradient of b; the second is compared under a note.
    """

    def run(case: Case, known: Sequence[str]) -> Answered:
        given = in_dtype(case.given, dtype)
        with default_dtype(dtype) as torch:
            width, _, size = given["param.W_x"].shape
            made = _make(module, width, size)
            names = _names(module, dict(made.named_parameters()))
            _load(made, names, given, torch)
            x, h0, c0 = (torch.from_numpy(given[n]).requires_grad_() for n in ("input.x", "input.h0", "input.c0"))
            outputs = _call_cell(made, x, h0, c0, torch) if names is CELL else _call_layer(made, x, h0, c0)
            data_loss = DataLoss({n: torch.from_numpy(a) for n, a in given.items()})
            total = total_of(outputs, data_loss, case, known)
            total.value.backward()
            grads, notes = _gradients(made, names, x, h0, c0)
            answers = {name: to_numpy(value) for name, value in outputs.items()} | grads
        return Answered({n: a for n, a in answers.items() if n in known}, total.weighted, notes=(*total.notes, *notes))

    def takes(case: Case) -> bool:
        given = {n for n in case.given if not n.startswith("cotangent.")}
        plain = case.config.get("gates", "sigmoid") == "sigmoid"
        return given == LSTM_GIVEN and case.given["param.W_x"].ndim == 3 and plain

    return Subject(module.__name__, run, ("lstm",), takes, torch_seed)


def _make(module: Any, width: int, size: int) -> Any:
    try:
        return module(width, size)
    except TypeError as error:
        raise BadSubjectError(
            f"{module.__name__}({width}, {size}) cannot be made: {error}; a class is expected to take (input_size, "
            "hidden_size), anything else is written as a function under @torch_subject"
        ) from error


def _names(module: Any, found: dict[str, Any]) -> tuple[str, ...]:
    for names in (LAYER, CELL):
        if set(names) <= found.keys() or set(names[:3]) == found.keys():
            return names
    raise BadSubjectError(
        f"{module.__name__} has the parameters {sorted(found)}; a class is expected to have {list(LAYER)} or "
        f"{list(CELL)}, anything else is written as a function under @torch_subject"
    )


def _load(made: Any, names: tuple[str, ...], given: dict[str, Array], torch: Any) -> None:
    weights = [torch_weight(given["param.W_x"]), torch_weight(given["param.W_h"])]
    b = torch_bias(given["param.b"])
    biases = [0.75 * b, b - 0.75 * b] if hasattr(made, names[3]) else [b]
    with torch.no_grad():
        for name, value in zip(names, weights + biases, strict=False):
            parameter = getattr(made, name)
            if tuple(parameter.shape) != value.shape:
                raise BadSubjectError(f"{name}: expected shape {value.shape}, got {tuple(parameter.shape)}")
            parameter.copy_(torch.from_numpy(value.copy()))


def _call_layer(made: Any, x: Any, h0: Any, c0: Any) -> dict[str, Any]:
    h, (last_h, last_c) = made(x, (h0[None], c0[None]))
    return {"out.h": h, "out.h_last": last_h.reshape(h0.shape), "out.c_last": last_c.reshape(c0.shape)}


def _call_cell(made: Any, x: Any, h0: Any, c0: Any, torch: Any) -> dict[str, Any]:
    h, c, steps = h0, c0, []
    for x_t in x:
        h, c = made(x_t, (h, c))
        steps.append(h)
    return {"out.h": torch.stack(steps), "out.h_last": h, "out.c_last": c}


def _gradients(made: Any, names: tuple[str, ...], x: Any, h0: Any, c0: Any) -> tuple[dict[str, Array], list[str]]:
    """In our layout; a note where the two biases have different gradients."""
    grads = [getattr(made, name).grad if hasattr(made, name) else None for name in names]
    notes = [f"no gradient reaches {n}" for n, g in zip(names, grads, strict=True) if g is None and hasattr(made, n)]
    W_x, W_h, b_ih, b_hh = grads
    if b_ih is not None and b_hh is not None and not bool((b_ih - b_hh).abs().max() <= 1e-9 * b_ih.abs().max()):
        notes.append(
            f"{names[2]} and {names[3]} have different gradients; both are added, so both should have that of b"
        )
    weights = {"grad.param.W_x": W_x, "grad.param.W_h": W_h}
    answers = {name: from_torch_weight(to_numpy(g)) for name, g in weights.items() if g is not None}
    if b_ih is not None:
        answers["grad.param.b"] = from_torch_bias(to_numpy(b_ih))
    states = {"grad.input.x": x.grad, "grad.input.h0": h0.grad, "grad.input.c0": c0.grad}
    return answers | {name: to_numpy(g) for name, g in states.items() if g is not None}, notes
