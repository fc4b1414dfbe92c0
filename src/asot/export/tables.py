"""Segment tables as asot writes them: CSV and Parquet.

A row is a :class:`asot.timeline.segments.SegmentRow`. CSV is that of RFC 4180 (UTF-8, lines end in
CR LF); an empty field in ``start_s``, ``end_s`` or ``confidence`` means that the figure is not
known. Numbers have as many digits as it takes to read the same number back.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from asot.errors import ArgumentError, FileError, MissingExtraError
from asot.export import lerobot
from asot.export.annotations import frame, number
from asot.export.spreadsheets import read_table, records
from asot.files import atomic_path, read_text, require_file
from asot.strangers import require_likely
from asot.text import as_cell
from asot.timeline.segments import STEP_TABLE, Interval, SegmentRow, StepRow, Timeline

COLUMNS = tuple(field.name for field in fields(SegmentRow))
MOST_UNPACKED = 200_000_000  # bytes of a workbook
FIRST_COLUMNS = COLUMNS[:7]  # of tables written before segments could be corrected


def write_csv(
    path: str | os.PathLike[str],
    rows: Iterable[SegmentRow | StepRow],
    kind: type[SegmentRow | StepRow] = SegmentRow,
) -> None:
    """Write a segment table, or a table of the steps within segments, to a CSV file.

    Parameters
    ----------
    path : path-like
        The file, replaced as a whole if it exists: a reader never sees half of it.
    rows : iterable of SegmentRow
        The rows, of one recording or of many.
    kind : {SegmentRow, StepRow}
        What all rows are.

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
    recording,start_frame,end_frame,start_s,end_s,action,confidence,checked,note
    tea_1,0,30,0.0,2.0,"boil, stir",0.75,0.0,
    """
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([field.name for field in fields(kind)])
        for number, row in enumerate(rows):
            try:
                cells = astuple(row)
                writer.writerow([as_cell(one) if isinstance(one, str) else one for one in cells])
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
    lines = records(path, read_text(path))
    line, header = next(lines)
    if tuple(header) not in (COLUMNS, FIRST_COLUMNS):
        wanted, given = ",".join(COLUMNS), ",".join(header)
        raise FileError.at(path, f"the header must be '{wanted}', but it is '{given}'", line)
    rows = []
    for line, record in lines:
        if not record:
            continue
        try:
            rows.append(_row(record, len(header)))
        except ValueError as error:
            raise FileError.at(path, str(error), line) from error
    return rows


def write_table(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.csv`` into the folder ``out``, and ``sub_segments.csv`` of steps, if any."""
    paths = [out / "segments.csv"]
    write_csv(paths[0], (row for timeline in timelines for row in timeline.rows))
    if steps := [row for timeline in timelines for row in timeline.steps]:
        paths.append(out / STEP_TABLE)
        write_csv(paths[1], steps, StepRow)
    return paths


def write_parquet(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.parquet`` into the folder ``out``: the columns of the CSV, with types."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "writing Parquet") from error
    seconds, sure = ("float64", "float64"), ("float64", "float64")
    types = ("string", "int64", "int64", *seconds, "string", *sure, "string")
    typed = zip(COLUMNS, types, strict=True)
    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in typed])
    rows = [asdict(row) for timeline in timelines for row in timeline.rows]
    path = out / "segments.parquet"
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)
    return [path]


def read_parquet(
    path: Path, times: Mapping[str, ArrayLike] | None = None, tier: str | None = None
) -> list[Interval]:
    """Read intervals from a table with the columns that a CSV would have, or LeRobot's."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "reading Parquet") from error
    require_file(path)
    try:
        with pq.ParquetFile(path) as file:
            require_likely(path, 32 * file.metadata.num_rows * len(file.schema_arrow))
            table = file.read()
        is_lerobot = lerobot.COLUMN in table.column_names
        if is_lerobot:
            wanted = {"recording", "episode_index", "end", "timestamp", lerobot.COLUMN}
            table = table.select([one for one in table.column_names if one in wanted])
        rows = [*zip(*(column.to_pylist() for column in table.columns), strict=True)]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise FileError.at(path, "is not a Parquet file, or is damaged") from error
    if is_lerobot:
        named = [dict(zip(table.column_names, row, strict=True)) for row in rows]
        return lerobot.read_subtasks(path, named, times or (), tier)
    return _read_rows(path, [table.column_names, *rows], times, tier)


def read_excel(
    path: Path, times: Mapping[str, ArrayLike] | None = None, tier: str | None = None
) -> list[Interval]:
    """Read intervals from the sheet of a workbook that was last looked at."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtraError("openpyxl", "excel", "reading Excel's files") from error
    require_file(path)
    try:
        # A small file may unpack to more than the memory holds.
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(one.file_size for one in archive.infolist())
        if unpacked > MOST_UNPACKED:
            size = f"unpacks to {unpacked / 1e6:,.0f} MB, of {MOST_UNPACKED / 1e6:,.0f} at most"
            raise FileError.at(path, f"{size}: save its table as CSV")
        book = load_workbook(path, read_only=True, data_only=True)
        # What the sheet says of its size may be far beyond its cells.
        book.active.reset_dimensions()
        rows = [*book.active.iter_rows(values_only=True)]
        book.close()
        width = max(map(len, rows[:1000]), default=0)
        rows = [(*row, *[None] * (width - len(row))) if row else row for row in rows]
    except FileError:
        raise
    # openpyxl lets any error of its parsing through.
    except Exception as error:
        raise FileError.at(path, "is not a workbook of Excel, or is damaged") from error
    return _read_rows(path, rows, times, tier)


def _read_rows(
    path: Path,
    rows: Iterable[Iterable[Any]],
    times: Mapping[str, ArrayLike] | None,
    tier: str | None,
) -> list[Interval]:
    """Read intervals from cells that have values of their own."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t")
    for row in rows:
        writer.writerow([as_cell(one) if isinstance(one, str) else one for one in row])
    if not text.getvalue().strip():
        raise FileError.at(path, "is empty")
    return read_table(path, times, tier, text.getvalue())


def _row(record: list[str], width: int) -> SegmentRow:
    """Parse one record; ValueError carries the rule that it breaks."""
    if len(record) != width:
        raise ValueError(f"{width} fields are expected, but there are {len(record)}")
    recording, first, last, start, end, action, confidence, *more = record
    start_frame, end_frame = frame("start_frame", first), frame("end_frame", last)
    if end_frame <= start_frame:
        raise ValueError(
            "end_frame must be greater than start_frame, but the segment starts at frame "
            f"{start_frame} and ends at frame {end_frame}"
        )
    start_s, end_s, sure = (
        number(column, text) if text else None
        for column, text in (("start_s", start), ("end_s", end), ("confidence", confidence))
    )
    checked, note = (number("checked", more[0]), more[1]) if more else (0.0, "")
    return SegmentRow(
        recording, start_frame, end_frame, start_s, end_s, action, sure, checked, note
    )
