"""Checkpoints: one safetensors file each, written to a new file and renamed, so that a stored one is never lost.

Tensors: "param/NAME", "adam_m/NAME", "adam_v/NAME", and within an epoch "carried/LAYER.h" and "carried/LAYER.c".
Metadata (strings): format, refimpl (the version that wrote it), epoch, step, configuration, within (only within an
epoch), rows (digest of the metrics up to this epoch, by which another run's are told), and digest, by which a damaged
file is told from a whole one. Older files lack refimpl and rows.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from refimpl import __version__
from refimpl.arrays import Array, to_host

FORMAT = "refimpl-checkpoint/1"
KINDS = ("param", "adam_m", "adam_v", "carried")
OLDER = "an older version"
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Checkpoint(NamedTuple):
    params: dict[str, Array]
    m: dict[str, Array]
    v: dict[str, Array]
    epoch: int  # epochs finished
    step: int  # Adam steps done
    configuration: str  # JSON of the run's recipe and options: a checkpoint of another run is refused
    carried: Mapping[str, Array] = MappingProxyType({})  # h and c of a stateful model, within an epoch
    within: str = ""  # JSON of how far the epoch after ``epoch`` has come; "": that epoch has not begun
    version: str = __version__  # of refimpl, which wrote it
    rows: str = ""  # digest of the rows of metrics that belong to it; "": not known


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
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        remedy = "free some space" if error.errno in OUT_OF_SPACE else "choose a folder that can be written"
        message = f"could not be written ({error.strerror}); {remedy}; what was stored before is whole"
        raise OSError(error.errno, f"{path}: {message}") from error


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint. Errors: OSError as ``write_atomically``."""
    groups = (*checkpoint[:3], checkpoint.carried)
    tensors = {
        f"{kind}/{name}": to_host(array).copy(order="C")
        for kind, arrays in zip(KINDS, groups, strict=True)
        for name, array in arrays.items()
    }
    metadata = {
        "format": FORMAT,
        "refimpl": checkpoint.version,
        "epoch": str(checkpoint.epoch),
        "step": str(checkpoint.step),
        "configuration": checkpoint.configuration,
    }
    metadata |= {name: text for name in ("within", "rows") if (text := getattr(checkpoint, name))}
    write_atomically(path, save(tensors, metadata | {"digest": _digest(tensors, metadata)}))


def load_checkpoint(path: Path, to_device: Callable[[Array], Array] = lambda array: array) -> Checkpoint:
    """Read a checkpoint.

    Errors: FileNotFoundError if there is none; ValueError if the file is damaged, cut short, or no checkpoint of this
    package.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no checkpoint there; name a run folder that holds one")
    tensors: dict[str, Array] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") == FORMAT:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:  # TypeError: a dtype that NumPy does not have
        raise ValueError(f"{path}: damaged, or no safetensors file ({error}); use another checkpoint") from error
    if metadata.get("format") != FORMAT:
        found = metadata.get("format")
        remedy = "not a checkpoint of refimpl, use another"
        if str(found).startswith("refimpl-checkpoint/"):
            writer = metadata.get("refimpl", "another version")
            remedy = f"written by refimpl {writer}, and this is refimpl {__version__}; use that version"
        raise ValueError(f"{path}: expected format {FORMAT!r}, got {found!r}; {remedy}")
    if metadata.pop("digest", None) != _digest(tensors, metadata):
        raise ValueError(f"{path}: damaged (its contents are not those that were written); use another checkpoint")
    parts: dict[str, dict[str, Array]] = {kind: {} for kind in KINDS}
    for key, array in tensors.items():
        kind, _, name = key.partition("/")
        parts[kind][name] = to_device(array)
    params, m, v, carried = parts.values()
    epoch, step, version = int(metadata["epoch"]), int(metadata["step"]), metadata.get("refimpl", OLDER)
    within, rows = metadata.get("within", ""), metadata.get("rows", "")
    return Checkpoint(params, m, v, epoch, step, metadata["configuration"], carried, within, version, rows)


def _digest(tensors: dict[str, Array], metadata: dict[str, str]) -> str:
    """BLAKE2b over metadata, names, dtypes, shapes and values."""
    shapes = {name: (array.dtype.name, array.shape) for name, array in tensors.items()}
    digest = hashlib.blake2b(json.dumps([metadata, shapes], sort_keys=True).encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()
