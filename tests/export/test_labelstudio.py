"""Label Studio's predictions, checked by its SDK, and its exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from asot.errors import DataError
from asot.export import export, read
from asot.timeline.segments import Interval, Timeline
from tests.export.timelines import in_milliseconds, recordings, timeline

LabelInterface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface


def written(data: list[Timeline], out: Path) -> tuple[list[dict[str, Any]], str]:
    tasks, interface = export(data, "labelstudio", out)
    return json.loads(tasks.read_text(encoding="utf-8")), interface.read_text(encoding="utf-8")


def ranges(task: dict[str, Any]) -> list[tuple[int, int, str]]:
    values = [result["value"] for result in task["predictions"][0]["result"]]
    return [
        (value["ranges"][0]["start"], value["ranges"][0]["end"], value["timelinelabels"][0])
        for value in values
    ]


@given(data=recordings())
def test_the_sdk_accepts_predictions_and_times_are_right_to_the_millisecond(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    out = tmp_path_factory.mktemp("out")
    tasks, config = written(data, out)
    if any(one.rows for one in data):
        interface = LabelInterface(config)
        for task in tasks:
            assert interface.validate_prediction(task["predictions"][0], return_errors=True) == []
    assert [task["data"]["recording"] for task in tasks] == [one.recording for one in data]
    for task, one in zip(tasks, data, strict=True):
        rate = task["data"]["framerate"]
        shown = [((a - 1) / rate * 1000, b / rate * 1000, name) for a, b, name in ranges(task)]
        for (start, end, name), expected in zip(shown, in_milliseconds(one), strict=True):
            assert (abs(start - expected[0]) <= 1, abs(end - expected[1]) <= 1) == (True, True)
            assert name == expected[2]


def test_the_videos_own_frames_are_used_where_they_fit(tmp_path: Path) -> None:
    [task], config = written([timeline("aab-b")], tmp_path)
    assert task["data"]["framerate"] == 25.0
    assert ranges(task) == [(1, 2, "a"), (3, 3, "b"), (5, 5, "b")]
    assert 'frameRate="$framerate"' in config
    assert 'value="$video"' in config
    # NTSC's rate has no finite decimals; five sampled frames a second lie on every sixth.
    ntsc = 30000 / 1001
    times = [6 * i / ntsc for i in range(4)]
    [task], _ = written([timeline("aab", times=times, media_rate=ntsc)], tmp_path)
    assert ranges(task) == [(1, 12, "a"), (13, 18, "b")]


@pytest.mark.parametrize(
    ("times", "rate"), [([0.54, 0.58, 0.62], 25.0), ([0.0, 0.033, 0.1], 25.0), ([0, 1, 2], 0.5)]
)
def test_milliseconds_are_the_frames_where_the_videos_do_not_fit(
    tmp_path: Path, times: list[float], rate: float
) -> None:
    [task], _ = written([timeline("ab", times=times, media_rate=rate)], tmp_path)
    assert task["data"]["framerate"] == 1000
    first, second, third = (round(1000 * time) for time in times)
    assert ranges(task) == [(first + 1, second, "a"), (second + 1, third, "b")]


def test_scores_are_the_mean_confidence_of_frames(tmp_path: Path) -> None:
    [task], _ = written([timeline("aab")], tmp_path)
    assert task["predictions"][0]["score"] == pytest.approx((2 * 0.5 + 0.25) / 3)
    assert [one["score"] for one in task["predictions"][0]["result"]] == [0.5, 0.25]
    [task], _ = written([timeline("aab", confidences=False)], tmp_path)
    assert "score" not in task["predictions"][0]


def test_videos_are_named_as_label_studio_serves_them(tmp_path: Path) -> None:
    [task], _ = written([timeline(media=Path("/my videos/tee & so.mp4"))], tmp_path)
    assert task["data"]["video"] == "/data/local-files/?d=my%20videos/tee%20%26%20so.mp4"
    del task["data"]["recording"]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]))
    assert {one.recording for one in read(path)} == {"tee & so"}


def region(start: Any, end: Any, *labels: str) -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": list(labels)}
    return {"type": "timelinelabels", "value": value}


def save(path: Path, values: Any) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_annotations_come_before_predictions_and_cancelled_ones_do_not_count(
    tmp_path: Path,
) -> None:
    [task], _ = written([timeline("ab")], tmp_path)
    task["id"] = 7
    task["annotations"] = [
        {"result": [region(1, 1, "old")]},
        {"result": [region(1, 2, "stir"), {"type": "choices", "value": {"choices": ["good"]}}]},
        {"result": [region(1, 1, "cancelled")], "was_cancelled": True},
    ]
    path = save(tmp_path / "export.json", [task])
    assert read(path) == [Interval("tea", 0.0, 0.08, "stir")]
    task["annotations"][1]["result"] = []
    assert read(save(path, [task])) == []
    task["annotations"] = []
    assert [one.action for one in read(save(path, [task]))] == ["a", "b"]


def test_the_short_export_is_read(tmp_path: Path) -> None:
    task = {
        "id": 1,
        "video": "/data/upload/1/ab12-tea.mp4",
        "fps": "25",
        "annotator": 1,
        "tags": ["kitchen"],
        "videoLabels": [region(26, 50, "stir", "talk")["value"]],
    }
    assert read(save(tmp_path / "export.json", [task])) == [
        Interval("ab12-tea", 1.0, 2.0, "stir"),
        Interval("ab12-tea", 1.0, 2.0, "talk"),
    ]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"tasks": []}, "must be a list"),
        ([1], "must be values by name"),
        ([{"data": {"video": "a.mp4"}, "annotations": [{"result": [region(1, 2, "x")]}]}],
         "task 1: the data of a must say the 'framerate'"),
        ([{"data": {"framerate": 25}, "annotations": [{"result": [region(1, 2, "x")]}]}],
         "task 1: the data must say the 'recording' or the 'video'"),
        ([{"data": {"framerate": 25, "recording": "a"},
           "annotations": [{"result": [region(3, 2, "x")]}]}],
         "task 1: a range needs frames .* lasts from 3 to 2"),
        ([{"data": {"framerate": 25, "recording": "a"},
           "annotations": [{"result": [region(None, 2, "x")]}]}],
         "task 1: a range needs frames"),
        ([{"data": {"framerate": 25, "recording": "a"}, "annotations": [{"result": [{}, 3]}]}],
         "task 1: it is not laid out as one"),
        ([{"data": {"framerate": 25, "recording": ["a"]},
           "annotations": [{"result": [region(1, 2, "x")]}]}],
         "task 1: names must be text"),
        ([{"data": {"framerate": 25, "recording": "a"},
           "annotations": [{"result": [region(1, 10**400, "x")]}]}],
         "export"),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, values: Any, sentence: str) -> None:
    path = tmp_path / "export.json"
    with pytest.raises(DataError, match=sentence) as caught:
        read(save(path, values))
    assert caught.value.file == path
    path.write_text("{")
    with pytest.raises(DataError, match="JSON") as caught:
        read(path)
    assert caught.value.file == path
