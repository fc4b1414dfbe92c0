"""Tables as loggers, trackers, phones and spreadsheets lay them out: right values, or a word."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import DataError
from asot.inputs.series.signals import Series
from asot.inputs.series.tables import read_series

pytest.importorskip("pandas")

N, RATE = 90, 50
VALUES = np.round(
    np.stack([np.sin(np.arange(N) / 7 + k) * 3 + 0.51 * k for k in range(3)], axis=1), 4
)
XYZ = ("ax", "ay", "az")
Cell = Callable[[float], str]


def four(value: float) -> str:
    return f"{value:.4f}"


def comma(value: float) -> str:
    return f"{value:.4f}".replace(".", ",")


def body(
    separator: str = ",",
    cell: Cell = four,
    time: Callable[[int], str] | None = lambda i: f"{i / RATE:.2f}",
    end: str = "\n",
) -> str:
    rows = [[time(i)] if time else [] for i in range(N)]
    return "".join(
        separator.join([*row, *map(cell, values)]) + end
        for row, values in zip(rows, VALUES.tolist(), strict=True)
    )


HEADER = "time,ax,ay,az\n"
TABLE = HEADER + body()
HALF = len(body()) // 2
CUT = TABLE.index("\n", HALF) + 1
ACTIGRAPH = (
    "------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 Firmware v2.5.0 "
    "date format M/d/yyyy at 50 Hz  Filter Normal -----------\n"
    "Serial Number: NEO1\nStart Time 10:00:00\n"
    "Start Date 1/2/2020\nEpoch Period (hh:mm:ss) 00:00:00\nDownload Time 11:00:00\n"
    "Download Date 1/2/2020\nCurrent Memory Address: 0\n"
    "Current Battery Voltage: 4.1     Mode = 12\n"
    "--------------------------------------------------\n"
)
LABVIEW = (
    "LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\n"
    "Decimal_Separator\t.\nMulti_Headings\tNo\nX_Columns\tOne\nTime_Pref\tRelative\n"
    "Operator\tlab\nDate\t2020/01/01\nTime\t10:00:00.1234\n***End_of_Header***\t\n\t\n"
    "Channels\t3\t\t\t\nSamples\t90\t90\t90\t\nDate\t2020/01/01\t2020/01/01\t2020/01/01\t\n"
    "Time\t10:00:00.1\t10:00:00.1\t10:00:00.1\t\nY_Unit_Label\tVolts\tVolts\tVolts\t\n"
    "X_Dimension\tTime\tTime\tTime\t\nX0\t0.0E+0\t0.0E+0\t0.0E+0\t\n"
    "Delta_X\t0.020000\t0.020000\t0.020000\t\n***End_of_Header***\t\t\t\t\n"
)
OPTITRACK = (
    "Format Version,1.23,Take Name,Take 1,Capture Frame Rate,50.000000,"
    "Export Frame Rate,50.000000\n\n,,Type,Rigid Body,Rigid Body,Rigid Body\n"
)
GROUPED = ",,Joe:LFHD,,,Joe:RFHD,,\nFrame,Sub Frame,X,Y,Z,X,Y,Z\n,,mm,mm,mm,mm,mm,mm\n" + "".join(
    f"{i + 1},0,{','.join(map(four, row))},{','.join(four(2 * v + 1) for v in row)}\n"
    for i, row in enumerate(VALUES.tolist())
)

# By its name: the text, what is asked for, and the names that the columns have.
READ: dict[str, tuple[str, dict, tuple[str, ...]]] = {
    "plain": (TABLE, {}, XYZ),
    "semicolons": ("time;ax;ay;az\n" + body(";"), {}, XYZ),
    "pipes": ("time|ax|ay|az\n" + body("|"), {}, XYZ),
    "pipes with blanks": ("time | ax | ay | az\n" + body(" | "), {}, XYZ),
    "a table of markdown": (
        "| time | ax | ay | az |\n|---|---|---|---|\n"
        + "".join(f"| {line} |\n" for line in body(" | ").splitlines()),
        {},
        XYZ,
    ),
    "tabs": ("time\tax\tay\taz\n" + body("\t"), {}, XYZ),
    "blanks": ("time ax ay az\n" + body(" "), {}, XYZ),
    "aligned with blanks": (
        "  time      ax      ay      az\n"
        + "".join("".join(f"{c:>10}" for c in row.split(",")) + "\n" for row in body().split()),
        {},
        XYZ,
    ),
    "blanks, names with blanks": (
        "Time (s)   acc x   acc y   acc z\n" + body("   "),
        {},
        ("acc x", "acc y", "acc z"),
    ),
    "another separator in the header": ("time,ax,ay,az\n" + body("\t"), {}, XYZ),
    "blanks after commas": ("time, ax, ay, az\n" + body(", "), {}, XYZ),
    "all in quotes": (
        '"time","ax","ay","az"\n' + body(",", lambda v: f'"{v:.4f}"', lambda i: f'"{i / 50}"'),
        {},
        XYZ,
    ),
    "separators at the ends": ("time,ax,ay,az,\n" + body(end=",\n"), {}, XYZ),
    "separators at the ends of rows alone": (HEADER + body(end=",\n"), {}, XYZ),
    "no names": (body(time=None), {"rate": RATE}, ("1", "2", "3")),
    "no names, tabs at the ends": (
        body("\t", time=None, end="\t\n"),
        {"rate": 50},
        ("1", "2", "3"),
    ),
    "no names, a clock of dates": (
        body(time=lambda i: f"2014-05-07 16:29:{i / RATE:06.3f}"),
        {},
        ("2", "3", "4"),
    ),
    "carriage returns alone": (TABLE.replace("\n", "\r"), {}, XYZ),
    "carriage returns twice": (TABLE.replace("\n", "\r\r\n"), {}, XYZ),
    "blank lines between all": (TABLE.replace("\n", "\n\n"), {}, XYZ),
    # Numbers as people write them.
    "decimal commas": ("time;ax;ay;az\n" + body(";", comma, lambda i: comma(i / RATE)), {}, XYZ),
    "decimal commas and tabs": ("time\tax\tay\taz\n" + body("\t", comma), {}, XYZ),
    "decimal commas and blanks": (
        "time ax ay az\n" + body(" ", comma, lambda i: comma(i / RATE)),
        {},
        XYZ,
    ),
    "decimal commas in quotes between commas": (
        HEADER + body(",", lambda v: f'"{comma(v)}"', lambda i: f'"{comma(i / 50)}"'),
        {},
        XYZ,
    ),
    "points in the clock, commas in the signals": ("time;ax;ay;az\n" + body(";", comma), {}, XYZ),
    "plus signs": (HEADER + body(cell="{:+.4f}".format), {}, XYZ),
    "Fortran": (HEADER + body(cell=lambda v: f"{v:.6E}".replace("E", "D")), {}, XYZ),
    "exponents": (HEADER + body(cell="{:.6e}".format), {}, XYZ),
    "exponents with decimal commas": (
        "time;ax;ay;az\n" + body(";", lambda v: f"{v:.6E}".replace(".", ",")),
        {},
        XYZ,
    ),
    "minus signs": (HEADER + body(cell=lambda v: four(v).replace("-", "−")), {}, XYZ),
    "units in the cells": (HEADER + body(cell="{:.4f} g".format), {}, XYZ),
    "units close to the cells": (HEADER + body(cell="{:.4f}m/s²".format), {}, XYZ),
    "percent signs": (HEADER + body(cell="{:.4f}%".format), {}, XYZ),
    "percent signs and decimal commas": (
        "time;ax;ay;az\n" + body(";", lambda v: comma(v) + " %"),
        {},
        XYZ,
    ),
    "milliseconds in the cells": (HEADER + body(time=lambda i: f"{20 * i} ms"), {}, XYZ),
    "as Excel keeps text": (HEADER + body(cell='="{:.4f}"'.format), {}, XYZ),
    "a column of each kind": (
        "time;ax;ay;az\n"
        + "".join(
            f"{i / 50:.2f};{comma(x)};{y:.4f};{z:.4f} V\n"
            for i, (x, y, z) in enumerate(VALUES.tolist())
        ),
        {},
        XYZ,
    ),
    # What stands above.
    "ActiGraph": (ACTIGRAPH + TABLE, {}, XYZ),
    "ActiGraph without a clock": (
        ACTIGRAPH + "Accelerometer X,Accelerometer Y,Accelerometer Z\n" + body(time=None),
        {"rate": RATE},
        ("Accelerometer X", "Accelerometer Y", "Accelerometer Z"),
    ),
    "ActiGraph without names": (ACTIGRAPH + body(time=None), {"rate": RATE}, ("1", "2", "3")),
    "percent signs before comments": (
        "%OpenBCI Raw EXG Data\n%Number of channels = 3\n%Sample Rate = 50 Hz\n"
        "%Board = OpenBCI_GUI$BoardCytonSerial\n" + TABLE,
        {},
        XYZ,
    ),
    "slashes before comments": (
        "// General information:\n//  Update Rate: 50.0Hz\n//  Filter Profile: human (46.1)\n"
        "time\tax\tay\taz\n" + body("\t"),
        {},
        XYZ,
    ),
    "a header in a comment": ("# by a logger\n# time ax ay az\n" + body(" "), {}, XYZ),
    "a header in a comment with percent": ("% time,ax,ay,az\n" + body(), {}, XYZ),
    "OpenSignals": (
        '# OpenSignals Text File Format\n# {"00:07:80": {"sampling rate": 50, "column": ["A1"]}}\n'
        "# EndOfHeader\n" + body("\t", time=None, end="\t\n"),
        {"rate": RATE},
        ("1", "2", "3"),
    ),
    "LabVIEW": (
        LABVIEW + "X_Value\tVoltage_0\tVoltage_1\tVoltage_2\tComment\n" + body("\t"),
        {"time_column": "X_Value"},
        ("Voltage_0", "Voltage_1", "Voltage_2"),
    ),
    "keys and values above": ("Device,7\nDate,2020-01-02\nRate,50\n\n" + TABLE, {}, XYZ),
    "keys and values close above": ("Device,7\nDate,2020-01-02\nRate,50\n" + TABLE, {}, XYZ),
    "a title": ("My experiment\n" + TABLE, {}, XYZ),
    "a title of a spreadsheet": ("My experiment,,,\n,,,\n" + TABLE, {}, XYZ),
    "a title close above": ("My experiment,,,\n" + TABLE, {}, XYZ),
    "a hundred lines": ("".join(f"Setting {i}:{i}\n" for i in range(100)) + TABLE, {}, XYZ),
    "the number of rows": (f"{N}\n" + TABLE, {}, XYZ),
    "OptiTrack": (
        OPTITRACK + ",,Name,Chair,Chair,Chair\n,,ID,7,7,7\n,,,Position,Position,Position\n"
        "Frame,Time (Seconds),Mean,X,Y,Z\n"
        + "".join(
            f"{i},{i / RATE:.6f},,{','.join(map(four, row))}\n"
            for i, row in enumerate(VALUES.tolist())
        ),
        {},
        ("X", "Y", "Z"),
    ),
    "Excel's first line": ("sep=;\ntime;ax;ay;az\n" + body(";"), {}, XYZ),
    "Excel's first line in quotes": ('"sep=\t"\ntime\tax\tay\taz\n' + body("\t"), {}, XYZ),
    # Units and numbers as names.
    "a row of units": (HEADER + "s,g,g,g\n" + body(), {}, XYZ),
    "a row of units in brackets": (HEADER + "(s),(m/s2),(m/s2),(m/s2)\n" + body(), {}, XYZ),
    "a row of other units": (HEADER + "sec,mV,µV,°C\n" + body(), {}, XYZ),
    "a row of formats and one of units": (
        HEADER + "CAL,CAL,CAL,CAL\nms,m/(s^2),m/(s^2),m/(s^2)\n" + body(time=lambda i: str(20 * i)),
        {},
        XYZ,
    ),
    "a unit of the clock": (
        HEADER + "ms,g,g,g\n" + body(time=lambda i: str(20 * i)),
        {"time_column": "time"},
        XYZ,
    ),
    "a row of nothing beneath the header": (HEADER + ",,,\n" + body(), {}, XYZ),
    "names of two lines": (
        ",acc,acc,gyr\ntime,x,y,x\n" + body(),
        {},
        ("acc x", "y", "gyr x"),
    ),
    "pandas' names": (
        ",0,1,2\n" + body(time=str),
        {"rate": RATE},
        ("0", "1", "2"),
    ),
    "numbers as names": ("0,1,2\n" + body(time=None), {"rate": RATE}, ("0", "1", "2")),
    "numbers from 1 as names": ("1;2;3\n" + body(";", time=None), {"rate": 50}, ("1", "2", "3")),
    "numbers as names beside the clock": ("time,0,1,2\n" + body(), {}, ("0", "1", "2")),
    "frequencies as names": ("time,0.5,1.5,2.5\n" + body(), {}, ("0.5", "1.5", "2.5")),
    "R's names of rows": (
        '"ax" "ay" "az"\n' + body(" ", time=lambda i: f'"{i + 1}"'),
        {"rate": RATE},
        XYZ,
    ),
    "a date and a clock beneath one name": (
        "time ax ay az\n" + body(" ", time=lambda i: f"2020-01-02 10:00:{i / RATE:05.2f}"),
        {"rate": RATE},
        XYZ,
    ),
    # What stands within and beneath.
    "empty rows at the end": (TABLE + ",,,\n,,,\n", {}, XYZ),
    "empty rows between": (TABLE[:CUT] + ",,,\n , , , \n" + TABLE[CUT:], {}, XYZ),
    "empty columns": (
        "time,,ax,ay,az,,\n" + body(time=lambda i: f"{i / RATE},", end=",,\n"),
        {},
        XYZ,
    ),
    "a footer of words": (TABLE + "\nEnd of data\nTotal rows: 90\n", {}, XYZ),
    "a footer of means": (TABLE + "Mean,0.5,0.6,0.7\nSD,1,1,1\n", {}, XYZ),
    "a header again": (TABLE[:CUT] + HEADER + TABLE[CUT:], {}, XYZ),
    "a comment between": (TABLE[:CUT] + "# a marker\n" + TABLE[CUT:], {}, XYZ),
    "words between": (TABLE[:CUT] + "battery low\n" + TABLE[CUT:], {}, XYZ),
    "a last row cut short": (TABLE + "1.80,0.5", {}, XYZ),
    "zero bytes at the end": (TABLE + "\0" * 300, {}, XYZ),
    "zero bytes before a row": (TABLE[:CUT] + "\0" * 300 + TABLE[CUT:], {}, XYZ),
    "the end mark of DOS": (TABLE + "\x1a", {}, XYZ),
    "a note with line breaks": (
        "time,ax,ay,az,note\n" + body(end=",\n").replace(",\n", ',"two\nlines, one cell"\n', 1),
        {},
        XYZ,
    ),
    "notes here and there": (
        "time,ax,ay,az,note\n" + body().replace("\n", ",start\n", 3),
        {},
        XYZ,
    ),
}


def read(folder: Path, text: str | bytes, **asked: object) -> Series:
    path = folder / "log.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_series(path, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", READ)
def test_the_table_is_read_however_it_lies_in_the_file(name: str, tmp_path: Path) -> None:
    text, asked, columns = READ[name]
    series = read(tmp_path, text, **asked)
    assert series.columns == columns
    np.testing.assert_allclose(series.values, VALUES, atol=1e-9)
    np.testing.assert_allclose(series.times, np.arange(N + 1) / RATE, atol=1e-9)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("cp1252"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
    ],
    ids=["mark", "Windows", "UTF-16", "UTF-16 little", "UTF-16 big", "UTF-32"],
)
def test_the_encoding_is_recognised(encode: Callable[[str], bytes], tmp_path: Path) -> None:
    series = read(tmp_path, encode("time,ax °,ay µ,az\n" + body()))
    assert series.columns == ("ax °", "ay µ", "az")
    np.testing.assert_array_equal(series.values, VALUES)


@pytest.mark.parametrize("suffix", [".txt", ".dat", ".log", ".asc", ".tab", ".TXT", ".data", ""])
def test_logs_of_any_ending_are_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"log{suffix}"
    path.write_text("time ax ay az\n" + body(" "))
    np.testing.assert_array_equal(read_series(path).values, VALUES)


WRITINGS = {  # the separator, the decimal mark, the thousands mark
    "US": (",", ".", ","),
    "US, semicolons": (";", ".", ","),
    "US, tabs": ("\t", ".", ","),
    "German": (";", ",", "."),
    "German, tabs": ("\t", ",", "."),
    "German, commas": (",", ",", "."),
    "French": (";", ",", "\u202f"),
    "French, no-break": (";", ",", "\u00a0"),
    "blanks": (";", ",", " "),
    "Swiss": (",", ".", "'"),
    "Swiss, typographic": (";", ".", "’"),
    "none": (";", ",", ""),
}


@given(
    numbers=st.lists(st.integers(-(10**8), 10**8), min_size=2, max_size=40),
    name=st.sampled_from(list(WRITINGS)),
    quoted=st.booleans(),
    unit=st.sampled_from(["", "%", " mV", " m/s²"]),
)
def test_numbers_are_read_however_they_are_written(
    numbers: list[int], name: str, quoted: bool, unit: str
) -> None:
    separator, decimal, thousands = WRITINGS[name]
    quoted |= separator in (decimal, thousands)
    table = str.maketrans({",": thousands, ".": decimal})
    cells = [f"{number / 100:,.2f}".translate(table) + unit for number in numbers]
    mark = '"' if quoted else ""
    rows = [f"{20 * i}{separator}{mark}{cell}{mark}\n" for i, cell in enumerate(cells)]
    with tempfile.TemporaryDirectory() as folder:
        series = read(Path(folder), f"time_ms{separator}x\n" + "".join(rows))
    np.testing.assert_allclose(series.values[:, 0], np.array(numbers) / 100, rtol=1e-12)
    assert series.remarks == ()


def column(*cells: str, separator: str = ";") -> str:
    rows = [f"{i}{separator}{cell}{separator}{i * i}\n" for i, cell in enumerate(cells)]
    return f"time_ms{separator}x{separator}y\n" + "".join(rows)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (column("1,234", "2,345", "3,111"), 1.234),  # semicolons speak for decimal commas
        (column('"1,234"', '"2,345"', '"3,111"', separator=","), 1234),
        (column("1,234", "2,345", "999"), 1234),
        (column("1.234", "2.345", "999"), 1234),
        (column("1,234", "2345", "3,111"), 1.234),
        (column("1,234", "2,345 ", "0"), 1.234),
        (column("1,234;0.5", "2,345;0.7", "3,111;0.9").replace("y", "z;y"), 1234),
        (column("1.234;0,5", "2.345;0,7", "3.111;0,9").replace("y", "z;y"), 1234),
    ],
)
def test_marks_in_doubt_are_decided_and_told(text: str, first: float, tmp_path: Path) -> None:
    series = read(tmp_path, text)
    assert series.values[0, 0] == first
    assert "It is in doubt whether '1" in series.remarks[0]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,234", "2,345", "0,5"], [1.234, 2.345, 0.5]),  # another cell settles it
        (["1,234", "2,345", "0,125"], [1.234, 2.345, 0.125]),
        (["1,234", "2,345", "1,234,567"], [1234, 2345, 1234567]),
        (["1,234", "2,345", "1,234.5"], [1234, 2345, 1234.5]),
        (["1.234", "2.345", "1.234,5"], [1234, 2345, 1234.5]),
        (["1,234", "2,345", "12345,678"], [1.234, 2.345, 12345.678]),
        (["1 234", "2 345", "999"], [1234, 2345, 999]),
        (["1,23,456.5", "2,34,567.5", "999"], [123456.5, 234567.5, 999]),
        (["1.0D+03", "−2,5", "+3"], [1000, -2.5, 3]),
        (["1.0-103", "2.5+003", "3"], [1e-103, 2500, 3]),
        (["5", ",5", "1,5e2"], [5, 0.5, 150]),
    ],
)
def test_what_another_cell_settles_is_not_in_doubt(
    cells: list[str], values: list[float], tmp_path: Path
) -> None:
    series = read(tmp_path, column(*cells))
    np.testing.assert_allclose(series.values[:, 0], values)
    assert not any("doubt" in remark for remark in series.remarks)


def test_decimal_commas_may_begin_late_and_words_stand_among_them(tmp_path: Path) -> None:
    cells = ["0"] * 1500 + ["1,5", "error", "2,5"] + ["0,25"] * 20
    series = read(tmp_path, column(*cells))
    assert series.columns == ("x", "y")
    np.testing.assert_allclose(series.values[1500:1504, 0], [1.5, 2, 2.5, 0.25])
    assert any("first 'error' in line 1503" in remark for remark in series.remarks)


@pytest.mark.parametrize(
    "cells",
    [
        ["1 g", "900 mg", "3 g"],  # units that differ
        ["1,234,567", "1,5", "3"],
        ["1.234", "1,234", "3"],
        ["0x1F", "0x2F", "0x3F"],
        ["1-2", "3-4", "5-6"],
        ["1/2", "3/4", "5/6"],
        ["1st", "2nd", "3rd"],
        ["1.2.3", "1.2.4", "1.2.5"],
    ],
)
def test_what_may_mean_two_things_is_left_out_with_a_word(cells: list[str], tmp_path: Path) -> None:
    series = read(tmp_path, column(*cells))
    assert series.columns == ("y",)
    assert any("'x' left out: it is text" in remark for remark in series.remarks)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["1 g", "900", "3 g"], "Cells without the unit 'g' were taken to have it, in 'x'"),
        (["1.5", "2,5", "3.25"], "Decimal points and decimal commas were both read in 'x'"),
    ],
)
def test_numbers_written_in_two_ways_are_told(cells: list[str], says: str, tmp_path: Path) -> None:
    assert any(says in remark for remark in read(tmp_path, column(*cells)).remarks)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ActiGraph", "Lines 1 to 9 of the file, '------------ Data File .*', stand above"),
        ("a title", "Line 1 of the file, 'My experiment', stands above the table"),
        ("keys and values close above", "Lines 1 to 3 of the file"),
        ("numbers as names", "Line 1, '0, 1, 2', was taken for the names of columns"),
        ("a footer of means", "Line 92, 'Mean,0.5,0.6,0.7', and 1 line after it are no rows"),
        ("a footer of words", "Line 93, 'End of data', and 1 line after it are no rows"),
        ("a header again", "Line 4., which repeats the header, is no row"),
        ("a comment between", "Line 4., '# a marker', is no row and was left out"),
        ("words between", "Line 4., 'battery low', is no row and was left out"),
        ("a last row cut short", "Line 92, '1.80,0.5', is no row and was left out"),
        ("zero bytes before a row", "Zero bytes in line 4. and after it were left out"),
    ],
)
def test_what_was_left_out_is_told(name: str, says: str, tmp_path: Path) -> None:
    text, asked, _ = READ[name]
    assert any(re.search(says, remark) for remark in read(tmp_path, text, **asked).remarks)


@pytest.mark.parametrize(
    "name",
    ["plain", "percent signs before comments", "a row of units", "empty rows at the end", "tabs"],
)
def test_nothing_is_told_where_nothing_is_in_doubt(name: str, tmp_path: Path) -> None:
    text, asked, _ = READ[name]
    assert read(tmp_path, text, **asked).remarks == ()


def test_other_rows_and_columns_than_expected_are_told(tmp_path: Path) -> None:
    longer = read(tmp_path, "time,ax,ay,az,gps\n" + body())
    assert "names 5 columns, but the rows hold 4 cells" in longer.remarks[0]
    np.testing.assert_array_equal(longer.values, VALUES)
    short = read(tmp_path, HEADER + body().replace(",3.7479", "", 1))
    assert "1 row with fewer cells than others, first in line 2" in short.remarks[0]
    rows = "".join(f"{i / 50},{'acc' if i % 2 else 'gyr'},{i % 7}\n" for i in range(60))
    kinds = read(tmp_path, "time,sensor,x\n" + rows)
    assert "'sensor' changes from row to row between 'gyr', 'acc'" in kinds.remarks[0]
    whole = "".join(f"{i % 7},{i % 5},{i % 3}\n" for i in range(50))
    told = read(tmp_path, "0,1,2\n" + whole, rate=RATE)
    assert "--skip_lines 1 leaves it out" in told.remarks[0]
    assert len(told.values) == 51
    assert len(read(tmp_path, "0,1,2\n" + whole, rate=RATE, skip_lines=1).values) == 50


def test_a_column_of_decimal_commas_beneath_its_name_is_one(tmp_path: Path) -> None:
    text = "temp\n" + "".join(f"{comma(value)}\n" for value in VALUES[:, 0].tolist())
    series = read(tmp_path, text, rate=RATE)
    assert series.columns == ("temp",)
    np.testing.assert_array_equal(series.values, VALUES[:, :1])


def test_words_before_a_sensor_speaks_are_missing_values(tmp_path: Path) -> None:
    rows = [f"{i / 50},{'nofix' if i < 4 else i % 7},{i % 5}\n" for i in range(90)]
    series = read(tmp_path, "time,gps,ax\n" + "".join(rows))
    assert (series.columns, len(series.values)) == (("gps", "ax"), 90)
    np.testing.assert_array_equal(series.values[:5, 0], 4)


def test_a_file_of_empatica_says_its_rate(tmp_path: Path) -> None:
    top = "1544027337.000000, 1544027337.000000\n32.000000, 32.000000\n"
    series = read(tmp_path, top + "".join(f"{i % 7}, {i % 5}\n" for i in range(60)))
    assert (series.rate, series.values.shape) == (32, (60, 2))
    assert "taken for a start and 32 rows a second" in series.remarks[0]
    single = "1544027337.0\n4.0\n" + "".join(f"{i % 7}.25\n" for i in range(60))
    assert read(tmp_path, single).rate == 4
    assert read(tmp_path, single, rate=8.0).rate == 8


def test_groups_of_columns_tell_names_apart(tmp_path: Path) -> None:
    series = read(tmp_path, "Trajectories\n50\n" + GROUPED, rate=RATE, columns=["Joe:RFHD Y"])
    np.testing.assert_allclose(series.values[:, 0], 2 * VALUES[:, 1] + 1, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,ax,ay\n" + body(), "line 2: has more than 3 cells, .*; --skip_lines 1 leaves"),
        (HEADER + body(cell=comma), "numbers with commas stand between quotes"),
        (HEADER + body(cell=lambda v: f"{1000 * v:,.1f}"), "numbers with commas stand between"),
        (body(cell=comma, time=None), "line 1: holds whole numbers with zeros before them"),
        ("time ax ay az\n" + body(" ").replace(" 3.7479", "", 1), "line 2: has 3 cells, fewer"),
        (TABLE + "\n" + GROUPED, "has more than 4 cells: a file holds one table"),
        ("\x1f\x8b\x08", "is compressed: unpack it first"),
        ("PK\x03\x04 a workbook", "is not a text file"),
        ("\x01\x02\x03\x04\x05\x06", "is not a text file"),
        ("\0\0\0\0", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        read(tmp_path, text.encode("latin-1"), rate=RATE)


def test_lines_above_can_be_skipped_by_their_number(tmp_path: Path) -> None:
    text = "time,ax,ay\n" + body()
    series = read(tmp_path, text, skip_lines=1, time_column="1")
    assert series.columns == ("2", "3", "4")
    np.testing.assert_array_equal(series.values, VALUES)
    np.testing.assert_array_equal(read(tmp_path, ACTIGRAPH + TABLE, skip_lines=10).values, VALUES)
    with pytest.raises(DataError, match="is empty"):
        read(tmp_path, TABLE, skip_lines=500)
