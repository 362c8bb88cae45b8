"""A checkpoint within an epoch: partial.safetensors, where an epoch is too long to be lost.

It is written between two reads of the loss, so that sums are taken in the same order as without a break, and holds what
the rest of the epoch depends on: parameters, moments, states carried along the text, the sums so far. It belongs to the
epoch after that of last.safetensors; one that does not is passed over, and the epoch begins anew.
"""

import json
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.models.network import States
from refimpl.models.parameters import Params, check_params
from refimpl.models.recipe import Recipe
from refimpl.training.adam import AdamState
from refimpl.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from refimpl.training.epoch import Sums
from refimpl.training.identity import differences

PARTIAL = "partial.safetensors"


class Partial(NamedTuple):
    """Where to go on within an epoch."""

    params: Params
    adam: AdamState
    carried: States | None
    sums: Sums


def save_partial(folder: Path, partial: Partial, recipe: Recipe, epochs: int, configuration: str) -> None:
    """Write partial.safetensors; epochs are those finished. Errors: OSError as ``write_atomically``."""
    adam, states = partial.adam, partial.carried or ()
    carried = {
        f"{layer.name}.{part}": array
        for layer, state in zip(recipe.layers, states, strict=bool(states))
        for part, array in zip(LSTMState._fields, state, strict=True)
    }
    within = json.dumps(partial.sums._asdict())
    checkpoint = Checkpoint(partial.params, adam.m, adam.v, epochs, adam.step, configuration, carried, within)
    save_checkpoint(folder / PARTIAL, checkpoint)


def load_partial(
    folder: Path, recipe: Recipe, configuration: str, *, epochs: int, step: int, batches: int, xp: ModuleType
) -> tuple[Partial | None, str]:
    """What to go on from after so many epochs and Adam steps, or None and the reason why the file is passed over.

    batches: of an epoch. Without a file there is no reason either: (None, "").
    """
    path = folder / PARTIAL
    if not path.is_file():
        return None, ""
    try:
        found = load_checkpoint(path, xp.asarray)
        check_params(found.params, recipe)
        sums = Sums(**json.loads(found.within or "{}"))
    except (ValueError, TypeError) as error:
        return None, _passed_over(path, str(error))
    layers = [layer.name for layer in recipe.layers]
    reason = _reason(found, sums, configuration, layers, epochs, step, batches)
    if reason:
        return None, _passed_over(path, reason)
    carried = found.carried
    states = tuple(LSTMState(carried[f"{name}.h"], carried[f"{name}.c"]) for name in layers) if carried else None
    return Partial(found.params, AdamState(found.m, found.v, found.step), states, sums), ""


def _reason(
    found: Checkpoint, sums: Sums, configuration: str, layers: list[str], epochs: int, step: int, batches: int
) -> str:
    """Why a checkpoint is not one to go on from, or ""."""
    if found.epoch != epochs:
        return f"it belongs to epoch {found.epoch + 1}, and the run stands before epoch {epochs + 1}"
    if differences(found.configuration, configuration):
        return "it was written by a run of another configuration"
    if not 0 < sums.batches < batches or found.step != step + sums.batches:
        return f"it stands after {sums.batches} of {batches} steps, and after step {found.step} of the run"
    if not found.params.keys() == found.m.keys() == found.v.keys():
        return "it has no optimiser state for every parameter"
    if found.carried and found.carried.keys() != {f"{name}.{part}" for name in layers for part in LSTMState._fields}:
        return f"it carries the states {', '.join(found.carried)}, and the model has the layers {', '.join(layers)}"
    return ""


def _passed_over(path: Path, reason: str) -> str:
    return f"{path}: passed over ({reason}); the epoch begins anew"
