"""Annotations of Vidat: the rules that it has for them, and what it saves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from asot.errors import DataError
from asot.export import export, read
from asot.timeline.segments import Interval, Timeline
from tests.export.timelines import in_milliseconds, recordings, timeline


@given(data=recordings())
def test_the_layout_is_what_vidat_checks(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    out = tmp_path_factory.mktemp("out")
    for one, path in zip(data, export(data, "vidat", out), strict=True):
        document = json.loads(path.read_text(encoding="utf-8"))
        config, annotation = document["config"], document["annotation"]
        # src/store/validation.js: both lists begin with "default", and numbers differ.
        for labels in (config["actionLabelData"], config["objectLabelData"]):
            assert labels[0]["name"] == "default"
            assert len({label["id"] for label in labels}) == len(labels)
        assert all(label["objects"] == [0] for label in config["actionLabelData"])
        names = {label["id"]: label["name"] for label in config["actionLabelData"]}
        colours = {label["id"]: label["color"] for label in config["actionLabelData"]}
        assert [
            (round(1000 * each["start"]), round(1000 * each["end"]), names[each["action"]])
            for each in annotation["actionAnnotationList"]
        ] == in_milliseconds(one)
        for each in annotation["actionAnnotationList"]:
            assert each["color"] == colours[each["action"]]
        assert annotation["video"]["src"] == "video/tea.mp4"


def test_what_vidat_saves_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = timeline("ab")
    rows = (one.rows[0], replace(one.rows[1], note="twice"))
    [path] = export([replace(one, rows=rows)], "vidat", tmp_path)
    document = json.loads(path.read_text())
    listed = document["annotation"]["actionAnnotationList"]
    listed.append({**listed[0], "action": 0})
    saved = tmp_path / "annotations.json"
    saved.write_text(json.dumps(document))
    assert read(saved, times={"tea": [0, 1]}) == [
        Interval("tea", 0, 0.04, "a"),
        Interval("tea", 0.04, 0.08, "b", "twice"),
    ]
    assert "1 annotation of no action but 'default'" in caplog.text
    for damage in ({"end": None}, {"action": 9}, {"start": 1}):
        document["annotation"]["actionAnnotationList"] = [listed[0] | damage]
        saved.write_text(json.dumps(document))
        with pytest.raises(DataError, match=r"annotations\.json"):
            read(saved)
    document["config"]["actionLabelData"][1]["name"] = 5
    document["annotation"]["actionAnnotationList"] = listed[:1]
    saved.write_text(json.dumps(document))
    with pytest.raises(DataError, match="is not laid out as Vidat does"):
        read(saved)
