"""Tables as loggers, trackers, phones and spreadsheets lay them out: right values, or a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asot.errors import DataError
from asot.inputs.series.layout import is_table, look_at
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
