"""CSV as people save it, and Parquet."""

from __future__ import annotations

import zipfile
from dataclasses import asdict, replace
from datetime import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from openpyxl import Workbook

from asot.errors import DataError
from asot.export import export, read, read_csv
from asot.timeline.segments import Interval, SegmentRow, Timeline, even_times
from tests.export.timelines import recordings, timeline

BOIL = [Interval("tea", 0.5, 2.0, "boil")]


@given(data=recordings())
def test_csv_and_parquet_hold_the_table_exactly(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    out = tmp_path_factory.mktemp("out")
    rows = [row for one in data for row in one.rows]
    assert read_csv(export(data, "csv", out)[0]) == rows
    assert read(out / "segments.csv") == [interval for one in data for interval in one.intervals]
    table = pq.read_table(export(data, "parquet", out)[0])
    assert table.to_pylist() == [asdict(row) for row in rows]


def test_parquet_keeps_types_where_nothing_is_known(tmp_path: Path) -> None:
    row = SegmentRow("tea", 0, 2, None, None, "boil", None)
    [path] = export([Timeline("tea", (row,), 2)], "parquet", tmp_path)
    frame = pd.read_parquet(path)
    assert frame["confidence"].dtype == frame["start_s"].dtype == "float64"
    assert frame["start_frame"].dtype == "int64"
    assert frame.isna().sum().to_dict() == {
        "recording": 0,
        "start_frame": 0,
        "end_frame": 0,
        "start_s": 1,
        "end_s": 1,
        "action": 0,
        "confidence": 1,
        "checked": 0,
        "note": 0,
    }
    [empty] = export([timeline("-")], "parquet", tmp_path)
    assert len(pd.read_parquet(empty)) == 0


def test_pandas_writes_what_is_read_back(tmp_path: Path) -> None:
    [path] = export([timeline()], "csv", tmp_path)
    frame = pd.read_csv(path)
    frame["notes"] = "checked"
    frame.loc[0, "action"] = "c"
    frame[sorted(frame.columns)].to_csv(tmp_path / "corrected.csv")
    assert [one.action for one in read(tmp_path / "corrected.csv")] == ["c", "b", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "recording,start_s,end_s,action\ntea,0.5,2,boil\n",
        "action,end_s,recording,start_s,notes\r\nboil,2,tea,0.5,sure\r\n,,,,\r\n\r\n",
        "Recording;Start_s;End_s;Action\ntea;0,5;2,0;boil\n",
        "recording\tstart_s\tend_s\taction\ntea\t0.5\t2\tboil\n",
        'sep=;\nrecording;start;end;label\ntea;"0,5";2;boil\n',
        "\ufeffvideo,start,end,label\ntea, 0.5 ,2,boil",
        "recording,start_frame,end_frame,start_s,end_s,action,confidence\ntea,9,9,0.5,2,boil,\n",
        "recording,start_frame,end_frame,action\ntea,1,4,boil\n",
        "recording,start_frame,end_frame,start_s,end_s,action,confidence\ntea,1,4,,,boil,\n",
        "start_s,end_s,action\n0.5,2,boil\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_spreadsheets_make_of_a_table(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "tea.csv"
    path.write_bytes(text.removeprefix("\ufeff" * (encoding == "utf-16")).encode(encoding))
    found = read(path, times={"tea": even_times(4, 2.0)})
    assert found == [replace(BOIL[0], note="sure" * ("notes" in text))]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("recording,action\n", "line 1: the header must have"),
        ("recording,start_s,end_s\n", "line 1: the header must have"),
        ("start_s,end_s,action\n0,1,\n", "line 2: the action is empty"),
        ("recording,start_s,end_s,action\n,0,1,boil\n", "line 2: the recording is empty"),
        ("start_s,end_s,action\n0,1,a\n0,x,boil\n", "line 3: end_s must be a finite number.* 'x'"),
        ("start_s,end_s,action\n0,inf,boil\n", "line 2: end_s must be a finite number.* 'inf'"),
        ("start_s,end_s,action\n2,1,boil\n", "line 2: .* lasts from 2.0 to 1.0 s"),
        ("start_frame,end_frame,action\n0,9,boil\n", "end_frame is 9, but .* 4 frames"),
        ("start_frame,end_frame,action\n0,1.5,boil\n", "whole number of frames .* '1.5'"),
        ("start_frame,end_frame,action\n3,3,boil\n", "lasts from 1.5 to 1.5 s"),
        ('start_s,end_s,action\n0,1,"boil\n', "line 2: this is not CSV"),
        ("recording,start_frame,end_frame,action\negg,0,1,boil\n", "frames of 'egg' are not known"),
        ("start_s,end_s,action\n0,,boil\n", "line 2: start_frame must be"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "tea.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"tea\.csv.*{sentence}"):
        read(path, times={"tea": even_times(4, 2.0)})


@pytest.mark.parametrize("name", ["=1+1", "+tea", "@SUM(A1)", "-tea", "'=1+1", "\t=1", "''-tea"])
def test_no_name_is_a_formula_in_a_spreadsheet(tmp_path: Path, name: str) -> None:
    row = SegmentRow(name, 0, 2, 0.0, 1.0, name, None)
    [path] = export([Timeline("tea", (row,), 2)], "csv", tmp_path)
    cells = pd.read_csv(path).loc[0, ["recording", "action"]].tolist()
    assert all(cell.startswith("'") for cell in cells)
    assert read_csv(path) == [row]


def test_a_workbook_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(201_000_000))
    with pytest.raises(DataError, match="unpacks to 201 MB, of 200 at most"):
        read(path)


def test_workbooks_of_excel_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tea.xlsx"
    book = Workbook()
    book.active.append(["notes on the session"])
    sheet = book.create_sheet("labels")
    sheet.append(["Start", "Stop (s)", "Behavior", "Comment"])
    sheet.append([time(0, 0, 0, 500_000), 2, "=boil", "with milk"])
    sheet.append([None, None, None, None])
    sheet["C2"].data_type = "s"
    book.active = 1
    book.save(path)
    assert read(path) == [Interval("tea", 0.5, 2.0, "=boil", "with milk")]
    book.active = 0
    book.save(path)
    with pytest.raises(DataError, match="the header must have the columns"):
        read(path)


@pytest.mark.parametrize("name", ["tea.xlsx", "tea.parquet"])
def test_binary_tables_that_are_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"start,end,label")
    with pytest.raises(DataError, match=r"is not a .*, or is damaged"):
        read(tmp_path / name)


def test_parquet_whose_text_is_none(tmp_path: Path) -> None:
    path = tmp_path / "tea.parquet"
    text = pa.array([b"\xff\xfe"]).view(pa.string())
    pq.write_table(pa.table({"action": text, "start_s": [0.0], "end_s": [1.0]}), path)
    with pytest.raises(DataError, match="is not a Parquet file, or is damaged"):
        read(path)
