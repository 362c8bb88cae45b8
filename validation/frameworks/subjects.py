"""Who is compared with refimpl, by framework; a framework is imported when its subjects are asked for."""

from collections.abc import Callable
from importlib import import_module

from refimpl.checks.crosscheck.loading import as_subject
from refimpl.checks.crosscheck.subject import ATTRIBUTE, Subject

PARTS = ("kl", "lstm", "layers", "models")
PACKAGES = {"torch": ("torch",), "jax": ("jax",), "onnx": ("torch", "onnx", "onnxruntime")}
NOT_EXPORTED = {"adam": "torch.optim.Adam has no ONNX operator", "nn_lstm": "ONNX Runtime has no LSTM in float64"}


def functions_of(framework: str) -> dict[str, Callable]:
    """The decorated functions of torch_*.py or jax_*.py by name."""
    modules = [import_module(f"validation.frameworks.{framework}_{part}") for part in PARTS]
    return {
        name: thing
        for module in modules
        for name, thing in vars(module).items()
        if hasattr(thing, ATTRIBUTE) and thing.__module__ == module.__name__
    }


def subjects_of(framework: str) -> dict[str, Subject]:
    """All subjects of a framework by name."""
    if framework == "onnx":
        exported_subject = import_module("validation.frameworks.onnx_export").exported_subject
        return {n: exported_subject(f) for n, f in functions_of("torch").items() if n not in NOT_EXPORTED}
    found = {name: as_subject(function, name) for name, function in functions_of(framework).items()}
    if framework == "jax":  # compiled again for a second run; nothing in them draws
        return {name: subject._replace(repeatable=False) for name, subject in found.items()}
    modules = import_module("torch.nn")
    return found | {f"torch.nn.{n}": as_subject(getattr(modules, n), n) for n in ("LSTM", "LSTMCell")}
