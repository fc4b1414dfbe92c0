"""One process at a time in a folder, which is swept of what killed ones left."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asot import folders, locks
from asot.errors import FileError
from asot.files import write_text
from asot.folders import remove_empty, scratch_beside, sole_use


@pytest.fixture(params=["flock", "LockFileEx"], autouse=True)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The locks of this system, and those of Windows as its documentation has them."""
    if request.param == "LockFileEx" and locks.HAS_FLOCK:
        beside = tmp_path.with_name(f"{tmp_path.name}-beside")
        beside.mkdir()
        pretend_windows(monkeypatch)
        monkeypatch.setattr(tempfile, "tempdir", str(beside))


def pretend_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let asot lock as on Windows, where locks are of one byte of a file that stands for itself."""
    import fcntl

    errors = []

    def lock_file(
        handle: ctypes.c_void_p, flags: int, none: int, low: int, high: int, place: Any
    ) -> bool:
        assert (none, low, high, place._obj.offset[1]) == (0, 1, 0, 1 << 30)
        assert handle.value is not None
        assert not stat.S_ISDIR(os.fstat(handle.value).st_mode)
        kind = fcntl.LOCK_EX if flags & 2 else fcntl.LOCK_SH
        try:
            fcntl.flock(handle.value, kind | (fcntl.LOCK_NB if flags & 1 else 0))
        except BlockingIOError:
            errors.append(33)
            return False
        return True

    def unlock_file(handle: ctypes.c_void_p, *_: object) -> None:
        assert handle.value is not None
        fcntl.flock(handle.value, fcntl.LOCK_UN)

    kernel = SimpleNamespace(LockFileEx=lock_file, UnlockFileEx=unlock_file)
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, **_: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: errors.pop(), raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=int))
    for module in (locks, folders):
        monkeypatch.setattr(module, "HAS_FLOCK", False)


def test_a_folder_in_use_is_refused_and_swept(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    left = tmp_path / "data" / ".one-0a1b2c3d.npy"
    kept = [tmp_path / "data" / name for name in ("one-0a1b2c3d.npy", ".one.npy", ".one-12.npy")]
    for path in (left, *kept):
        path.touch()
    with sole_use(tmp_path):
        assert not left.exists()
        assert all(path.exists() for path in kept)
        with sole_use(tmp_path / "data"):
            pass  # what holds it may go on inside
        for inside in (tmp_path, tmp_path / "data", tmp_path / "data" / "deeper"):
            assert f"{tmp_path}: is in use by another asot: wait until" in refusal(inside)
        assert "is in use" in refusal(tmp_path, reading=True)
        assert not (tmp_path / "data" / "deeper").exists()
    with sole_use(tmp_path / "data"):
        assert refusal(tmp_path / "other") == ""
        assert "is in use" in refusal(tmp_path)
    with sole_use(tmp_path, reading=True):
        assert refusal(tmp_path, reading=True) == ""
        assert "is in use" in refusal(tmp_path)


def refusal(folder: Path, shard: str = "", reading: bool = False) -> str:
    """What is said to others who want a folder; a thread is another as a process is."""

    def use() -> str:
        try:
            with sole_use(folder, shard, reading):
                return ""
        except FileError as error:
            return str(error)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(use).result()


def test_a_folder_that_another_removes_meanwhile_is_made_and_held_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, opened = tmp_path / "out" / "data", list[Path]()

    def open_late(folder: Path, before: bool) -> int:
        opened.append(folder)
        first = opened.count(place) == 1 and folder == place
        if first and before:
            remove_empty(place, place.parent)
        descriptor = locks.open_folder(folder)
        if first and not before:
            remove_empty(place, place.parent)
        return descriptor

    for before in (True, False):
        monkeypatch.setattr(folders, "open_folder", partial(open_late, before=before))
        opened.clear()
        with sole_use(place):
            assert place.is_dir()
            assert "is in use" in refusal(place)
            assert "is in use" in refusal(place.parent)
        assert not place.parent.exists()


def test_who_is_refused_leaves_a_new_folder_to_whoever_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, other = tmp_path / "out", ExitStack()

    def open_second(folder: Path) -> int:
        if folder == place:
            monkeypatch.setattr(folders, "open_folder", locks.open_folder)
            pool.submit(other.enter_context, sole_use(place)).result()
        return locks.open_folder(folder)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(folders, "open_folder", open_second)
        assert "is in use" in refusal(place)
        assert place.is_dir()
        pool.submit(other.close).result()


def test_what_a_killed_writer_leaves_is_swept(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom asot.files import atomic_path\n"
        f"with atomic_path({str(tmp_path / 'a.txt')!r}):\n os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with sole_use(tmp_path):
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("again", [scratch_beside, lambda path: sole_use(path.parent)])
def test_a_folder_that_was_being_replaced_comes_back(
    tmp_path: Path, again: Callable[[Path], AbstractContextManager[Any]]
) -> None:
    target = tmp_path / "toys"
    write_text(tmp_path / ".toys.asot" / "new" / "a.txt", "new")
    write_text(tmp_path / ".toys.asot" / "earlier" / "a.txt", "old")
    with again(target):
        assert (target / "a.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_shards_share_a_folder_and_keep_others_out(tmp_path: Path) -> None:
    left = tmp_path / ".one-0a1b2c3d.npy"
    left.touch()
    with sole_use(tmp_path, "1/2"), sole_use(tmp_path, "2/2"):
        assert left.exists()  # perhaps another's, who is writing it
        for shard, message in (("", "by another asot: wait"), ("1/2", "with --shard 1/2: give")):
            assert message in refusal(tmp_path, shard)
    with sole_use(tmp_path):
        assert not list(tmp_path.iterdir())
        assert "is in use by another asot: wait" in refusal(tmp_path, "1/2")


def test_who_reads_and_writes_in_turn_loses_nothing(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from asot.files import write_text\nfrom asot.folders import in_turn\n"
        "path = Path(sys.argv[1])\n"
        "for _ in range(50):\n"
        "    with in_turn(path):\n"
        "        write_text(path, path.read_text() + sys.argv[2])\n"
    )
    path = tmp_path / "table"
    path.touch()
    words = [sys.executable, "-c", script, str(path)]
    writers = [subprocess.Popen([*words, letter]) for letter in "ab"]
    assert [one.wait() for one in writers] == [0, 0]
    text = path.read_text()
    assert (text.count("a"), text.count("b")) == (50, 50)
    assert list(tmp_path.iterdir()) == [path]
