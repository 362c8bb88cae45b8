"""Whether a checkpoint belongs to a run: what an older version did not write is filled in, what differs is named."""

import json

import pytest
from safetensors.numpy import save

from refimpl.training.checkpoint import FORMAT, _digest, load_checkpoint, save_checkpoint
from refimpl.training.identity import differences
from refimpl.training.setup import Options
from refimpl.tree import as_plain
from tests.training import tiny
from tests.training.test_checkpoint import checkpoint

CONFIGURATION = {
    "seed": 4,
    "recipe": as_plain(tiny.recipe("words")),
    "training": as_plain(Options(3)) | {"batch": 4},
    "data": {"sha": "ab", "train": 97},
}


def found(stored, asked=CONFIGURATION):
    return differences(json.dumps(stored), json.dumps(asked))


def without(*path):
    """The configuration as a version wrote it that did not have this field."""
    changed = json.loads(json.dumps(CONFIGURATION))
    part = changed
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return changed


def test_the_same_is_the_same_in_any_order():
    assert found(dict(reversed(CONFIGURATION.items()))) == []
    assert differences("null", "null") == []


@pytest.mark.parametrize(
    "path",
    [
        ("recipe", "log_sigma_init"),
        ("recipe", "layers", 0, "trainable_state"),
        ("recipe", "layers", 1, "W_x", "gate_noise"),
        ("training", "evaluate_every"),
        ("training", "warmup"),
        ("training", "epochs"),
    ],
)
def test_a_field_that_came_later_is_filled_in(path):
    assert found(without(*path)) == []
    assert found(CONFIGURATION, without(*path)) == []


def test_what_describes_a_run_is_not_compared():
    told = {"deviations": ["one"], "paper": {"name": "x"}, "weights_per_term": 1.5, "format": 1}
    assert found(CONFIGURATION | told) == []
    assert found(CONFIGURATION | {"training": CONFIGURATION["training"] | {"epochs": 99}}) == []
    assert found(CONFIGURATION | {"output_log_sigma": None}) == []


def test_each_field_that_differs_is_named():
    other = json.loads(json.dumps(CONFIGURATION))
    other["seed"] = 5
    other["recipe"]["layers"][1]["size"] = 8
    other["training"]["warmup"]["value"] = 0.5
    del other["data"]["sha"]
    assert found(other) == [
        "seed: stored 5, asked 4",
        "recipe.layers.1.size: stored 8, asked 2",
        "training.warmup.value: stored 0.5, asked 1.0",
        'data.sha: stored (absent), asked "ab"',
    ]
    assert found(without("recipe", "layers", 0, "size")) == ["recipe.layers.0.size: stored (absent), asked 3"]
    later = CONFIGURATION | {"recipe": CONFIGURATION["recipe"] | {"attention": True}}
    assert found(later) == ["recipe.attention: stored true, asked (absent)"]


def test_the_version_that_wrote_a_checkpoint_is_known_or_older(tmp_path):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, checkpoint()._replace(version="0.7"))
    assert load_checkpoint(path).version == "0.7"
    old = {"format": FORMAT, "epoch": "3", "step": "7", "configuration": "null"}
    path.write_bytes(save({}, old | {"digest": _digest({}, old)}))
    assert load_checkpoint(path)[3:] == (3, 7, "null", {}, "", "an older version", "")
    path.write_bytes(save({}, {"format": "refimpl-checkpoint/2", "refimpl": "9.1"}))
    message = rf"expected format '{FORMAT}', got 'refimpl-checkpoint/2'; written by refimpl 9.1, and this is refimpl"
    with pytest.raises(ValueError, match=message):
        load_checkpoint(path)
