"""ELAN files, read by pympi and by this library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from pympi import Elan

from asot.errors import DataError
from asot.export import export, read
from asot.timeline.segments import Interval, Timeline
from tests.export.timelines import in_milliseconds, recordings, timeline


def edited(path: Path, name: str = "edited.eaf") -> tuple[Elan.Eaf, Path]:
    return Elan.Eaf(str(path)), path.with_name(name)


@given(data=recordings())
def test_pympi_reads_every_millisecond_and_name(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    out = tmp_path_factory.mktemp("out")
    for one, path in zip(data, export(data, "elan", out), strict=True):
        document = Elan.Eaf(str(path))
        assert list(document.get_tier_names()) == ["actions"]
        assert document.get_annotation_data_for_tier("actions") == in_milliseconds(one)
        assert dict(document.get_properties())["recording"] == one.recording
        renamed = path.rename(out / "renamed.eaf")
        assert {interval.recording for interval in read(renamed)} <= {one.recording}


def test_time_slots_are_in_order_and_references_hold(tmp_path: Path) -> None:
    [path] = export([timeline("abcabc")], "elan", tmp_path)
    root = ElementTree.parse(path).getroot()
    slots = {
        one.get("TIME_SLOT_ID"): int(one.get("TIME_VALUE", "")) for one in root.iter("TIME_SLOT")
    }
    assert list(slots.values()) == sorted(slots.values())
    assert {one.get("LINGUISTIC_TYPE_REF") for one in root.iter("TIER")} <= {
        one.get("LINGUISTIC_TYPE_ID") for one in root.iter("LINGUISTIC_TYPE")
    }
    for one in root.iter("ALIGNABLE_ANNOTATION"):
        assert slots[one.get("TIME_SLOT_REF1")] < slots[one.get("TIME_SLOT_REF2")]


def test_the_video_is_linked(tmp_path: Path) -> None:
    one = timeline(media=tmp_path / "my videos" / "tea & co.mp4")
    [path] = export([one], "elan", tmp_path / "out")
    [linked] = Elan.Eaf(str(path)).get_linked_files()
    assert linked["MEDIA_URL"] == f"file://{tmp_path}/my videos/tea & co.mp4"
    assert linked["RELATIVE_MEDIA_URL"] == "./../my videos/tea & co.mp4"
    assert linked["MIME_TYPE"] == "video/mp4"
    [silent] = export([timeline(media=None)], "elan", tmp_path / "out")
    assert Elan.Eaf(str(silent)).get_linked_files() == []


def test_an_edited_file_is_read(tmp_path: Path) -> None:
    document, path = edited(export([timeline("ab")], "elan", tmp_path)[0])
    document.add_tier("notes")
    document.add_annotation("notes", 0, 70, "blurred")
    document.remove_annotation("actions", 10)
    document.add_annotation("actions", 5, 33, "stir")
    document.to_file(path)
    assert read(path) == [Interval("tea", 0.005, 0.033, "stir"), Interval("tea", 0.04, 0.08, "b")]
    assert read(path, tier="notes") == [Interval("tea", 0.0, 0.07, "blurred")]
    with pytest.raises(DataError, match="has no tier 'verbs', its tiers are 'actions', 'notes'"):
        read(path, tier="verbs")


def test_the_only_filled_tier_is_taken_and_else_the_tiers_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "P01%2Ftea.eaf"
    document = Elan.Eaf()
    document.add_tier("verbs")
    document.add_annotation("verbs", 540, 620, "stir")
    document.to_file(path)
    assert read(path) == [Interval("P01/tea", 0.54, 0.62, "stir")]
    document.add_linked_file("file:///videos/egg.mp4", "./egg.mp4", "video/mp4")
    document.to_file(path)
    assert [one.recording for one in read(path)] == ["egg"]
    document.add_annotation("default", 0, 10, "x")
    document.to_file(path)
    with pytest.raises(DataError, match=r"2 others with annotations.* 'default', 'verbs'"):
        read(path)


def test_annotations_without_text_or_time_and_other_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document, path = edited(export([timeline("ab")], "elan", tmp_path)[0])
    document.add_annotation("actions", 90, 95, " ")
    document.to_file(path)
    whole = read(path)
    assert [one.action for one in whole] == ["a", "b"]
    assert "1 annotation without text in tier 'actions'" in caplog.text
    text = export([timeline("ab")], "elan", tmp_path)[0].read_text()
    path.write_text(text.replace(' TIME_VALUE="80"', ""))
    with pytest.raises(DataError, match="annotation 'b' of tier 'actions' has no time"):
        read(path)
    path.write_text(text.replace('TIME_VALUE="80"', 'TIME_VALUE="40"'))
    assert read(path) == whole[:1]
    assert "1 event that last no time, such as 'b' at 0.04 s" in caplog.text
    unknown = '<?xml version="1.0" encoding="unknown"?><a/>'
    for other in ("", "<a/>", unknown, "no XML", text[:500], text.replace('"0"', '"zero"')):
        path.write_text(other)
        with pytest.raises(DataError, match="ELAN") as caught:
            read(path)
        assert caught.value.file == path


# As ELAN 4.9 wrote it: children before their parents' slots have times, and a vocabulary.
SUBDIVIDED = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2015-01-01" FORMAT="2.8" VERSION="2.8">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20clips/tea.mp4" MIME_TYPE="video/mp4"{origin}/>
    <PROPERTY NAME="lastUsedAnnotationId">9</PROPERTY>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="ts2"/>
    <TIME_SLOT TIME_SLOT_ID="ts3"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="4000"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="association" PARENT_REF="halves" TIER_ID="codes">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a7" ANNOTATION_REF="a6" CVE_REF="v1">
      <ANNOTATION_VALUE>late</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="subdivision" PARENT_REF="whole" TIER_ID="halves">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a1">
      <ANNOTATION_VALUE>first</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a6" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="a5">
      <ANNOTATION_VALUE>second</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="whole">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>all</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="time subdivision" PARENT_REF="whole" TIER_ID="thirds">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE/></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>z</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <CONTROLLED_VOCABULARY CV_ID="cv"><CV_ENTRY_ML CVE_ID="v1"/></CONTROLLED_VOCABULARY>
</ANNOTATION_DOCUMENT>
"""


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        ("whole", [(1, 4, "all")]),
        ("thirds", [(1, 2, "x"), (3, 4, "z")]),
        ("halves", [(1, 2.5, "first"), (2.5, 4, "second")]),
        ("codes", [(2.5, 4, "late")]),
    ],
)
def test_tiers_that_share_the_time_of_others(
    tmp_path: Path,
    tier: str,
    expected: list[tuple[float, float, str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "session 1.eaf"
    path.write_text(SUBDIVIDED.format(origin=' TIME_ORIGIN="500"'))
    found = read(path, tier=tier, times={"my clips": [0, 1], "tea": [0, 1]})
    assert found == [Interval("tea", *one) for one in expected]
    assert "has a time offset of 500 ms" in caplog.text
    path.write_text(SUBDIVIDED.format(origin=' TIME_ORIGIN="0"'))
    caplog.clear()
    assert read(path, tier="whole")
    assert not caplog.records


def test_notes_are_a_tier_of_their_own(tmp_path: Path) -> None:
    one = timeline("ab")
    rows = (one.rows[0], replace(one.rows[1], note="with the\nleft\x07 hand"))
    [path] = export([replace(one, rows=rows)], "elan", tmp_path)
    assert Elan.Eaf(str(path)).get_annotation_data_for_tier("notes") == [
        (40, 80, "with the left hand")
    ]
    assert [(one.action, one.note) for one in read(path)] == [
        ("a", ""),
        ("b", "with the left hand"),
    ]
