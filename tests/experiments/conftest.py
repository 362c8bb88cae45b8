"""What tests of several files share: a small run that was not stopped."""

import pytest

from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import run_plan


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The folder of planted-lm, preset smoke, run to its end; to be read, not written to."""
    folder = tmp_path_factory.mktemp("whole")
    run_plan(make_plan("planted-lm", preset="smoke"), folder)
    return folder
