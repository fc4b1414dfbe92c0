"""Ray: the results of other engines, whatever becomes of its workers; nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asot import rays
from asot.workers import Workers
from tests.jobs import square
from tests.runs.regimes import write_logs

REPOSITORY = Path(__file__).resolve().parents[1]

SCRIPT = """
import sys
import warnings
from functools import partial
from logging import getLogger
from logging.handlers import BufferingHandler
from asot.processes import Died
from asot.workers import Workers
from tests.jobs import LostNews, count_up, fail, square_unless_killed, threads_and_process, warn

workers, told = Workers(2, "ray"), []
work = partial(square_unless_killed, sys.argv[1])
found = dict(workers.run(work, range(4), lambda job, value: told.append((job, value))))
assert found.pop(3).reason == "its worker was lost (WorkerCrashedError)", found
assert found == {0: 0, 1: 1, 2: 4}, found
assert set(told) == {(job, "began") for job in range(4)}, told
assert [one for _, (one, _) in workers.run(threads_and_process, [0])] == [["1"] * 4]
heard = BufferingHandler(9)
getLogger().addHandler(heard)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    assert dict(workers.run(warn, ["one"])) == {"one": "one"}
assert {one.getMessage() for one in heard.buffer} == {"one, logged", "one, beside"}, heard.buffer
assert [str(one.message) for one in warned] == ["one, warned"], warned
from asot import rays
rays._News = LostNews
assert dict(workers.run(count_up, [3, 2, 1])) == {3: 3, 2: 2, 1: 1}
try:
    list(workers.run(fail, ["no"]))
except ValueError as error:
    assert str(error) == "no" and "in fail" in str(error.__cause__)
"""


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def environment(scratch: Path) -> dict[str, str]:
    """The environment of a process that is to leave nothing in its home or temporary folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    places = [str(REPOSITORY), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    own = {"HOME": str(scratch), "TMPDIR": str(scratch), "OMP_NUM_THREADS": "5"}
    return kept | own | {"PYTHONPATH": os.pathsep.join(filter(None, places))}


def busy(scratch: Path) -> list[int]:
    """The workers of Ray that have a task, of those that use this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            title, own = ((place / name).read_bytes() for name in ("cmdline", "environ"))
            if title.startswith(b"ray::_task") and str(scratch).encode() in own:
                found.append(int(place.name))
    return found


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Path]]:
    """Where Ray, which is none here, was begun: the address, and the folder."""
    found: list[tuple[Any, Path]] = []
    ray = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda address, **options: found.append((address, Path.cwd())),
    )
    private = SimpleNamespace(worker=SimpleNamespace(), utils=SimpleNamespace())
    for name, module in {"ray": ray, "ray._private": private}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("atexit.register", lambda end: None)
    for name in ("RAY_ADDRESS", "RAY_USAGE_STATS_ENABLED", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "")
    return found


@pytest.mark.parametrize("address", ["", "auto"])
def test_workers_import_nothing_from_where_the_command_is_given(
    begun: list[tuple[Any, Path]], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])
    monkeypatch.setenv("RAY_ADDRESS", address)
    rays._connect(1)
    assert begun == [(address or "local", Path(os.__file__).parent)]
    assert Path.cwd() == tmp_path
    # As this process does from the folder, where it was begun by python -m.
    monkeypatch.syspath_prepend(tmp_path)
    rays._connect(1)
    assert begun[1] == (address or "local", tmp_path)


def test_a_signal_waits_until_ray_has_started(
    begun: list[tuple[Any, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(address: str, **options: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        begun.append((address, Path.cwd()))

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["ray"], "init", start)
    before = signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            rays._connect(1)
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(begun) == 1


def test_a_job_that_needs_a_gpu_is_given_one_the_second_time_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def lose(work: Any, jobs: list[int], count: int | None, told: Any, gpu: bool) -> Any:
        asked.append((list(jobs), gpu))
        yield from ((job, None, "its worker was lost") for job in jobs)

    monkeypatch.setattr(rays, "run_tasks", lose)
    found = dict(Workers(2, "ray").run(square, [3], gpu=True))
    assert str(found[3]) == "its worker was lost"
    assert asked == [([3], True), ([3], True)]


def test_folders_of_killed_processes_are_swept(
    begun: list[tuple[Any, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    monkeypatch.setattr(rays, "LONGEST_FOLDER", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, mine = tmp_path / "asot-ray-killed", tmp_path / "asot-other"
    for folder in (killed, mine):
        (folder / "session").mkdir(parents=True)
    rays._connect(1)
    (used,) = tmp_path.glob("asot-ray-*")
    assert used != killed
    rays._connect(1)
    assert used.is_dir()
    assert mine.is_dir()


@pytest.mark.slow
def test_jobs_survive_their_workers(tmp_path: Path, scratch: Path) -> None:
    pytest.importorskip("ray")
    words = [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(
        words, env=environment(scratch), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(scratch.iterdir())
    assert not list(Path("/tmp").glob("asot-ray-*/session_*"))
    # The job that was killed once, and the one that always is: three times, and as often alone.
    assert [(tmp_path / name).stat().st_size for name in "13"] == [2, 6]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are not listed here")
def test_a_worker_killed_in_the_middle_changes_nothing(
    tmp_path: Path, scratch: Path, seed: int
) -> None:
    pytest.importorskip("ray")
    logs = tmp_path / "logs"
    logs.mkdir()
    write_logs(logs, seed, *(f"r{number}" for number in range(4)))

    def start(out: Path, *words: str) -> subprocess.Popen[str]:
        named = ["segment", str(logs), "--n_actions", "3", "--out", str(out), *words]
        # The results name their folder: both are called the same.
        out.parent.mkdir()
        return subprocess.Popen(
            [sys.executable, "-m", "asot", *named],
            env=environment(scratch),
            stdout=subprocess.DEVNULL,
            text=True,
        )

    alone, spread = tmp_path / "alone" / "out", tmp_path / "spread" / "out"
    assert start(alone).wait() == 0
    process = start(spread, "--engine", "ray", "--workers", "2")
    killed: list[int] = []
    while process.poll() is None:
        time.sleep(0.05)
        if not killed and len(list(spread.glob("run/models/all/*/*.ckpt"))) > 2:
            killed = busy(scratch)[:1]
            for one in killed:
                os.kill(one, signal.SIGKILL)
    assert (process.returncode, len(killed)) == (0, 1)
    ours, theirs = (
        {
            str(path.relative_to(out)): path.read_bytes().replace(str(out).encode(), b"OUT")
            for path in out.rglob("*")
            if path.is_file()
        }
        for out in (spread, alone)
    )
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
