"""The JSON files that detection tools read: ActivityNet's layout and FiftyOne's."""

from __future__ import annotations

import json
import os.path
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from asot.errors import DataError
from asot.export import export, read
from asot.timeline.segments import Timeline
from tests.export.timelines import recordings, timeline

SECOND = {"type": "number"}
ACTIVITYNET = {
    "type": "object",
    "required": ["version", "taxonomy", "database"],
    "properties": {
        "version": {"type": "string"},
        "taxonomy": {"type": "array"},
        "database": {
            "additionalProperties": {
                "required": ["duration", "subset", "annotations"],
                "properties": {
                    "duration": SECOND,
                    "subset": {"enum": ["training", "validation", "testing"]},
                    "url": {"type": "string", "pattern": "^file:///"},
                    "annotations": {
                        "items": {
                            "required": ["segment", "label"],
                            "properties": {
                                "segment": {"items": SECOND, "minItems": 2, "maxItems": 2},
                                "label": {"type": "string"},
                                "score": {"type": "number", "minimum": 0, "maximum": 1},
                            },
                        }
                    },
                },
            }
        },
    },
}
# From FiftyOne's user guide, "FiftyOneTemporalDetectionDataset".
FIFTYONE = {
    "type": "object",
    "required": ["classes", "labels"],
    "properties": {
        "classes": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "labels": {
            "additionalProperties": {
                "type": "array",
                "items": {
                    "required": ["label", "timestamps"],
                    "additionalProperties": False,
                    "properties": {
                        "label": {"type": "integer", "minimum": 0},
                        "timestamps": {"items": SECOND, "minItems": 2, "maxItems": 2},
                        "confidence": SECOND,
                        "attributes": {"type": "object"},
                    },
                },
            }
        },
    },
}


def segments(one: Timeline) -> list[Any]:
    return [pytest.approx([row.start_s, row.end_s], abs=1e-6) for row in one.intervals]


@given(data=recordings())
def test_activitynets_layout(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    [path] = export(data, "json", tmp_path_factory.mktemp("out"))
    values = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(values, ACTIVITYNET)
    assert list(values["database"]) == [one.recording for one in data]
    for one in data:
        entry = values["database"][one.recording]
        assert one.times is not None
        assert entry["duration"] == pytest.approx(one.times[-1], abs=1e-6)
        assert [row["segment"] for row in entry["annotations"]] == segments(one)
        assert [row["label"] for row in entry["annotations"]] == [row.action for row in one.rows]
        scores = [row.get("score") for row in entry["annotations"]]
        assert scores == [row.confidence for row in one.rows]


def test_a_label_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "tea.json"
    path.write_text('{"database": {"tea": {"annotations": [{"segment": [0, 1], "label": 5}]}}}')
    with pytest.raises(DataError, match="is not laid out as ActivityNet does"):
        read(path)


@given(data=recordings())
def test_fiftyones_layout(tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]) -> None:
    paths = export(data, "fiftyone", tmp_path_factory.mktemp("out"))
    videos, values = (json.loads(path.read_text(encoding="ascii")) for path in paths)
    assert [path.name for path in paths] == ["data.json", "labels.json"]
    assert len({path.parent for path in paths}) == 1
    jsonschema.validate(values, FIFTYONE)
    # FiftyOne looks a video up under its name without its ending, as a normal path.
    found = {os.path.normpath(os.path.splitext(name)[0]): path for name, path in videos.items()}  # noqa: PTH122
    assert set(found) == set(values["labels"])
    for one, labels in zip(data, values["labels"].values(), strict=True):
        assert [values["classes"][row["label"]] for row in labels] == [r.action for r in one.rows]
        assert [row["timestamps"] for row in labels] == segments(one)
        assert [row.get("confidence") for row in labels] == [row.confidence for row in one.rows]


def test_recordings_with_dots_find_their_videos(tmp_path: Path) -> None:
    data = [
        timeline(recording="P01.cam1", media=Path("/videos/P01.cam1.avi")),
        timeline(recording="P01.cam2", media=Path("relative/without-ending")),
    ]
    videos, labels = (json.loads(path.read_text()) for path in export(data, "fiftyone", tmp_path))
    assert videos == {
        "P01.cam1.avi": "/videos/P01.cam1.avi",
        "P01.cam2.video": str(Path("relative/without-ending").absolute()),
    }
    assert list(labels["labels"]) == ["P01.cam1", "P01.cam2"]
