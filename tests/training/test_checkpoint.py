"""Checkpoints: a round trip bit for bit, every kind of damage, and a disk that is full."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from refimpl.training.checkpoint import FORMAT, Checkpoint, load_checkpoint, save_checkpoint, write_atomically
from tests.training.tiny import drawn_ids


def arrays(seed, dtype="float32"):
    rng = np.random.Generator(np.random.Philox(seed))
    shapes = {"lstm.W_x.mu": (2, 4, 3), "output.b": (5,), "scalar": ()}
    return {name: np.asarray(rng.standard_normal(shape), dtype=dtype) for name, shape in shapes.items()}


def checkpoint(seed=1, dtype="float32"):
    return Checkpoint(arrays(seed, dtype), arrays(seed + 1, dtype), arrays(seed + 2, dtype), 7, 123, '{"é": [1]}')


def assert_same(found, expected):
    assert found[3:] == expected[3:]
    for ours, theirs in zip(found[:3], expected[:3], strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            assert (ours[name].dtype, ours[name].shape) == (value.dtype, value.shape)
            assert ours[name].tobytes() == value.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip_is_bit_for_bit(tmp_path, dtype):
    stored = checkpoint(dtype=dtype)
    stored.params["output.b"][:] = [0.0, -0.0, 5e-324, 1e-45, np.finfo(dtype).max]
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, stored)
    assert_same(load_checkpoint(path), stored)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    save_checkpoint(path, stored._replace(epoch=8, m={}, v={}))  # as the best one is stored
    assert_same(load_checkpoint(path), stored._replace(epoch=8, m={}, v={}))


def test_layout_in_memory_does_not_matter(tmp_path):
    """safetensors itself writes the bytes of a transposed array in the wrong order."""
    stored = checkpoint()
    turned = np.asfortranarray(stored.params["lstm.W_x.mu"])
    strided = np.repeat(stored.params["output.b"], 2)[::2]
    turned.flags.writeable = strided.flags.writeable = False
    save_checkpoint(
        tmp_path / "a", stored._replace(params=stored.params | {"lstm.W_x.mu": turned, "output.b": strided})
    )
    assert_same(load_checkpoint(tmp_path / "a"), stored)


def test_arrays_are_moved_to_the_device(tmp_path):
    save_checkpoint(tmp_path / "a", checkpoint())
    moved = load_checkpoint(tmp_path / "a", lambda array: -array)
    negative = ({name: -array for name, array in part.items()} for part in checkpoint()[:3])
    assert_same(moved, Checkpoint(*negative, *checkpoint()[3:]))


def test_a_flipped_bit_in_any_byte_of_the_header_is_found(tmp_path):
    """Among them: a name, a shape, a dtype, the number of the epoch, the configuration."""
    path = tmp_path / "a"
    stored = checkpoint()._replace(params={"output.b": np.ones(3, "float32")}, m={}, v={})
    save_checkpoint(path, stored)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in range(header):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=rf"^{path}: (damaged|expected format)"):
            load_checkpoint(path)
    path.write_bytes(whole)
    assert_same(load_checkpoint(path), stored)


def test_a_flipped_bit_of_a_number_is_found(tmp_path):
    path = tmp_path / "a"
    save_checkpoint(path, checkpoint())
    whole = path.read_bytes()
    for place in (len(whole) - 1, len(whole) - 100, 8 + int.from_bytes(whole[:8], "little")):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=rf"^{path}: damaged .*use another checkpoint"):
            load_checkpoint(path)


def test_a_file_cut_short_anywhere_or_too_long_is_refused(tmp_path):
    path = tmp_path / "a"
    save_checkpoint(path, checkpoint())
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"^{path}: damaged.*use another checkpoint"):
            load_checkpoint(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match=rf"^{path}: damaged"):
        load_checkpoint(path)


def bfloat16_file(metadata=None):
    """Of a framework that has a dtype that NumPy does not have."""
    tensor = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    header = json.dumps({"a": tensor} | ({"__metadata__": metadata} if metadata else {})).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.mark.parametrize(
    "content",
    [
        save({"weight": np.ones(3, "float32")}),
        save({"param/output.b": np.ones(3, "float32")}, {"format": "pt"}),
        bfloat16_file(),
    ],
)
def test_a_file_of_somebody_else_is_refused(tmp_path, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{path}: expected format '{FORMAT}', got (None|'pt'); not a checkpoint of"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "content", [b"", bfloat16_file({"format": FORMAT}), b"x" * 1000, b"PK\x03\x04" + bytes(100), b"\xff" * 64]
)
def test_something_else_altogether_is_refused(tmp_path, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{path}: damaged, or no safetensors file"):
        load_checkpoint(path)


def test_no_file_is_said(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match=rf"^{path}: no checkpoint there; name a run folder"):
            load_checkpoint(path)


class FullDisk:
    """A file that takes half of what is written to it."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_write(monkeypatch, _):
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode: FullDisk(opened(self, mode)))


def full_in_fsync(monkeypatch, _):
    def fsync(_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", fsync)


def full_device(_, path):
    if not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    path.with_name(path.name + ".new").symlink_to("/dev/full")


@pytest.mark.parametrize("fill", [full_in_write, full_in_fsync, full_device])
def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(tmp_path, monkeypatch, fill):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, checkpoint())
    with monkeypatch.context() as patched:
        fill(patched, path)
        with pytest.raises(
            OSError, match=rf"{path}: could not be written \(.+\); free some space; what was stored"
        ) as e:
            save_checkpoint(path, checkpoint(5))
    assert e.value.errno in (errno.ENOSPC, errno.EDQUOT)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert_same(load_checkpoint(path), checkpoint())
    save_checkpoint(path, checkpoint(5))  # there is space again
    assert_same(load_checkpoint(path), checkpoint(5))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(OSError, match=rf"{folder}/a: could not be written .*choose a folder that can be written"):
            write_atomically(folder / "a", b"content")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_what_an_interrupted_run_left_is_overwritten(tmp_path):
    (tmp_path / "a.new").write_bytes(drawn_ids("rest", 1000).tobytes())
    write_atomically(tmp_path / "a", b"content")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a": b"content"}
