"""Cues and chapters, as players read them."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import webvtt
from hypothesis import given

from asot.errors import DataError
from asot.export import export, read
from asot.timeline.segments import Interval, Timeline
from tests.export.timelines import in_milliseconds, recordings, timeline


def clock(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return round(1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds)))


@given(data=recordings())
def test_webvtt_reads_every_cue(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    out = tmp_path_factory.mktemp("out")
    for one, path in zip(data, export(data, "vtt", out), strict=True):
        cues = [
            (clock(c.start), clock(c.end), html.unescape(c.raw_text)) for c in webvtt.read(path)
        ]
        assert cues == in_milliseconds(one)


def test_a_cue_cannot_bring_tags_or_other_cues(tmp_path: Path) -> None:
    names = {"a": "</script><img onerror=x>", "b": '0 --> 1 & "more"'}
    [path] = export([timeline("ab", times=[0, 1, 3661.5], actions=names)], "vtt", tmp_path)
    assert path.read_text().split("\n\n") == [
        "WEBVTT",
        "00:00:00.000 --> 00:00:01.000\n&lt;/script&gt;&lt;img onerror=x&gt;",
        '00:00:01.000 --> 01:01:01.500\n0 --&gt; 1 &amp; "more"\n',
    ]


@given(data=recordings())
def test_ffmpeg_reads_every_chapter(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    av = pytest.importorskip("av", reason="PyAV, which brings FFmpeg, is not installed")
    out = tmp_path_factory.mktemp("out")
    for one, path in zip(data, export(data, "chapters", out), strict=True):
        with av.open(str(path), format="ffmetadata") as container:
            read = [
                (
                    round(c["start"] * c["time_base"] * 1000),
                    round(c["end"] * c["time_base"] * 1000),
                    re.sub(r"\\ $", r"\\", c["metadata"]["title"]),
                )
                for c in container.chapters()
            ]
        expected = [(a, b, re.sub(r"\\ $", r"\\", name)) for a, b, name in in_milliseconds(one)]
        assert read == expected


SRT = "1\r\n00:00:00,500 --> 00:00:02,000\r\n<i>boil</i>\r\nwater\r\n\r\n"
SRT += "2\r\n00:00:02,000 --> 00:00:03,250\r\npour\r\n"
VTT = "WEBVTT - labels\n\nNOTE by hand\n\nfirst\n00:00.500 --> 00:02.000 align:start\n"
VTT += "<v Ann>boil\nwater</v>\n\n00:02.000 --> 00:03.250\npour\n"


@pytest.mark.parametrize(("name", "text"), [("tea.srt", SRT), ("tea.vtt", VTT)])
def test_subtitles_are_read_as_labels(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    boil, pour = Interval("tea", 0.5, 2.0, "boil water"), Interval("tea", 2.0, 3.25, "pour")
    assert read(path) == [boil, pour]
    path.write_text("00:01 --> soon\nx\n")
    with pytest.raises(DataError, match="the end of a cue must be a finite number"):
        read(path)
    path.write_text("no cue\n")
    with pytest.raises(DataError, match="holds no cue"):
        read(path)
