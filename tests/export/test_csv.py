"""Segment tables as CSV: exact round trips, and errors that name file and line."""

from __future__ import annotations

import csv
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asot.errors import ArgumentError, DataError
from asot.export import read_csv, write_csv
from asot.timeline.segments import SegmentRow, segment_table

HEADER = "recording,start_frame,end_frame,start_s,end_s,action,confidence"  # of earlier tables
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def rows(draw: st.DrawFn) -> SegmentRow:
    start = draw(st.integers(0, 10**9))
    end = start + draw(st.integers(1, 10**9))
    return SegmentRow(
        *(draw(names), start, end, draw(numbers), draw(numbers), draw(names), draw(numbers)),
        *(draw(st.floats(0, 1)), draw(names)),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(rows()))
def test_any_table_survives(tmp_path: Path, table: list[SegmentRow]) -> None:
    write_csv(tmp_path / "table.csv", table)
    assert read_csv(tmp_path / "table.csv") == table


@pytest.mark.parametrize(
    "name",
    [
        "a, b",
        'say "hello"',
        "two\nlines",
        "return\rhere",
        "both\r\n",
        "Kaffee ☕ \u2028",
        " x ",
        "",
    ],
)
def test_awkward_names_survive_and_lines_are_counted(tmp_path: Path, name: str) -> None:
    path = tmp_path / "table.csv"
    table = [SegmentRow(name, 0, 2, 0.0, 1 / 3, name, 0.1)]
    write_csv(path, table)
    assert read_csv(path) == table


def test_other_readers_see_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    table = segment_table("tea", [0, 0, 1], [[0.9, 0.1]] * 3, 7.0, ["boil, stir", "pour"])
    write_csv(path, table)
    with path.open(newline="", encoding="utf-8") as stream:
        seen = list(csv.reader(stream))
    assert ",".join(seen[0]) == f"{HEADER},checked,note"
    assert seen[1:] == [[str(field) for field in astuple(row)] for row in table]


def test_foreign_line_ends_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + b"\na,0,2,,,stir,\n\n")
    assert read_csv(path) == [SegmentRow("a", 0, 2, None, None, "stir", None)]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    good = [SegmentRow("a", 0, 2, None, None, "stir", None)]
    write_csv(path, good)
    with pytest.raises(ArgumentError, match=r"row 1 .*UTF-8"):
        write_csv(path, [*good, SegmentRow("\udcff", 0, 2, None, None, "stir", None)])
    assert read_csv(path) == good
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("name,start,end\n", 1, "header"),
        (HEADER + "\na,0,2,,,stir\n", 2, "7 fields are expected, but there are 6"),
        (HEADER + "\na,0,2,,,stir,\nb,5,5,,,stir,\n", 3, "starts at frame 5 and ends at frame 5"),
        (HEADER + "\na,9,2,,,stir,\n", 2, "end_frame must be greater"),
        (HEADER + "\na,zero,2,,,stir,\n", 2, "start_frame .* 'zero'"),
        (HEADER + "\na,0," + "9" * 5000 + ",,,stir,\n", 2, "end_frame"),
        (HEADER + "\na,-1,2,,,stir,\n", 2, "start_frame .* '-1'"),
        (HEADER + "\na,0,2.5,,,stir,\n", 2, "end_frame .* '2.5'"),
        (HEADER + "\na,0,2,0,1s,stir,\n", 2, "end_s .* '1s'"),
        (HEADER + "\na,0,2,nan,,stir,\n", 2, "start_s .* 'nan'"),
        (HEADER + "\na,0,2,,,stir,sure\n", 2, "confidence .* 'sure'"),
        (HEADER + '\n"two\nlines",0,2,,,stir,\nb,0,0,,,stir,\n', 4, "end_frame"),
        (HEADER + '\n"open,0,2,,,stir,\n', 2, "not CSV"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"table\.csv, line {line}: .*{sentence}"):
        read_csv(path)


def test_files_that_are_no_text_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for content, sentence in (
        (None, "does not exist"),
        (b"", "is empty"),
        (HEADER.encode() + b"\n\xff,0,1,,,stir,\n", "UTF-8"),
    ):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match=sentence) as caught:
            read_csv(path)
        assert caught.value.file == path
