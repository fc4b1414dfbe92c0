"""What decoding goes on from: how long it will take, and what the labels are made of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from asot.data import DatasetFolder, Recordings, write_dataset
from asot.errors import ConfigurationError
from asot.folders import sole_use
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.model.recipe import Recipe
from asot.progress import silent
from asot.runs import segment, segmenting
from asot.runs.predictions import PredictionFolder
from asot.runs.run import SegmentRequest
from asot.runs.segmenting import Segmenting
from asot.shards import Shard
from asot.workers import Workers


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    made = Recordings.from_arrays([np.ones((40, 2), np.float32)] * 2, names=["a", "b"])
    return DatasetFolder(write_dataset(made, tmp_path / "toys")).recordings()


def test_only_drafts_that_are_there_take_no_time(
    recordings: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []

    def run(self: Workers, function: Any, jobs: Any, seconds: float) -> Iterator[Any]:
        told.append(seconds)
        return iter([])

    monkeypatch.setattr(Workers, "run", run)
    drafts = PredictionFolder(tmp_path / "drafts")
    chosen: dict[str, str] = dict.fromkeys(recordings.names, "all")
    given: Any = {"all": SimpleNamespace()}, PredictionFolder(tmp_path / "out"), False, {}
    task = Segmenting(*given, {"all": "hash"}, drafts)
    task.write_all(recordings, chosen)
    for one in recordings:
        drafts.write(one.name, np.zeros(40, np.int64), np.ones((40, 1), np.float32))
        task.write_all(recordings, chosen)
    assert told[0] == 2 * told[1] > told[2] == 0


def test_features_in_a_store_are_told_by_the_same_before_and_after_they_are_fetched(
    recordings: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: Any = {}, PredictionFolder(tmp_path / "out"), False, {}, {"all": "hash"}
    task, chosen = Segmenting(*given), dict.fromkeys(recordings.names, "all")
    fetched = task.marks(recordings, chosen)
    path = recordings[0].files[0]
    status = path.stat()
    monkeypatch.setattr(segmenting, "file_size", lambda one: status.st_size)
    path.write_bytes(b"")  # as it stands here for a file that is away
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert task.marks(recordings, chosen) == fetched
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert task.marks(recordings, chosen)["a"] != fetched["a"]


@pytest.mark.parametrize("begun", [False, True])
def test_a_shard_of_other_settings_is_refused_and_moves_nothing(
    tmp_path: Path, begun: bool
) -> None:
    def asked(columns: str) -> dict[str, Any]:
        series = asdict(SeriesSettings(columns=[columns]))
        inputs = {"r1": "r1.csv"}
        request = SegmentRequest(inputs, None, None, series, None, {"name": "default"}, 0)
        found: dict[str, Any] = msgspec.to_builtins(request)
        return found

    out = tmp_path / "out"
    segment._begin(out, asked("ax"), alone=False)
    made = out / "data" / "features" / "r1.npy"
    made.parent.mkdir(parents=True)
    if begun:
        np.save(made, np.ones((4, 2)))
    segment._begin(out, asked("ax"), alone=False)
    with pytest.raises(ConfigurationError, match="holds the results of something else"):
        segment._begin(out, asked("ay"), alone=False)
    assert made.is_file() == begun
    segment._begin(out, asked("ay"))
    assert not made.is_file()
    assert (out / "earlier").is_dir() == begun


def test_a_refused_shard_leaves_the_request_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other asks after this one came to the folder, and before its turn."""
    out, logs = tmp_path / "out", tmp_path / "logs"
    logs.mkdir()
    times = np.arange(0, 20, 0.1)
    table = np.column_stack([times, np.sin(times), np.cos(times)])
    np.savetxt(logs / "r1.csv", table, delimiter=",", header="time,ax,ay", comments="")
    request = SegmentRequest({"r1": "elsewhere.csv"}, None, None, None, None, {"name": "other"}, 0)

    @contextmanager
    def after_another(path: Path) -> Iterator[None]:
        segment._begin(out, msgspec.to_builtins(request), alone=False)
        yield

    monkeypatch.setattr(segment, "in_turn", after_another)
    features = VideoSettings(), SeriesSettings()
    own: dict[str, Any] = {"seed": 0, "progress": silent, "shard": Shard(1, 2)}
    with pytest.raises(ConfigurationError, match="holds the results of something else"):
        segment.segment([logs], out, Recipe(), features, **own)
    assert SegmentRequest.of(out) == request


def test_a_shard_that_is_refused_late_withdraws_what_no_other_works_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    out, logs = tmp_path / "out", tmp_path / "logs"
    logs.mkdir()
    (logs / "r1.csv").write_text("time,ax\n" + "".join(f"{i / 10},{i % 7}\n" for i in range(200)))

    def refuse(*given: Any) -> None:
        raise ConfigurationError("refused late")

    def give(shard: int) -> None:
        features = VideoSettings(), SeriesSettings()
        own: dict[str, Any] = {"seed": 0, "progress": silent, "shard": Shard(shard, 2)}
        with pytest.raises(ConfigurationError, match="refused late"):
            segment.segment([logs], out, Recipe(), features, **own)

    monkeypatch.setattr(segment, "extract", refuse)
    own = 1 + ("r1" in Shard(2, 2).take({"r1": 1}))
    give(own)
    assert not out.exists()
    with sole_use(out, f"{3 - own}/2"):
        # Held as by another process.
        monkeypatch.setattr("asot.folders._HELD", ContextVar("held", default=frozenset()))
        give(own)
        assert (out / "segment.json").is_file(), "the other has begun, and made nothing yet"
    give(own)
    assert not (out / "segment.json").exists(), "it was the last, and not the first"
