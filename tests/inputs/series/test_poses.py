"""Tables of poses, written as DeepLabCut and SLEAP write them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.errors import DataError, MissingExtraError
from asot.inputs.poses.hdf5 import plain_pickle
from asot.inputs.poses.read import kind_of, read_pose
from asot.inputs.series.tables import read_series

pandas = pytest.importorskip("pandas")
POINTS = ["nose", "left ear", "tail.base"]


def dlc_table(rng: np.random.Generator, individuals: list[str] | None, n: int = 40) -> Any:
    """What DeepLabCut's analysis of a video leaves: x, y and likelihood of each body part."""
    levels = [["DLC_resnet50_mouse"], POINTS, ["x", "y", "likelihood"]]
    names = ["scorer", "bodyparts", "coords"]
    if individuals is not None:
        levels.insert(1, individuals)
        names.insert(1, "individuals")
    columns = pandas.MultiIndex.from_product(levels, names=names)
    values = rng.uniform(0, 640, size=(n, len(columns)))
    values[:, 2::3] = rng.uniform(0.7, 1, size=(n, len(columns) // 3))
    return pandas.DataFrame(values, columns=columns, index=range(n))


def save(table: Any, path: Path, how: str) -> Path:
    if how == "csv":
        table.to_csv(path.with_suffix(".csv"))
        return path.with_suffix(".csv")
    pytest.importorskip("tables")
    pytest.importorskip("h5py")
    table.to_hdf(path.with_suffix(".h5"), key="df_with_missing", format=how, mode="w")
    return path.with_suffix(".h5")


@pytest.mark.parametrize("individuals", [None, ["m1"], ["m1", "m2"]])
@pytest.mark.parametrize("how", ["csv", "table", "fixed"])
def test_deeplabcut(
    how: str, individuals: list[str] | None, tmp_path: Path, rng: np.random.Generator
) -> None:
    table = dlc_table(rng, individuals)
    path = save(table, tmp_path / "mouse", how)
    assert kind_of(path) == "pose"
    poses = read_pose(path, rate=25)
    wanted = table.loc[:, [key[-1] != "likelihood" for key in table.columns]]
    np.testing.assert_allclose(poses.values, wanted.to_numpy(), rtol=1e-12)
    several = individuals is not None and len(individuals) > 1
    points = ["nose", "left ear", "tail_base"]
    owners = [f"{one}." for one in individuals or []] if several else [""]
    assert poses.columns == tuple(f"{o}{p}.{a}" for o in owners for p in points for a in "xy")
    np.testing.assert_allclose(poses.times, np.arange(41) / 25)
    assert poses.remarks == ()


@pytest.mark.parametrize("how", ["csv", "table"])
def test_unlikely_points_are_filled_in(how: str, tmp_path: Path, rng: np.random.Generator) -> None:
    table = dlc_table(rng, None)
    table.iloc[3:6, 0:2] = 1e6
    table.iloc[3:6, 2] = [0.1, 0.59, np.nan]
    table.iloc[5, 0:2] = np.nan
    poses = read_pose(save(table, tmp_path / "mouse", how), rate=30)
    weights = np.arange(1, 4)[:, None] / 4
    before, after = table.iloc[2, 0:2].to_numpy(), table.iloc[6, 0:2].to_numpy()
    np.testing.assert_allclose(poses.values[3:6, :2], before + weights * (after - before))
    assert "below the confidence of 0.6" in poses.remarks[0]
    sure = read_pose(save(table, tmp_path / "mouse", how), rate=30, min_confidence=0)
    assert sure.values[3, 0] == 1e6


def test_columns_points_and_individuals_can_be_chosen(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = save(dlc_table(rng, ["m1", "m2"]), tmp_path / "mice", "csv")
    assert read_pose(path, rate=1, columns=["m2"]).values.shape == (40, 6)
    assert read_pose(path, rate=1, columns=["m2.nose.y", "m1.nose"]).columns == (
        "m2.nose.y",
        "m1.nose.x",
        "m1.nose.y",
    )
    assert read_pose(path, rate=1, columns=["nose"]).values.shape == (40, 4)
    with pytest.raises(DataError, match=r"no point 'paw', only 'm1\.nose'"):
        read_pose(path, rate=1, columns=["paw"])


def test_an_animal_that_is_never_seen_is_left_out(tmp_path: Path, rng: np.random.Generator) -> None:
    table = dlc_table(rng, ["m1", "m2"])
    table.loc[:, [key[1] == "m2" for key in table.columns]] = np.nan
    poses = read_pose(save(table, tmp_path / "mice", "csv"), rate=1)
    assert {column.split(".")[0] for column in poses.columns} == {"m1"}
    assert "'m2.nose.x'" in poses.remarks[0]


def sleap_arrays(rng: np.random.Generator, n_tracks: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (frame, track, node, xy) and scores (frame, track, node), some missing."""
    places = rng.uniform(0, 640, size=(30, n_tracks, len(POINTS), 2))
    scores = rng.uniform(0.2, 1, size=places.shape[:3])
    lost = rng.random(places.shape[:3]) < 0.1
    lost[0] = lost[-1] = False
    places[lost] = np.nan
    return places, scores


def lines_through(places: np.ndarray) -> np.ndarray:
    frame = pandas.DataFrame(places.reshape(len(places), -1))
    return frame.interpolate(limit_direction="both").to_numpy()


@pytest.mark.parametrize("order", [None, "matlab", "standard"])
@pytest.mark.parametrize("n_tracks", [1, 2])
def test_sleap_hdf5(
    order: str | None, n_tracks: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    h5py = pytest.importorskip("h5py")
    places, scores = sleap_arrays(rng, n_tracks)
    dims = {"tracks": ["frame", "track", "node", "xy"], "point_scores": ["frame", "track", "node"]}
    arrays = {"tracks": places, "point_scores": scores}
    if order != "standard":
        dims = {
            "tracks": ["track", "xy", "node", "frame"],
            "point_scores": ["track", "node", "frame"],
        }
        arrays = {"tracks": places.transpose(1, 3, 2, 0), "point_scores": scores.transpose(1, 2, 0)}
    path = tmp_path / "fly.analysis.h5"
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
            if order is not None:
                file[name].attrs["dims"] = json.dumps(dims[name])
        file["node_names"] = np.array(POINTS, dtype="S")
        file["track_names"] = np.array([f"fly{i}" for i in range(n_tracks)], dtype="S")
        file["track_occupancy"] = np.ones((30, n_tracks), dtype=np.uint8)
    assert kind_of(path) == "pose"
    poses = read_pose(path, rate=100)
    np.testing.assert_allclose(poses.values, lines_through(places))
    first = "nose.x" if n_tracks == 1 else "fly0.nose.x"
    assert poses.columns[0] == first
    assert poses.values.shape[1] == 6 * n_tracks


def test_sleap_csv(tmp_path: Path, rng: np.random.Generator) -> None:
    places, scores = sleap_arrays(rng, 2)
    rows = []
    for frame, track in np.ndindex(30, 2):
        row: dict[str, Any] = {
            "track": f"fly{track}",
            "frame_idx": frame + 7,
            "instance.score": 0.9,
        }
        for i, point in enumerate(POINTS):
            row[f"{point}.x"], row[f"{point}.y"] = places[frame, track, i]
            row[f"{point}.score"] = scores[frame, track, i]
        if not (track == 1 and frame == 12):
            rows.append(row)
    places[12, 1] = np.nan
    path = tmp_path / "fly.csv"
    pandas.DataFrame(rows).to_csv(path, index=False)
    assert kind_of(path) == "pose"
    poses = read_pose(path, rate=100)
    np.testing.assert_allclose(poses.values, lines_through(places))
    np.testing.assert_allclose(poses.times[[0, -1]], [0.07, 0.37])
    assert poses.columns[:2] == ("fly0.nose.x", "fly0.nose.y")
    assert read_pose(path, rate=100, min_confidence=0.5).remarks[0].startswith("1")


def test_what_sleap_io_writes_is_read(tmp_path: Path, rng: np.random.Generator) -> None:
    sleap_io = pytest.importorskip("sleap_io", reason="sleap-io is not installed")
    from sleap_io.io import analysis_h5
    from sleap_io.io import csv as sleap_csv

    places, scores = sleap_arrays(rng, 2)
    skeleton = sleap_io.Skeleton(nodes=POINTS)
    video = sleap_io.Video(filename="fly.mp4", open_backend=False)
    tracks = [sleap_io.Track("a"), sleap_io.Track("b")]
    frames = []
    for i in range(30):
        found = [
            sleap_io.PredictedInstance.from_numpy(
                places[i, k], skeleton=skeleton, point_scores=scores[i, k], score=0.9, track=track
            )
            for k, track in enumerate(tracks)
        ]
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=i, instances=found))
    labels = sleap_io.Labels(frames, videos=[video], skeletons=[skeleton], tracks=tracks)
    analysis_h5.write_labels(labels, tmp_path / "m.h5", preset="matlab")
    analysis_h5.write_labels(labels, tmp_path / "s.h5", preset="standard")
    sleap_csv.write_labels(labels, tmp_path / "c.csv", format="sleap")
    wanted = lines_through(places)
    for name in ("m.h5", "s.h5", "c.csv"):
        poses = read_pose(tmp_path / name, rate=10)
        points = ["nose", "left ear", "tail_base"]
        columns = [f"{track}.{point}.{axis}" for track in "ab" for point in points for axis in "xy"]
        order = [poses.columns.index(column) for column in columns]
        np.testing.assert_allclose(poses.values[:, order], wanted)


def refused(path: Path, rate: float | None = 10.0) -> str:
    with pytest.raises(DataError) as caught:
        read_pose(path, rate=rate)
    message = str(caught.value)
    assert path.name in message
    assert message.endswith(".")
    return message


DLC = "scorer,D,D,D\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DLC, "is empty"),
        (DLC + "0,1,2,0.9\n", "holds 1 frames"),
        (DLC + "0,1,2,0.9\n1,1,b,0.9\n", "line 5: 'b' in column 'nose.y' is not a number"),
        (
            DLC + "img01.png,1,2,0.9\nimg20.png,1,2,0.9\n",
            "line 4: 'img01.png' is not a frame number",
        ),
        (DLC + "0,1,2,0.1\n1,1,2,0.1\n", "holds no point"),
        (DLC + "0,1,2,0.9\n0,1,2,0.9\n", "two rows for frame 0"),
        (DLC + "0,1,2,0.9\n999999,1,2,0.9\n", "only 2 of 1,000,000 frames"),
        (DLC + "0,1,2,0.9,5\n", "line 4: has more than 4 cells"),
        ("scorer,D\nbodyparts,nose\n0,1\n1,2\n", "no line 'bodyparts, coords'"),
        ("scorer,D,D\nbodyparts,a,a\ncoords,x,x\n0,1,2\n1,2,3\n", "two columns 'a.x'"),
        ("time,x\n0,1\n1,2\n", "no point in its header has x and y"),
        (
            "track,frame_idx,a.x,a.y\n,0,1,2\n,0,3,4\n,1,3,4\n",
            "two animals of one track in frame 0",
        ),
        ("track,frame_idx,a.x,a.y\n,,1,2\n,1,3,4\n", "other than whole numbers"),
    ],
)
def test_broken_tables_are_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mouse.csv"
    path.write_text(text)
    assert says in refused(path)


def test_a_table_of_points_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "fly.csv"
    path.write_text("frame_idx,node,x,y\n0,nose,1,2\n0,tail,1,2\n")
    with pytest.raises(DataError, match="analysis CSV or HDF5"):
        kind_of(path)


def test_poses_need_a_rate(tmp_path: Path) -> None:
    (tmp_path / "mouse.csv").write_text(DLC + "0,1,2,0.9\n1,1,2,0.9\n")
    assert "--rate" in refused(tmp_path / "mouse.csv", rate=None)


def test_other_files_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros(3)
    assert "neither DeepLabCut's nor" in refused(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 50)
    assert "damaged" in refused(tmp_path / "b.h5")
    (tmp_path / "c.h5").write_text("no")
    for name, says in (("c.h5", "is not an HDF5 file"), ("d.csv", "does not exist")):
        with pytest.raises(DataError, match=says):
            kind_of(tmp_path / name)
    (tmp_path / "e.mp4").write_text("no")
    with pytest.raises(DataError, match="not a recording that asot reads"):
        kind_of(tmp_path / "e.mp4")


def test_signals_are_no_poses(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("time,x\n0,1\n1,2\n")
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    assert kind_of(tmp_path / "log.csv") == kind_of(tmp_path / "a.npy") == "series"
    assert read_series(tmp_path / "a.npy", rate=1).columns == ("1", "2")


def test_a_missing_h5py_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"'h5py'.*asot\[series\]"):
        read_pose(tmp_path / "a.h5", rate=1)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_are_read_and_others_are_not(protocol: int) -> None:
    pickle = pytest.importorskip("pickle")
    value = {1: {"names": ["scorer", None, True, 2, 0.5]}, "index": [("a", ("b", "c")), (), []]}
    assert plain_pickle(pickle.dumps(value, protocol=protocol)) == value
    with pytest.raises(ValueError, match="is not read"):
        plain_pickle(pickle.dumps(Path("/"), protocol=protocol))
