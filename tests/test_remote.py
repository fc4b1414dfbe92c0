"""Folders of a store: on a store in memory, and on a web server that the tests start."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from asot import remote, stores
from asot.cli import main
from asot.data import Recordings
from asot.data.features import FeatureFile, map_array
from asot.errors import ConfigurationError, FileError, UnfinishedError
from asot.files import fingerprint, remove, require_file, write_array, write_json, write_text
from asot.folders import move_folder, put_folder, remove_folder, scratch_beside
from asot.page.content import RecordingView
from asot.page.media import Studio
from asot.remote import is_away, localised, mirrored, read_parts, release, told, url_of
from asot.runs import predictions
from asot.runs.predictions import PredictionFolder
from asot.schema import read_json
from asot.timeline.names import ActionNames, read_names, write_names


@pytest.fixture
def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Go on on a new machine, whose cache is empty."""

    def to_another() -> None:
        monkeypatch.setenv("ASOT_CACHE", str(tmp_path / f"cache-{time.monotonic_ns()}"))
        remote._known.clear()
        remote._fetched.clear()

    return to_another


@pytest.fixture
def far(move: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> MemoryFileSystem:
    """A store that is empty, on a new machine; no try waits for the one before."""
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    monkeypatch.setattr(stores, "WAITS", (0, 0))
    move()
    return MemoryFileSystem()


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are fetched."""
    names, get = list[str](), MemoryFileSystem.get_file

    def counted(self: Any, name: str, *others: Any, **more: Any) -> None:
        names.append(name)
        get(self, name, *others, **more)

    monkeypatch.setattr(MemoryFileSystem, "get_file", counted)
    return names


def content(far: MemoryFileSystem, folder: str) -> dict[str, bytes]:
    return {name: far.cat_file(name) for name in far.find(folder)}


def log(rng: np.random.Generator, rows: int = 4000) -> bytes:
    """A sensor log of 50 rows a second, larger than what is fetched at once."""
    lines = [f"{n / 50:.2f},{a:.9f},{b:.9f}" for n, (a, b) in enumerate(rng.normal(size=(rows, 2)))]
    return "\n".join(["time_s,left,right", *lines]).encode()


def test_what_is_written_is_in_the_store_at_once_and_in_order(far: MemoryFileSystem) -> None:
    with mirrored("memory://out/run") as [out]:
        write_text(out / "labels" / "a.txt", "0\n")
        write_json(out / "mark.json", {"data": str(out / "labels")})
        assert content(far, "/out") == {
            "/out/run/labels/a.txt": b"0\n",
            "/out/run/mark.json": b'{\n "data": "memory://out/run/labels"\n}\n',
        }
        assert read_json(out / "mark.json", dict[str, str], urls=True) == {
            "data": str(out / "labels")
        }
        remove(out / "mark.json")
        assert far.find("/out") == ["/out/run/labels/a.txt"]
        move_folder(out / "labels", out / "earlier")
        (out / ".aside").write_text("stays on this machine")
    assert content(far, "/out") == {"/out/run/earlier/a.txt": b"0\n"}


def test_what_goes_from_the_cache_stays_in_the_store(far: MemoryFileSystem) -> None:
    kept = {"/bucket/videos/a.mp4": b"a", "/bucket/out/b.txt": b"b"}
    for name, one in kept.items():
        far.pipe_file(name, one)
    with mirrored("memory://bucket/videos", "memory://bucket/out") as [_, out]:
        (out / "b.txt").unlink()
        shutil.rmtree(remote._root())
    assert content(far, "/bucket") == kept


def test_labels_of_another_model_go_before_their_marks(
    far: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirrored("memory://out") as [out]:
        folder = PredictionFolder(out)
        folder.resume(Recordings([]), {"a": "one model"})
        folder.write("a", np.zeros(3, dtype=np.int64), np.ones((3, 1), dtype=np.float32))
        seen = list[tuple[str, list[str]]]()
        for name in ("sync_folder", "write_json"):

            def note(path: Path, *_: object, name: str = name) -> None:
                seen.append((f"{name} {path.name}", far.find("/out")))

            monkeypatch.setattr(predictions, name, note)
        folder.resume(Recordings([]), {"a": "another"})
    steps = [f"sync_folder {one}" for one in ("labels", "sub_actions", "assignments")]
    steps.append("write_json made.json")
    assert seen == [(step, ["/out/made.json"]) for step in steps]


def test_what_people_made_is_set_aside_whole(
    far: MemoryFileSystem, tmp_path: Path, rng: np.random.Generator
) -> None:
    large = rng.bytes(remote.SMALL + 1)
    far.pipe_file("/out/corrected/a.json", large)
    with mirrored("memory://out") as [out]:
        PredictionFolder(out).set_aside([out / "corrected" / "a.json"], "of a test")
    assert content(far, "/out") == {"/out/earlier/1/corrected/a.json": large}
    write_text(tmp_path / "names" / "all.json", "{}")
    (tmp_path / "names" / "all.json").chmod(0o444)
    PredictionFolder(tmp_path).set_aside([tmp_path / "names" / "all.json"], "of a test")
    kept = (tmp_path / "earlier" / "1" / "names" / "all.json").stat()
    assert kept.st_mode & 0o200  # else it cannot be brought to the disk, except by root


def test_folders_are_moved_replaced_and_removed_in_the_store(
    far: MemoryFileSystem, move: Callable[[], None], rng: np.random.Generator
) -> None:
    large = rng.bytes(remote.SMALL + 1)
    far.pipe({"/out/data/a.npy": large, "/out/drafts/a.txt": b"a", "/out/page/1.js": b"1"})
    far.pipe({"/out/page/2.js": b"2"})
    with mirrored("memory://out") as [out]:
        move_folder(out / "data", out / "earlier")
        remove_folder(out / "drafts")
        with scratch_beside(out / "page") as scratch:
            write_text(scratch / "page" / "1.js", "new")
            put_folder(scratch / "page", out / "page")
        assert content(far, "/out") == {"/out/earlier/a.npy": large, "/out/page/1.js": b"new"}


def test_a_failure_still_stores_what_was_written_before(far: MemoryFileSystem) -> None:
    def fail() -> None:
        with mirrored("memory://out") as [out]:
            out.mkdir(parents=True)
            (out / "log.csv").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert content(far, "/out") == {"/out/log.csv": b"1"}


def test_the_store_decides_and_not_what_an_earlier_command_left(
    far: MemoryFileSystem, rng: np.random.Generator
) -> None:
    far.pipe_file("/out/same.txt", b"same")
    far.pipe_file("/out/other.txt", b"other")
    with mirrored("memory://out") as [out]:
        pass
    (out / "unfinished").mkdir()
    (out / "unfinished" / "mark.json").write_text("{}")
    (out / "other.txt").write_text("chang")
    with mirrored("memory://out"):
        assert sorted(path.name for path in out.rglob("*")) == ["other.txt", "same.txt"]
        assert (out / "other.txt").read_text() == "other"
    assert content(far, "/out") == {"/out/other.txt": b"other", "/out/same.txt": b"same"}


def test_large_files_are_fetched_when_they_are_opened(
    far: MemoryFileSystem, fetches: list[str], move: Callable[[], None], rng: np.random.Generator
) -> None:
    array = rng.normal(size=(300, 100)).astype(np.float32)
    with mirrored("memory://data") as [data]:
        write_array(data / "a.npy", array)
    move()
    with mirrored("memory://data") as [data]:
        path = data / "a.npy"
        assert is_away(path)
        assert FeatureFile(path).shape == (300, 100)
        assert is_away(path)
        assert not fetches
        np.testing.assert_array_equal(map_array(path), array)
        assert fetches == ["/data/a.npy"]
        assert path.stat().st_size > array.nbytes
        release(path)
        assert is_away(path)
        require_file(path)
        assert not is_away(path)
    assert far.info("/data/a.npy")["size"] > array.nbytes


def test_parts_and_fingerprints_are_those_of_the_whole_file(
    far: MemoryFileSystem, fetches: list[str], tmp_path: Path, rng: np.random.Generator
) -> None:
    size = int(rng.integers(remote.SMALL + 1, 12_000_000))
    whole = rng.bytes(size)
    far.pipe_file("/in/a.mp4", whole)
    (tmp_path / "a.mp4").write_bytes(whole)
    spans = [(int(start), int(rng.integers(1, size))) for start in rng.integers(0, 2 * size, 5)]
    with mirrored("memory://in/a.mp4") as [path]:
        assert read_parts(path, spans) == read_parts(tmp_path / "a.mp4", spans)
        assert fingerprint(path) == fingerprint(tmp_path / "a.mp4")
    assert not fetches


def test_recordings_are_fetched_once_and_finished_ones_never_again(
    far: MemoryFileSystem, fetches: list[str], move: Callable[[], None], rng: np.random.Generator
) -> None:
    for name in "ab":
        far.pipe_file(f"/in/{name}.csv", log(rng))
    command = ["extract", "memory://in", "--out", "memory://out"]
    assert main(command) == 0
    assert sorted(fetches) == ["/in/a.csv", "/in/b.csv"]
    assert all(is_empty(one) for one in remote._root().rglob("memory/in/*.csv"))
    before = content(far, "/out")
    assert b'"memory://in/a.csv"' in before["/out/origins/a.json"]
    assert not any(b"cache-" in one for one in before.values())
    far.pipe_file("/in/c.csv", log(rng))
    fetches.clear()
    move()
    assert main(command) == 0
    assert [name for name in fetches if "/in/" in name] == ["/in/c.csv"]
    after = content(far, "/out")
    assert after.items() >= {k: v for k, v in before.items() if "recordings" not in k}.items()


def is_empty(path: Path) -> bool:
    return not path.stat().st_size


def test_a_machine_that_dies_anywhere_loses_nothing(
    far: MemoryFileSystem,
    move: Callable[[], None],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in "ab":
        far.pipe_file(f"/in/{name}.csv", log(rng, 900))
    assert main(["extract", "memory://in", "--out", "memory://whole"]) == 0
    whole = content(far, "/whole")
    put, left = MemoryFileSystem.put_file, 0

    def dying(self: Any, *given: Any, **more: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        put(self, *given, **more)

    monkeypatch.setattr(MemoryFileSystem, "put_file", dying)
    for number in rng.choice(len(whole), 2, replace=False).tolist():
        command = ["extract", "memory://in", "--out", f"memory://out{number}"]
        for left, status in ((number, 130), (len(whole), 0)):  # noqa: B007 - what dying counts
            move()
            assert main(command) == status
        found = content(far, f"/out{number}").items()
        assert {name.replace(f"out{number}", "whole"): one for name, one in found} == whole


def test_a_store_that_comes_back_is_waited_for(
    far: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put, failures = MemoryFileSystem.put_file, [ConnectionError("reset"), TimeoutError()]

    def failing(self: Any, *given: Any, **more: Any) -> None:
        if failures:
            raise failures.pop()
        put(self, *given, **more)

    monkeypatch.setattr(MemoryFileSystem, "put_file", failing)
    with mirrored("memory://out") as [out]:
        write_text(out / "a.txt", "1")
        assert content(far, "/out") == {"/out/a.txt": b"1"}
        failures[:] = [ConnectionError("s3://k:secret@b/x?key=secret reset")] * 9
        with pytest.raises(UnfinishedError, match=r"after 3 tries.*the same command") as error:
            write_text(out / "b.txt", "1")
        assert "memory://out/b.txt" in str(error.value)
        assert "secret" not in str(error.value)
        failures.clear()


def test_a_store_that_is_waited_for_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = list[str]()
    monkeypatch.setattr(stores.logger, "warning", lambda text, *words: said.append(text % words))
    monkeypatch.setattr(stores, "WAITS", (0,) * 5)
    failures = [ConnectionError("reset by peer")] * 5

    def read() -> int:
        if failures:
            raise failures.pop()
        return 1

    assert stores.tried(read, "s3://b/a", "read") == 1
    assert said == ["s3://b/a cannot be read for now (reset by peer), and is tried again."]


def test_a_defect_of_asot_is_not_taken_for_the_stores() -> None:
    with pytest.raises(AttributeError):  # raised by code of asot, as no fsspec has such a file
        stores.tried(lambda: stores.version_of(cast(Any, None)), "s3://b/a", "read")
    with pytest.raises(FileError, match="s3://b/a: cannot be read: "):
        stores.tried(lambda: int(cast(Any, None)), "s3://b/a", "read")


def test_one_folder_is_not_taken_for_another_whose_name_it_begins(far: MemoryFileSystem) -> None:
    with mirrored("memory://out2") as [other]:
        write_text(other / "a.txt", "1")
        with mirrored("memory://out"):
            assert str(other / "a.txt") in remote._known


def test_what_a_store_forbids_is_refused_at_once(
    far: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries = []

    def forbid(self: Any, name: str, *others: Any, **more: Any) -> None:
        tries.append(name)
        raise PermissionError("Forbidden")

    far.pipe_file("/in/a.csv", b"0")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", forbid)
    assert main(["extract", "memory://in", "--out", "memory://out"]) == 2
    assert capsys.readouterr().err == (
        "asot: memory://out: cannot be written: the store forbids it: check your credentials and "
        "rights.\n"
    )
    monkeypatch.setattr(MemoryFileSystem, "info", forbid)
    assert main(["extract", "memory://in", "--out", "memory://out"]) == 2
    assert capsys.readouterr().err == (
        "asot: memory://in: cannot be read: the store forbids it: check your credentials and "
        "rights.\n"
    )
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nowhere://a/b", "There is no store nowhere://"),
        ("memory://in/../b", "has a part that is empty or made of dots"),
        ("memory://in//b", "has a part that is empty or made of dots"),
        ("https:///b", "has a part that is empty or made of dots"),
    ],
)
def test_urls_that_name_nothing(far: MemoryFileSystem, url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence), mirrored(url):
        pass


def test_the_library_of_a_store_is_named(
    far: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    assert main(["page", "s3://bucket/results"]) == 1
    assert capsys.readouterr().err.endswith("run pip install s3fs.\n")


def test_urls_in_files_are_local_paths_in_memory(far: MemoryFileSystem) -> None:
    text = b'{"a": ["s3://b/c d.mp4"], "https://x/y": "see s3://b", "f": "file:///x"}'
    local = localised(text)
    assert str(remote._root() / "s3" / "b" / "c d.mp4").encode() in local
    assert told(local.decode()) == text.decode()
    climbing = b'{"path": "https://x/../../../etc/passwd"}'
    assert localised(climbing) == climbing


def test_a_name_that_is_a_url_stays_one(far: MemoryFileSystem, tmp_path: Path) -> None:
    names = ActionNames({0: "https://youtu.be/reach"})
    write_names(tmp_path / "names.json", names)
    assert read_names(tmp_path / "names.json", 1) == names


def test_file_urls_are_paths(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "my logs").mkdir()
    (tmp_path / "my logs" / "a.csv").write_bytes(log(rng, 300))
    out = tmp_path / "out"
    assert main(["extract", (tmp_path / "my logs").as_uri(), f"--out={out.as_uri()}"]) == 0
    assert (out / "features" / "a.npy").is_file()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *given: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server that lists folders and knows no ranges, and the folder that it serves."""
    folder = tmp_path / "www"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_credentials_are_in_no_file_and_no_sentence(
    web: tuple[str, Path],
    far: MemoryFileSystem,
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("aiohttp")
    host, folder = web
    for name in ("one log.csv", "b.csv"):
        (folder / name).write_bytes(log(rng))
    urls = [f"http://ada:secret@{host}/", f"http://{host}/one%20log.csv?key=secret"]
    for number, url in enumerate(urls):
        assert main(["extract", url, "--out", str(tmp_path / f"out-{number}")]) == 0
    assert main(["extract", f"http://{host}/gone.csv?key=secret", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert f"http://{host}/gone.csv: does not exist" in said.err
    assert "secret" not in said.out + said.err
    origin = tmp_path / "out-1" / "origins" / "one log.json"
    assert f'"path": "http://{host}/one log.csv"'.encode() in origin.read_bytes()
    files = [one for one in tmp_path.rglob("*") if one.is_file() and one.parent != folder]
    assert not any(b"secret" in str(one).encode() + one.read_bytes() for one in files)
    with pytest.raises(ConfigurationError, match="cannot be written"), mirrored(urls[0]) as [out]:
        write_text(out / "a.txt", "1")


def test_a_page_links_to_the_web_and_says_what_it_cannot_open(
    far: MemoryFileSystem, tmp_path: Path
) -> None:
    here, faults = remote._root(), []
    for store in ("https/host/a b.mp4", "s3/bucket/a.mp4"):
        path = here / store
        path.parent.mkdir(parents=True)
        path.touch()  # as whoever named it finds it
        view = RecordingView("a", labels=np.array([0]), times=np.arange(2.0), media=path)
        studio = Studio(tmp_path, tmp_path / "media", embed=False)
        player = studio.player(view, studio.fault(view))
        assert player is not None
        faults.append((player.src, player.note, sorted(studio.hosts)))
    assert faults == [
        ("https://host/a%20b.mp4", "", ["https://host"]),
        (None, "The video is missing: s3://bucket/a.mp4", []),
    ]
    beside = Studio(here / "s3" / "bucket" / "out" / "page", tmp_path, embed=False)
    player = beside.player(view, beside.fault(view))
    assert player is not None
    assert (player.src, beside.hosts) == ("../../a.mp4", set())
    unknown = RecordingView(
        "a", labels=np.array([0]), times=np.arange(2.0), media=here / "https" / "spy" / "a.mp4"
    )
    assert studio.fault(unknown) == "The video is missing: https://spy/a.mp4"
    assert url_of(tmp_path) is None


def test_shards_on_two_machines_fill_one_folder_of_a_store(
    far: MemoryFileSystem, move: Callable[[], None], rng: np.random.Generator
) -> None:
    for name in "abc":
        far.pipe_file(f"/in/{name}.csv", log(rng, int(rng.integers(900, 4000))))
    assert main(["extract", "memory://in", "--out", "memory://whole"]) == 0
    for shard in ("2/2", "1/2"):
        move()
        assert main(["extract", "memory://in", "--out", "memory://out", f"--shard={shard}"]) == 0
    found = {name.replace("/out", "/whole"): one for name, one in content(far, "/out").items()}
    assert found == content(far, "/whole")


def test_jobs_elsewhere_know_what_urls_stand_for(
    far: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirrored("memory://out") as [out]:
        work = remote.carried(partial(write_text, out / "a.txt"))
        monkeypatch.delenv(remote._OPEN)
        monkeypatch.delenv("ASOT_CACHE")
        work("1")
        assert content(far, "/out") == {"/out/a.txt": b"1"}
