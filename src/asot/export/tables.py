"""Segment tables: CSV as asot writes it and as spreadsheets save it, and Parquet.

A row is a :class:`asot.timeline.segments.SegmentRow`. CSV is that of RFC 4180 (UTF-8, lines end in
CR LF); an empty field in ``start_s``, ``end_s`` or ``confidence`` means that the figure is not
known. Numbers have as many digits as it takes to read the same number back.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from asot.errors import ArgumentError, FileError, MissingExtraError
from asot.export.common import read_text
from asot.files import atomic_path
from asot.timeline.segments import Interval, SegmentRow, Timeline

COLUMNS = tuple(field.name for field in fields(SegmentRow))
# The names that a column may have, in small letters; the first is what asot calls it.
_HEADINGS = {
    "recording": ("recording", "video", "file"),
    "action": ("action", "label"),
    "start_s": ("start_s", "start", "start_time"),
    "end_s": ("end_s", "end", "end_time"),
    "start_frame": ("start_frame",),
    "end_frame": ("end_frame",),
}


def write_csv(path: str | os.PathLike[str], rows: Iterable[SegmentRow]) -> None:
    """Write a segment table to a CSV file.

    Parameters
    ----------
    path : path-like
        The file, replaced as a whole if it exists: a reader never sees half of it.
    rows : iterable of SegmentRow
        The rows, of one recording or of many.

    Raises
    ------
    ArgumentError
        If a name cannot be written as UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "segments.csv"
    >>> write_csv(path, [SegmentRow("tea_1", 0, 30, 0.0, 2.0, "boil, stir", 0.75)])
    >>> print(path.read_text().strip())
    recording,start_frame,end_frame,start_s,end_s,action,confidence
    tea_1,0,30,0.0,2.0,"boil, stir",0.75
    """
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for number, row in enumerate(rows):
            try:
                writer.writerow(astuple(row))
            except UnicodeEncodeError as error:
                raise ArgumentError(
                    f"row {number} cannot be written to '{path}': recording {row.recording!r} or "
                    f"action {row.action!r} holds a character that UTF-8 has no code for."
                ) from error


def read_csv(path: str | os.PathLike[str]) -> list[SegmentRow]:
    """Read a segment table from a CSV file.

    Parameters
    ----------
    path : path-like
        A file as :func:`write_csv` writes it. A byte-order mark and other line ends do no harm.

    Returns
    -------
    list of SegmentRow
        In the order of the file.

    Raises
    ------
    FileError
        If the file cannot be read, its header is another, or a row breaks a rule of
        :class:`asot.timeline.segments.SegmentRow`. The sentence names the file and the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "segments.csv"
    >>> row = SegmentRow("tea_1", 0, 30, None, None, "boil", None)
    >>> write_csv(path, [row])
    >>> read_csv(path) == [row]
    True
    """
    path = Path(path)
    records = _records(path, read_text(path))
    line, header = next(records)
    if tuple(header) != COLUMNS:
        wanted, given = ",".join(COLUMNS), ",".join(header)
        raise FileError.at(path, f"the header must be '{wanted}', but it is '{given}'", line)
    rows = []
    for line, record in records:
        if not record:
            continue
        try:
            rows.append(_row(record))
        except ValueError as error:
            raise FileError.at(path, str(error), line) from error
    return rows


def write_table(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.csv`` into the folder ``out``."""
    path = out / "segments.csv"
    write_csv(path, (row for timeline in timelines for row in timeline.rows))
    return [path]


def write_parquet(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.parquet`` into the folder ``out``: the columns of the CSV, with types."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "writing Parquet") from error
    types = ("string", "int64", "int64", "float64", "float64", "string", "float64")
    typed = zip(COLUMNS, types, strict=True)
    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in typed])
    rows = [asdict(row) for timeline in timelines for row in timeline.rows]
    path = out / "segments.parquet"
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)
    return [path]


