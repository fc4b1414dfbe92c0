"""What all formats have in common: the registry, file names, whole files, refusals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ArgumentError, DataError, MissingExtraError
from asot.export import FORMATS, export, read
from asot.export.common import milliseconds
from asot.text import as_label, file_stems, recording_name
from asot.timeline.segments import SegmentRow, Timeline, frame_actions
from tests.export.timelines import HOSTILE, names, recordings, timeline


def test_importing_the_registry_is_light() -> None:
    code = (
        "import sys, asot.export; "
        "print({'torch', 'pyarrow', 'pympi', 'pandas', 'matplotlib', 'h5py'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_writes_into_the_folder_only(to: str, tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    hostile = [timeline("ab", recording=name) for name in HOSTILE[:: 5 if to == "nwb" else 1]]
    written = export(hostile, to, out)
    assert len(set(written)) == len(written)
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {out / path.relative_to(out) for path in written}
    assert export(hostile, to, out) == written
    assert files == {path for path in tmp_path.rglob("*") if path.is_file()}


# Those that are read back, but for NWB: a file of it takes a quarter of a second.
BACK = ["csv", "parquet", "elan", "labelstudio", "boris", "json", "praat", "vidat", "vtt"]


@pytest.mark.parametrize("to", BACK)
@given(data=recordings(names.filter(lambda name: "|" not in name)))
def test_what_is_read_back_covers_the_same_frames(
    to: str, tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    out = tmp_path_factory.mktemp("out")
    written = export(data, to, out)
    times = {one.recording: one.seconds for one in data}
    intervals = read(written[0] if len(written) == 1 else out, to, times=times)
    for one in data:
        expected: list[str | None] = [None] * one.n_frames
        for row in one.rows:
            expected[row.start_frame : row.end_frame] = [as_label(row.action)] * (
                row.end_frame - row.start_frame
            )
        own = [interval for interval in intervals if interval.recording == one.recording]
        assert one.times is not None
        assert frame_actions(own, one.times) == expected
        assert len(own) == len(one.rows)
        for interval, exact in zip(own, one.intervals, strict=True):
            assert abs(interval.start_s - exact.start_s) <= 0.000501
            assert abs(interval.end_s - exact.end_s) <= 0.000501


@pytest.mark.parametrize("to", ["csv", "parquet", "elan", "labelstudio", "boris", "praat", "vidat"])
def test_notes_go_along(to: str, tmp_path: Path) -> None:
    one = timeline("aab-")
    rows = tuple(
        replace(row, note=note) for row, note in zip(one.rows, ("", 'a "b"\nc'), strict=True)
    )
    written = export([replace(one, rows=rows)], to, tmp_path)
    assert [each.note for each in read(written[0])] == ["", 'a "b" c']


@given(several=st.lists(names, unique=True, max_size=6))
def test_file_stems_are_safe_distinct_and_reversible(several: list[str]) -> None:
    stems = file_stems(several)
    assert len({stem.casefold() for stem in stems}) == len(several)
    for name, stem in zip(several, stems, strict=True):
        assert not set(stem) & set('/\\:*?"<>|\0\n')
        assert not stem.startswith((".", " "))
        assert not stem.endswith((".", " "))
        assert len(stem.encode()) <= 200
        if "~" not in stem:
            assert recording_name(stem) == name


def test_plain_names_stay_and_likes_of_them_are_told_apart() -> None:
    plain = ["P01_cam01_P01_tea", "rgb-01-1", "50%_salad", "Tee mit Milch", "泡茶"]
    assert file_stems(plain) == plain
    alike = ["Tea", "tea", "TEA", "e\u0301", "\u00e9"]
    stems = file_stems(alike)
    assert len({stem.casefold() for stem in stems}) == 5
    assert [recording_name(stem) for stem in stems] == alike
    assert file_stems(["%41", "A"])[0] == "%2541"


@pytest.mark.parametrize("to", [name for name in FORMATS if name not in ("parquet", "txt", "csv")])
def test_formats_of_seconds_ask_for_them(to: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="tea has frames but no times"):
        export([replace(timeline(), times=None)], to, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", ["csv", "parquet", "txt"])
def test_tables_and_frames_do_without_seconds(to: str, tmp_path: Path) -> None:
    row = SegmentRow("tea", 0, 2, None, None, "boil", None)
    assert export([Timeline("tea", (row,), 3)], to, tmp_path)
    with pytest.raises(ArgumentError, match="no times"):
        export([Timeline("tea", (row,), 3)], to, tmp_path, from_zero=True)


def test_seconds_count_from_the_first_frame_when_asked(tmp_path: Path) -> None:
    one = timeline("ab", times=[0.54, 0.58, 0.62])
    for from_zero, start in ((False, 0.54), (True, 0.0)):
        [path] = export([one], "csv", tmp_path, from_zero=from_zero)
        intervals = read(path)
        assert [one.start_s for one in intervals] == pytest.approx([start, start + 0.04], abs=1e-9)
        assert [
            round(1000 * one.end_s) for one in read(export([one], "elan", tmp_path, from_zero)[0])
        ] == [
            round(1000 * (start + 0.04)),
            round(1000 * (start + 0.08)),
        ]


@pytest.mark.parametrize("to", ["elan", "boris", "labelstudio", "vidat", "vtt", "chapters"])
def test_times_before_zero_are_refused_and_from_zero_cures(to: str, tmp_path: Path) -> None:
    one = timeline("ab", times=[-0.04, 0.0, 0.04])
    with pytest.raises(ArgumentError, match=r"starts at -0\.040 s, before 0"):
        export([one], to, tmp_path)
    assert export([one], to, tmp_path, from_zero=True)


@pytest.mark.parametrize("to", ["elan", "boris", "vidat", "vtt", "chapters", "labelstudio"])
def test_segments_shorter_than_a_millisecond_stay_segments(to: str, tmp_path: Path) -> None:
    one = timeline("abcab", times=(1 + np.arange(6) / 5000).tolist())
    assert [(start, end) for start, end, _ in milliseconds(one)] == [
        (1000 + place, 1001 + place) for place in range(5)
    ]
    written = export([one], to, tmp_path)
    if FORMATS[to].reads:
        assert [row.action for row in read(written[0])] == list("abcab")


@pytest.mark.parametrize(
    "to", ["txt", "elan", "labelstudio", "praat", "nwb", "movement", "vtt", "chapters"]
)
@pytest.mark.parametrize(
    "name", ["two\nlines", "re\rturn", "bell\a", "line\u2028separator", "\uffff"]
)
def test_formats_of_lines_and_xml_refuse_line_breaks(to: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot hold line breaks and control characters"):
        export([timeline("ab", actions={"a": name})], to, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ([], "at least one recording"),
        ([timeline(), timeline("b")], "'tea' comes twice"),
        ([timeline(recording=" ")], "need a name"),
        ([timeline(actions={"a": ""})], "need a name"),
        ([timeline(recording="\udcff")], "UTF-8 has no code"),
        ([timeline(actions={"a": "\udcff"})], "UTF-8 has no code"),
        ([timeline(media=Path("\udcff.mp4"))], "UTF-8 has no code"),
    ],
)
def test_names_that_no_file_can_hold(
    to: str, changed: list[Timeline], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        export(changed, to, tmp_path)
    assert not list(tmp_path.iterdir())


def test_unknown_formats_and_folders_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"one of csv, .*, got 'eaf'"):
        export([timeline()], "eaf", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file' cannot be written"):
        export([timeline()], "csv", tmp_path / "file")


@pytest.mark.parametrize(
    ("to", "library"), [("elan", "pympi"), ("parquet", "pyarrow"), ("nwb", "ndx_ethogram")]
)
def test_missing_extras_are_named(
    to: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"asot\[{FORMATS[to].extra}\]"):
        export([timeline()], to, tmp_path)


@pytest.mark.parametrize("to", ["labelstudio", "vidat", "fiftyone"])
def test_tools_that_show_videos_need_one(to: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="needs a video, which tea lacks"):
        export([timeline(media=None)], to, tmp_path)


def test_a_recording_without_an_action_is_still_a_recording(tmp_path: Path) -> None:
    for to in FORMATS:
        assert export([timeline("---")], to, tmp_path / to)
    assert read(tmp_path / "elan") == read(tmp_path / "labelstudio") == []


def test_reading_finds_the_format_or_asks(tmp_path: Path) -> None:
    export([timeline()], "csv", tmp_path)
    export([timeline(), timeline(recording="egg")], "elan", tmp_path)
    with pytest.raises(DataError, match=r"several formats \(csv, elan\)"):
        read(tmp_path)
    assert {one.recording for one in read(tmp_path, "elan")} == {"tea", "egg"}
    with pytest.raises(DataError, match=r"no file that ends in \.json"):
        read(tmp_path, "labelstudio")
    with pytest.raises(DataError, match=r"ends in none of \.csv"):
        read(tmp_path / "notes.doc")
    with pytest.raises(ArgumentError, match="not txt: read it with read_frames"):
        read(tmp_path, "txt")
    with pytest.raises(ArgumentError, match="not chapters"):
        read(tmp_path, "chapters")
    for suffix in ("csv", "eaf", "json"):
        with pytest.raises(DataError) as caught:
            read(tmp_path / f"missing.{suffix}")
        assert caught.value.file == tmp_path / f"missing.{suffix}"
