"""Labels beside arrays: netCDF as xarray and movement read it, and LeRobot's language."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.io import netcdf_file

from asot.errors import DataError
from asot.export import export, read
from asot.export.lerobot import COLUMN
from asot.timeline.segments import Interval, even_times
from tests.export.timelines import HOSTILE, timeline

EPISODE = "episode_000007"


def test_xarray_reads_a_label_a_frame(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="xarray, which movement is of, is not installed")
    one = timeline("aab-b", times=[0.5, 1, 2, 3, 4, 5.5], actions={"b": HOSTILE[9]})
    [path] = export([one], "movement", tmp_path)
    with xarray.open_dataset(path) as labels:
        assert labels.attrs["recording"] == "tea"
        assert labels.time.values.tolist() == [0.5, 1, 2, 3, 4]
        assert labels.action.values.tolist() == ["a", "a", HOSTILE[9], "background", HOSTILE[9]]
        assert np.nan_to_num(labels.confidence.values, nan=9).tolist() == [
            *(row.confidence for row in (one.rows[0], *one.rows[:2])),
            9,
            one.rows[2].confidence,
        ]
        # As movement's own example keeps events: a coordinate beside the time of the poses.
        poses = xarray.Dataset(
            {"position": ("time", np.arange(20))}, {"time": 0.5 + np.arange(20) / 4}
        )
        poses = poses.assign_coords(action=labels.reindex(time=poses.time, method="ffill").action)
        chosen = poses.position.sel(time=poses.action == HOSTILE[9])
        assert chosen.time.values.tolist() == [2, 2.25, 2.5, 2.75, 4, 4.25, 4.5, 4.75, 5, 5.25]


@pytest.mark.parametrize("classic", [True, False])
def test_labels_beside_the_time_are_read(tmp_path: Path, classic: bool) -> None:
    gaits = {"left": ["stance", "", "swing", "swing"], "right": ["swing", "swing", "nan", "stance"]}
    path = tmp_path / "session.nc"
    if classic:
        with netcdf_file(path, "w") as file:
            file.source_file = "/poses/tea.h5"
            for name, length in (("time", 4), ("string6", 6)):
                file.createDimension(name, length)
            file.createVariable("time", "f8", ("time",))[:] = [0, 0.5, 1, 2]
            for name, labels in gaits.items():
                characters = np.array(labels, dtype="S6").view("S1").reshape(4, 6)
                file.createVariable(name, "c", ("time", "string6"))[:] = characters
    else:
        with h5py.File(path, "w") as file:
            file.attrs["source_file"] = "/poses/tea.h5"
            file["time"] = [0, 0.5, 1, 2]
            file["position"] = np.zeros((4, 2))
            file["keypoints"] = ["nose"]
            file.update(gaits)
    known = {"tea": even_times(4, 2.0)}
    left = [Interval("tea", 0, 0.5, "stance"), Interval("tea", 1, 2.5, "swing")]
    assert read(path, tier="left", times=known) == left
    with pytest.raises(DataError, match="with --tier, of 'left', 'right'"):
        read(path, times=known)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"is not an? (HDF5|netCDF) file"):
        read(path)
    for times, texts in (([], []), ([[0, 1]], [["a", "b"]]), ([0, np.nan], ["a", "b"])):
        with h5py.File(path, "w") as file:
            file["time"], file["action"] = times, np.array(texts, dtype=h5py.string_dtype())
        with pytest.raises(DataError, match=r"is not an? (HDF5|netCDF) file"):
            read(path)


def test_netcdf_is_of_the_classic_format(tmp_path: Path) -> None:
    [path] = export([timeline("---")], "movement", tmp_path)
    with netcdf_file(path, mmap=False) as file:
        assert {**file.dimensions} == {"time": 3, "string10": 10}
        assert file.variables["action"][:].tobytes() == b"background" * 3
    assert [one.action for one in read(path)] == ["background"]


def test_subtasks_hold_until_the_next_one(tmp_path: Path) -> None:
    several = [timeline("aab-b", EPISODE, [0.5, 1, 2, 3, 4, 5.5]), timeline("--c")]
    [path] = export(several, "lerobot", tmp_path)
    first, second = pq.read_table(path).to_pylist()
    assert (first["recording"], first["episode_index"]) == (EPISODE, 7)
    assert (second["recording"], second["episode_index"]) == ("tea", None)
    keys = ("role", "content", "style", "timestamp", "camera", "tool_calls")
    assert [tuple(row) for row in first[COLUMN]] == [keys] * 4
    assert [(row["content"], row["timestamp"]) for row in first[COLUMN]] == [
        ("a", 0.5),
        ("b", 2),
        ("background", 3),
        ("b", 4),
    ]
    assert {(row["role"], row["style"]) for row in first[COLUMN]} == {("assistant", "subtask")}
    assert read(path)[:4] == [
        Interval(EPISODE, 0.5, 2, "a"),
        Interval(EPISODE, 2, 3, "b"),
        Interval(EPISODE, 3, 4, "background"),
        Interval(EPISODE, 4, 5.5, "b"),
    ]


def test_the_frames_of_lerobot_are_read(tmp_path: Path) -> None:
    said = [("plan", 0.0, "all"), ("subtask", 0.0, "reach"), ("subtask", 0.2, "grasp")]
    language = [
        {"role": "assistant", "content": text, "style": style, "timestamp": at, "camera": None}
        for style, at, text in said
    ]
    frames = [
        {"episode_index": 7, "timestamp": frame / 10, "action": [0.0], COLUMN: language}
        for frame in range(5)
    ]
    frames.append({"episode_index": 8, "timestamp": 0.0, "action": [0.0], COLUMN: []})
    path = tmp_path / "file-000.parquet"
    pq.write_table(pa.Table.from_pylist(frames), path)
    found = read(path, times={EPISODE: even_times(5, 10.0)})
    assert [(one.recording, one.start_s, one.end_s, one.action) for one in found] == [
        (EPISODE, 0.0, 0.2, "reach"),
        (EPISODE, 0.2, pytest.approx(0.5), "grasp"),
    ]
    pq.write_table(pa.table({COLUMN: ["x"], "episode_index": [1]}), path)
    with pytest.raises(DataError, match="is not laid out as LeRobot does"):
        read(path)
