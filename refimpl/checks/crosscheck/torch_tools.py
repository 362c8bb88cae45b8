"""What makes a torch module of one's own a subject in a few lines: its parameters and its random draws replaced."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from refimpl.checks.crosscheck.layouts import keras_weight, torch_bias, torch_weight
from refimpl.checks.crosscheck.subject import ALTERNATIVES, BadSubjectError


def with_parameters(module: Any, values: dict[str, Any]) -> Any:
    """The module, its parameters replaced by tensors that gradients flow through; dots lead into submodules.

    Errors: BadSubjectError if a parameter is unknown, has another shape, or is left as it is.
    """
    own = dict(module.named_parameters())
    if own.keys() != values.keys():
        missing, unknown = sorted(own.keys() - values.keys()), sorted(values.keys() - own.keys())
        raise BadSubjectError(f"with_parameters: not given {missing}, not of {type(module).__name__} {unknown}")
    for name, value in values.items():
        if value.shape != own[name].shape:
            expected, found = tuple(own[name].shape), tuple(value.shape)
            raise BadSubjectError(f"with_parameters: {name} has shape {expected}, got {found}; see torch_weight")
        place, _, leaf = name.rpartition(".")
        owner = module.get_submodule(place)
        del owner._parameters[leaf]
        setattr(owner, leaf, value)
    return module


@contextmanager
def given_noise(noise: dict[str, Any]) -> Iterator[None]:
    """Inside, torch.randn, torch.randn_like and torch.bernoulli give the draws of the case, so that a module that draws
    for itself can be checked as it is.

    A draw is known by its shape: ours, or (4H, D), (D, 4H) and (4H,) for those of gates. Asked again for the same one,
    they give the draw of the next time step, which is what drawing again at each step means.
    Errors: BadSubjectError where no draw, or no one draw, has the shape asked for.
    """
    torch = import_module("torch")
    asked: dict[str, int] = {}

    def draw(shape: tuple[int, ...]) -> Any:
        name, form = _find(shape, noise)
        count = asked[name] = asked.get(name, 0) + 1
        if count == 1:
            return form(noise[name])
        steps = noise.get(f"{name}_each_step")
        if steps is None or count > len(steps):
            raise BadSubjectError(f"noise {name!r}: drawn {count} times, which is neither once nor once a step")
        return form(steps[count - 1])

    def randn(*size: Any, **_: Any) -> Any:
        return draw(tuple(size[0] if len(size) == 1 and not isinstance(size[0], int) else size))

    def like(tensor: Any, **_: Any) -> Any:
        return draw(tuple(tensor.shape))

    replaced = {"randn": randn, "randn_like": like, "bernoulli": like}
    before = {name: getattr(torch, name) for name in replaced}
    for name, function in replaced.items():
        setattr(torch, name, function)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(torch, name, function)


def _same(a: Any) -> Any:
    return a


def _find(shape: tuple[int, ...], noise: dict[str, Any]) -> tuple[str, Callable[[Any], Any]]:
    """The draw of that shape, and how it is brought into it."""
    names = [n for n in dict.keys(noise) if not n.endswith(ALTERNATIVES)]
    found = [
        (name, form)
        for name in names
        for form in _forms(tuple(dict.__getitem__(noise, name).shape))
        if tuple(form(dict.__getitem__(noise, name)).shape) == shape
    ]
    if len(found) != 1:
        shapes = {name: tuple(dict.__getitem__(noise, name).shape) for name in names}
        said = "no draw has" if not found else "several draws have"
        raise BadSubjectError(f"noise of shape {shape}: {said} it; the case has {shapes}")
    return found[0]


def _forms(shape: tuple[int, ...]) -> list[Callable[[Any], Any]]:
    if len(shape) == 3 and shape[1] == 4:
        return [_same, torch_weight, keras_weight]
    return [_same, torch_bias] if len(shape) == 2 and shape[0] == 4 else [_same]
