"""Checkpoints: one safetensors file each, written to a new file and renamed, so that a stored one is never lost.

Tensors: "param/NAME", "adam_m/NAME", "adam_v/NAME". Metadata (strings): format, epoch, step, and whatever the run adds.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from refimpl.arrays import Array, to_host

FORMAT = "refimpl-checkpoint/1"


class Checkpoint(NamedTuple):
    params: dict[str, Array]
    m: dict[str, Array]
    v: dict[str, Array]
    epoch: int  # epochs finished
    step: int  # Adam steps done
    configuration: str  # JSON of the run's recipe and options: a checkpoint of another run is refused


def write_atomically(path: Path, content: bytes) -> None:
    """Write to PATH.new, flush to disk, rename: the old file stays whole until the new one is.

    Errors: OSError (a full disk, say) with the path and the remedy; the old file and nothing else remains.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise OSError(
            error.errno, f"{path}: could not be written ({error.strerror}); free some space, what was stored before is whole"
        ) from error


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint. Errors: OSError as ``write_atomically``."""
    tensors = {
        f"{kind}/{name}": _contiguous(array)
        for kind, arrays in (("param", checkpoint.params), ("adam_m", checkpoint.m), ("adam_v", checkpoint.v))
        for name, array in arrays.items()
    }
    metadata = {
        "format": FORMAT,
        "epoch": str(checkpoint.epoch),
        "step": str(checkpoint.step),
        "configuration": checkpoint.configuration,
    }
    write_atomically(path, save(tensors, metadata))


def _contiguous(array: Array) -> Array:
    return to_host(array).copy(order="C")


def load_checkpoint(path: Path, to_device: Callable[[Array], Array] = lambda array: array) -> Checkpoint:
    """Read a checkpoint.

    Errors: FileNotFoundError if there is none; ValueError if the file is damaged, cut short, or no checkpoint of this package.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no checkpoint there; name a run folder that holds one")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors: dict[str, Any] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path}: damaged, or no safetensors file ({error}); use another checkpoint") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: expected format {FORMAT!r}, got {metadata.get('format')!r}; not a checkpoint of refimpl")
    parts: dict[str, dict[str, Array]] = {"param": {}, "adam_m": {}, "adam_v": {}}
    for key, array in tensors.items():
        kind, _, name = key.partition("/")
        if kind not in parts:
            raise ValueError(f"{path}: unknown tensor {key!r}; not a checkpoint of refimpl")
        parts[kind][name] = to_device(array)
    return Checkpoint(
        *parts.values(), int(metadata["epoch"]), int(metadata["step"]), metadata.get("configuration", json.dumps(None))
    )
