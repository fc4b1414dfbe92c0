"""BORIS projects: the structure of format 7.0, and state events in pairs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from asot.errors import ArgumentError
from asot.export import export
from asot.timeline.segments import Timeline
from tests.export.timelines import in_milliseconds, names, recordings, timeline

TEXT, OBJECT = {"type": "string"}, {"type": "object"}
BEHAVIOUR = {
    "type": "object",
    "required": ["type", "key", "code", "description", "category", "modifiers", "excluded"],
    "properties": {
        "type": {"const": "State event"},
        "key": {"type": "string", "maxLength": 1},
        "code": {"type": "string", "pattern": r"^[^|]+$"},
        "modifiers": OBJECT,
        "color": TEXT,
    },
}
OBSERVATION = {
    "type": "object",
    "required": [
        "type", "date", "description", "time offset", "events", "file", "independent_variables",
        "observation time interval", "close_behaviors_between_videos",
    ],
    "properties": {
        "type": {"enum": ["MEDIA", "LIVE"]},
        "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$"},
        "time offset": {"type": "number"},
        "events": {"type": "array", "items": {"type": "array"}},
    },
    "if": {"properties": {"type": {"const": "MEDIA"}}},
    "then": {
        "required": ["media_info"],
        "properties": {
            "events": {"items": {"minItems": 6, "maxItems": 6}},
            "media_info": {"required": ["length", "fps", "hasVideo", "hasAudio", "offset"]},
            "file": {"required": ["1", "2"]},
        },
    },
    "else": {"properties": {"events": {"items": {"minItems": 5, "maxItems": 5}}}},
}  # fmt: skip
PROJECT = {
    "type": "object",
    "required": [
        "time_format", "project_date", "project_name", "project_description",
        "project_format_version", "subjects_conf", "behaviors_conf", "observations",
        "behavioral_categories", "independent_variables", "coding_map", "behaviors_coding_map",
        "converters",
    ],
    "properties": {
        "project_format_version": {"const": "7.0"},
        "time_format": {"enum": ["hh:mm:ss", "s"]},
        "behaviors_conf": {"additionalProperties": BEHAVIOUR},
        "observations": {"additionalProperties": OBSERVATION},
    },
}  # fmt: skip


def project(data: list[Timeline], out: Path) -> dict[str, Any]:
    [path] = export(data, "boris", out)
    values: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    jsonschema.validate(values, PROJECT)
    return values


def pairs(events: list[list[Any]]) -> list[tuple[int, int, str]]:
    """Pair events as BORIS does: of each code, one starts it and the next stops it."""
    running: dict[str, float] = {}
    found = []
    for time, subject, code, modifier, *_ in events:
        assert subject == modifier == ""
        if code in running:
            found.append((round(1000 * running.pop(code)), round(1000 * time), code))
        else:
            running[code] = time
    assert not running
    return sorted(found)


@given(data=recordings(names.filter(lambda name: "|" not in name)))
def test_observations_hold_every_segment_as_a_pair(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    values = project(data, tmp_path_factory.mktemp("out"))
    assert list(values["observations"]) == [one.recording for one in data]
    codes = {one["code"] for one in values["behaviors_conf"].values()}
    assert codes == {row.action for one in data for row in one.rows}
    for one in data:
        events = values["observations"][one.recording]["events"]
        assert [event[0] for event in events] == sorted(event[0] for event in events)
        assert pairs(events) == in_milliseconds(one)


def test_the_video_and_its_frames_are_known(tmp_path: Path) -> None:
    media = Path("/videos/tea.mp4")
    values = project([timeline("aab"), timeline("ab", "egg", [0.0, 0.1, 0.13])], tmp_path)
    tea, egg = values["observations"].values()
    assert tea["file"]["1"] == [str(media)]
    assert tea["media_info"]["length"] == {str(media): 0.12}
    assert tea["media_info"]["fps"] == {str(media): 25.0}
    assert [event[5] for event in tea["events"]] == [0, 2, 2, 3]
    assert [event[5] for event in egg["events"]] == ["NA"] * 4


def test_without_a_video_it_is_a_live_observation(tmp_path: Path) -> None:
    [tea] = project([timeline(media=None)], tmp_path)["observations"].values()
    assert tea["type"] == "LIVE"


def test_keys_are_distinct_as_long_as_there_are_any(tmp_path: Path) -> None:
    letters = [chr(0x4E00 + number) for number in range(40)]
    behaviours = project([timeline("".join(letters))], tmp_path)["behaviors_conf"].values()
    keys = [one["key"] for one in behaviours]
    assert len(set(keys)) == 36
    assert all(re.fullmatch("[a-z0-9]", key) for key in keys)


def test_the_bar_is_refused_as_boris_would(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"BORIS allows no '\|' .* got 'a\|b'"):
        export([timeline(actions={"a": "a|b"})], "boris", tmp_path)
