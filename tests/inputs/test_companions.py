"""Videos and skeletons that go with poses and signals: names, numbers of frames, refusals."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data.origin import origin_path, read_origin
from asot.errors import AsotError
from asot.inputs.companions import (
    bare_name,
    compare_frames,
    compare_seconds,
    find_companions,
    match_videos,
    note_companions,
)
from asot.inputs.extract import extract
from asot.inputs.find import find_inputs
from asot.inputs.poses.skeleton import known_edges, nearest_edges, read_skeleton
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.inputs.video.reading import VideoInfo
from asot.progress import silent

av = pytest.importorskip("av", reason="PyAV is not installed")

SETTINGS = SeriesSettings(kind="pose", rate=20.0)
SCORER = "DLC_resnet50_mazeMay1shuffle1_100000"
POINTS = ("nose", "neck", "tail")


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        (f"Mouse1{SCORER}.h5", "mouse1"),
        (f"mouse1{SCORER}_el_filtered.csv", "mouse1"),
        ("mouse1.avi.predictions.analysis.h5", "mouse1"),
        ("labels.v002.003_mouse1.analysis.h5", "mouse1"),
        ("mouse1_superanimal_topviewmouse_hrnet_w32_.h5", "mouse1"),
        ("mouse1_keypoints_3d.csv", "mouse1"),
        ("day2_wrist-imu.csv", "day2_wrist"),
        ("9.45.12 PM.csv", "9.45.12 pm"),
        ("pose.csv", "pose"),
        ("cafe\u0301_pose.csv", "caf\u00e9"),
    ],
)
def test_names_are_stripped_of_what_trackers_write(name: str, bare: str) -> None:
    assert bare_name(name) == bare


def poses(path: Path, frames: int = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join(["bodyparts", *(p for p in POINTS for _ in range(3))])]
    rows += [",".join(["coords", *("x", "y", "likelihood") * 3])]
    for i in range(frames):
        rows.append(f"{i}," + ",".join(f"{20 * p + i},{30 - i % 7},0.9" for p in range(3)))
    path.write_text("\n".join(rows) + "\n")
    return path


def film(path: Path, frames: int = 60, rate: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), i, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def test_videos_are_matched_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    videos = tmp_path / "videos"
    for name in ("a.mp4", "cam1/b.mp4", "cam2/b.mp4", "cam1/twice.mp4", "cam2/twice.mp4"):
        film(videos / name, 2)
    named = {f"a{SCORER}": "a", "cam2-b_pose": "b_pose", "twice": "twice", "lost": "lost"}
    found = match_videos({name: Path(f"/p/{file}.csv") for name, file in named.items()}, videos)
    assert found == {
        f"a{SCORER}": videos / "a.mp4",
        "cam2-b_pose": videos / "cam2" / "b.mp4",
    }
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == f"{videos} holds no video with the name of 'lost'."
    assert "holds several videos of twice" in said[1]
    with pytest.raises(AsotError, match="no video with the name of a recording"):
        match_videos({"x": Path("x.csv")}, videos)


def info(frames: int | None, rate: float | None, seconds: float | None) -> VideoInfo:
    end = None if seconds is None else 0.5 + seconds
    return VideoInfo(0.5, end, rate, 32, 32, "h264", 0, frames, False)


@pytest.mark.parametrize(
    ("found", "rows", "says", "fits"),
    [
        (info(3000, 30.0, 100.0), 3000, "", True),
        (info(None, 30.0, 100.0), 3000, "", True),
        (info(None, None, None), 3000, "", True),
        (info(3001, 30.0, 100.0), 3000, "has 3,001 frames, and its poses 3,000: both", True),
        (info(2000, 30.0, 66.7), 3000, "has 2,000 frames, and its poses 3,000: it is left", False),
        (info(2500, 25.0, 100.0), 2500, "has 25 frames a second, and its poses 30: it is", False),
    ],
)
def test_frames_of_a_video_and_its_poses(
    found: VideoInfo, rows: int, says: str, fits: bool
) -> None:
    sentence, agree = compare_frames(found, rows, 30.0)
    assert sentence.startswith(says)
    assert bool(sentence) == bool(says)
    assert agree == fits


def test_seconds_of_a_video_and_its_signals() -> None:
    assert compare_seconds(info(None, 30.0, 100.0), 101.5) == ("", True)
    assert compare_seconds(info(None, 30.0, None), 101.5) == ("", True)
    differ = "lasts 100.0 s, and its signals 103.0 s: it is left out"
    assert compare_seconds(info(None, 30.0, 100.0), 103.0) == (differ, False)


def test_companions_are_noted_in_the_origins(tmp_path: Path) -> None:
    for name, frames in (("a", 60), ("short", 60)):
        poses(tmp_path / "poses" / f"{name}{SCORER}.csv", frames)
        film(tmp_path / "videos" / f"{name}.mp4", 60 if name == "a" else 30)
    skeleton = tmp_path / "config.yaml"
    skeleton.write_text("Task: maze\nskeleton:\n- - nose\n  - neck\n- [neck, tail]\n")
    inputs, out = find_inputs([tmp_path / "poses"], "pose"), tmp_path / "data"
    found = find_companions(tmp_path / "videos", skeleton, inputs, SETTINGS)
    extract(inputs, out, VideoSettings(), SETTINGS, silent)
    said = note_companions(found, out)
    assert list(said) == [f"short{SCORER}"]
    assert said[f"short{SCORER}"].startswith("Its video short.mp4 has 30 frames")
    whole, short = (read_origin(origin_path(out, f"{name}{SCORER}")) for name in ("a", "short"))
    assert whole is not None
    assert short is not None
    assert whole.video == tmp_path / "videos" / "a.mp4"
    assert (whole.video_shift_s, whole.media["video_rate"]) == (0.0, 20.0)
    assert short.video is None
    assert whole.media["skeleton"] == [["nose", "neck"], ["neck", "tail"]]
    points = np.load(out / "points" / f"a{SCORER}.npy")
    assert points.shape == (60, 6)
    np.testing.assert_allclose(points[:, 0], np.arange(60))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.yaml", "skeleton: [[nose, neck], [neck, tail]]"),
        ("s.json", json.dumps([["nose", "neck", "tail"]])),
        ("s.csv", "nose,neck\nneck,tail\n"),
        ("s.txt", "nose\tneck\ttail\n"),
    ],
)
def test_skeletons_are_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_skeleton(tmp_path / name) == (("nose", "neck"), ("neck", "tail"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("s.yaml", "skeleton: [[nose, noze], [neck, tial]]", "names 'noze', 'tial', but the poses"),
        ("s.yaml", "Task: maze", "holds no skeleton: it must be pairs"),
        ("s.yaml", "skeleton: [nose, neck", "cannot be read as YAML"),
        ("s.json", "[[1, 1]]", "holds no skeleton"),
        ("s.csv", "nose\n", "holds no skeleton"),
        ("s.csv", None, "does not exist"),
    ],
)
def test_skeletons_are_refused(name: str, text: str | None, says: str, tmp_path: Path) -> None:
    inputs = find_inputs([poses(tmp_path / "poses" / "m.csv")])
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(AsotError, match=says) as caught:
        find_companions(None, tmp_path / name, inputs, SETTINGS)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_companions_of_others_are_refused(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 2)
    (tmp_path / "s.csv").write_text("nose,neck\n")
    (tmp_path / "log.csv").write_text("time,acc\n" + "".join(f"{i},{i}\n" for i in range(9)))
    recordings = find_inputs([tmp_path / "videos"])
    with pytest.raises(AsotError, match="--videos goes with poses and sensor logs"):
        find_companions(tmp_path / "videos", None, recordings, SETTINGS)
    logs = find_inputs([tmp_path / "log.csv"])
    with pytest.raises(AsotError, match="--skeleton is for poses"):
        find_companions(None, tmp_path / "s.csv", logs, SeriesSettings())
    with pytest.raises(AsotError, match="is not a folder"):
        match_videos({"a": Path("a.csv")}, tmp_path / "nowhere")


def test_edges_by_the_names_of_people() -> None:
    coco = "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    coco += "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    edges = known_edges([*coco.split(), "right_ankle"])
    assert len(edges) == 16
    assert {("left_shoulder", "left_elbow"), ("left_hip", "right_hip")} <= set(edges)
    openpose = ["Nose", "Neck", "RShoulder", "RElbow", "LShoulder", "LElbow", "MidHip", "RHip"]
    assert ("Neck", "MidHip") in known_edges(openpose)
    numbered = known_edges([str(i) for i in range(33)])
    assert {("11", "13"), ("13", "15"), ("24", "26")} <= set(numbered)
    assert known_edges(["nose", "tail"]) == ()


def test_guessed_edges_are_the_same_on_both_sides(rng: np.random.Generator) -> None:
    names = ["nose", "ear_l", "ear_r", "hip_l", "hip_r", "tail"]
    mouse = np.array([[9, 0], [6, -2], [6, 2], [0, -3], [0, 3], [-3, 0.0]])
    places: Any = mouse + rng.normal(0, 0.05, size=(50, 6, 2))
    edges = nearest_edges(names, places)
    twins = {"ear_l": "ear_r", "ear_r": "ear_l", "hip_l": "hip_r", "hip_r": "hip_l"}
    pairs = {frozenset(pair) for pair in edges}
    assert pairs == {frozenset(twins.get(name, name) for name in pair) for pair in pairs}
    assert {name for pair in edges for name in pair} == set(names)
