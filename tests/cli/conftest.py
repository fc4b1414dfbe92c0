"""The command line in this process, a small data set, and a run trained on it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asot.cli import FAILED, main
from asot.data import write_dataset
from asot.simulation import make_recordings
from tests.cli.outcome import CLASSES, SHORT, Asot, Outcome
from tests.conftest import MISSING, SEED
from tests.runs.regimes import write_logs


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the tests' own, so that none writes to the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASOT_CACHE", str(folder))
        patch.delenv("COLUMNS", raising=False)
        # On a slow machine too, standard error holds nothing but what a command complains of.
        patch.setattr("asot.cli.console.QUIET_S", 1e6)
        yield folder


def _without_compiling(err: str) -> str:
    """Without what is said once, by whichever test of a run needs the compiled solver first."""
    lines = err.splitlines(keepends=True)
    return "".join(one for one in lines if not one.startswith("asot: Compiling the solver"))


@pytest.fixture
def asot(capsys: pytest.CaptureFixture[str]) -> Iterator[Asot]:
    """Runs a command in this process."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        if MISSING and code == FAILED and "which is not installed" in captured.err:
            pytest.skip(captured.err)
        return Outcome(code, captured.out, _without_compiling(captured.err))

    handler = signal.getsignal(signal.SIGINT)
    yield run
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound data set of five recordings of four actions; nothing may be written to it."""
    corpus = make_recordings(5, n_actions=4, n_frames=(60, 90), width=6, noise=0.3, random_state=1)
    return write_dataset(corpus, tmp_path_factory.mktemp("data") / "toys", CLASSES)


@pytest.fixture(scope="session")
def trained(toys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on ``toys``; nothing may be written to it."""
    pytest.importorskip("sklearn")
    out = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "default", *SHORT, "--data", str(toys), "--out", str(out)]
    assert main([*words, "--dataset.frame_rate", "10"]) == 0
    return out


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmentation of three logs; nothing may be changed."""
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    folder = tmp_path_factory.mktemp("logs")
    write_logs(folder, SEED + 1, "r0", "r1", "r2", start=0.54, jitter=0.5)
    out = tmp_path_factory.mktemp("segmented") / "results"
    assert main(["segment", str(folder), "--n_actions", "4", "--out", str(out)]) == 0
    return out


@pytest.fixture
def results(finished: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return shutil.copytree(finished, tmp_path / "results")


@pytest.fixture(scope="session")
def command() -> list[str]:
    """The words that start ``asot`` in a process of its own."""
    return [sys.executable, "-c", "import sys; from asot.cli import main; sys.exit(main())"]


@pytest.fixture(scope="session")
def environment(cache: Path) -> dict[str, str]:
    """The environment for such a process."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "ASOT_CACHE": str(cache)}
