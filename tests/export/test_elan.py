"""ELAN files, read by pympi and by this library."""

from __future__ import annotations

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


def test_annotations_without_text_or_time_and_other_files(tmp_path: Path) -> None:
    document, path = edited(export([timeline("ab")], "elan", tmp_path)[0])
    document.add_annotation("actions", 90, 95, " ")
    document.to_file(path)
    with pytest.raises(DataError, match=r"annotation at 0\.09 s of tier 'actions' has no text"):
        read(path)
    text = export([timeline("ab")], "elan", tmp_path)[0].read_text()
    path.write_text(text.replace(' TIME_VALUE="80"', ""))
    with pytest.raises(DataError, match="annotation 'b' of tier 'actions' has no time"):
        read(path)
    path.write_text(text.replace('TIME_VALUE="80"', 'TIME_VALUE="40"'))
    with pytest.raises(DataError, match=r"annotation at 0\.04 s of tier 'actions' lasts no"):
        read(path)
    for other in ("", "<a/>", "no XML", text[:500]):
        path.write_text(other)
        with pytest.raises(DataError, match="ELAN") as caught:
            read(path)
        assert caught.value.file == path
