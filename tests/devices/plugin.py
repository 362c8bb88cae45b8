"""What pytest needs for ``--device``: the option, which tests take part, and those that stay on the host with a reason.

Part of every test run, by ``tests/conftest.py``.
"""

from pathlib import Path

import pytest

from tests.devices.legs import DEVICES, install

ROOT = Path(__file__).parents[2]
# The unit suite: everything that computes with arrays. Readers, reports, runs and the command stay on the host.
UNIT_SUITE = ("tests/layers/", "tests/bayes/", "tests/models/", "tests/properties/", "tests/vectors/")
UNIT_SUITE += ("tests/training/test_elbo.py", "tests/training/test_adam.py", "tests/training/test_clipping.py")
UNIT_SUITE += ("tests/compression/test_thresholds.py", "tests/test_noise.py", "tests/test_arrays.py")

NOT_READ = "ids are refused on the host, where the data enter; a device is not read to check them"
MEMORY = "measures what the function takes on the host; a leg adds its copies of the arguments"
HOST_ONLY = {  # a test, or one of its cases
    "tests/layers/test_embedding.py::test_an_id_is_never_wrapped": NOT_READ,
    "tests/layers/test_gate_input.py::test_errors_of_tokens[ids0-IndexError-ids: expected ids from 0 to 5, got 6]": (
        NOT_READ
    ),
    "tests/layers/test_gate_input.py::test_errors_of_tokens[ids1-IndexError-ids: expected ids from 0 to 5, got -1]": (
        NOT_READ
    ),
    "tests/layers/test_losses.py::test_errors[softmax]": NOT_READ,
    "tests/layers/test_losses.py::test_errors[binary]": NOT_READ,
    "tests/models/test_network.py::test_an_id_is_never_wrapped": NOT_READ,
    "tests/models/test_objective.py::test_wrong_targets_are_refused": NOT_READ,
    "tests/test_noise.py::test_rows_are_checked": NOT_READ,
    "tests/test_arrays.py::test_check_ids_never_wraps": NOT_READ,
    "tests/layers/test_losses.py::test_softmax_makes_one_large_array_forward_and_one_backward": MEMORY,
}


def add_option(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=DEVICES, default="numpy", help="where the unit suite computes")


def configure(config: pytest.Config) -> None:
    device = config.getoption("--device")
    if device != "numpy":
        install(device)


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not take part, and skip what cannot, saying why."""
    device = config.getoption("--device")
    if device == "numpy":
        return
    check_host_only(config, items)
    kept, left = [], []
    for item in items:
        (kept if item.nodeid.startswith(UNIT_SUITE) else left).append(item)
        reason = HOST_ONLY.get(item.nodeid) or HOST_ONLY.get(item.nodeid.partition("[")[0])
        if reason and not (device == "readonly" and reason is NOT_READ):  # there the ids are on the host
            item.add_marker(pytest.mark.skip(reason=reason))
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def check_host_only(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A name in HOST_ONLY whose file was collected whole, and which is no test of it, is an error."""
    if any("::" in argument for argument in config.args):
        return
    found = {item.nodeid for item in items} | {item.nodeid.partition("[")[0] for item in items}
    files = {name.partition("::")[0] for name in found}
    stale = [name for name in HOST_ONLY if name not in found and name.partition("::")[0] in files]
    if stale:
        raise pytest.UsageError(f"tests/devices/plugin.py: HOST_ONLY names what is no test: {stale}")
