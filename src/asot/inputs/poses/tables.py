"""Poses in tables: in text, as trackers write it and as people save it again, and in Parquet."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import FileError
from asot.inputs.kinds import TEXTS
from asot.inputs.poses.headers import Header, each_point, flat, least_of, stacked
from asot.inputs.poses.places import Poses, Values, place
from asot.inputs.series.clocks import find_time_column, read_clock, time_unit
from asot.inputs.series.dates import ClockError, require_pandas
from asot.inputs.series.layout import Dialect, look_at
from asot.inputs.series.lines import records, split
from asot.inputs.series.rows import line_of, read_text_table
from asot.inputs.series.tables import open_parquet
from asot.text import listing, quote

_DLC = ("scorer", "individuals", "bodyparts", "coords")
_IMAGE = r"(.*?)(\d+)\.(?:png|jpe?g|bmp|tiff?)"


@dataclass(frozen=True)
class PoseTable:
    """A table of poses whose header was recognised, and its rows are yet to be read."""

    path: Path
    names: tuple[str, ...]  # of the columns; empty for a header of several lines
    header: Header
    read: Callable[[], Any]  # the rows, as a pandas.DataFrame with numbered columns
    line: Callable[[int], int | None]  # the line, from 1, of a row, from 0


def find_poses(path: Path, sure: bool = True, skip_lines: int | None = None) -> PoseTable | None:
    """Recognise the poses in a table, or return None if it holds, or may hold, other signals.

    A header that begins as one of poses and goes on otherwise is a FileError with the cure, and so
    is a table with a row for each point. Where it need not be ``sure``, points with x and y are
    enough.
    """
    if path.suffix.lower() not in TEXTS:
        table = open_parquet(path)
        header = _flat(path, table.names, [], sure)
        if header is None:
            return None
        return PoseTable(path, table.names, header, lambda: table.frame, table.line)
    dialect = look_at(path, skip_lines)
    rows = _first_rows(path, dialect, skip_lines or 0)
    try:
        header = stacked([cells for _, cells in rows])
    except ValueError as error:
        raise FileError.at(path, str(error), rows[0][0]) from None
    names: tuple[str, ...] = ()
    if header is not None:
        width, skip = rows[header.lines - 1][1], rows[header.lines - 1][0]
        dialect = replace(dialect, header=tuple(width), skip=skip)
    else:
        names = dialect.header or ()
        header = _flat(path, names, dialect.rows, sure)
        first = rows[0][1][0].lower() if rows else ""
        if header is None and (first in _DLC or any(cells[:1] == ("coords",) for _, cells in rows)):
            message = (
                f"begins like DeepLabCut's ({quote(first)}), but has no line 'bodyparts, coords'"
            )
            cure = "x and y below the points: save it with all lines of its header"
            raise FileError.at(path, f"{message} with {cure}", rows[0][0])
    if header is None:
        return None
    return PoseTable(
        path,
        names,
        header,
        lambda: read_text_table(path, dialect),
        lambda row: line_of(path, dialect, row),
    )


def read_poses(table: PoseTable, rate: float | None, unit: str | None = None) -> Poses:
    """Read the rows of a table of poses, and its times if no ``rate`` is given instead.

    ``unit`` is that of its clock, where its name does not give it.
    """
    path, header, names, frame = table.path, table.header, table.names, table.read()
    if not len(frame):
        raise FileError.at(path, "is empty: it holds no frame")
    clock = find_time_column(names, frame) if rate is None else None
    index: NDArray[Any] = np.arange(len(frame))
    remarks: list[str] = []
    if header.frame is not None:
        index, remarks = _frames(table, frame[header.frame])
    elif header.track is not None and clock is not None:
        index = require_pandas("Reading tables of poses").factorize(frame[clock])[0]
    tracks = None
    if header.track is not None:
        cells = frame[header.track]
        tracks = cells.astype(str).where(cells.notna(), "").tolist()
    values = np.column_stack(
        [
            _numbers(table, frame[at], ".".join(filter(None, key)))
            for key, at in zip(header.keys, header.places, strict=True)
        ]
    )
    poses = place(path, header.keys, index, values, least_of(header.keys), tracks)
    if names and (header.frame is None or names[header.frame] != "frame_idx"):
        points = listing(header.points, 6)
        remarks.append(
            f"Taken for poses by the names of its columns, with the points {points}: if they are "
            "signals, say --kind series."
        )
    others = [one for one in header.left_out if time_unit(one) is None]
    if others:
        remarks.append(f"Left out, as no part of a point: {listing(others, 6)}.")
    if clock is not None:
        poses = _timed(table, poses, names[clock], frame[clock], index, unit)
    told = frame.attrs.get("remarks", ())
    return replace(poses, remarks=(*told, *remarks, *poses.remarks))


def _timed(
    table: PoseTable,
    poses: Poses,
    name: str,
    cells: Any,
    index: NDArray[Any],
    unit: str | None,
) -> Poses:
    """Give poses the times of a column, each frame that of its first row."""
    frames, rows = np.unique(index, return_index=True)

    def place_of(row: int) -> str:
        line = table.line(int(rows[row]))
        return f"row {rows[row] + 1}" if line is None else f"line {line}"

    column = cells.iloc[rows].reset_index(drop=True).to_frame(0)
    try:
        clock = read_clock([name], column, 0, unit, place_of)
        if (np.diff(clock.rows) <= 0).any():
            message = f"the times in column {name!r} do not rise with the frames: give the frames"
            raise ClockError(f"{message} a second (--rate)")
    except ClockError as error:
        line = None if error.row is None else table.line(int(rows[error.row]))
        raise FileError.at(table.path, str(error), line) from error
    if len(clock.seconds) < 2:
        return poses
    every = np.arange(len(poses.values))
    times = np.interp(every, frames[clock.rows] - poses.first, clock.seconds)
    edges = np.append(times, times[-1] + np.median(np.diff(times)))
    remarks = (*clock.remarks, *poses.remarks)
    return replace(poses, times=edges, start=clock.start, remarks=remarks)


def _frames(table: PoseTable, cells: Any) -> tuple[NDArray[Any], list[str]]:
    """Read a column of frames: numbers, or names of images that are numbered without large gaps."""
    images = cells.astype(str).str.extract(_IMAGE)
    if images.notna().all(axis=None) and images[0].nunique() == 1:
        numbers = images[1].astype(np.int64)
        if numbers.max() - numbers.min() < 2 * len(numbers):
            remark = "The numbers of frames were taken from the names of images."
            return numbers.to_numpy(), [remark]
    return _numbers(table, cells, None), []


def _numbers(table: PoseTable, cells: Any, name: str | None) -> Values:
    """Read a column of numbers, of frames without a ``name``; refuse text."""
    numbers = require_pandas("Reading tables of poses").to_numeric(cells, errors="coerce")
    wrong = (numbers.isna() & cells.notna()).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        message = f"{quote(str(cells.iloc[row]))} in column {quote(name or '')} is not a number"
        if name is None:
            cell = quote(str(cells.iloc[row]))
            message = f"{cell} is not a frame number: labelled images are not a recording"
        raise FileError.at(table.path, message, table.line(row))
    result: Values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return result


def _flat(
    path: Path, names: Sequence[str], rows: Sequence[Sequence[str]], sure: bool
) -> Header | None:
    kind = "or say --kind series if they are signals"
    if each_point(names):
        message = "has a row for each point: save a row for each frame, as analysis CSV or HDF5 of"
        raise FileError.at(path, f"{message} SLEAP have it, {kind}")
    if sum(re.fullmatch(r"inst\d+\.track", name) is not None for name in names) > 1:
        message = "has columns for each instance, which may be another animal in each frame: export"
        raise FileError.at(path, f"{message} it from SLEAP as analysis CSV or HDF5, {kind}")
    try:
        return flat(names, rows, sure)
    except ValueError as error:
        raise FileError.at(path, f"{error}: rename or remove one, {kind}") from None


def _first_rows(path: Path, dialect: Dialect, skip_lines: int) -> list[tuple[int, tuple[str, ...]]]:
    """Return the cells of the first few lines of the table, each with the number of its line."""
    lines = itertools.islice(records(path, dialect.encoding), skip_lines + 40)
    rows = [(line, split(text, dialect.separator)) for line, text in lines if line > skip_lines]
    return [row for row in rows if any(row[1]) and not row[1][0].startswith(("#", "sep="))][:12]
