"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

# Read when Triton is first imported, which others do too.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

REPOSITORY = Path(__file__).resolve().parents[1]

settings.register_profile(
    "asot", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("asot")


def pytest_report_header() -> str:
    return f"asot seed: {SEED} (repeat with ASOT_TEST_SEED={SEED})"


# In the environment, so that the workers of a parallel run share it.
os.environ.setdefault("ASOT_TEST_SEED", str(random.SystemRandom().randrange(2**31)))
SEED = int(os.environ["ASOT_TEST_SEED"])


@pytest.fixture(scope="session", autouse=True)
def one_thread_in_libraries() -> None:
    """Give the numerical libraries one thread: several that wait for each other take twice as long.

    What starts threads by itself, as the learners of a team, has as many as ever.
    """
    threadpool_limits(1)


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Generator[None]:
    """Write files without a wait for the disk, some milliseconds each: no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Collect no doctests here: skipped as one, a module that cannot be imported has no error."""
    found = yield
    return [one for one in found if type(one).__name__ != "DoctestModule"]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A seed of this test's own, drawn anew each run and shown when the test fails."""
    drawn = random.Random(f"{SEED} {request.node.nodeid}").randrange(2**31)
    request.node.user_properties.append(("seed", drawn))
    sys.stdout.write(f"seed: {drawn}\n")
    return drawn


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and reference figures beside the repository, where there is one."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "golden").is_dir():
        pytest.skip("the reference figures and real data beside the repository are not here")
    return folder
