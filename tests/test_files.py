"""A reader never sees half a file, and a full disk is never taken for a written file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asot.files import atomic_path, write_array, write_text


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:  # noqa: PT012
        temporary.write_text("new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("shape", [(0, 3), (7, 2), (3000, 50)])
def test_arrays_come_back(tmp_path: Path, shape: tuple[int, int], rng: np.random.Generator) -> None:
    array = rng.random(shape).astype(np.float32)
    write_array(tmp_path / "deep" / "a.npy", array)
    write_array(tmp_path / "fortran.npy", np.asfortranarray(array))
    np.testing.assert_array_equal(np.load(tmp_path / "deep" / "a.npy"), array)
    np.testing.assert_array_equal(np.load(tmp_path / "fortran.npy", mmap_mode="r"), array)


@pytest.mark.parametrize("rows", [40, 40_000])
def test_a_full_disk_is_noticed(tmp_path: Path, rows: int) -> None:
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from asot.files import write_array\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        f"write_array(sys.argv[1], np.zeros(({rows}, 4)))\n"
    )
    resource = pytest.importorskip("resource")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 200
    target = tmp_path / "a.npy"
    command = [sys.executable, "-c", code, str(target)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    named = f"OSError: [Errno 27] {os.strerror(27)}: {str(target)!r}"
    assert ended.stderr.splitlines()[-1] == named
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_on_the_disk_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loss of power leaves the new name with an empty file, or newer files without it."""
    seen: list[tuple[str, int]] = []
    folder = tmp_path.stat().st_ino
    sync, move = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        found = os.fstat(descriptor)
        seen.append(("sync folder", 0) if found.st_ino == folder else ("sync", found.st_size))
        sync(descriptor)

    def moved(old: Path, new: Path) -> None:
        seen.append(("move", Path(old).stat().st_size))
        move(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", moved)
    write_text(tmp_path / "a.txt", "four")
    assert seen == [("sync", 4), ("move", 4), ("sync folder", 0)]
