from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asot.data import features as store
from asot.data.features import FOLDER, open_text
from asot.errors import DataError
from asot.remote import cache_folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a recording.v2.txt"
    np.savetxt(path, np.arange(12.0).reshape(4, 3))
    return path


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The texts that were really parsed."""
    seen: list[Path] = []
    parse = store.parse_features

    def counted(path: Path) -> Any:
        seen.append(path)
        return parse(path)

    monkeypatch.setattr(store, "parse_features", counted)
    return seen


def copy_of(text: Path) -> Path:
    return text.parent / FOLDER / f"{text.name}.npy"


def test_a_text_is_parsed_once_and_then_mapped(text: Path, parses: list[Path]) -> None:
    first, second = open_text(text), open_text(text)
    assert parses == [text]
    for array in (first, second):
        assert isinstance(array, np.memmap)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, np.arange(12.0).reshape(4, 3))
    assert copy_of(text).is_file()
    assert sorted(path.name for path in (text.parent / FOLDER).iterdir()) == [
        f"{text.name}.json",
        f"{text.name}.npy",
    ]


def test_a_changed_text_is_parsed_again(text: Path, parses: list[Path]) -> None:
    open_text(text)
    for i in range(5):
        # The same size, written straight after: only the time tells.
        np.savetxt(text, np.arange(12.0).reshape(4, 3) + i)
        assert open_text(text)[0, 0] == i
    assert len(parses) == 6


def test_an_open_map_outlives_a_rebuilt_store(text: Path) -> None:
    old = open_text(text)
    np.savetxt(text, np.full((2, 2), 7.0))
    assert open_text(text).shape == (2, 2)
    np.testing.assert_array_equal(old, np.arange(12.0).reshape(4, 3))


def truncate(text: Path) -> None:
    os.truncate(copy_of(text), copy_of(text).stat().st_size - 5)


def truncate_to_nothing(text: Path) -> None:
    copy_of(text).write_bytes(b"")


def lose_sidecar(text: Path) -> None:
    copy_of(text).with_suffix(".json").unlink()


def lose_copy(text: Path) -> None:
    copy_of(text).unlink()


def halve_sidecar(text: Path) -> None:
    path = copy_of(text).with_suffix(".json")
    path.write_text(path.read_text()[:30])


def deep_sidecar(text: Path) -> None:
    copy_of(text).with_suffix(".json").write_text("[" * 100_000)


def another_shape(text: Path) -> None:
    path = copy_of(text).with_suffix(".json")
    sidecar = json.loads(path.read_text())
    sidecar["shape"] = [3, 4]
    path.write_text(json.dumps(sidecar))


def another_format(text: Path) -> None:
    path = copy_of(text).with_suffix(".json")
    path.write_text(path.read_text().replace('"format": 1', '"format": 0'))


def copy_of_another_version(text: Path) -> None:
    """What two writers leave who saw two versions of the text, of one shape and size."""
    found = copy_of(text).stat()
    np.save(copy_of(text), np.zeros((4, 3), dtype=np.float32))
    os.utime(copy_of(text), ns=(found.st_mtime_ns + 1000, found.st_mtime_ns + 1000))


def folder_in_its_place(text: Path) -> None:
    copy_of(text).unlink()
    copy_of(text).mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        truncate_to_nothing,
        lose_sidecar,
        lose_copy,
        halve_sidecar,
        deep_sidecar,
        another_shape,
        another_format,
        copy_of_another_version,
        folder_in_its_place,
    ],
)
def test_a_damaged_store_is_made_anew(
    text: Path, parses: list[Path], damage: Callable[[Path], None]
) -> None:
    open_text(text)
    damage(text)
    np.testing.assert_array_equal(open_text(text), np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(open_text(text), np.arange(12.0).reshape(4, 3))
    assert len(parses) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(copy=st.binary(max_size=400), sidecar=st.binary(max_size=100))
def test_whatever_lies_in_the_store_the_text_is_read(
    text: Path, copy: bytes, sidecar: bytes
) -> None:
    open_text(text)
    copy_of(text).write_bytes(copy)
    copy_of(text).with_suffix(".json").write_bytes(sidecar)
    np.testing.assert_array_equal(open_text(text), np.arange(12.0).reshape(4, 3))


def test_a_sealed_folder_is_left_alone(text: Path, cache: Path, parses: list[Path]) -> None:
    folder = text.parent
    folder.chmod(0o555)  # keeps a superuser out of nothing, but says what the owner wants
    try:
        first, second = open_text(text), open_text(text)
    finally:
        folder.chmod(0o755)
    assert parses == [text]
    assert isinstance(first, np.memmap)
    np.testing.assert_array_equal(first, second)
    assert not (folder / FOLDER).exists()
    assert len(list((cache / "features").iterdir())) == 2


def test_a_folder_that_cannot_be_made_leads_to_the_cache(
    text: Path, cache: Path, parses: list[Path]
) -> None:
    (text.parent / FOLDER).write_text("a file in the way")
    assert isinstance(open_text(text), np.memmap)
    assert isinstance(open_text(text), np.memmap)
    assert parses == [text]
    assert len(list((cache / "features").iterdir())) == 2


def test_texts_of_one_name_in_two_folders_do_not_share_a_cached_copy(tmp_path: Path) -> None:
    for i, name in enumerate(["one", "two"]):
        folder = tmp_path / name
        folder.mkdir()
        (folder / FOLDER).write_text("in the way")
        np.savetxt(folder / "a.txt", np.full((2, 2), i))
    os.utime(tmp_path / "one" / "a.txt", ns=(10**18, 10**18))
    os.utime(tmp_path / "two" / "a.txt", ns=(10**18, 10**18))
    assert open_text(tmp_path / "one" / "a.txt")[0, 0] == 0
    assert open_text(tmp_path / "two" / "a.txt")[0, 0] == 1


def test_without_any_place_to_write_the_text_is_read_into_memory(
    text: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (text.parent / FOLDER).write_text("in the way")
    (cache / "file").write_text("in the way")
    monkeypatch.setenv("ASOT_CACHE", str(cache / "file"))
    np.testing.assert_array_equal(open_text(text), np.arange(12.0).reshape(4, 3))
    assert "no feature store can be written" in caplog.text


def test_a_full_disk_leaves_no_half_store(
    text: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(stream: Any, *_: Any, **__: Any) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        np.testing.assert_array_equal(open_text(text), np.arange(12.0).reshape(4, 3))
    assert list((text.parent / FOLDER).iterdir()) == []
    assert isinstance(open_text(text), np.memmap)


def test_a_name_too_long_for_a_copy_leads_to_the_cache(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / ("x" * 250 + ".txt")
    np.savetxt(path, np.ones((2, 2)))
    assert isinstance(open_text(path), np.memmap)
    assert len(list((cache / "features").iterdir())) == 2


def test_a_moved_data_set_keeps_its_store(text: Path, tmp_path: Path, parses: list[Path]) -> None:
    open_text(text)
    shutil.copytree(text.parent, tmp_path / "moved")
    open_text(tmp_path / "moved" / text.name)
    assert len(parses) == 1


def test_a_text_that_never_settles_is_refused(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = store.parse_features

    def growing(path: Path) -> Any:
        features = parse(path)
        with path.open("a") as stream:
            stream.write("1 2 3\n")
        return features

    monkeypatch.setattr(store, "parse_features", growing)
    with pytest.raises(DataError, match="changes while it is read"):
        open_text(text)


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASOT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("ASOT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "asot"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_folder() == tmp_path / ".cache" / "asot"


# Opens the text again and again while the store is destroyed now and then.
OPEN_MANY = """
import sys, time
from pathlib import Path
from asot.data.features import FOLDER, open_text
path, go = Path(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
for i in range(60):
    features = open_text(path)
    assert features.shape == (200, 20) and float(features.sum()) == 4000, features
    if i % 3 == 0:
        (path.parent / FOLDER / "a.txt.json").unlink(missing_ok=True)
"""


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    path, go = tmp_path / "a.txt", tmp_path / "go"
    np.savetxt(path, np.ones((200, 20)))
    command = [sys.executable, "-c", OPEN_MANY, str(path), str(go)]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    go.touch()
    for worker in workers:
        _, errors = worker.communicate(timeout=60)
        assert worker.returncode == 0, errors
    assert open_text(path).shape == (200, 20)
    # The sidecar may be gone, as it was destroyed, but nothing half-written is left.
    left = {item.name for item in (tmp_path / FOLDER).iterdir()}
    assert left <= {"a.txt.npy", "a.txt.json"}
