"""Per-frame text, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from asot.errors import ArgumentError, DataError
from asot.export import export, read_frames
from asot.text import as_label
from asot.timeline.segments import BACKGROUND, Timeline
from tests.export.timelines import names, recordings, timeline


@given(data=recordings(names.filter(lambda name: name == name.strip() and len(name) < 60)))
def test_frames_survive(tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]) -> None:
    out = tmp_path_factory.mktemp("out")
    written = export(data, "txt", out)
    frames = read_frames(out)
    assert set(frames) == {one.recording for one in data}
    for one in data:
        own = frames[one.recording]
        assert len(own) == one.n_frames
        for row in one.rows:
            assert set(own[row.start_frame : row.end_frame]) == {as_label(row.action)}
    lines = written[-1].read_text(encoding="utf-8").split("\n")[:-1]
    mapping = dict(line.split(" ", 1) for line in lines)
    assert list(mapping) == [str(number) for number in range(len(mapping))]
    assert set(map(as_label, mapping.values())) >= {name for own in frames.values() for name in own}


def test_the_layout_is_that_of_ms_tcn(tmp_path: Path) -> None:
    written = export([timeline("aab-b", actions={"a": "take cup", "b": "pour"})], "txt", tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        "groundTruth/tea.txt",
        "mapping/mapping.txt",
    ]
    assert written[0].read_text() == f"take cup\ntake cup\npour\n{BACKGROUND}\npour\n"
    assert written[1].read_text() == f"0 {BACKGROUND}\n1 pour\n2 take cup\n"
    expected = {"tea": ["take cup", "take cup", "pour", BACKGROUND, "pour"]}
    assert read_frames(tmp_path) == read_frames(written[0].parent) == expected
    assert read_frames(written[0]) == expected


def test_people_save_frames_with_other_line_ends(tmp_path: Path) -> None:
    (tmp_path / "tea").write_bytes(b"\xef\xbb\xbfboil \r\npour\r\n\r\n")
    assert read_frames(tmp_path) == {"tea": ["boil", "pour"]}


def test_names_with_blanks_around_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="blanks around a name, as in ' a'"):
        export([timeline(actions={"a": " a"})], "txt", tmp_path)


def test_frames_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no file"):
        read_frames(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_frames(tmp_path / "missing.txt")
    (tmp_path / "tea.txt").write_text("boil\n\npour\n")
    with pytest.raises(DataError, match=r"tea\.txt, line 2: the line is empty"):
        read_frames(tmp_path)
    (tmp_path / "tea.txt").write_text("boil\n")
    (tmp_path / "tea").write_text("boil\n")
    with pytest.raises(DataError, match="two files of the recording 'tea'"):
        read_frames(tmp_path)
