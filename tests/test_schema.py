"""Files of ours that were altered: each ends in a sentence that names the file, and quickly."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from asot.errors import FileError
from asot.schema import Count, FileName, first_difference, read_json


class Row(msgspec.Struct, forbid_unknown_fields=True):
    name: FileName
    frames: Count
    model: FileName | None = None


class Index(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[Row]
    rate: float | None = None


GOOD: dict[str, Any] = {
    "rows": [{"name": "monday", "frames": 10}, {"name": "tuesday", "frames": 3, "model": "all"}],
    "rate": 2.5,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index.json"


def test_what_fits_is_read(file: Path) -> None:
    file.write_text("\ufeff" + json.dumps(GOOD), encoding="utf-8")
    index = read_json(file, Index)
    assert [one.name for one in index.rows] == ["monday", "tuesday"]
    assert (index.rows[1].model, index.rate) == ("all", 2.5)


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        (lambda v: v["rows"][1].update(frames="3"), "rows[1].frames", "'3'"),
        (lambda v: v["rows"][0].update(frames=-1), "rows[0].frames", "-1"),
        (lambda v: v["rows"][0].update(frames=10**30), "rows[0].frames", str(10**30)),
        (lambda v: v["rows"][0].update(name="../up"), "rows[0].name", "'../up'"),
        (lambda v: v["rows"][0].update(name=".."), "rows[0].name", "'..'"),
        (lambda v: v["rows"][0].update(name="/etc/passwd"), "rows[0].name", "'/etc/passwd'"),
        (lambda v: v["rows"][0].update(name=""), "rows[0].name", "''"),
        (lambda v: v["rows"][0].update(name="a\0b"), "rows[0].name", r"'a\x00b'"),
        (lambda v: v.update(more=1), "the file", "more"),
        (lambda v: v["rows"][0].pop("name"), "rows[0]", "name"),
        (lambda v: v.update(rows={}), "rows", ""),
        (lambda v: v.update(rate=[1]), "rate", ""),
    ],
)
def test_place_and_value_are_named(file: Path, change: Any, place: str, value: str) -> None:
    values = json.loads(json.dumps(GOOD))
    change(values)
    file.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(FileError) as caught:
        read_json(file, Index, "make it again")
    assert caught.value.file == file
    sentence = str(caught.value).removeprefix(f"{file}: ")
    assert sentence.startswith(place)
    assert value in sentence
    assert sentence.endswith(": make it again.")
    assert "\n" not in sentence


def test_drawn_bytes_end_in_a_sentence(file: Path, rng: np.random.Generator) -> None:
    good = json.dumps(GOOD).encode()
    for _ in range(300):
        altered = bytearray(good)
        for _ in range(rng.integers(1, 6)):
            altered[rng.integers(len(altered))] = rng.integers(256)
        cut = rng.integers(len(altered)) if rng.random() < 0.3 else len(altered)
        file.write_bytes(bytes(altered[:cut]))
        try:
            names = [one.name for one in read_json(file, Index).rows]
            refused = None
        except FileError as error:
            names, refused = [], error
        assert all("/" not in name for name in names)
        assert refused is None or (refused.file, str(refused).count("\n")) == (file, 0)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"[" * 100_000, b'{"rows":' * 50_000, b"\xff\xfe{}", b"1e999"]
)
def test_what_is_no_such_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read_json(file, Index)
    assert caught.value.file == file


def test_folders_pipes_and_missing_files(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, tmp_path / "missing.json"):
        caught: list[BaseException] = []

        def read(path: Path = path, caught: list[BaseException] = caught) -> None:
            try:
                read_json(path, Index)
            except FileError as error:
                caught.append(error)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(5)
        assert not reader.is_alive()
        assert [one.file for one in caught if isinstance(one, FileError)] == [path]


def test_the_first_difference_is_named_with_both_values() -> None:
    old = {"a": {"b": 1, "c": [1]}, "d": None}
    assert first_difference(old, json.loads(json.dumps(old))) is None
    assert first_difference(old, {**old, "a": {"b": 2, "c": []}}) == "a.b was 1, now 2"
    assert first_difference(old, {"a": old["a"]}) is None
    assert first_difference(old, {**old, "e": 3}) == "e was None, now 3"