def read_table(path: Path, times: Mapping[str, ArrayLike] | None = None) -> list[Interval]:
    """Read intervals from a table that a spreadsheet saved.

    The text is UTF-8, or UTF-16 with its mark, with commas, semicolons or tabs between the columns.
    The header says which column is which: ``action`` (or ``label``), and ``start_s`` and ``end_s``
    (or ``start`` and ``end``) in seconds, or ``start_frame`` and ``end_frame``, whose seconds are
    in ``times`` (N + 1,) by recording. Without a column ``recording`` (or ``video``), all is of
    the recording that the file is named after. Other columns and empty lines do no harm; where
    there are semicolons or tabs, decimals may have a comma.
    """
    text = read_text(path)
    header, _, rest = text.partition("\n")
    skipped = 0
    if header.lower().startswith("sep="):  # how Excel is told the delimiter
        text, skipped = rest, 1
        header = rest.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    columns: dict[str, int] = {}
    intervals = []
    for line, cells in _records(path, text, delimiter, skipped):
        if not columns:
            columns = _columns(path, line, cells)
        elif any(cell.strip() for cell in cells):
            row = {name: "".join(cells[i : i + 1]) for name, i in columns.items()}
            row.setdefault("recording", path.stem)
            try:
                intervals.append(_interval(row, delimiter != ",", times or {}))
            except ValueError as error:
                raise FileError.at(path, str(error).rstrip("."), line) from error
    return intervals


def _records(
    path: Path, text: str, delimiter: str = ",", skipped: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it starts on (a quoted name may span several)."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = skipped + 1
    try:
        for record in reader:
            yield line, record
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise FileError.at(path, f"this is not CSV ({error})", line) from error


def _row(record: list[str]) -> SegmentRow:
    """Parse one record; ValueError carries the rule that it breaks."""
    if len(record) != len(COLUMNS):
        raise ValueError(f"{len(COLUMNS)} fields are expected, but there are {len(record)}")
    recording, first, last, start, end, action, confidence = record
    start_frame, end_frame = _frame("start_frame", first), _frame("end_frame", last)
    if end_frame <= start_frame:
        raise ValueError(
            "end_frame must be greater than start_frame, but the segment starts at frame "
            f"{start_frame} and ends at frame {end_frame}"
        )
    start_s, end_s, sure = (
        _number(column, text) if text else None
        for column, text in (("start_s", start), ("end_s", end), ("confidence", confidence))
    )
    return SegmentRow(recording, start_frame, end_frame, start_s, end_s, action, sure)


def _columns(path: Path, line: int, cells: list[str]) -> dict[str, int]:
    headings = [cell.strip().lower() for cell in cells]
    columns = {}
    for name, known in _HEADINGS.items():
        heading = next((one for one in known if one in headings), None)
        if heading is not None:
            columns[name] = headings.index(heading)
    timed = {"start_s", "end_s"} <= set(columns) or {"start_frame", "end_frame"} <= set(columns)
    if "action" not in columns or not timed:
        raise FileError.at(
            path,
            "the header must have the columns recording, start_s, end_s and action (or "
            f"start_frame and end_frame for the seconds), but it has {', '.join(cells)}",
            line,
        )
    return columns


def _interval(row: dict[str, str], decimal_comma: bool, times: Mapping[str, ArrayLike]) -> Interval:
    """Read one row; ValueError carries the rule that it breaks."""
    for name in ("recording", "action"):
        if not row[name].strip():
            raise ValueError(f"the {name} is empty")
    recording, action = row["recording"], row["action"]
    if row.get("start_s", "").strip() and row.get("end_s", "").strip():
        start, end = (
            _number(name, row[name].replace(",", ".") if decimal_comma else row[name])
            for name in ("start_s", "end_s")
        )
    else:
        if recording not in times:
            raise ValueError(f"the row has no seconds, and frames of {recording!r} are not known")
        edges = np.asarray(times[recording], dtype=np.float64).tolist()
        start, end = (
            edges[_frame(name, row.get(name, "").strip(), len(edges) - 1)]
            for name in ("start_frame", "end_frame")
        )
    # An empty stretch raises an ArgumentError, which is a ValueError.
    return Interval(recording, start, end, action)


def _frame(column: str, text: str, n_frames: int | None = None) -> int:
    # int() alone would also take signs, underscores, digits of other scripts and endless numbers.
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"{column} must be a whole number of frames >= 0, but it is '{text}'")
    if n_frames is not None and int(text) > n_frames:
        raise ValueError(f"{column} is {text}, but the recording has {n_frames} frames")
    return int(text)


def _number(column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} must be a finite number, but it is '{text}'")
    return value
