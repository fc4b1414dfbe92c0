"""Poses in tables: in text, as trackers write it and as people save it again, and in Parquet."""

from __future__ import annotations

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
from asot.inputs.series.clocks import find_time_column, time_unit
from asot.inputs.series.columns import SignalTable
from asot.inputs.series.dates import require_pandas
from asot.inputs.series.layout import look_at
from asot.inputs.series.rows import read_rows
from asot.inputs.series.tables import open_parquet
from asot.text import listing, quote

_DLC = ("scorer", "individuals", "bodyparts", "coords")
_IMAGE = r"(.*?)(\d+)\.(?:png|jpe?g|bmp|tiff?)"


@dataclass(frozen=True)
class PoseTable:
    """A table of poses whose header was recognised, and its rows are yet to be read."""

    header: Header
    read: Callable[[], tuple[SignalTable, list[str]]]  # the rows, and remarks on them


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
        return PoseTable(header, lambda: (table, []))
    dialect = look_at(path, skip_lines)
    rows = dialect.first
    try:
        header = stacked([cells for _, cells in rows])
    except ValueError as error:
        raise FileError.at(path, str(error), rows[0][0]) from None
    names: tuple[str, ...] = ()
    if header is not None:
        begin, last = rows[header.lines - 1]
        dialect = replace(dialect, names=last, begin=begin)
    else:
        names = dialect.names or ()
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

    def read() -> tuple[SignalTable, list[str]]:
        found = read_rows(path, dialect)
        return SignalTable(path, names, found.frame, found.lines), found.remarks

    return PoseTable(header, read)


def read_poses(found: PoseTable, rate: float | None, unit: str | None = None) -> Poses:
    """Read the rows of a table of poses, and its times if no ``rate`` is given instead.

    ``unit`` is that of its clock, where its name does not give it.
    """
    header, (table, told) = found.header, found.read()
    path, names, frame = table.path, table.names, table.frame
    if not len(frame):
        raise FileError.at(path, "is empty: it holds no frame")
    clock = find_time_column(names, frame) if rate is None else None
    index: NDArray[Any] = np.arange(len(frame))
    remarks: list[str] = []
    if header.frame is not None:
        index, remarks = _frames(table, frame[header.frame])
    elif header.track is not None and clock is not None:
        index = require_pandas().factorize(frame[clock])[0]
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
        poses = _timed(table, poses, clock, index, unit)
    return replace(poses, remarks=(*told, *remarks, *poses.remarks))


def _timed(
    table: SignalTable, poses: Poses, position: int, index: NDArray[Any], unit: str | None
) -> Poses:
    """Give poses the times of a column, each frame that of its first row."""
    frames, rows = np.unique(index, return_index=True)
    name = table.names[position]
    column = replace(table, names=(name,), frame=table.frame[[position]].set_axis([0], axis=1))
    clock = column.take(rows).clock(0, unit)
    if (np.diff(clock.rows) <= 0).any():
        message = f"the times in column {name!r} do not rise with the frames: give the frames"
        raise FileError.at(table.path, f"{message} a second (--rate)")
    if len(clock.seconds) < 2:
        return poses
    every = np.arange(len(poses.values))
    times = np.interp(every, frames[clock.rows] - poses.first, clock.seconds)
    edges = np.append(times, times[-1] + np.median(np.diff(times)))
    remarks = (*clock.remarks, *poses.remarks)
    return replace(poses, times=edges, start=clock.start, remarks=remarks)


def _frames(table: SignalTable, cells: Any) -> tuple[NDArray[Any], list[str]]:
    """Read a column of frames: numbers, or names of images that are numbered without large gaps."""
    images = cells.astype(str).str.extract(_IMAGE)
    if images.notna().all(axis=None) and images[0].nunique() == 1:
        numbers = images[1].astype(np.int64)
        if numbers.max() - numbers.min() < 2 * len(numbers):
            remark = "The numbers of frames were taken from the names of images."
            return numbers.to_numpy(), [remark]
    return _numbers(table, cells, None), []


def _numbers(table: SignalTable, cells: Any, name: str | None) -> Values:
    """Read a column of numbers, of frames without a ``name``; refuse text."""
    numbers = require_pandas().to_numeric(cells, errors="coerce")
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
