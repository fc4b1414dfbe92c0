"""Ray: the results of other engines, whatever becomes of its workers; nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

SCRIPT = """
import sys
from functools import partial
from asot.processes import Died
from asot.workers import Workers
from tests.jobs import fail, square_unless_killed, threads_and_process

workers, told = Workers(2, "ray"), []
work = partial(square_unless_killed, sys.argv[1])
found = dict(workers.run(work, range(4), lambda job, value: told.append((job, value))))
assert found.pop(3).reason == "its worker was lost (WorkerCrashedError)", found
assert found == {0: 0, 1: 1, 2: 4}, found
assert set(told) == {(job, "began") for job in range(4)}, told
assert [one for _, (one, _) in workers.run(threads_and_process, [0])] == [["1"] * 4]
try:
    list(workers.run(fail, ["no"]))
except ValueError as error:
    assert str(error) == "no" and "in fail" in str(error.__cause__)
"""


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@pytest.mark.slow
def test_jobs_survive_their_workers(tmp_path: Path, scratch: Path) -> None:
    pytest.importorskip("ray")
    places = [str(REPOSITORY), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    own = {"HOME": str(scratch), "TMPDIR": str(scratch), "OMP_NUM_THREADS": "5"}
    own["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    words = [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(words, env=kept | own, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(scratch.iterdir())
    assert not list(Path("/tmp").glob("asot-*/session_*"))
    # The job that was killed once, and the one that always is: three times, and as often alone.
    assert [(tmp_path / name).stat().st_size for name in "13"] == [2, 6]
