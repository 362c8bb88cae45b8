"""What all tests share: one BLAS thread, no window, fixed examples, and the two markers that may skip a test."""

import os
from pathlib import Path

# Before the first import of NumPy and Matplotlib, which read them once.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis  # noqa: E402
import pytest  # noqa: E402

from refimpl.arrays import device_module  # noqa: E402
from tests.devices import plugin  # noqa: E402

# The same examples in every run: a failure can be repeated tomorrow.
hypothesis.settings.register_profile("refimpl", derandomize=True, deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile("refimpl")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--device numpy|readonly|strict|cupy: where the unit suite computes."""
    plugin.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is imported."""
    plugin.configure(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a device, the unit suite alone."""
    plugin.choose(config, items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason, what needs a device or the data sets where there are none."""
    if item.get_closest_marker("gpu"):
        try:
            device_module("cuda")
        except RuntimeError as error:
            pytest.skip(str(error))
    if item.get_closest_marker("data") and not os.environ.get("REFIMPL_DATA"):
        pytest.skip("REFIMPL_DATA does not name a folder with the data sets")


@pytest.fixture
def data_dir() -> Path:
    """The folder with the data sets; the test carries the marker `data`."""
    return Path(os.environ["REFIMPL_DATA"])
